"""One value of a feature map, and everything that went into it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from jaxtyping import Bool, Float, Int

from convscope.conv.setup import Options, Setup, setup
from convscope.errors import GeometryError

ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "none": lambda x: x,
    "relu": lambda x: max(0.0, x) if x == x else x,
    "tanh": math.tanh,
    "squash": lambda x: 1.7159 * math.tanh(2 / 3 * x),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x)),
}


@dataclass(frozen=True, eq=False)
class Trace:
    """The window, the kernel and the sum behind one value of a map; all numbers in float64.

    `window`, `kernel` and `products` are [channels, rows, columns]; `rows` and `columns` say where the window
    lies in the input (below 0 or beyond its size: padding), and `padded` marks the cells that are padding.
    `channels` names the input channels in the window. The sum is `channel_sums` and the bias together; `value` is
    what the activation makes of it. `operation` is how window and kernel become products: "times"; for max
    pooling "largest" (the kernel is 1 at the largest value); for radial basis functions "squared difference".
    """

    name: str
    position: tuple[int, int]
    rows: Int[np.ndarray, " h"]
    columns: Int[np.ndarray, " w"]
    padded: Bool[np.ndarray, "h w"]
    channels: tuple[int, ...]
    window: Float[np.ndarray, "c h w"]
    kernel: Float[np.ndarray, "c h w"]
    products: Float[np.ndarray, "c h w"]
    channel_sums: Float[np.ndarray, " c"]
    bias: float
    sum: float
    activation: str
    value: float
    operation: str = "times"


def trace(
    picture: Any,
    kernel: Any,
    at: tuple[int, int],
    *,
    map: int = 0,
    activation: str = "none",
    name: str = "kernel",
    **how: Unpack[Options],
) -> Trace:
    """Everything that went into the value at row and column `at` of map number `map` of `convolve`.

    `how` are the options of `convolve`: stride, padding, dilation, groups, bias, mode, constant, flip.
    Numbers are in float64, so the sum may differ from a float32 map's value by that map's rounding.

    Raises:
        GeometryError: There is no such position or map, or the sizes do not fit.
        KernelError: The kernel does not fit the picture's channels.

    >>> seen = trace(np.arange(16.0).reshape(4, 4), [[1, 0, -1]], at=(1, 0))
    >>> seen.window[0].tolist(), seen.products[0].tolist(), seen.sum
    ([[4.0, 5.0, 6.0]], [[4.0, 0.0, -6.0]], -2.0)
    """
    made = setup(picture, kernel, **how)
    return trace_of(made, at, map, activation, name)


def trace_of(
    made: Setup, at: tuple[int, int], map: int = 0, activation: str = "none", name: str = "kernel"
) -> Trace:
    """As `trace`, for a convolution that is set up already.

    Raises:
        GeometryError: There is no such position, map or activation.
    """
    _check(made, at, map, activation)
    inside = made.kernels.shape[1]
    first = map // (made.maps // made.groups) * inside
    (rows, own_rows), (columns, own_columns) = (_cells(made, axis, at[axis]) for axis in (0, 1))
    padded = (own_rows < 0)[:, None] | (own_columns < 0)[None, :]
    window = made.picture[first : first + inside][:, own_rows.clip(0)][:, :, own_columns.clip(0)].astype(
        np.float64
    )
    window[:, padded] = made.constant
    kernel = made.kernels[map % len(made.kernels)].astype(np.float64)
    outside = (rows < 0) | (rows >= made.picture.shape[1])
    beside = (columns < 0) | (columns >= made.picture.shape[2])
    return made_trace(
        name, at, rows, columns, outside[:, None] | beside[None, :], tuple(range(first, first + inside)), window, kernel,
        0.0 if made.bias is None else float(made.bias[map]), activation,
    )  # fmt: skip


def made_trace(
    name: str,
    position: tuple[int, int],
    rows: np.ndarray,
    columns: np.ndarray,
    padded: np.ndarray,
    channels: tuple[int, ...],
    window: Float[np.ndarray, "c h w"],
    kernel: Float[np.ndarray, "c h w"],
    bias: float = 0.0,
    activation: str = "none",
    operation: str = "times",
) -> Trace:
    """A Trace from its window and kernel: multiplied, summed and activated here.

    An activation that is not among `ACTIVATIONS` leaves `value` to whoever knows it: it is the sum.
    """
    products, sums, totals = summed(window, kernel, bias, operation)
    total = float(totals)
    value = ACTIVATIONS.get(activation, ACTIVATIONS["none"])(total)
    return Trace(
        name, (int(position[0]), int(position[1])), rows, columns, padded, channels, window, kernel, products, sums, bias,
        total, activation, value, operation,
    )  # fmt: skip


def summed(
    window: Float[np.ndarray, "*places c h w"],
    kernel: Float[np.ndarray, "*places c h w"],
    bias: float,
    operation: str,
) -> tuple[Float[np.ndarray, "*places c h w"], Float[np.ndarray, "*places c"], Float[np.ndarray, "*places"]]:
    """The products of one window or of many, the sum of each channel, and their sum with the bias.

    >>> [part.tolist() for part in summed(np.ones((1, 1, 2)), np.array([[[2.0, 3.0]]]), 0.5, "times")]
    [[[[2.0, 3.0]]], [5.0], 5.5]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        products = (window - kernel) ** 2 if operation == "squared difference" else window * kernel + 0.0
        if operation == "largest":
            products = np.where(kernel == 1, window, 0.0)
        sums = products.sum((-2, -1))
        return products, sums, sums.sum(-1) + bias


def _cells(made: Setup, axis: int, position: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the window's rows or columns lie in the picture, and which pixels they repeat (-1: a constant)."""
    of, before = made.axis(axis)
    cells = position * made.stride[axis] + np.arange(made.kernels.shape[2 + axis]) * made.dilation[axis]
    return cells - before, of[cells]


def check_position(at: tuple[int, int], size: tuple[int, int]) -> None:
    """Whether a map of `size` (rows, columns) has a position.

    Raises:
        GeometryError: It has not.
    """
    if len(at) != 2 or not all(0 <= p < n for p, n in zip(at, size, strict=True)):
        raise GeometryError(
            f"there is no position {', '.join(str(p) for p in at)} in a map of {size[0]}x{size[1]}: "
            f"rows go from 0 to {size[0] - 1}, columns from 0 to {size[1] - 1}"
        )


def _check(made: Setup, at: tuple[int, int], map: int, activation: str) -> None:
    check_position(at, made.size)
    if not 0 <= map < made.maps:
        raise GeometryError(f"there is no map {map}: there are 0 to {made.maps - 1}")
    if activation not in ACTIVATIONS:
        raise GeometryError(f"an activation is {', '.join(ACTIVATIONS)}, not {activation!r}")
