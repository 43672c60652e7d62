"""The cache folder: files that are whole or not there, checked cheaply on every load.

Reading 55 MB to hash them would cost more than the rest of a start. So a file that was checked gets a
stamp beside it: its SHA-256, and its size and times at that moment. While size and times are the same the
stamp is believed; any write changes the times (also the status time, which no program can set), and the
file is hashed again. What is not whole is made anew. The one thing this cannot see is a disk that forgets
bits by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from convscope.errors import SourceError

BLOCK = 1 << 20


@dataclass(frozen=True)
class File:
    """A file as the cache keeps it: its size in bytes, and `sha256:...`, `md5:...` or nothing known."""

    name: str
    bytes: int
    checksum: str = ""


def cache_folder() -> Path:
    """Where decoded and downloaded pictures are kept: CONVSCOPE_CACHE, or the system's place for caches.

    >>> cache_folder().is_absolute()
    True
    """
    from platformdirs import user_cache_dir

    chosen = os.environ.get("CONVSCOPE_CACHE")
    return (
        Path(chosen).expanduser().absolute() if chosen else Path(user_cache_dir("convscope", appauthor=False))
    )


class Sums:
    """SHA-256 of bytes as they pass by, and MD5 where that is all that was published.

    >>> Sums("md5:900150983cd24fb0d6963f7d28e17f72").after([b"a", b"bc"]).right
    True
    """

    def __init__(self, checksum: str):
        self.checksum = checksum
        self.bytes = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if checksum.startswith("md5:") else None

    def add(self, chunk: bytes | bytearray | memoryview) -> None:
        """Count these bytes in."""
        self.bytes += len(chunk)
        self._sha256.update(chunk)
        if self._md5:
            self._md5.update(chunk)

    def after(self, chunks: Iterable[bytes | bytearray | memoryview]) -> Sums:
        """The same, after all of these."""
        for chunk in chunks:
            self.add(chunk)
        return self

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return self._sha256.hexdigest()

    @property
    def right(self) -> bool:
        """Whether the checksum is the published one; also true where none is known."""
        said = f"md5:{self._md5.hexdigest()}" if self._md5 else f"sha256:{self.sha256}"
        return self.checksum in ("", said)


def blocks(path: Path) -> Iterable[bytes]:
    """A file's content, a megabyte at a time."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


class Shelf:
    """One source's folder in the cache."""

    def __init__(self, folder: Path):
        self.folder = folder

    def locked(self) -> AbstractContextManager[object]:
        """Held while files are made, so that of two processes that start at once only one does the work."""
        from filelock import FileLock  # loads asyncio, which a start with everything in place need not do

        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / "lock")

    def whole(self, file: File) -> str | None:
        """The file's SHA-256 if it is there and as it should be, else None."""
        path = self.folder / file.name
        try:
            if not path.is_file() or path.stat().st_size != file.bytes:
                return None
            stamp = self._stamp(file)
            if stamp and stamp[1] == times(path) and file.checksum in ("", f"sha256:{stamp[0]}", stamp[2]):
                return stamp[0]
            known = file.checksum or (f"sha256:{stamp[0]}" if stamp else "")
            sums = Sums(known).after(blocks(path))
        except OSError:
            return None
        if not known or not sums.right:
            return None
        with contextlib.suppress(OSError):  # a cache that can only be read is hashed each time
            self._write_stamp(file, sums.sha256)
        return sums.sha256

    def put(self, file: File, chunks: Iterable[bytes | memoryview]) -> str:
        """Write a file whole or not at all, check it, and give its SHA-256.

        Raises:
            SourceError: These are not the bytes that were wanted.
        """
        part = self.folder / f"{file.name}.part"
        sums = Sums(file.checksum)
        try:
            with part.open("wb") as opened:
                for chunk in chunks:
                    sums.add(chunk)
                    opened.write(chunk)
                opened.flush()
                os.fsync(opened.fileno())
            require(file, sums)
            part.replace(self.folder / file.name)
        finally:
            part.unlink(missing_ok=True)
        self._write_stamp(file, sums.sha256)
        return sums.sha256

    def content(self, file: File) -> UInt8[np.ndarray, " bytes"]:
        """The file's bytes as a memory map: copy-on-write, so an array written to never reaches the disk."""
        return np.asarray(np.memmap(self.folder / file.name, np.uint8, mode="c"))

    def _stamp(self, file: File) -> tuple[str, list[int], str] | None:
        try:
            said = json.loads((self.folder / f"{file.name}.stamp").read_text())
            sha256, times, checksum = said["sha256"], said["times"], said["checksum"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (sha256, times, checksum) if re.fullmatch("[0-9a-f]{64}", str(sha256)) else None

    def _write_stamp(self, file: File, sha256: str) -> None:
        said = {"sha256": sha256, "times": times(self.folder / file.name), "checksum": file.checksum}
        part = self.folder / f"{file.name}.stamp.{os.getpid()}"
        part.write_text(json.dumps(said))
        part.replace(self.folder / f"{file.name}.stamp")


class Memory:
    """A shelf for one process, where the cache folder cannot be written."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[bytearray, str]] = {}

    def locked(self) -> AbstractContextManager[object]:
        """Nobody else can come here."""
        return contextlib.nullcontext()

    def whole(self, file: File) -> str | None:
        """The SHA-256 of what is held under this name."""
        return self._held[file.name][1] if file.name in self._held else None

    def put(self, file: File, chunks: Iterable[bytes | memoryview]) -> str:
        """Keep a file's bytes after checking them."""
        content = bytearray().join(chunks)
        sums = Sums(file.checksum).after([content])
        require(file, sums)
        self._held[file.name] = content, sums.sha256
        return sums.sha256

    def content(self, file: File) -> UInt8[np.ndarray, " bytes"]:
        """The bytes that are held."""
        return np.frombuffer(self._held[file.name][0], np.uint8)


def require(file: File, sums: Sums) -> None:
    """Refuse bytes that are not the file's.

    Raises:
        SourceError: The size or the checksum is another.
    """
    if sums.bytes != file.bytes:
        raise SourceError(f"{file.name}: {sums.bytes:,} bytes came where {file.bytes:,} belong")
    if not sums.right:
        raise SourceError(f"{file.name}: its checksum is not {file.checksum}")


def times(path: Path) -> list[int]:
    """A file's size and times: any write changes them, and the last of them no program can set."""
    now = path.stat()
    return [now.st_size, now.st_mtime_ns, now.st_ctime_ns]
