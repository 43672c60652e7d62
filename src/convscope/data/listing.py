"""What lies in a place of the user's own, before anything of it is opened: one record a file, and how to read it.

A place is a folder, a zip, a tar, a CSV or shards. Nothing in it is ever written, moved or removed, and nothing of an
archive is unpacked to a path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from convscope.errors import PictureError

if TYPE_CHECKING:
    from convscope.data.shards.streamed import Address

# 100 million pixels in three channels, and room for what goes with them: see `pictures.LARGEST`.
LARGEST_FILE = 400_000_000
MOST_ENTRIES = 2_000_000
HEAD = 16
# What a picture's file can begin with: a file that begins with anything else is not read any further.
BEGINNINGS = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that may be a picture.

    Attributes:
        name: Its path within the place, with `/` between the parts.
        bytes: Its length as it is said; what comes is counted when it is read.
        stamp: Changes whenever the file does.
        label, part: Its class, and `train` or `test`; empty where that is not known (yet).
    """

    name: str
    bytes: int
    stamp: str
    label: str = ""
    part: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The files of a place; what is left out of it already; how many hidden files and folders were passed over."""

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...] = ()
    hidden: int = 0


class Place(Protocol):
    """Where pictures lie.

    `signature` changes whenever any file in it does. `labelled` says whether its entries know their classes.
    """

    @property
    def path(self) -> Path | Address: ...

    @property
    def labelled(self) -> bool: ...

    @property
    def signature(self) -> str: ...

    def listing(self) -> Listing: ...

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        """A file's bytes, or only so many of the first ones; from several threads at once.

        Raises:
            PictureError: It cannot be read, is too large, or begins as no picture does; the reason alone.
        """
        ...

    def close(self) -> None: ...


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of the user's pictures: hidden, or what a system leaves behind.

    >>> is_hidden(".DS_Store"), is_hidden("__MACOSX"), is_hidden("cat.jpg")
    (True, True, False)
    """
    return name.startswith(".") or name in ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini")


def printable(name: str) -> str:
    """A name as it can be shown on one line and written as UTF-8, whatever bytes it was made of.

    >>> printable("a\\nb")
    'a\ufffdb'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in name)


def stamp_of(status: os.stat_result) -> str:
    """What changes whenever a file does: its length and times; the last of them no program can set."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def signature_of(entries: Iterable[Entry]) -> str:
    """One SHA-256 for all that is known of these files without opening them."""
    sums = hashlib.sha256()
    for e in entries:
        sums.update(f"{e.name}\0{e.stamp}\0{e.label}\0{e.part}\n".encode("utf-8", "surrogateescape"))
    return sums.hexdigest()


class Readable(Protocol):
    """What gives up to so many bytes, and none at its end."""

    def read(self, size: int, /) -> bytes: ...


def content_of(file: Readable, first: int | None = None, largest: int = LARGEST_FILE) -> bytes:
    """All that comes out of an opened file, if it begins as a picture does; counted as it comes, whatever was said.

    Of `first` bytes the rest is not read.

    Raises:
        PictureError: It is empty, begins as no picture does, or is longer than `largest` bytes; the reason alone.

    >>> import io
    >>> content_of(io.BytesIO(b"GIF8 and so on"), largest=5)
    Traceback (most recent call last):
    convscope.errors.PictureError: more than 5 bytes, the most that are read of a picture. Make it smaller
    """
    head = file.read(HEAD)
    if not head.startswith(BEGINNINGS):
        raise PictureError(f"not a readable picture ({_kind(head, file)})")
    rest = file.read((largest + 1 if first is None else first) - len(head))
    if len(head) + len(rest) > largest:
        raise PictureError(
            f"more than {largest:,} bytes, the most that are read of a picture. Make it smaller"
        )
    return head + rest


def _kind(head: bytes, file: Readable) -> str:
    if not head:
        return "it is empty"
    text = (head + file.read(512 - len(head))).decode("utf-8", "replace").rstrip("\ufffd")
    is_text = all(c.isprintable() or c.isspace() for c in text) and "\ufffd" not in text
    return "it is text" if is_text else "none of PNG, JPEG, WEBP, GIF, TIFF, BMP"
