"""Nearest neighbours by Euclidean distance: a block of pictures against all that were learned, as one product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from convscope.comparison.features import flat
from convscope.comparison.task import Task

BLOCK = 400


def blocks(
    asked: Float[np.ndarray, "n d"], known: Float[np.ndarray, "m d"], block: int = BLOCK
) -> Iterator[tuple[slice, Float[np.ndarray, "b m"]]]:
    """Squared distances of all pairs, for a block of rows at a time."""
    squares = np.einsum("md,md->m", known, known)
    for start in range(0, len(asked), block):
        rows = asked[start : start + block]
        far = rows @ known.T
        far *= -2
        far += squares
        far += np.einsum("nd,nd->n", rows, rows)[:, None]
        yield slice(start, start + len(rows)), np.maximum(far, 0, out=far)


def voted(
    far: Float[np.ndarray, "b m"],
    labels: Int[np.ndarray, "b m"] | Int[np.ndarray, " m"],
    k: int,
    classes: int,
) -> Float[np.ndarray, "b k"]:
    """Each class's votes among the k nearest, from 0 to 1, and less than a vote for how near its own nearest is.

    So the nearest decides between classes with as many votes, and the margin says how close it was. Near is the part of
    the way from the farthest of those compared.

    >>> voted(np.array([[1.0, 9.0, 4.0]]), np.array([0, 1, 1]), 3, 2).argmax(1)
    array([1])
    """
    nearest = np.argpartition(far, min(k, far.shape[1]) - 1, axis=1)[:, :k]
    labels = np.broadcast_to(labels, far.shape)
    rows = np.arange(len(far))[:, None]
    votes = np.zeros((len(far), classes), np.float32)
    np.add.at(votes, (rows, labels[rows, nearest]), 1.0)
    near = np.full((len(far), classes), np.inf, np.float32)
    for c in range(classes):
        own = np.where(labels == c, far, np.inf) if labels.strides[0] else far[:, labels[0] == c]
        if own.shape[1]:
            near[:, c] = np.sqrt(own.min(1))
    farthest = np.sqrt(
        far.max(1, keepdims=True)
    )  # a class that is not among those compared is no nearer than these
    closeness = 1 - np.minimum(near, farthest) / np.maximum(farthest, 1e-12)
    return ((votes + 0.99 * closeness) / k).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """All that was learned, kept as it is."""

    known: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, " m"]
    classes: int
    k: int

    @property
    def parameters(self) -> int:
        """The numbers of all pictures that are kept."""
        return self.known.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The votes of the nearest."""
        return self.voted(flat(pixels))

    def voted(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """The votes of the rows nearest to these."""
        said = np.empty((len(rows), self.classes), np.float32)
        for place, far in blocks(rows, self.known):
            said[place] = voted(far, self.labels, self.k, self.classes)
        return said


def neighbours(task: Task, k: int) -> Neighbours:
    """K nearest neighbours (LeCun et al. 1998, C.2)."""
    return among(flat(task.pixels), task.labels, task.classes, k)


def among(rows: Float[np.ndarray, "m d"], labels: Int[np.ndarray, " m"], classes: int, k: int) -> Neighbours:
    """The neighbours among rows of any kind, standing class by class so that a class is a slice."""
    order = np.argsort(labels, kind="stable")
    return Neighbours(rows[order], labels[order], classes, k)
