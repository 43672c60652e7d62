"""What a convolution is before anything is multiplied: every array checked, every size known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from convscope.conv import geometry
from convscope.conv.padding import Padding, Sides, pair, places, sides_of
from convscope.errors import GeometryError, KernelError

KEPT = (np.dtype("uint8"), np.dtype("float32"), np.dtype("float64"))


class Options(TypedDict, total=False):
    """The options of `convolve` that say what is computed, for functions that pass them on."""

    stride: int | tuple[int, int]
    padding: Padding
    dilation: int | tuple[int, int]
    groups: int
    bias: Any
    mode: str
    constant: float
    flip: bool


@dataclass(frozen=True, eq=False)
class Setup:
    """A convolution whose every size is known.

    `picture` is [channels, height, width], `kernels` [kernels, channels of a group, rows, columns]; map m has
    kernel m modulo their number. `shape` is the result's.
    """

    picture: np.ndarray
    kernels: np.ndarray
    maps: int
    groups: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    sides: Sides
    size: tuple[int, int]
    mode: str
    constant: float
    bias: np.ndarray | None
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype:
        """What it is computed in: float64 for float64 pictures, else float32."""
        return np.dtype("float64" if self.picture.dtype == np.float64 else "float32")

    def axis(self, number: int) -> tuple[np.ndarray, int]:
        """For one axis (0 rows, 1 columns): the pixel that each padded pixel repeats, and how many come before."""
        before, after = self.sides[number], self.sides[number + 2]
        name = ("row", "column")[number]
        return places(self.picture.shape[1 + number], before, after, self.mode, name), before


def setup(
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
) -> Setup:
    """Check the arguments of `convolve` and work out every size; nothing is multiplied yet."""
    values, kernels = as_channels(picture), np.asarray(kernel)
    channels = values.shape[0]
    maps, ahead = _maps(kernels, channels, groups, np.ndim(picture))
    if kernels.ndim == 2:
        groups = channels
    kernels = kernels.reshape((1,) * (4 - kernels.ndim) + kernels.shape)
    window: tuple[int, int] = (kernels.shape[2], kernels.shape[3])
    steps, spread = pair(stride, "stride"), pair(dilation, "dilation")
    sides = sides_of(padding, (values.shape[1], values.shape[2]), window, steps, spread)
    size = tuple(
        _positions(
            values.shape[1 + axis],
            window[axis],
            sides[axis],
            sides[axis + 2],
            steps[axis],
            spread[axis],
            axis,
        )
        for axis in (0, 1)
    )
    if flip:
        kernels = kernels[:, :, ::-1, ::-1]
    dtype = np.float64 if values.dtype == np.float64 else np.float32
    made = Setup(
        values, np.ascontiguousarray(kernels, dtype), maps, groups, steps, spread, sides, (size[0], size[1]), mode,
        float(constant) if mode == "constant" else 0.0, _bias(bias, maps, dtype), (*ahead, *size),
    )  # fmt: skip
    for axis in (0, 1):
        made.axis(axis)
    return made


def one_channel(made: Setup, map_: int, channel: int) -> Setup:
    """The part of a convolution that one channel of a map's window adds to it, without the bias."""
    first = map_ // (made.maps // made.groups) * made.kernels.shape[1]
    kernel = made.kernels[map_ % len(made.kernels), channel]
    return replace(
        made,
        picture=made.picture[first + channel][None],
        kernels=np.ascontiguousarray(kernel)[None, None],
        maps=1,
        groups=1,
        bias=None,
    )


def as_channels(picture: Any) -> np.ndarray:
    """A picture as [channels, height, width] of uint8, float32 or float64.

    Raises:
        GeometryError: It is something else.
    """
    values = np.asarray(picture)
    if values.ndim not in (2, 3) or not values.size:
        raise GeometryError(
            f"a picture is [height, width] or [channels, height, width], not {list(values.shape)}"
        )
    if values.dtype.kind not in "biuf":
        raise GeometryError(f"a picture is of whole numbers or floats, not {values.dtype}")
    if values.dtype not in KEPT:
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    return np.ascontiguousarray(values if values.ndim == 3 else values[None])


def _maps(kernels: np.ndarray, channels: int, groups: int, dims: int) -> tuple[int, tuple[int, ...]]:
    """How many maps there will be, and the shape of the result before its rows and columns."""
    if kernels.ndim not in (2, 3, 4) or not kernels.size or kernels.dtype.kind not in "biuf":
        raise KernelError(
            f"a kernel is [rows, columns], [channels, rows, columns] or [maps, channels, rows, columns] of numbers, "
            f"not {list(kernels.shape)} of {kernels.dtype}"
        )
    if kernels.ndim == 2:
        if groups != 1:
            raise KernelError(
                "a kernel of rows and columns is laid on each channel by itself: leave groups out"
            )
        return channels, (channels,) if dims == 3 else ()
    maps = 1 if kernels.ndim == 3 else kernels.shape[0]
    if not divides(groups, channels) or maps % groups:
        fits = [g for g in range(1, channels + 1) if channels % g == 0 and maps % g == 0]
        raise KernelError(
            f"groups={groups!r} does not divide {channels} channels and {maps} maps: {', '.join(map(str, fits))} would"
        )
    if kernels.shape[-3] != channels // groups:
        of = f" in {groups} groups" if groups > 1 else ""
        raise KernelError(
            f"a kernel of {kernels.shape[-3]} channels does not fit a picture of {channels}{of}: it needs "
            f"{channels // groups}"
        )
    return maps, () if kernels.ndim == 3 else (maps,)


def divides(groups: object, channels: int) -> bool:
    """Whether the channels can be cut into that many groups."""
    return isinstance(groups, int) and not isinstance(groups, bool) and groups >= 1 and channels % groups == 0


def _positions(size: int, kernel: int, before: int, after: int, stride: int, dilation: int, axis: int) -> int:
    try:
        return geometry.padded_output_size(
            size, kernel, before=before, after=after, stride=stride, dilation=dilation
        )
    except GeometryError as error:
        raise GeometryError(f"{('rows', 'columns')[axis]}: {error}") from None


def _bias(bias: Any, maps: int, dtype: Any) -> np.ndarray | None:
    if bias is None:
        return None
    values = np.asarray(bias)
    if values.dtype.kind not in "biuf" or values.shape not in ((), (maps,)):
        raise KernelError(
            f"bias is one number, or one for each of {maps} maps, not {values.dtype} {list(values.shape)}"
        )
    return np.ascontiguousarray(np.broadcast_to(values, maps), dtype)
