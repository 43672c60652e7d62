"""The classic kernels that a learned one resembles, as cosines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from convscope.conv.kernel_text import parse_kernel
from convscope.conv.kernels import CLASSICS
from convscope.errors import KernelError

ANGLES = (0, 45, 90, 135)
SPOTS = ("gaussian(0.6)", "gaussian(0.8)", "log(0.6)", "log(0.8)", "dog(0.6)")


@dataclass(frozen=True)
class Near:
    """A classic kernel, as it is written, and the cosine between it and another, -1..1: below 0 it is its negative."""

    kernel: str
    cosine: float


def nearest_classics(kernel: Float[np.ndarray, "h w"], count: int = 3) -> tuple[Near, ...]:
    """The classic kernels that point most in a kernel's direction, or against it, the nearest first.

    Of each the cosine sum(a b) / (|a| |b|), smaller ones in the middle of zeros; those that do not fit are left out, and a
    kernel of zeros or of what is no number is near to none.

    >>> nearest_classics(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]), 1)
    (Near(kernel='sobel_x', cosine=1.0),)
    """
    length = float(np.linalg.norm(kernel))
    names, patterns = _patterns(kernel.shape[0], kernel.shape[1])
    if not names or not np.isfinite(length) or length == 0:
        return ()
    cosines = patterns @ (kernel.ravel() / length)
    order = np.argsort(-np.abs(cosines), kind="stable")[:count]
    return tuple(Near(names[k], round(float(np.clip(cosines[k], -1, 1)), 12)) for k in order)


def cosine(one: Float[np.ndarray, "h w"], other: Float[np.ndarray, "y x"]) -> float:
    """The cosine between two kernels, -1..1, the smaller in the middle of zeros; 0 where one is all zeros.

    >>> cosine(np.ones((1, 1)), np.ones((3, 3))).__round__(3)
    0.333
    """
    rows, columns = (max(a, b) for a, b in zip(one.shape, other.shape, strict=True))
    return float(_unit(one, rows, columns) @ _unit(other, rows, columns))


@lru_cache(maxsize=32)
def _patterns(rows: int, columns: int) -> tuple[tuple[str, ...], Float[np.ndarray, "p n"]]:
    """The classics that fit into a size, as they are written, each of length 1."""
    size = min(rows, columns)
    odd = size if size % 2 else size - 1
    written = [name for name, classic in CLASSICS.items() if not classic.parameters]
    written += [*SPOTS, *(f"box({n})" for n in range(2, size + 1))]
    if odd >= 3:
        written += [f"line({angle}, {odd})" for angle in ANGLES]
        written += [f"gabor({odd}, {angle}, {odd / 4:g})" for angle in ANGLES]
    found: dict[str, np.ndarray] = {}
    for text in written:
        try:
            numbers = parse_kernel(text, files=False)[1]
        except KernelError:
            continue
        if numbers.shape[0] <= rows and numbers.shape[1] <= columns:
            found[text] = _unit(numbers, rows, columns)
    return tuple(found), np.stack(list(found.values())) if found else np.zeros((0, rows * columns))


def _unit(numbers: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A kernel in the middle of zeros, flat, of length 1."""
    whole = np.zeros((rows, columns))
    top, left = (rows - numbers.shape[0]) // 2, (columns - numbers.shape[1]) // 2
    whole[top : top + numbers.shape[0], left : left + numbers.shape[1]] = numbers
    return whole.ravel() / max(float(np.linalg.norm(whole)), 1e-30)
