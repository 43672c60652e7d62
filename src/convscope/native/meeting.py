"""Sums over the processes of one machine, through memory that all of them map; who waits for whom is its caller's to say."""

from __future__ import annotations

import os
import weakref

from convscope.native.library import library

KINDS = ("float32", "float64", "bfloat16")
ROOM = 1 << 20
"""So many bytes of each process are added up at a time: what stays in a core's cache."""


class Meeting:
    """One of `size` processes that add up, as itself sees it; `descriptor` is of `memory(size)`, the same for all.

    Sums are taken in the order of ranks, bfloat16 as float32 that is rounded once; so all come to the same bits.

    Raises:
        RuntimeError: The library is missing, or the memory cannot be mapped.
    """

    def __init__(self, descriptor: int, rank: int, size: int):
        self._library = library()
        if not 0 <= rank < size or os.fstat(descriptor).st_size != self._library.meeting_bytes(size, ROOM):
            raise RuntimeError(f"no memory for process {rank} of {size} that add up")
        self._handle = self._library.meeting_new(descriptor, rank, size, ROOM)
        if not self._handle:
            raise RuntimeError("the memory in which processes add up cannot be mapped")
        self.close = weakref.finalize(self, self._library.meeting_free, self._handle)

    def add(self, address: int, count: int, kind: str, microseconds: int) -> bool:
        """Put the sums over all in the place of `count` values, if all come in time; else the same call again goes on."""
        if not self.close.alive:
            raise ValueError("this meeting is closed")
        return not self._library.meeting_add(self._handle, address, count, KINDS.index(kind), microseconds)

    def has(self, rank: int) -> bool:
        """Whether that process came as often as this one."""
        return bool(self._library.meeting_has(self._handle, rank))


def memory(size: int) -> int:
    """The descriptor of memory in which so many processes can add up: it has no name, and is gone with the last of them.

    Raises:
        OSError: There is not so much, or this system has none without a name.
    """
    if not hasattr(os, "memfd_create"):
        raise OSError(0, "this system has no memory without a name")
    descriptor = os.memfd_create("convscope")
    try:
        os.posix_fallocate(descriptor, 0, library().meeting_bytes(size, ROOM))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
