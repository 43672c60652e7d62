"""How a convolution is computed: which method suits its sizes, and who does it."""

from __future__ import annotations

import sys
from math import ceil, prod

import numpy as np

from convscope import native
from convscope.conv.setup import Setup, one_channel
from convscope.errors import GeometryError, KernelError
from convscope.native.convolution import TILES, Axis
from convscope.native.convolution import convolve as convolve_native
from convscope.native.runner import available_processors

METHODS = ("auto", "direct", "separable", "fourier", "torch")
# Nanoseconds on one core of the machine of benchmarks/convolution.py: for a product, and for a pixel of a transform.
PRODUCT_NS = 0.0217
TRANSFORM_NS = {32: 2.5, 64: 2.65, 128: 3.15, 256: 3.6, 512: 4.5, 1024: 7.0, 2048: 12.0}
PASS_NS = 0.5
LINE_NS = 0.06  # for a cell of a row or a column, of kernels that are one times the other
DEEP_NS, TORCH_NS = 0.08, 0.03  # for a product of kernels of several channels, ours and PyTorch's
MANY_MAPS = 8  # maps of a group from which PyTorch, where it is loaded already, shares its loads among them
ONE_THREAD = 2_000_000  # products below which a second thread costs more than it brings


def run(made: Setup, maps: np.ndarray, method: str = "auto") -> None:
    """Fill `maps` [maps, y, x] by the method asked for.

    Raises:
        GeometryError: There is no such method, or it does not fit.
    """
    if method not in METHODS:
        raise GeometryError(f"method is {', '.join(METHODS[:-1])} or {METHODS[-1]}, not {method!r}")
    factors = _factors(made) if method in ("auto", "separable") else None
    if method == "separable" and factors is None:
        raise KernelError(
            "method=separable wants one-channel kernels that are a column times a row, stride 1, dilation 1"
        )
    side, cost = _transform(made)
    if method == "fourier" and not side:
        raise GeometryError(
            "method=fourier wants a float32 or uint8 picture, stride and dilation 1, and finite kernels"
        )
    chosen = method if method != "auto" else _cheapest(made, factors is not None, cost if side else None)
    if chosen == "torch" or not native.available():
        return _torch(made, maps)
    if chosen == "fourier" and made.kernels.shape[1] > 1:
        return _channel_by_channel(made, maps)
    return _native(made, maps, side if chosen == "fourier" else 0, factors if chosen == "separable" else None)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array that begins at a cache line, so that it can be written past the cache."""
    count, line = prod(shape), 64 // dtype.itemsize
    room = np.empty(count + line, dtype)
    start = -room.ctypes.data % 64 // dtype.itemsize
    return room[start : start + count].reshape(shape)


def _native(made: Setup, maps: np.ndarray, tile: int, factors: tuple[np.ndarray, np.ndarray] | None) -> None:
    rows, columns = (Axis(*made.axis(n), made.size[n], made.stride[n], made.dilation[n]) for n in (0, 1))
    products = maps.size * prod(made.kernels.shape[1:])
    convolve_native(
        made.picture, made.kernels, (rows, columns), maps, groups=made.groups, bias=made.bias,
        constant=made.constant, tile=tile, factors=factors, threads=available_processors() if products > ONE_THREAD else 1,
    )  # fmt: skip


def _cheapest(made: Setup, separable: bool, fourier: float | None) -> str:
    rows, columns = made.kernels.shape[2:]
    positions = prod(made.size) * made.maps
    deep, cells = made.kernels.shape[1] > 1, prod(made.kernels.shape[1:])
    costs = {"direct": positions * (PASS_NS + (DEEP_NS if deep else PRODUCT_NS) * cells)}
    if deep and made.maps >= MANY_MAPS * made.groups and "torch" in sys.modules:
        costs["torch"] = TORCH_NS * positions * cells
    if separable:
        costs["separable"] = positions * (0.7 * PASS_NS + LINE_NS * (rows + columns))
    if fourier is not None:
        costs["fourier"] = fourier
    return min(costs, key=costs.__getitem__)


def _transform(made: Setup) -> tuple[int, float]:
    """The best side of Fourier transforms and its price in nanoseconds; side 0 where they cannot be used."""
    plain = made.stride == (1, 1) and made.dilation == (1, 1) and made.dtype == np.float32
    rows, columns = made.kernels.shape[2:]
    sides = [side for side in TILES if 2 * max(rows, columns) <= side]
    if not plain or not sides or not np.isfinite(made.kernels).all():
        return 0, 0.0

    def cost(side: int) -> float:
        tiles = ceil(made.size[0] / (side - rows + 1)) * ceil(made.size[1] / (side - columns + 1))
        pairs = made.maps * made.kernels.shape[1] * ceil(tiles / 2) + len(made.kernels) / 2
        return 2 * pairs * side**2 * TRANSFORM_NS[side]

    best = min(sides, key=cost)
    return best, cost(best)


def _factors(made: Setup) -> tuple[np.ndarray, np.ndarray] | None:
    """The kernels as columns times rows, or None where one of them is no such product.

    A column is scaled so that zeros of the kernel stay zeros: infinity times them is what it was.
    """
    if (
        made.kernels.shape[1] != 1
        or made.stride != (1, 1)
        or made.dilation != (1, 1)
        or not made.kernels.size
    ):
        return None
    columns, rows = [], []
    for kernel in made.kernels[:, 0].astype(np.float64):
        if not np.isfinite(kernel).all():
            return None
        row, column = np.unravel_index(np.argmax(np.abs(kernel)), kernel.shape)
        largest = kernel[row, column]
        factors = kernel[:, column], kernel[row] / largest if largest else kernel[row]
        if np.abs(np.outer(*factors) - kernel).max() > 4 * np.finfo(made.dtype).eps * abs(largest):
            return None
        columns.append(factors[0])
        rows.append(factors[1])
    return np.ascontiguousarray(columns, made.dtype), np.ascontiguousarray(rows, made.dtype)


def _channel_by_channel(made: Setup, maps: np.ndarray) -> None:
    """Transforms take one channel at a time: their maps are added up."""
    part = np.empty((1, *made.size), made.dtype)
    for number in range(made.maps):
        maps[number] = 0 if made.bias is None else made.bias[number]
        for channel in range(made.kernels.shape[1]):
            single = one_channel(made, number, channel)
            _native(single, part, _transform(single)[0], None)
            maps[number] += part[0]


def _torch(made: Setup, maps: np.ndarray) -> None:
    """The same by PyTorch: where there was no C compiler, and to compare with."""
    import torch
    import torch.nn.functional as F

    dtype = torch.float64 if made.dtype == np.float64 else torch.float32
    values = torch.from_numpy(made.picture).to(dtype)
    for number in (0, 1):
        if not made.sides[number] and not made.sides[number + 2]:
            continue
        pixels = torch.from_numpy(made.axis(number)[0].astype(np.int64))
        values = values.index_select(1 + number, pixels.clamp(min=0))
        constant = (pixels < 0).view(-1, 1) if number == 0 else pixels < 0
        values = torch.where(constant, torch.tensor(made.constant, dtype=dtype), values)
    kernels = torch.from_numpy(made.kernels).repeat(made.maps // len(made.kernels), 1, 1, 1)
    bias = None if made.bias is None else torch.from_numpy(made.bias)
    done = F.conv2d(values[None], kernels, bias, made.stride, 0, made.dilation, made.groups)
    maps[:] = done[0].numpy()
