"""What does not fit into the device's memory at once is computed in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from convscope.errors import DeviceError

T = TypeVar("T")


class Halving:
    """How many pictures are computed at once: all of them, until the device runs out of memory, then half, and so on."""

    def __init__(self, device: str, most: int = 0):
        self.device, self.most = device, most

    def fitting(self, compute: Callable[[int], T], n: int) -> T:
        """`compute(most)`, which handles `n` pictures in parts of at most `most`, with a `most` that the memory allows.

        Raises:
            DeviceError: The memory is too small for one.
        """
        while True:
            most = min(n, self.most or n)
            try:
                return compute(most)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_full(error):
                    raise
            # Behind the block nothing holds what the failed computation had allocated.
            self._halve(most)

    def _halve(self, most: int) -> None:
        if most == 1:
            raise DeviceError(
                f"{self.device} has no memory for a single picture in this net: "
                "take smaller pictures (--size), another net, or --device cpu"
            )
        self.most = (most + 1) // 2
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self.device.startswith("mps"):
            torch.mps.empty_cache()


def _is_full(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)
