"""Counting: accuracy, confusion, intervals. No tensors, no networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

Z95 = 1.959963984540054


def interval(errors: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of an error rate, as fractions 0..1 (Wilson 1927).

    >>> low, high = interval(95, 10_000)
    >>> f"{100 * low:.2f} to {100 * high:.2f} %"
    '0.78 to 1.16 %'
    """
    if not 0 <= errors <= n:
        raise ValueError(f"errors are from 0 to n={n}, not {errors}")
    if n == 0:
        return 0.0, 1.0
    rate, square = errors / n, Z95 * Z95
    middle = rate + square / (2 * n)
    reach = Z95 * sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    low, high = (middle - reach) / (1 + square / n), (middle + reach) / (1 + square / n)
    return (low if errors else 0.0), (high if errors < n else 1.0)  # exactly, which rounding would miss


def mcnemar(first_only: int, second_only: int) -> float:
    """The chance of so unequal errors if two classifiers were equally good: McNemar's exact test, mid-p.

    `first_only` pictures are wrong by the first alone, `second_only` by the second alone; of those each is as likely to be
    either's. Two-sided; half of the chance of the counts themselves is left out (Fagerland, Lydersen & Laake 2013).

    >>> round(mcnemar(10, 20), 4)
    0.0708
    >>> mcnemar(0, 0)
    1.0
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"counts are 0 and more, not {first_only} and {second_only}")
    n, least = first_only + second_only, min(first_only, second_only)
    if first_only == second_only:
        return 1.0
    tail = sum(comb(n, k) for k in range(least + 1))
    return (2 * tail - comb(n, least)) / 2**n


def rejected_for(
    right: Bool[np.ndarray, " n"], margin: Float[np.ndarray, " n"], error: float
) -> float | None:
    """The least part of the pictures, 0..1, to reject so that at most `error` of the accepted ones are wrong.

    Pictures are rejected by their margin, the smallest first; those of equal margins together. None where only rejecting
    all would do. (LeCun et al. 1998, figure 10, with 0.005.)

    >>> rejected_for(np.array([True, False, True, True]), np.array([3.0, 1.0, 2.0, 4.0]), 0.0)
    0.25
    """
    order = np.argsort(-margin, kind="stable")
    wrong = np.cumsum(~right[order])
    accepted = np.arange(1, len(order) + 1)
    last_of_equals = np.append(np.diff(margin[order]) != 0, True)
    good = last_of_equals & (wrong <= error * accepted)
    return 1 - int(accepted[good][-1]) / len(order) if good.any() else None


def confusion(
    truth: Int[np.ndarray, " n"], said: Int[np.ndarray, " n"], classes: int
) -> Int[np.ndarray, "k k"]:
    """How often each class (row) was named as each class (column).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    return np.bincount(truth * classes + said, minlength=classes * classes).reshape(classes, classes)


def mean_and_spread(values: Sequence[float] | Any) -> tuple[float, float]:
    """Mean and sample standard deviation; the spread of a single value is 0.

    >>> mean_and_spread([1.0, 3.0])
    (2.0, 1.4142135623730951)
    """
    array = np.asarray(values, dtype=float)
    return float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else 0.0
