"""Boxes around what was found, and which of those that overlap are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NEAR = 0.35
"""Two middles are near one another within so large a part of their boxes' mean size."""

PART = 0.7
"""So much of a box lies in another: it is a part of that."""


@dataclass(frozen=True)
class Box:
    """What was found: its class, how sure the net is (0 to 1), and where, in pixels of the picture from its top left."""

    label: str
    score: float
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """The middle, as (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2


def overlap(one: Float[np.ndarray, "n 4"], other: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of boxes given as left, top, right, bottom.

    >>> overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (one, other)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)


def suppressed(edges: Float[np.ndarray, "n 4"], scores: Float[np.ndarray, " n"], most: float) -> list[int]:
    """The numbers of the boxes that are kept, best first ("non-maximum suppression").

    None overlaps a better one by more than `most`, nor has its middle near that one's, whatever their sizes.

    >>> suppressed(np.array([[0.0, 0, 9, 9], [1, 0, 10, 9], [20, 0, 29, 9]]), np.array([0.8, 0.9, 0.5]), 0.3)
    [1, 2]
    """
    middles, sizes = (edges[:, :2] + edges[:, 2:]) / 2, edges[:, 2:] - edges[:, :2]
    across = np.argsort(middles[:, 0], kind="stable")
    places, widest = middles[across, 0], float(sizes[:, 0].max(initial=0))
    left, kept = np.ones(len(edges), bool), []
    for best in np.argsort(-scores, kind="stable"):
        if not left[best]:
            continue
        kept.append(int(best))
        reach = (sizes[best, 0] + widest) / 2  # further aside nothing overlaps it, nor is near
        first = np.searchsorted(places, middles[best, 0] - reach, "left")
        last = np.searchsorted(places, middles[best, 0] + reach, "right")
        near = across[first:last]
        near = near[left[near]]
        apart = np.abs(middles[near] - middles[best]) / (sizes[near] + sizes[best])
        far = (apart > NEAR / 2).any(1)
        left[near] = far & (overlap(edges[best : best + 1], edges[near])[0] <= most)
        left[best] = False
    return kept


def apart(
    edges: Float[np.ndarray, "n 4"], classes: Float[np.ndarray, " n"], kept: Sequence[int]
) -> list[int]:
    """Those of the kept, best first, that are no part of a better one of their class, nor have one as a part.

    A dog's head answers as the dog does, and so does a window that is twice as large.

    >>> apart(np.array([[0.0, 0, 9, 9], [5, 5, 9, 9], [5, 5, 9, 9]]), np.array([0.0, 0, 1]), [0, 1, 2])
    [0, 2]
    """
    left: list[int] = []
    for n in kept:
        same = edges[[m for m in left if classes[m] == classes[n]]]
        shared = np.maximum(np.minimum(same[:, 2:], edges[n, 2:]) - np.maximum(same[:, :2], edges[n, :2]), 0)
        smaller = np.minimum(np.prod(same[:, 2:] - same[:, :2], axis=1), np.prod(edges[n, 2:] - edges[n, :2]))
        if not (np.prod(shared, axis=1) > PART * smaller).any():
            left.append(n)
    return left


def read(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes in reading order: lines from the top, each from the left; a line's boxes overlap in height by half.

    >>> one, two, three = (Box(n, 1.0, x, y, 10, 20) for n, x, y in (("1", 30, 2), ("2", 0, 0), ("3", 5, 50)))
    >>> ["".join(box.label for box in line) for line in read([one, two, three])]
    ['21', '3']
    """
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle[1]):
        near = [line for line in lines if abs(_height(line) - box.middle[1]) < box.height / 2]
        if near:
            near[-1].append(box)
        else:
            lines.append([box])
    return [sorted(line, key=lambda box: box.middle[0]) for line in lines]


def _height(line: Sequence[Box]) -> float:
    return sum(box.middle[1] for box in line) / len(line)
