"""Counting: accuracy, confusion, intervals. No tensors, no networks."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from jaxtyping import Int

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
    return max(0.0, low), min(1.0, high)


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
