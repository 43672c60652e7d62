"""Zips and tars of the user's own: their members are read in place, and nothing is unpacked to a path.

What a member's header says is believed for a listing only: bytes are counted as they come, a member's and all together.
"""

from __future__ import annotations

import io
import os
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO

from convscope.data.listing import (
    LARGEST_FILE,
    MOST_ENTRIES,
    Entry,
    Listing,
    Readable,
    Skipped,
    content_of,
    is_hidden,
    stamp_of,
)
from convscope.errors import PictureError, SourceError

# Pictures are compressed already: an archive of them that grows more than this is a trap.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 2_000_000_000
BLOCK = 1 << 20
# Of a zip member's own header: its length, where those of name and extra field stand, and room for the latter.
HEADER, LENGTHS, ROOM = 30, 26, 64
UTF8 = 0x800
# Nothing that changes how a member is read: its name is UTF-8, its sizes stand behind it.
SIMPLE_FLAGS = UTF8 | 0x8


class _Archive:
    """What zips and tars have in common: a signature, members by name, and a count of all that came out."""

    labelled = False

    def __init__(self, path: Path):
        self.path = path
        status = path.stat()
        self.signature = f"{path.suffix} {stamp_of(status)} {status.st_ino}"
        self.most = max(ALWAYS_ALLOWED, MOST_GROWTH * status.st_size)
        self._came = 0
        self._lock = threading.Lock()

    def counted(self, bytes: int) -> None:
        """Count what came out.

        Raises:
            SourceError: It is more than any pictures could grow to.
        """
        with self._lock:
            self._came += bytes
            if self._came > self.most:
                raise SourceError(
                    f"{self.path}: more than {self.most / 1e9:,.0f} GB come out of it, far more than pictures can be "
                    "packed into its size; unpack it yourself if you trust it, and name the folder"
                )

    def sorted_out(self, members: Iterator[tuple[str, int, str]]) -> Listing:
        """The listing of (name, bytes, stamp): without what is hidden, or named as if it lay outside."""
        entries: dict[str, Entry] = {}
        skipped, hidden = [], 0
        for name, size, stamp in members:
            parts = name.split("/")
            if name.startswith("/") or ".." in parts or ":" in parts[0]:
                skipped.append(Skipped(name, "its name leads out of the archive"))
            elif any(is_hidden(part) for part in parts):
                hidden += 1
            else:
                entries[name] = Entry(name, size, stamp)
        listed = tuple(sorted(entries.values(), key=lambda entry: entry.name))
        return Listing(listed, tuple(skipped), hidden)


class Zip(_Archive):
    """A zip, as a place of pictures.

    Raises:
        SourceError: It is damaged, or has more members than anybody's pictures.
    """

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            opened = zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise SourceError(f"{self.path}: a damaged zip ({error}); get it again") from None
        if len(opened.filelist) > MOST_ENTRIES:
            raise SourceError(
                f"{self.path}: {len(opened.filelist):,} members, and at most {MOST_ENTRIES:,} are listed"
            )
        return opened

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        return {_utf8(info).replace("\\", "/"): info for info in self._zip.infolist() if not info.is_dir()}

    def listing(self) -> Listing:
        said = ((name, i.file_size, f"{i.file_size} {i.CRC}") for name, i in self._members.items())
        return self.sorted_out(said)

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        info = self._members[entry.name]
        if info.flag_bits & 1:
            raise PictureError("locked with a password. Unlock the zip first")
        with _damage("zip"):
            if (plain := self._plain(info)) is not None:
                return content_of(_Counted(io.BytesIO(plain), self), first)
            with self._zip.open(info) as member:
                return content_of(_Counted(member, self), first)

    def _plain(self, info: zipfile.ZipInfo) -> bytes | None:
        """A small member that was not packed, in one reading; None where it is another, or not as its directory says."""
        simple = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & ~SIMPLE_FLAGS
        if not simple or info.file_size > BLOCK or self._zip.fp is None or not hasattr(os, "pread"):
            return None
        name = info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")
        some = os.pread(self._zip.fp.fileno(), HEADER + len(name) + ROOM + info.file_size, info.header_offset)
        if len(some) < HEADER:
            return None
        start = HEADER + sum(struct.unpack_from("<HH", some, LENGTHS))
        content = some[start : start + info.file_size]
        is_it = some.startswith(b"PK\3\4") and some[HEADER : HEADER + len(name)] == name
        whole = len(content) == info.compress_size == info.file_size and zlib.crc32(content) == info.CRC
        return content if is_it and whole else None

    def close(self) -> None:
        if "_zip" in vars(self):
            self._zip.close()


class Tar(_Archive):
    """A tar, also one packed by gzip, bzip2 or xz, as a place of pictures.

    A packed one is unpacked as a whole into a file without a name, since it can only be read from its beginning.

    Raises:
        SourceError: It is damaged, grows beyond measure, or there is no room to unpack it.
    """

    @cached_property
    def _file(self) -> BinaryIO:
        plain = self.path.open("rb")
        try:
            with tarfile.open(fileobj=plain, mode="r:"):
                return plain
        except tarfile.TarError:
            plain.seek(0)
        with plain:
            return self._unpacked(plain)

    def _unpacked(self, packed: BinaryIO) -> BinaryIO:
        from convscope.data.cache import cache_folder

        try:
            cache_folder().mkdir(parents=True, exist_ok=True)
            whole = tempfile.TemporaryFile(dir=cache_folder())  # noqa: SIM115 - it is closed with the place
        except OSError:
            whole = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            with _decompressed(packed) as stream:
                while block := stream.read(BLOCK):
                    self.counted(len(block))
                    whole.write(block)
        except (OSError, EOFError, zlib.error, ValueError, SourceError) as error:
            whole.close()
            if isinstance(error, SourceError):
                raise
            why = f"cannot be unpacked ({getattr(error, 'strerror', None) or error})"
            raise SourceError(f"{self.path}: {why}; get it again, or unpack it and name the folder") from None
        self._came = 0
        return whole  # type: ignore[return-value]

    @cached_property
    def _members(self) -> dict[str, tarfile.TarInfo]:
        members: dict[str, tarfile.TarInfo] = {}
        self._file.seek(0)
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                for count, info in enumerate(tar):
                    linked = members.get(info.linkname.removeprefix("./")) if info.islnk() else None
                    if info.isfile() or linked:
                        members[info.name.removeprefix("./")] = linked or info
                    if count > MOST_ENTRIES:
                        raise SourceError(f"{self.path}: more than {MOST_ENTRIES:,} members")
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            if not members:
                raise SourceError(f"{self.path}: a damaged tar ({error}); get it again") from None
        return members

    def listing(self) -> Listing:
        said = ((name, i.size, f"{i.size} {i.mtime} {i.offset_data}") for name, i in self._members.items())
        return self.sorted_out(said)

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        info = self._members[entry.name]
        with _damage("tar"):
            if info.issparse():
                raise PictureError("a sparse file, so not a picture")
            part = Part(self._file.fileno(), info.offset_data, info.size)
            content = content_of(_Counted(part, self), first)
            if first is None and len(content) < info.size:
                raise PictureError(f"the tar ends after {len(content):,} of its {info.size:,} bytes")
        return content

    def close(self) -> None:
        if "_file" in vars(self):
            self._file.close()


class _Counted:
    """A member whose bytes are counted into its archive's."""

    def __init__(self, member: Readable, archive: _Archive):
        self._member, self._archive = member, archive

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (part := self._member.read(min(size, BLOCK))):
            self._archive.counted(len(part))
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class Part:
    """A stretch of an opened file, read without moving its place: threads share it."""

    def __init__(self, number: int, start: int, length: int):
        self._number, self._at, self._end = number, start, start + min(length, LARGEST_FILE + 1)

    def read(self, size: int) -> bytes:
        got = os.pread(self._number, max(0, min(size, self._end - self._at)), self._at)
        self._at += len(got)
        return got


def _utf8(info: zipfile.ZipInfo) -> str:
    """A member's name: where nothing says its encoding it is often UTF-8 all the same."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


@contextmanager
def _decompressed(packed: BinaryIO) -> Iterator[IO[bytes]]:
    import bz2
    import gzip
    import lzma

    start = packed.read(6)
    packed.seek(0)
    if start.startswith(b"\x1f\x8b"):
        stream: IO[bytes] = gzip.GzipFile(fileobj=packed)  # type: ignore[assignment]
    elif start.startswith(b"BZh"):
        stream = bz2.BZ2File(packed)
    elif start.startswith(b"\xfd7zXZ\0"):
        stream = lzma.LZMAFile(packed)  # type: ignore[assignment]  # noqa: SIM115 - it is closed below
    else:
        raise ValueError("neither gzip, bzip2 nor xz")
    try:
        with stream:
            yield stream
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from None


@contextmanager
def _damage(kind: str) -> Iterator[None]:
    """Within it, whatever a damaged member raises is one `PictureError`."""
    try:
        yield
    except (PictureError, SourceError):
        raise
    except Exception as error:  # zlib, lzma, bz2, struct, zipfile: each damages in its own way
        raise PictureError(f"damaged within the {kind} ({' '.join(str(error).split())})") from error
