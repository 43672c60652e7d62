"""Linear classifiers by least squares: of pixels, of pairs of classes, of products of principal components."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int, UInt8

from convscope.comparison.features import flat
from convscope.comparison.task import Task

CHUNK = 4096


def with_one(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n e"]:
    """Rows with a 1 behind each, whose weight is the bias."""
    return np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)


def targets(labels: Int[np.ndarray, " n"], classes: int) -> Float[np.ndarray, "n k"]:
    """+1 for a picture's own class, -1 for all others.

    >>> targets(np.array([1]), 3).tolist()
    [[-1.0, 1.0, -1.0]]
    """
    wanted = np.full((len(labels), classes), -1, np.float32)
    wanted[np.arange(len(labels)), labels] = 1
    return wanted


def solved(
    gram: Float[np.ndarray, "d d"], right: Float[np.ndarray, "d k"], ridge: float
) -> Float[np.ndarray, "d k"]:
    """Weights of least squares, (gram + ridge * mean of its diagonal) w = right; the last row, the bias, is not shrunk."""
    shrunk = np.full(len(gram), ridge * np.trace(gram) / len(gram) + 1e-9)
    shrunk[-1] = 0
    return np.linalg.solve(gram + np.diag(shrunk), right)


@dataclass(frozen=True, eq=False)
class Linear:
    """Sums of weighted pixels, a row of weights a class."""

    weights: Float[np.ndarray, "d k"]

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The sums."""
        return with_one(flat(pixels)) @ self.weights


def linear(task: Task, ridge: float) -> Linear:
    """Least squares to +1 and -1 (LeCun et al. 1998, C.1)."""
    return Linear(_least_squares(with_one(flat(task.pixels)), targets(task.labels, task.classes), ridge))


def _least_squares(rows: np.ndarray, wanted: np.ndarray, ridge: float) -> np.ndarray:
    gram = (rows.T @ rows).astype(np.float64)
    return solved(gram, (rows.T @ wanted).astype(np.float64), ridge).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Pairwise:
    """A unit for each pair of classes, tanh(gain * sum); a class has the units that speak for it, less those against."""

    weights: Float[np.ndarray, "d pairs"]
    votes: Float[np.ndarray, "pairs k"]
    gain: float

    @property
    def parameters(self) -> int:
        """Weights and biases of all units."""
        return self.weights.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The classes' sums."""
        return np.tanh(self.gain * (with_one(flat(pixels)) @ self.weights)) @ self.votes


def pairwise(task: Task, ridge: float, gain: float) -> Pairwise:
    """Each of k (k - 1) / 2 units learns to tell two classes apart, +1 and -1, and no others (LeCun et al. 1998, C.1).

    Units answer squashed: else one that knows neither of the true class's rivals outvotes the others by a large sum.
    """
    rows = with_one(flat(task.pixels))
    own = [rows[task.labels == c] for c in range(task.classes)]
    grams = [(r.T @ r).astype(np.float64) for r in own]
    sums = [r.sum(0, dtype=np.float64) for r in own]
    pairs = list(combinations(range(task.classes), 2))
    votes = np.zeros((len(pairs), task.classes), np.float32)
    columns = []
    for unit, (i, j) in enumerate(pairs):
        votes[unit, [i, j]] = 1, -1
        columns.append(solved(grams[i] + grams[j], (sums[i] - sums[j])[:, None], ridge)[:, 0])
    return Pairwise(np.stack(columns, axis=1).astype(np.float32), votes, gain)


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Principal components, all products of two of them, and a linear classifier of these."""

    axes: Float[np.ndarray, "d p"]
    weights: Float[np.ndarray, "q k"]

    @property
    def parameters(self) -> int:
        """The axes and the classifier's weights."""
        return self.axes.size + self.weights.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """What the classifier says of the products."""
        starts = range(0, len(pixels), CHUNK)
        parts = [products(flat(pixels[s : s + CHUNK]) @ self.axes) for s in starts]
        return np.concatenate([part @ self.weights for part in parts])


def products(rows: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "n q"]:
    """All products of two values of a row, squares among them, and a 1.

    >>> products(np.array([[2.0, 3.0]])).tolist()
    [[4.0, 6.0, 9.0, 1.0]]
    """
    i, j = np.triu_indices(rows.shape[1])
    return with_one(rows[:, i] * rows[:, j])


def quadratic(task: Task, components: int, ridge: float) -> Quadratic:
    """PCA and a quadratic classifier; of 40 components 821 products (LeCun et al. 1998, C.3).

    The paper does not say whether the mean is subtracted from what is projected. It is not: so products with what all
    pictures share are nearly the components themselves, and the classifier has these, too, as 821 inputs allow.
    """
    rows = flat(task.pixels)
    axes = principal(rows, components)
    known = rows @ axes
    gram, right = 0.0, 0.0
    for s in range(0, len(rows), CHUNK):
        part = products(known[s : s + CHUNK])
        gram = gram + (part.T @ part).astype(np.float64)
        right = right + (part.T @ targets(task.labels[s : s + CHUNK], task.classes)).astype(np.float64)
    return Quadratic(axes, solved(np.asarray(gram), np.asarray(right), ridge).astype(np.float32))


def principal(rows: Float[np.ndarray, "n d"], components: int) -> Float[np.ndarray, "d p"]:
    """The first principal axes of the rows, scaled so that the first component has variance 1."""
    mean = rows.mean(0, dtype=np.float64)
    cov = (rows.T @ rows).astype(np.float64) / len(rows) - np.outer(mean, mean)
    values, vectors = np.linalg.eigh(cov)
    axes = vectors[:, ::-1][:, :components] / np.sqrt(max(values[-1], 1e-12))
    return axes.astype(np.float32)
