"""Pictures of one shape as they come from the decoders: a file that grows, each content once, found by its SHA-256.

What an interrupted start has decoded is there for the next one: the pixels are on the disk before their SHA-256 is
written, so whatever is named is whole.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int, UInt8

DIGEST = 32
# What is decoded in so many seconds may have to be decoded again after the power failed.
FLUSH_SECONDS = 10

Shape = tuple[int, int, int]


class Kept:
    """Decoded pictures that lie in two files, of pixels and of SHA-256s, to be read only.

    Raises:
        OSError: One of the files cannot be read.
    """

    def __init__(self, pixels: Path, digests: Path, shape: Shape):
        named = digests.read_bytes()
        whole = min(len(named) // DIGEST, pixels.stat().st_size // math.prod(shape))
        self.places = {named[DIGEST * i : DIGEST * (i + 1)]: i for i in range(whole)}
        mapped = (
            np.memmap(pixels, np.uint8, "r", shape=(whole, *shape))
            if whole
            else np.empty((0, *shape), np.uint8)
        )
        self.pixels = mapped


class Rows:
    """The growing file in a folder (continued where there is one), or in memory where `folder` is None.

    Several threads may add; one of them flushes.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path | None, shape: Shape):
        self.shape, self.folder = shape, folder
        self.places: dict[bytes, int] = {}
        self._waiting: list[bytes] = []
        self._lock, self._flushed = threading.Lock(), time.monotonic()
        self._files = tuple(_opened(folder, name) for name in ("rows", "rows.sha256"))
        pixels, digests = self._files
        named = digests.read()
        count = min(len(named) // DIGEST, pixels.seek(0, os.SEEK_END) // self.bytes)
        for file, size in ((pixels, self.bytes), (digests, DIGEST)):
            file.truncate(count * size)
            file.seek(count * size)
        for i in range(count):
            self.places[named[DIGEST * i : DIGEST * (i + 1)]] = i

    @property
    def bytes(self) -> int:
        """Of one picture."""
        return math.prod(self.shape)

    def add(self, content: bytes, pixels: UInt8[np.ndarray, "c h w"]) -> None:
        """Add the picture whose file has this SHA-256, if it is not there."""
        with self._lock:
            if content not in self.places:
                self._files[0].write(np.ascontiguousarray(pixels).data)
                self.places[content] = len(self.places)
                self._waiting.append(content)

    def flush(self, seconds: float = 0) -> None:
        """Bring to the disk what was added, if that was last done so long ago."""
        if time.monotonic() - self._flushed < seconds:
            return
        pixels, digests = self._files
        with self._lock:
            pixels.flush()
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if self.folder is not None:
            os.fsync(pixels.fileno())
        digests.write(b"".join(waiting))
        digests.flush()
        self._flushed = time.monotonic()

    def chosen(self, places: Int[np.ndarray, " n"]) -> Iterator[memoryview]:
        """The bytes of these pictures, one by one, in this order; from several threads at once."""
        self._files[0].flush()
        held = self._mapped()
        for place in places:
            yield held[place].data.cast("B")

    def close(self) -> None:
        """Keep what is there for another time."""
        with contextlib.suppress(OSError):
            self.flush()
        for file in self._files:
            file.close()

    def remove(self) -> None:
        """Give the room back, once all of it is packed."""
        self._waiting = []
        if self.folder is not None:
            remove_rows(self.folder)

    def _mapped(self) -> UInt8[np.ndarray, "n c h w"]:
        shape = (len(self.places), *self.shape)
        file = self._files[0]
        if isinstance(file, io.BytesIO):
            return np.frombuffer(file.getbuffer(), np.uint8).reshape(shape)
        assert self.folder is not None
        return np.asarray(np.memmap(self.folder / "rows", np.uint8, "r", shape=shape))


def remove_rows(folder: Path) -> None:
    """Remove the growing file of a folder."""
    for name in ("rows", "rows.sha256"):
        (folder / name).unlink(missing_ok=True)


def _opened(folder: Path | None, name: str) -> BinaryIO:
    if folder is None:
        return io.BytesIO()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return (folder / name).open("r+b")
