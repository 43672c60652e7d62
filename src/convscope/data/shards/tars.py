"""A shard's tar, byte for byte: written in one way only, and walked through without believing it."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from convscope.errors import SourceError

BLOCK = 512
END = bytes(2 * BLOCK)


def member(name: str, content: bytes) -> bytes:
    """A member as it stands in a tar: a header without times or owners, the content, and zeros up to whole blocks.

    >>> len(member("000000000.cls", b"7"))
    1024
    """
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return header.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % BLOCK)


def padded(length: int) -> int:
    """Bytes that a member of this length takes.

    >>> padded(1), padded(512)
    (1024, 1024)
    """
    return BLOCK + length + -length % BLOCK


def walked(file: BinaryIO, most: int) -> Iterator[tuple[str, int, int]]:
    """Name, beginning and length of each plain file in a tar; whatever else is in it is passed over unread.

    Of each member only its header is read, so none can be too large for the memory.

    Raises:
        SourceError: It is damaged, is cut short, or has more than `most` members; the reason alone.
    """
    at, length = 0, os.fstat(file.fileno()).st_size
    for _ in range(most + 1):
        header = os.pread(file.fileno(), BLOCK, at)
        if header.strip(b"\0") == b"":
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise SourceError(f"a damaged tar ({error} at byte {at:,}); get it again") from None
        start = at + BLOCK
        if info.size < 0 or start + info.size > length:
            raise SourceError(f"a damaged tar (it ends within a member, at byte {at:,}); get it again")
        if info.type in tarfile.REGULAR_TYPES and not info.name.endswith("/"):
            yield info.name, start, info.size
        at += padded(info.size)
    raise SourceError(f"a tar of more than {most:,} members; convscope shards writes no such")
