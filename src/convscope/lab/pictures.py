"""The pictures that are looked at: of a Run's set ("test/17", "train/3"), or handed over by the page ("kept/HASH")."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from convscope.data.pictures import read_picture
from convscope.errors import ConvscopeError, PictureError

if TYPE_CHECKING:
    from convscope.data.images import Images
    from convscope.runs import Run

ROOM = 512_000_000
"""Bytes of pictures that are kept; the one that was not asked for longest goes first."""
LARGEST = 50_000_000
"""Pixels that a picture handed over by the page may have."""
SETS = ("test", "train")
AT_ONCE = BoundedSemaphore(2)
"""So many files are decoded at a time: each may take some hundred megabytes while it is."""
AGAIN = 10.0
"""Seconds after which a set that was not here is looked for again."""


def decoded(file: bytes) -> UInt8[np.ndarray, "c h w"]:
    """A picture file that the page handed over.

    Raises:
        PictureError: It is no readable picture, or has too many pixels.
    """
    with AT_ONCE:
        return read_picture(file, largest=LARGEST)


@dataclass
class Sets:
    """The sets that Runs learned, each loaded once; nothing is downloaded for the page."""

    _held: dict[str, tuple[Images | None, str, float]] = field(default_factory=dict)
    _locks: defaultdict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))

    def of(self, run: Run) -> tuple[Images | None, str]:
        """What a Run's net learned; or None, and why not."""
        wanted = str(run.info["data_fingerprint"])
        key = f"{run.info['source']}|{run.info.get('prepared')}|{wanted}"
        with self._locks[key]:
            images, why, when = self._held.get(key, (None, "", -AGAIN))
            if images is None and time.monotonic() - when >= AGAIN:
                images, why = _loaded(run, wanted)
                self._held[key] = images, why, time.monotonic()
        return images, why


def _loaded(run: Run, wanted: str) -> tuple[Images | None, str]:
    from convscope.data.images import images_again, is_here

    source = str(run.info["source"])
    try:
        if not is_here(source):
            return (
                None,
                f"{source} is not on this machine; learning it (convscope train {source}) downloads it",
            )
        found = images_again(run.info)
    except ConvscopeError as error:
        return None, str(error)
    except (TypeError, ValueError) as error:
        return None, f"run.json does not say how its pictures were prepared ({error})"
    if found.fingerprint.split("/")[0] != wanted.split("/")[0]:
        return None, f"{source} has changed since the training"
    return found, ""


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
