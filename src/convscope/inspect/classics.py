"""What resembles what: the classic kernels and the learned ones that a kernel points along with, as cosines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from convscope.conv.kernel_text import parse_kernel
from convscope.conv.kernels import CLASSICS
from convscope.errors import KernelError

ANGLES = (0, 45, 90, 135)
SPOTS = ("gaussian(0.6)", "gaussian(0.8)", "log(0.6)", "log(0.8)", "dog(0.6)")


@dataclass(frozen=True)
class Near:
    """A kernel, as it is written, and the cosine between it and another, -1..1: below 0 it is its negative."""

    kernel: str
    cosine: float


def nearest_classics(kernel: Float[np.ndarray, "h w"], count: int = 3) -> tuple[Near, ...]:
    """The classic kernels that point most in a kernel's direction, or against it, the nearest first.

    Of each the `cosine`, at the place in the kernel where it is largest; those that do not fit are left out, and a kernel
    of zeros, of a single cell or of what is no number is near to none.

    >>> nearest_classics(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]), 1)
    (Near(kernel='sobel_x', cosine=1.0),)
    """
    if not np.isfinite(kernel).all() or np.count_nonzero(kernel) < 2:
        return ()
    found = [Near(name, cosine(kernel, pattern)) for name, pattern in _patterns(*kernel.shape)]
    return tuple(sorted(found, key=lambda near: -abs(near.cosine))[:count])


def nearest_learned(
    kernel: Float[np.ndarray, "h w"], learned: Float[np.ndarray, "k y x"]
) -> tuple[int, float]:
    """The number of the learned kernel that points most in a kernel's direction, or against it, and the `cosine`.

    >>> nearest_learned(np.array([[1.0, -1.0]]), np.array([[[1.0, 1.0]], [[-2.0, 2.0]]]))
    (1, -1.0)
    """
    cosines = [cosine(kernel, one) for one in learned]
    best = max(range(len(cosines)), key=lambda k: abs(cosines[k]))
    return best, cosines[best]


def cosine(one: Float[np.ndarray, "h w"], other: Float[np.ndarray, "y x"]) -> float:
    """The cosine between two kernels, sum(a b) / (|a| |b|), -1..1; 0 where one is all zeros.

    The smaller one lies in zeros, at the place in the larger one where the cosine is largest, whatever its sign: moved by
    a pixel a kernel gives the same map, moved by a pixel.

    >>> cosine(np.ones((1, 1)), np.ones((3, 3))), cosine(np.array([[1.0, 0, 0]]), np.array([[0, 0, -2.0]]))
    (0.333333333333, 0.0)
    >>> cosine(np.array([[0.0, 0, 0, 1, -1]]), np.array([[-3.0, 3]]))
    -1.0
    """
    length = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    if not np.isfinite(length) or length == 0:
        return 0.0
    lacks = [max(0, y - h) for h, y in zip(one.shape, other.shape, strict=True)]
    room = np.pad(one, [(n, n) for n in lacks])
    sums = np.einsum("yxij,ij->yx", sliding_window_view(room, other.shape), other)
    best = float(sums.flat[np.argmax(np.abs(sums))])
    return round(float(np.clip(best / length, -1, 1)), 12)


@lru_cache(maxsize=32)
def _patterns(rows: int, columns: int) -> tuple[tuple[str, np.ndarray], ...]:
    """The classics that fit into a size, as they are written, and their numbers."""
    size = min(rows, columns)
    odd = size if size % 2 else size - 1
    written = [name for name, classic in CLASSICS.items() if not classic.parameters]
    written += [*SPOTS, f"box({size})"]  # smaller boxes lie somewhere in almost every kernel
    if odd >= 3:
        written += [f"line({angle}, {odd})" for angle in ANGLES]
    if odd >= 5:  # an edge, or a bar, in a bell that just fits
        bell = int((odd - 1) / 6 * 100) / 100
        written += [f"gabor({6 * bell:g}, {a}, {bell:g}, {p}, 1)" for a in ANGLES for p in (90, 0)]
    found = []
    for text in written:
        try:
            numbers = parse_kernel(text, files=False)[1]
        except KernelError:
            continue
        # a single cell resembles anything's largest one, which says nothing
        if numbers.shape[0] <= rows and numbers.shape[1] <= columns and np.count_nonzero(numbers) > 1:
            found.append((text, numbers))
    return tuple(found)
