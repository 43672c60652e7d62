"""Changing a kernel by hand: turned, mirrored, negated, levelled, normalised, with more cells or fewer.

Each is one word, so that a page can ask for it:

>>> CHANGES["turn"](np.array([[1.0, 2.0]])).tolist()
[[2.0], [1.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from convscope.conv.kernels import MOST
from convscope.errors import KernelError

Kernel = Float[np.ndarray, "rows columns"]


def turned(kernel: Kernel) -> Kernel:
    """A quarter turn to the left, as one sees it: an edge with its light on the right becomes one with it on top.

    >>> turned(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    return np.rot90(kernel).copy()


def mirrored(kernel: Kernel) -> Kernel:
    """Left and right exchanged.

    >>> mirrored(np.array([[1.0, 2.0]])).tolist()
    [[2.0, 1.0]]
    """
    return kernel[:, ::-1].copy()


def negative(kernel: Kernel) -> Kernel:
    """Every number with the other sign: what glowed turns dark, and the other way round.

    >>> negative(np.array([[1.0, 0.0]])).tolist()
    [[-1.0, 0.0]]
    """
    return 0.0 - kernel


def levelled(kernel: Kernel) -> Kernel:
    """The mean taken off, so that the numbers sum to 0: an even ground then gives 0, however bright it is.

    >>> levelled(np.array([[1.0, 2.0, 3.0]])).tolist()
    [[-1.0, 0.0, 1.0]]
    """
    return kernel - kernel.mean()


def normalised(kernel: Kernel) -> Kernel:
    """Divided by the sum of the magnitudes: on a picture of 0..1 its map then stays within -1..1. Zeros stay.

    >>> normalised(np.array([[1.0, 0.0, -3.0]])).tolist()
    [[0.25, 0.0, -0.75]]
    """
    total = np.abs(kernel).sum()
    return kernel / total if total else kernel.copy()


def resized(kernel: Kernel, size: int) -> Kernel:
    """The kernel in the middle of `size` x `size` cells: zeros around it, or its border cut off.

    Raises:
        KernelError: `size` is not from 1 to 1023.

    >>> resized(np.ones((1, 2)), 3).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> resized(np.arange(9.0).reshape(3, 3), 1).tolist()
    [[4.0]]
    """
    if not 1 <= size <= MOST:
        raise KernelError(f"a kernel has 1 to {MOST} rows and columns, not {size}")
    made = np.zeros((size, size))
    here, there = zip(*(_middle(n, size) for n in kernel.shape), strict=True)
    made[there] = kernel[here]
    return made


def _middle(size: int, wanted: int) -> tuple[slice, slice]:
    """What of `size` cells is kept among `wanted` ones, and where it lies there."""
    kept = min(size, wanted)
    first, place = (size - kept) // 2, (wanted - kept) // 2
    return slice(first, first + kept), slice(place, place + kept)


CHANGES: Mapping[str, Callable[[Kernel], Kernel]] = {
    "turn": turned,
    "mirror": mirrored,
    "negative": negative,
    "level": levelled,
    "normalise": normalised,
}
