"""The operation itself: a kernel moves over a picture, multiplies, adds, and leaves a feature map."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from convscope.conv import engines
from convscope.conv.padding import Padding, pair, sides_of
from convscope.conv.setup import Setup, as_channels, divides, setup
from convscope.errors import GeometryError, KernelError

Method = Literal["auto", "direct", "separable", "fourier", "torch"]


def convolve(
    picture: Any,
    kernel: Any,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = "valid",
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    bias: Any = None,
    mode: str = "zeros",
    constant: float = 0.0,
    flip: bool = False,
    method: Method = "auto",
    out: np.ndarray | None = None,
) -> Float[np.ndarray, "*map"]:
    """The feature map of a kernel over a picture.

    map[y, x] = bias + sum over i, j of kernel[i, j] picture[y stride + i dilation - top, x stride + j dilation - left]:
    convolution as deep learning means it (cross-correlation); `flip` turns the kernel by 180 degrees first, as
    mathematics does. `picture` is [h, w] or [channels, h, w]. A kernel [rows, columns] is laid on each channel by
    itself; [channels, rows, columns] sums the channels to one map [y, x]; [maps, channels / groups, rows, columns] gives
    [maps, y, x] as torch's conv2d does (groups = channels: depthwise).

    `padding` is valid, same, full, or numbers (`conv.padding.sides_of`); `mode` says what it holds: zeros,
    constant (`constant`), reflect, replicate or circular. uint8 and float32 pictures give float32, all others
    float64. `method` is chosen by size; fourier is exact to about 1e-6 of the largest value in 256 x 256 pixels, the
    others to rounding. `out` is an array to fill.

    Raises:
        GeometryError: The sizes do not fit, or a number is out of range.
        KernelError: The kernel does not fit the picture's channels.

    >>> convolve(np.arange(16.0).reshape(4, 4), np.ones((3, 3)))
    array([[45., 54.],
           [81., 90.]])
    >>> convolve(np.ones((3, 3)), np.ones((3, 3)), padding="same")[0]
    array([4., 6., 4.])
    """
    made = setup(
        picture, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias, mode=mode,
        constant=constant, flip=flip,
    )  # fmt: skip
    maps = engines.aligned((made.maps, *made.size), made.dtype) if out is None else _checked_out(out, made)
    engines.run(made, maps, method)
    return maps.reshape(made.shape)


def convolve_transposed(
    picture: Any,
    kernel: Any,
    *,
    stride: int | tuple[int, int] = 1,
    padding: Padding = 0,
    output_padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    bias: Any = None,
) -> Float[np.ndarray, "*map"]:
    """The transpose of `convolve`: every value of the picture lays down a copy of the kernel, `stride` apart.

    What torch's conv_transpose2d computes: a kernel is [channels, maps / groups, rows, columns] there, or [rows, columns]
    for each channel by itself. `padding` is numbers: pixels cut off at each side; `output_padding` adds some at
    the bottom and right.

    Raises:
        GeometryError, KernelError: As `convolve`.

    >>> convolve_transposed(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0, 1.0]]), stride=2)
    array([[1., 1., 3., 2., 2.]])
    """
    values, kernels = as_channels(picture), np.asarray(kernel)
    steps, spread = pair(stride, "stride"), pair(dilation, "dilation")
    if isinstance(padding, str):
        raise GeometryError(f"a transposed convolution's padding is numbers, not {padding!r}")
    window = kernels.shape[-2:] if kernels.ndim >= 2 else (1, 1)
    cut = sides_of(padding, values.shape[1:], window)
    more = (output_padding, output_padding) if isinstance(output_padding, int) else tuple(output_padding)
    apart = np.zeros(
        (len(values), *((n - 1) * s + 1 for n, s in zip(values.shape[1:], steps, strict=True))), values.dtype
    )
    apart[:, :: steps[0], :: steps[1]] = values
    reach = [d * (k - 1) for k, d in zip(window, spread, strict=True)]
    sides = [reach[0] - cut[0], reach[1] - cut[1], reach[0] - cut[2] + more[0], reach[1] - cut[3] + more[1]]
    for axis in (0, 1):
        apart = _trimmed(apart, 1 + axis, -min(0, sides[axis]), -min(0, sides[axis + 2]))
    kept = [max(0, side) for side in sides]
    swapped = _swapped(kernels, values.shape[0], groups)
    how: dict[str, Any] = {"padding": kept, "dilation": dilation, "bias": bias, "flip": True}
    if kernels.ndim == 2:
        return convolve(apart if np.ndim(picture) == 3 else apart[0], kernels, **how)
    return convolve(apart, swapped, groups=groups, **how)


def _trimmed(values: np.ndarray, axis: int, before: int, after: int) -> np.ndarray:
    size = values.shape[axis]
    if before + after >= size:
        raise GeometryError(f"padding cuts off {before + after} of {size} pixels: nothing would be left")
    return np.take(values, np.arange(before, size - after), axis) if before or after else values


def _swapped(kernels: np.ndarray, channels: int, groups: int) -> np.ndarray:
    """Kernels [channels, maps / groups, ...] as the [maps, channels / groups, ...] of a convolution."""
    if kernels.ndim == 2:
        return kernels
    if kernels.ndim != 4 or kernels.shape[0] != channels or not divides(groups, channels):
        raise KernelError(
            f"a transposed kernel is [rows, columns] or [{channels} channels, maps / groups, rows, columns] with "
            f"groups that divide the channels, not {list(kernels.shape)} in {groups} groups"
        )
    inside, outside = channels // groups, kernels.shape[1]
    parts = kernels.reshape(groups, inside, outside, *kernels.shape[2:]).swapaxes(1, 2)
    return parts.reshape(groups * outside, inside, *kernels.shape[2:])


def _checked_out(out: np.ndarray, made: Setup) -> np.ndarray:
    if (
        not isinstance(out, np.ndarray)
        or out.shape != made.shape
        or out.dtype != made.dtype
        or not out.flags.c_contiguous
    ):
        came = f"{out.dtype} {list(out.shape)}" if isinstance(out, np.ndarray) else type(out).__name__
        raise GeometryError(f"out must be contiguous {made.dtype} of shape {list(made.shape)}, not {came}")
    if not out.flags.writeable or np.shares_memory(out, made.picture):
        raise GeometryError("out must be writable, and not share memory with the picture")
    return out.reshape(made.maps, *made.size)
