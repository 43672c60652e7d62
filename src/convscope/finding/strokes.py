"""Strokes on a page: what hangs together, and which find a stroke belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int, UInt8

from convscope.data.fit import grey

Frame = tuple[int, int, int, int]
INK = 100
"""Pixels that differ from the ground by more than so many greys are ink."""
OWN = 0.6
"""Strokes of which a frame holds at least so much are its own."""
FRESH = 0.5
"""So much of the ink in a find's core must be no other's."""
CORE = 0.6
"""A find's core is so much of its frame's width: a neighbour that touches it stands beside that."""


def parts(ink: Bool[np.ndarray, "y x"]) -> Int[np.ndarray, "y x"]:
    """The number of the stroke that each pixel belongs to, from 1; 0 where no ink is. Touching at a corner is enough.

    >>> parts(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool)).tolist()
    [[1, 0, 0, 2], [0, 1, 0, 2]]
    """
    rows, starts, stops = _runs(ink)
    line = ink.shape[1] + 2
    first = np.searchsorted(rows * line + stops, (rows - 1) * line + starts, "left")
    after = np.searchsorted(rows * line + starts, (rows - 1) * line + stops, "right")
    touching = np.maximum(after - first, 0)  # so many runs of the row above
    below = np.repeat(np.arange(len(rows)), touching)
    above = np.arange(len(below)) + np.repeat(first - (np.cumsum(touching) - touching), touching)
    numbers = np.unique(_joined(len(rows), above, below), return_inverse=True)[1] + 1
    steps = np.zeros((len(ink), line), np.int32)
    steps[rows, starts], steps[rows, stops] = numbers, -numbers
    return np.cumsum(steps, axis=1, dtype=np.int32)[:, : ink.shape[1]]


def _joined(
    count: int, one: Int[np.ndarray, " pairs"], other: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, " n"]:
    """For each of `count` things the least that it hangs together with, by pairs that do."""
    root = np.arange(count)
    while len(one):
        low, high = np.minimum(root[one], root[other]), np.maximum(root[one], root[other])
        np.minimum.at(root, high, low)
        while (further := root[root]).tobytes() != root.tobytes():
            root = further
        apart = root[one] != root[other]
        one, other = one[apart], other[apart]
    return root


def _runs(ink: Bool[np.ndarray, "y x"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of ink along the rows: row, first column, the one after the last; in reading order."""
    edges = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]


@dataclass(eq=False)
class Strokes:
    """The strokes of a page, uint8 [channels, height, width] on `ground`, and which of them finds have been given.

    Ink is what differs from the ground by more than `INK`. It is looked at around a find only, never all over the page.
    """

    page: UInt8[np.ndarray, "c y x"]
    ground: int
    given: Bool[np.ndarray, "y x"] = field(init=False)

    def __post_init__(self) -> None:
        self.given = np.zeros(self.page.shape[1:], bool)  # the system gives memory where finds are

    def give(self, frame: Frame) -> Frame | None:
        """Give a find the ink of its frame (left, top, right, bottom): the smallest box around it; None where it is others'.

        Ink is that of the strokes that are the frame's own, or all of it where it has none of its own.
        """
        high, wide = self.given.shape
        left, top, right, bottom = (
            min(max(edge, 0), side) for edge, side in zip(frame, (wide, high, wide, high), strict=True)
        )
        labels, own = self._own((left, top, right, bottom))
        mask = np.isin(labels, own) if len(own) else labels > 0
        aside = round((right - left) * (1 - CORE) / 2)
        core, given = mask.copy(), self.given[top:bottom, left:right]
        core[:, :aside], core[:, core.shape[1] - aside :] = False, False
        if not core.any() or (core & ~given).sum() < FRESH * core.sum():
            return None
        given |= core
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        return (
            left + int(columns[0]),
            top + int(rows[0]),
            left + int(columns[-1]) + 1,
            top + int(rows[-1]) + 1,
        )

    def _own(self, frame: Frame) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, " n"]]:
        """The numbers of the strokes in a frame, and those of which it holds enough to own them.

        A stroke that leaves what is looked at may be longer than it seems. So more is looked at, until none of those seems
        to be the frame's own: what is not, as far as it is seen, is not with what is unseen of it either.
        """
        left, top, right, bottom = frame
        high, wide = self.given.shape
        reach = max(1, (right - left) // 2, (bottom - top) // 2)
        while True:
            first, upper = max(left - reach, 0), max(top - reach, 0)
            last, lower = min(right + reach, wide), min(bottom + reach, high)
            around = grey(self.page[:, upper:lower, first:last]).astype(np.int16)
            every = parts(np.abs(around - self.ground) > INK)
            labels = every[top - upper : bottom - upper, left - first : right - first]
            names, inside = np.unique(labels[labels > 0], return_counts=True)
            own = names[inside >= OWN * np.bincount(every.ravel())[names]]
            edges = ((upper > 0, every[0]), (lower < high, every[-1]))
            edges += ((first > 0, every[:, 0]), (last < wide, every[:, -1]))
            if not any(cut and np.isin(edge, own).any() for cut, edge in edges):
                return labels, own
            reach *= 2
