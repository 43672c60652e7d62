"""Radial basis functions: Gaussians around means of each class, and a linear classifier of what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from convscope.comparison.features import flat
from convscope.comparison.linear import solved, targets, with_one
from convscope.comparison.neighbours import blocks
from convscope.comparison.task import Task

BLOCK = 2000


def means(
    rows: Float[np.ndarray, "n d"], k: int, rounds: int, rng: np.random.Generator
) -> Float[np.ndarray, "m d"]:
    """K-means: each row belongs to its nearest mean, each mean is that of its rows; so many rounds from random rows.

    A mean that no row belongs to stays where it is; of fewer rows than `k`, each is a mean.
    """
    centres = rows[rng.permutation(len(rows))[:k]].copy()
    for _ in range(rounds):
        nearest = np.concatenate([far.argmin(1) for _, far in blocks(rows, centres, BLOCK)])
        belongs = np.zeros((len(centres), len(rows)), np.float32)
        belongs[nearest, np.arange(len(rows))] = 1
        counts = belongs.sum(1)
        filled = counts > 0
        centres[filled] = (belongs @ rows)[filled] / counts[filled, None]
    return centres


@dataclass(frozen=True, eq=False)
class Radial:
    """Gaussian units around centres, and weights."""

    centres: Float[np.ndarray, "m d"]
    variance: float
    weights: Float[np.ndarray, "u k"]

    @property
    def parameters(self) -> int:
        """The centres, their common width, and the weights."""
        return self.centres.size + 1 + self.weights.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The weighted sums of the units."""
        return units(flat(pixels), self.centres, self.variance) @ self.weights


def units(
    rows: Float[np.ndarray, "n d"], centres: Float[np.ndarray, "m d"], variance: float
) -> Float[np.ndarray, "n u"]:
    """exp(-|row - centre|^2 / (2 variance)) for each centre, and a 1."""
    return with_one(
        np.concatenate([np.exp(far / (-2 * variance)) for _, far in blocks(rows, centres, BLOCK)])
    )


def radial(task: Task, centres: int, rounds: int, width: float, ridge: float) -> Radial:
    """As many units for each class, placed by k-means, and a second layer by regularised least squares.

    LeCun et al. 1998, C.4: 1,000 units, 100 a class. All have one width: `width` times the mean squared distance from a
    picture to its nearest centre.
    """
    rows = flat(task.pixels)
    rng = np.random.default_rng(task.seed)
    each = max(1, centres // task.classes)
    placed = np.concatenate([means(rows[task.labels == c], each, rounds, rng) for c in range(task.classes)])
    near = np.concatenate([far.min(1) for _, far in blocks(rows[:BLOCK], placed, BLOCK)])
    variance = max(width * float(near.mean()), 1e-6)
    said = units(rows, placed, variance).astype(
        np.float64
    )  # wide Gaussians are so alike that 24 bits cannot tell them
    weights = solved(said.T @ said, said.T @ targets(task.labels, task.classes), ridge)
    return Radial(placed, variance, weights.astype(np.float32))
