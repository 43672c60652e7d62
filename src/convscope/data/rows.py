"""Pictures of one shape as they come from the decoders: a file that grows, each content once, found by its SHA-256.

What an interrupted start has decoded is there for the next one: the pixels are on the disk before their SHA-256 is
written, so whatever is named is whole.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int, UInt8

DIGEST = 32
FLUSH_BYTES = 32_000_000
COPY_BYTES = 64_000_000

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

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path | None, shape: Shape):
        self.shape, self.folder = shape, folder
        self.places: dict[bytes, int] = {}
        self._waiting: list[bytes] = []
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

    def add(self, content: bytes, pixels: UInt8[np.ndarray, "c h w"]) -> int:
        """Where the picture is whose file has this SHA-256, after it was added if it was not there."""
        if content not in self.places:
            self._files[0].write(np.ascontiguousarray(pixels).data)
            self.places[content] = len(self.places)
            self._waiting.append(content)
            if len(self._waiting) * self.bytes >= FLUSH_BYTES:
                self.flush()
        return self.places[content]

    def flush(self) -> None:
        """Bring to the disk what was added."""
        pixels, digests = self._files
        pixels.flush()
        if self.folder is not None:
            os.fsync(pixels.fileno())
        digests.write(b"".join(self._waiting))
        digests.flush()
        self._waiting = []

    def chosen(self, places: Int[np.ndarray, " n"]) -> Iterator[memoryview]:
        """The bytes of these pictures, in this order, some megabytes at a time."""
        self.flush()
        held = self._mapped()
        step = max(1, COPY_BYTES // self.bytes)
        for start in range(0, len(places), step):
            yield np.ascontiguousarray(held[places[start : start + step]]).data.cast("B")

    def close(self) -> None:
        """Keep what is there for another time."""
        with contextlib.suppress(OSError):
            self.flush()
        for file in self._files:
            file.close()

    def _mapped(self) -> UInt8[np.ndarray, "n c h w"]:
        shape = (len(self.places), *self.shape)
        file = self._files[0]
        if isinstance(file, io.BytesIO):
            return np.frombuffer(file.getbuffer(), np.uint8).reshape(shape)
        assert self.folder is not None
        return np.asarray(np.memmap(self.folder / "rows", np.uint8, "r", shape=shape))


def remove_rows(folder: Path) -> None:
    """Give the room of a growing file back, once all of it is packed."""
    for name in ("rows", "rows.sha256"):
        (folder / name).unlink(missing_ok=True)


def _opened(folder: Path | None, name: str) -> BinaryIO:
    if folder is None:
        return io.BytesIO()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return (folder / name).open("r+b")
