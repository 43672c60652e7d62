"""What does not fit into the device's memory at once is computed in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from convscope.errors import DeviceError

T = TypeVar("T")
OF_THE_CPU = ("can't allocate memory", "not enough memory")
"""What PyTorch says on a CPU, in an error that has no name of its own."""


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


@contextmanager
def memory_said(path: Path) -> Iterator[None]:
    """Within the block a machine whose memory is full is said as what it is, and how to go on with the Run at `path`.

    Raises:
        DeviceError: There was too little memory for something.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in OF_THE_CPU):
            raise
        begun = (path / "run.json").is_file()
        raise DeviceError(
            f"{path}: this machine's memory is full; "
            + (
                f"the last state that was saved is whole: free some, then go on with --resume {path}, or train anew with a "
                "smaller --batch"
                if begun
                else "nothing was learned yet: remove this folder, and train with a smaller --batch or smaller pictures"
            )
        ) from None
