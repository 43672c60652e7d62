"""Workers of one machine that add up in memory that they share, since gloo takes over a millisecond for a sum.

Each of them holds a lock, which the system lets go of however it dies; who has waited for some time looks at those of
the others. The memory has no name, so nothing is left behind either.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Protocol

import torch
from torch import Tensor

from convscope import native
from convscope.errors import LostWorkerError

try:
    import fcntl
except ImportError:  # Windows, where there is no native engine either
    fcntl = None

PATIENCE = timedelta(minutes=30)
"""So long a worker waits for the others within a step."""
LOOK = 20_000
"""After so many microseconds of waiting it looks whether they are alive, and lets Python see a Ctrl-C."""
KINDS = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}


class Store(Protocol):
    """What torchrun's store can do, as far as it is wanted here."""

    def set(self, key: str, value: str, /) -> None:
        """Keep a value under a key."""
        ...

    def get(self, key: str, /) -> bytes:
        """The value under a key, once there is one."""
        ...


class Nearby:
    """The workers of one machine, as one of them sees them.

    Raises:
        OSError, RuntimeError: The descriptor is of no memory for so many, or the native library is missing.
    """

    def __init__(self, descriptor: int, rank: int, size: int):
        assert fcntl is not None
        self.descriptor, self.rank, self.size = descriptor, rank, size
        self.meeting = native.Meeting(descriptor, rank, size)
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)

    def takes(self, values: Tensor) -> bool:
        """Whether such values can be added up so."""
        return values.device.type == "cpu" and values.dtype in KINDS and values.is_contiguous()

    def add(self, values: Tensor) -> None:
        """Put sums over all workers in the values' place, in the order of their ranks: the same bits at each of them.

        Raises:
            LostWorkerError: One of them is gone, or has not come for `PATIENCE`.
        """
        asked = (values.data_ptr(), values.numel(), KINDS[values.dtype], LOOK)
        began = time.monotonic()
        while not self.meeting.add(*asked):
            self._look()
            if time.monotonic() - began > PATIENCE.total_seconds():
                raise gone(f"it did nothing for {PATIENCE.total_seconds() / 60:.0f} minutes")

    def _look(self) -> None:
        """See to it that whoever is waited for is alive: it arrives before it lets go of its lock."""
        assert fcntl is not None
        for rank in range(self.size):
            if rank == self.rank or self.meeting.has(rank):
                continue
            try:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, rank)
            except OSError:
                continue
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, rank)
            if not self.meeting.has(rank):
                raise gone(f"worker {rank} has ended")

    def close(self) -> None:
        """Let go of the memory, and of the lock that says that this one is there."""
        self.meeting.close()
        os.close(self.descriptor)


def meet(store: Store, rank: int, size: int) -> tuple[Nearby | None, str]:
    """The workers that add up in shared memory; or why they cannot, which is the same for all of them."""
    own, reason = None, native.missing()
    try:
        if rank == 0:
            descriptor = -1 if reason else native.memory(size)
            store.set("memory", f"/proc/{os.getpid()}/fd/{descriptor}")
        else:
            where = store.get("memory").decode()
            descriptor = -1 if reason else os.open(where, os.O_RDWR | os.O_CLOEXEC)
        if not reason:
            own = _nearby(descriptor, rank, size)
    except (OSError, RuntimeError) as error:
        reason = str(error)
        if rank == 0:
            store.set("memory", "")
    store.set(f"memory/{rank}", reason or "mapped")
    said = [store.get(f"memory/{other}").decode() for other in range(size)]
    reason = next((one for one in said if one != "mapped"), "")
    if reason and own is not None:
        own.close()
    return (None, reason) if reason else (own, "")


def _nearby(descriptor: int, rank: int, size: int) -> Nearby:
    try:
        return Nearby(descriptor, rank, size)
    except (OSError, RuntimeError):
        os.close(descriptor)
        raise


def gone(how: str) -> LostWorkerError:
    """What is raised where another worker is no longer there."""
    return LostWorkerError(f"another worker is gone ({how}): the last saved state is whole")
