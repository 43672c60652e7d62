"""A kernel over a picture in C: the piece of `convscope.conv.convolution` that touches every pixel."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from math import prod

import numpy as np

from convscope.native.library import ConvolveSpec, library
from convscope.native.runner import MOST_THREADS, checked

PIXELS = {"uint8": 0, "float32": 1, "float64": 2}
TILES = (32, 64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution; `places` says of each padded pixel which of the picture's it is, -1 for the constant."""

    places: np.ndarray
    before: int
    positions: int
    stride: int
    dilation: int


def convolve(
    picture: np.ndarray,
    weights: np.ndarray,
    axes: tuple[Axis, Axis],
    out: np.ndarray,
    *,
    groups: int = 1,
    bias: np.ndarray | None = None,
    constant: float = 0.0,
    tile: int = 0,
    factors: tuple[np.ndarray, np.ndarray] | None = None,
    threads: int = 1,
) -> None:
    """Fill `out` [maps, y, x] with the maps of a picture [channels, height, width].

    `weights` are [kernels, channels of a group, rows, columns]; map m has kernel m modulo their number. uint8 pictures are
    computed in float32, the others in their own type. `tile` is the side of the Fourier transforms (one channel a
    group, stride and dilation 1), `factors` the kernels as columns [kernels, rows] times rows [kernels, columns].

    Raises:
        ValueError: The arrays do not fit one another.
        MemoryError: There is too little of it.
    """
    kind = "float64" if picture.dtype == np.float64 else "float32"
    checked(picture, "picture", str(picture.dtype), (None, None, None))
    checked(weights, "weights", kind, (None, picture.shape[0] // groups, None, None))
    checked(out, "out", kind, (None, *(axis.positions for axis in axes)))
    if str(picture.dtype) not in PIXELS or picture.shape[0] % groups or len(out) % groups or not out.size:
        raise ValueError(f"{picture.dtype} {picture.shape} in {groups} groups does not become {out.shape}")
    if tile and (
        tile not in TILES or kind == "float64" or weights.shape[1] != 1 or max(weights.shape[2:]) > tile // 2
    ):
        raise ValueError(f"a tile of {tile} does not fit these kernels: {weights.shape}")
    for axis, pixels, cells in zip(axes, picture.shape[1:], weights.shape[2:], strict=True):
        _check(axis, pixels, cells, tile)
    if bias is not None:
        checked(bias, "bias", kind, (len(out),))
    if factors is not None:
        for name, factor, cells in zip(("columns", "rows"), factors, weights.shape[2:], strict=True):
            checked(factor, name, kind, (len(weights), cells))
        if (
            weights.shape[1] != 1
            or axes[0].stride * axes[1].stride * axes[0].dilation * axes[1].dilation != 1
        ):
            raise ValueError("factors want one channel a group, stride 1 and dilation 1")
    spec = ConvolveSpec(
        pixels=PIXELS[str(picture.dtype)], groups=groups, inside=weights.shape[1], outside=len(out) // groups,
        kernels=len(weights), tile=tile, threads=max(1, min(threads, MOST_THREADS)),
        picture=_pair(*picture.shape[1:]), padded=_pair(*(len(a.places) for a in axes)),
        before=_pair(*(a.before for a in axes)), map=_pair(*out.shape[1:]), kernel=_pair(*weights.shape[2:]),
        stride=_pair(*(a.stride for a in axes)), dilation=_pair(*(a.dilation for a in axes)), constant=constant,
        values=picture.ctypes.data, weights=weights.ctypes.data,
        downs=None if factors is None else factors[0].ctypes.data,
        acrosses=None if factors is None else factors[1].ctypes.data,
        biases=None if bias is None else bias.ctypes.data,
        rows_of=axes[0].places.ctypes.data, columns_of=axes[1].places.ctypes.data, maps=out.ctypes.data,
    )  # fmt: skip
    if library().convolve(ctypes.byref(spec)):
        raise MemoryError(f"too little memory for {prod(out.shape):,} values of maps")


def _pair(*sizes: int) -> ctypes.Array:
    return (ctypes.c_int32 * 2)(*sizes)


def _check(axis: Axis, pixels: int, cells: int, tile: int) -> None:
    checked(axis.places, "places", "int32", (None,))
    if axis.places.size and not -1 <= int(axis.places.min()) <= int(axis.places.max()) < pixels:
        raise ValueError(f"places name pixels outside of 0 to {pixels - 1}")
    inside = axis.places[axis.before : axis.before + pixels]
    if len(inside) != pixels or not np.array_equal(inside, np.arange(pixels)):
        raise ValueError(f"the picture's {pixels} pixels do not follow {axis.before} of padding")
    if (axis.positions - 1) * axis.stride + (cells - 1) * axis.dilation >= len(axis.places):
        raise ValueError(f"{axis.positions} positions do not fit {len(axis.places)} padded pixels")
    if tile and (axis.stride != 1 or axis.dilation != 1 or axis.positions + cells - 1 != len(axis.places)):
        raise ValueError("tiles want stride 1, dilation 1 and every position")
