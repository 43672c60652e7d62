"""The pictures that are looked at: of a Run's set ("test/17", "train/3"), or handed over by the page ("kept/HASH")."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from convscope.errors import PictureError

if TYPE_CHECKING:
    from convscope.data.images import Images

ROOM = 256_000_000
"""Bytes of pictures that are kept; the one that was not asked for longest goes first."""
LARGEST = 16_000_000
"""Pixels that a picture handed over by the page may have."""
SETS = ("test", "train")


@dataclass
class Kept:
    """Pictures that were handed over, uint8 [c, h, w], by the hash of their pixels."""

    room: int = ROOM
    _held: OrderedDict[str, np.ndarray] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def keep(self, pixels: UInt8[np.ndarray, "c h w"]) -> str:
        """Keep a picture, and say how it is called: the same pixels are always called the same."""
        digest = hashlib.sha256(f"{pixels.shape}|".encode() + np.ascontiguousarray(pixels).tobytes())
        name = digest.hexdigest()[:16]
        with self._lock:
            if name not in self._held:
                self._held[name] = pixels
                self._bytes += pixels.nbytes
            self._held.move_to_end(name)
            while self._bytes > self.room and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return f"kept/{name}"

    def get(self, name: str) -> UInt8[np.ndarray, "c h w"]:
        """The picture of a name.

        Raises:
            PictureError: It is not here any more.
        """
        with self._lock:
            if name not in self._held:
                raise PictureError("this picture is not here any more: drop it on the page again")
            self._held.move_to_end(name)
            return self._held[name]


def of_set(name: str, images: Images | None, why: Sequence[str] = ()) -> UInt8[np.ndarray, "c h w"]:
    """The picture "test/17" of a set.

    Raises:
        PictureError: There is no such picture, or the set is not here.
    """
    part, _, number = name.partition("/")
    if part not in SETS or not number.isdecimal() or len(number) > 12:
        raise PictureError(f"there is no picture {name[:60]!r}: name one like test/17")
    if images is None:
        raise PictureError(f"{name}: the pictures that this net learned are not here ({'; '.join(why)})")
    pictures = images.test if part == "test" else images.train
    if int(number) >= len(pictures):
        raise PictureError(
            f"there is no picture {name}: {images.name} has {part}/0 to {part}/{len(pictures) - 1}"
        )
    return np.asarray(pictures.pixels[int(number)])
