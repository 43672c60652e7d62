"""Support vector machines with a polynomial or Gaussian kernel, and virtual ones, which also learn what is moved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from convscope.comparison.features import flat
from convscope.comparison.task import Task

BLOCK = 1000
CACHE_MB = 800
WAYS = ((0, 1), (0, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class Kernel:
    """(gamma <a, b> + 1)^degree of rows of length 1; for degree 0 exp(-gamma |a - b|^2) of rows as they are."""

    degree: int
    gamma: float

    def options(self) -> dict[str, Any]:
        """The same as scikit-learn's SVC takes it; what is learned with C here is with C / scale there."""
        if not self.degree:
            return {"kernel": "rbf", "gamma": self.gamma}
        return {"kernel": "poly", "gamma": self.gamma, "coef0": 1.0, "degree": self.degree}

    @property
    def scale(self) -> float:
        """The kernel of a row with itself, as scikit-learn computes it."""
        return (self.gamma + 1) ** self.degree if self.degree else 1.0

    def __call__(self, a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
        """All pairs, as scikit-learn computes them."""
        inner = a @ b.T
        if self.degree:
            inner *= self.gamma
            inner += 1
            return power(inner, self.degree)
        squares = (a * a).sum(1)[:, None] + (b * b).sum(1)
        return np.exp(-self.gamma * np.maximum(squares - 2 * inner, 0))


def power(base: Float[np.ndarray, "n m"], degree: int) -> Float[np.ndarray, "n m"]:
    """The same as base**degree by squaring, which for whole degrees is several times as fast.

    >>> power(np.array([[2.0, 3.0]]), 9).tolist()
    [[512.0, 19683.0]]
    """
    result = base if degree % 2 else np.ones_like(base)
    square = base
    for bit in bin(degree)[-2:1:-1]:
        square = square * square
        if bit == "1":
            result = result * square
    return result


def of_length_one(pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
    """Pictures as rows of length 1; black ones stay zero."""
    rows = flat(pixels)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True, eq=False)
class Machine:
    """Support vectors, and for each pair of classes weights over them: a class has its pairs' votes.

    Predicted by matrix products: the library's own loop takes minutes for ten thousand pictures.
    """

    vectors: Float[np.ndarray, "s d"]
    weights: Float[np.ndarray, "s p"]
    offsets: Float[np.ndarray, " p"]
    votes: Float[np.ndarray, "p k"]
    kernel: Kernel
    single: bool

    @property
    def parameters(self) -> int:
        """The support vectors, and each one's weight in the pairs that it takes part in."""
        return self.vectors.size + int((self.weights != 0).sum()) + self.offsets.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """Votes of all pairs: see `settled`."""
        rows = self.rows(pixels)
        parts = [
            self.kernel(rows[s : s + BLOCK], self.vectors) @ self.weights + self.offsets
            for s in range(0, len(rows), BLOCK)
        ]
        return settled(np.concatenate(parts), self.votes)

    def rows(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """Pictures as the kernel takes them."""
        return of_length_one(pixels) if self.single else flat(pixels)


def settled(sides: Float[np.ndarray, "n p"], votes: Float[np.ndarray, "p k"]) -> Float[np.ndarray, "n k"]:
    """Votes of pairs, whole ones beyond a machine's margin, parts within; the largest is who wins by whole votes.

    Where the two disagree, which is where all is close, the two classes change places: parts decide only between classes
    with as many whole votes.

    >>> settled(np.array([[0.1, 0.1, 3.0]]), np.array([[1.0, -1, 0], [1, 0, -1], [0, 1, -1]])).argmax(1)
    array([0])
    """
    parts, whole = np.clip(sides, -1, 1) @ votes, np.sign(sides) @ votes
    every = np.arange(len(parts))
    winner, first = (whole + parts / (2 * votes.shape[1])).argmax(1), parts.argmax(1)
    parts[every, winner], parts[every, first] = parts[every, first], parts[every, winner].copy()
    return parts.astype(np.float32)


def learned(
    pixels: UInt8[np.ndarray, "n c h w"],
    labels: np.ndarray,
    classes: int,
    kernel: Kernel,
    cost: float,
    *,
    whole: bool,
) -> tuple[Machine, Int[np.ndarray, " s"]]:
    """A machine, each pair of classes by scikit-learn's SVC; and the numbers of the pictures that became support vectors.

    A pair's kernel is computed row by row as it is asked for, two pairs at a time; or `whole`, beforehand, as one
    product of matrices, which pays where most pictures become support vectors.
    """
    single = kernel.degree > 0
    rows = of_length_one(pixels) if single else flat(pixels)
    pairs = list(combinations(np.unique(labels).tolist(), 2))
    weights = np.zeros((len(rows), len(pairs)), np.float32)
    offsets, votes = np.zeros(len(pairs), np.float32), np.zeros((len(pairs), classes), np.float32)

    def learn(p: int) -> None:
        own = np.flatnonzero(np.isin(labels, pairs[p]))
        chosen, found, offsets[p] = _separated(rows[own], labels[own], kernel, cost, whole)
        weights[own[chosen], p] = found
        votes[p, list(pairs[p])] = 1, -1

    with ThreadPoolExecutor(1 if whole else 2) as pool:
        list(pool.map(learn, range(len(pairs))))
    kept = np.flatnonzero(weights.any(1))
    return Machine(rows[kept], weights[kept], offsets, votes, kernel, single), kept


def _separated(
    rows: Float[np.ndarray, "m d"], labels: np.ndarray, kernel: Kernel, cost: float, whole: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """Which rows of two classes are support vectors, their weights, and the offset."""
    from sklearn.svm import SVC

    options: dict[str, Any] = {"C": cost / kernel.scale, "cache_size": 50 if whole else CACHE_MB / 2}
    if whole:
        gram = np.empty((len(rows), len(rows)))
        for s in range(0, len(rows), BLOCK):
            gram[s : s + BLOCK] = kernel(rows[s : s + BLOCK], rows)
        made = SVC(kernel="precomputed", **options).fit(gram, labels)
    else:
        made = SVC(**kernel.options(), **options).fit(rows, labels)
    return made.support_, made._dual_coef_[0], made._intercept_[0]


def support(task: Task, degree: int, gamma: float, cost: float) -> Machine:
    """A support vector machine (Cortes & Vapnik 1995; LeCun et al. 1998, C.5); degree 0 has the Gaussian kernel."""
    kernel = Kernel(degree, gamma)
    return learned(task.pixels, task.labels, task.classes, kernel, cost, whole=False)[0]


def virtual(task: Task, degree: int, gamma: float, cost: float, ways: int) -> Machine:
    """A second machine, of the support vectors of a first one and of these moved by a pixel: sideways, then up and down.

    Schoelkopf, Burges & Vapnik 1996: what decides where the border runs is shown with what must not change it.
    """
    kernel = Kernel(degree, gamma)
    _, chosen = learned(task.pixels, task.labels, task.classes, kernel, cost, whole=False)
    own = task.pixels[chosen]
    pixels = np.concatenate([own, *(moved(own, *way) for way in WAYS[:ways])])
    labels = np.tile(task.labels[chosen], 1 + ways)
    return learned(pixels, labels, task.classes, kernel, cost, whole=True)[0]


def moved(pixels: UInt8[np.ndarray, "n c h w"], down: int, right: int) -> UInt8[np.ndarray, "n c h w"]:
    """Pictures moved by at most a pixel each way; black comes in.

    >>> moved(np.array([[[[1, 2], [3, 4]]]], np.uint8), 0, 1).tolist()
    [[[[0, 1], [0, 3]]]]
    """
    height, width = pixels.shape[2:]
    page = np.pad(pixels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return page[:, :, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
