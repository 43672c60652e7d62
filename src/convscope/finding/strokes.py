"""Strokes on a page: what hangs together, and which find a stroke belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Int

Frame = tuple[int, int, int, int]
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
    root = list(range(len(rows)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    first = np.searchsorted(rows, np.arange(len(ink) + 1))
    for y in range(1, len(ink)):
        above, below = first[y - 1], first[y]
        while above < first[y] and below < first[y + 1]:
            if stops[above] >= starts[below] and stops[below] >= starts[above]:
                one, other = find(above), find(below)
                root[max(one, other)] = min(one, other)
            if stops[above] < stops[below]:
                above += 1
            else:
                below += 1
    roots = np.array([find(n) for n in range(len(rows))], np.int64)
    numbers = np.unique(roots, return_inverse=True)[1] + 1 if len(rows) else roots
    labels = np.zeros(ink.shape, np.int32)
    for y, start, stop, number in zip(rows, starts, stops, numbers, strict=True):
        labels[y, start:stop] = number
    return labels


def _runs(ink: Bool[np.ndarray, "y x"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of ink along the rows: row, first column, the one after the last; in reading order."""
    edges = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]


@dataclass(eq=False)
class Strokes:
    """The strokes of a page, and which of them finds have been given."""

    ink: Bool[np.ndarray, "y x"]
    labels: Int[np.ndarray, "y x"] = field(init=False)
    sizes: Int[np.ndarray, " n"] = field(init=False)
    given: Bool[np.ndarray, "y x"] = field(init=False)

    def __post_init__(self) -> None:
        self.labels = parts(self.ink)
        self.sizes = np.bincount(self.labels.ravel())
        self.given = np.zeros(self.ink.shape, bool)

    def give(self, frame: Frame) -> Frame | None:
        """Give a find the ink of its frame (left, top, right, bottom): the smallest box around it; None where it is others'.

        Ink is that of the strokes that are the frame's own, or all of it where it has none of its own.
        """
        high, wide = self.ink.shape
        left, top, right, bottom = (
            min(max(edge, 0), side) for edge, side in zip(frame, (wide, high, wide, high), strict=True)
        )
        labels = self.labels[top:bottom, left:right]
        names, inside = np.unique(labels[labels > 0], return_counts=True)
        own = names[inside >= OWN * self.sizes[names]]
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
