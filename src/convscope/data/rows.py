"""Pictures of one shape as they come from the decoders: a file that grows, each content once, found by its SHA-256.

What an interrupted start has decoded is there for the next one: the pixels are on the disk before their SHA-256 is
written, so whatever is named is whole. When all have come they are put in order where they lie: a copy would take room
and time for all of them again. From that moment on they have no names, and a start that is stopped in it decodes anew.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.whole import sync_folder

DIGEST = 32
# What is decoded in so many seconds may have to be decoded again after the power failed.
FLUSH_SECONDS = 10
BESIDE, PASSING = -1, -2
"""Places that are none of the file's."""

Shape = tuple[int, int, int]


class Kept:
    """Decoded pictures that lie in two files, of pixels and of SHA-256s, to be read only.

    Raises:
        OSError: One of the files cannot be read.
    """

    def __init__(self, pixels: Path, digests: Path, shape: Shape):
        self._shape, self._bytes, self._lock = shape, math.prod(shape), threading.Lock()
        with contextlib.ExitStack() as opened:
            self._digests = opened.enter_context(digests.open("rb"))
            self._pixels = opened.enter_context(pixels.open("rb", buffering=0))
            named = self._digests.read()
            whole = min(len(named) // DIGEST, os.fstat(self._pixels.fileno()).st_size // self._bytes)
            self._files = opened.pop_all()
        self.places = {named[DIGEST * i : DIGEST * (i + 1)]: i for i in range(whole)}

    def picture(self, content: bytes) -> UInt8[np.ndarray, "c h w"] | None:
        """The pixels of the file with this SHA-256; None where there are none, or none any more.

        Another program may be putting them in order, or cut them off: before that it removes the names (`Rows.arrange`).
        They are read, not mapped: reading what is cut off ends early, and does not end this program.
        """
        if content not in self.places:
            return None
        pixels = np.empty(self._shape, np.uint8)
        with self._lock:
            self._pixels.seek(self.places[content] * self._bytes)
            came = self._pixels.readinto(pixels.reshape(-1).data)
        return pixels if came == self._bytes and os.fstat(self._digests.fileno()).st_nlink else None

    def close(self) -> None:
        """Let go of the files."""
        self._files.close()


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

    def arrange(self, places: Int[np.ndarray, " n"]) -> None:
        """Put the pictures in this order, each as often as it is in it; the others are gone, and so are all names.

        Raises:
            OSError: There is no room for those that are in it twice.
        """
        if self.folder is not None:
            (self.folder / "rows.sha256").unlink()
            sync_folder(self.folder)
        file = self._files[0]
        file.flush()
        file = getattr(file, "raw", file)
        held = {place: bytearray(self.bytes) for place in (BESIDE, PASSING)}
        for source, target in moves(places.tolist(), len(self.places)):
            picture = held[source if source == BESIDE else target if target == BESIDE else PASSING]
            if source != BESIDE:
                file.seek(source * self.bytes)
                _require(file.readinto(picture), self.bytes)  # type: ignore[attr-defined]
            if target != BESIDE:
                file.seek(target * self.bytes)
                _require(file.write(picture), self.bytes)
        file.truncate(len(places) * self.bytes)
        self._waiting = []
        if self.folder is not None:
            os.fsync(file.fileno())

    @property
    def content(self) -> UInt8[np.ndarray, " bytes"]:
        """What lies in memory, where there is no folder."""
        assert isinstance(self._files[0], io.BytesIO)
        return np.frombuffer(self._files[0].getbuffer(), np.uint8)

    def close(self) -> None:
        """Keep what is there for another time."""
        with contextlib.suppress(OSError):
            self.flush()
        for file in self._files:
            with contextlib.suppress(BufferError):  # in memory, and somebody has the pictures
                file.close()


def moves(wanted: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    """What is copied from where to where, one after the other, until place i has what was at `wanted[i]` of `count` places.

    BESIDE holds one more. What is wanted twice is first copied behind all others, and nothing else is copied twice.

    >>> list(moves([2, 0, 1], 3)) == [(0, BESIDE), (2, 0), (1, 2), (BESIDE, 1)]
    True
    >>> list(moves([1, 1], 2))
    [(1, 2), (1, 0), (2, 1)]
    """
    sources, read = list(wanted), set[int]()
    for target, source in enumerate(wanted):
        if source in read:
            yield source, count
            sources[target], count = count, count + 1
        read.add(sources[target])
    done = bytearray(len(sources))
    # A place that nobody reads begins a chain, which ends at one that is not wanted; what is left are rings.
    for first in sorted(range(len(sources)), key=read.__contains__):
        if done[first] or sources[first] == first:
            continue
        if first in read:
            yield first, BESIDE
        at = first
        while at < len(sources):
            source, done[at] = sources[at], 1
            if source == first:
                yield BESIDE, at
                break
            yield source, at
            at = source


def _require(came: int | None, wanted: int) -> None:
    if came != wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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
