"""A measured figure: some rounds, their median and how far they spread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True)
class Figure:
    """How much a second, in each of some rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The round in the middle."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """From the slowest round to the fastest, as a part of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median


def measured(
    work: Callable[[], object], amount: float, device: str, *, rounds: int, seconds: float
) -> Figure:
    """How much of `amount` a second a piece of work does: rounds of at least `seconds`, after one that is not counted.

    >>> figure = measured(lambda: time.sleep(0.01), 1, "cpu", rounds=3, seconds=0.02)
    >>> 0 < figure.median <= 100 and len(figure.rounds) == 3
    True
    """
    _timed(work, device)
    found = []
    for _ in range(rounds):
        spent, times = 0.0, 0
        while not times or spent < seconds:
            # As many as are expected to be left, so that a device that computes by itself is seldom waited for.
            some = 1 if not times else max(1, min(times, int((seconds - spent) * times / spent)))
            spent, times = spent + _timed(work, device, some), times + some
        found.append(amount * times / spent)
    return Figure(tuple(found))


def _timed(work: Callable[[], object], device: str, times: int = 1) -> float:
    waited(device)
    begun = time.perf_counter()
    for _ in range(times):
        work()
    waited(device)
    return time.perf_counter() - begun


def waited(device: str) -> None:
    """Wait until a device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()
