"""Pictures as a training shows them, and sums over all of their pixels, in C."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, c_int, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache

import numpy as np

from convscope.native.library import available, library
from convscope.native.runner import MOST_THREADS, checked

CHANNELS = (1, 3)
LONGEST_SIDE = 4096
SOME_PICTURES = 64


class ShowSpec(ctypes.Structure):
    """showing.h: ShowSpec."""

    _fields_ = (
        ("count", c_int64),
        ("channels", c_int32),
        ("threads", c_int32),
        ("picture", c_int32 * 2),
        ("size", c_int32 * 2),
        *((name, c_void_p) for name in ("pixels", "index", "places", "colours", "kept", "grey", "light")),
        *((name, c_void_p) for name in ("scale", "shift", "out")),
    )


@dataclass(frozen=True)
class Colours:
    """How pictures change their colours: each by a matrix [n, c, c], then `kept` [n] of its mean brightness added.

    `grey` [c] says what brightness is. What comes of it is cut to 0..255.
    """

    matrices: np.ndarray
    kept: np.ndarray
    grey: np.ndarray


def ready() -> bool:
    """Whether the engine is here, and knows these functions: one that was compiled long ago does not."""
    return available() and hasattr(library(), "show_pictures")


@cache
def _functions() -> tuple[Callable[..., int], Callable[..., None]]:
    show, sums = library().show_pictures, library().sum_pixels
    show.restype, show.argtypes = c_int, (POINTER(ShowSpec),)
    sums.restype, sums.argtypes = None, (c_void_p, c_int64, c_int32, c_int64, c_void_p, c_void_p)
    return show, sums


def show(
    pixels: np.ndarray,
    index: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    normal: tuple[np.ndarray, np.ndarray],
    *,
    colours: Colours | None = None,
    light: np.ndarray | None = None,
    threads: int = 1,
) -> np.ndarray:
    """The pictures [m, c, rows, columns] that `index` names of uint8 `pixels` [n, c, h, w], as float32.

    `places` are float32 [m, rows] and [m, columns]: which row and column of the picture, counted from 0, each of the result
    shows; bilinear between neighbours. Then come `colours`, `light` [m, c] that is added, and scale v + shift.

    Raises:
        ValueError: The arrays do not fit one another.
        MemoryError: There is too little of it.
    """
    checked(pixels, "pixels", "uint8", (None, None, None, None))
    n, channels, *picture = pixels.shape
    m = len(checked(index, "index", "int64", (None,)))
    size = [checked(at, "places", "float32", (m, None)).shape[1] for at in places]
    if channels not in CHANNELS or not m or not min(size) or max(*picture, *size) > LONGEST_SIDE:
        raise ValueError(f"{m} pictures of {channels} x {picture} are not shown as {size}")
    if not 0 <= int(index.min()) <= int(index.max()) < n:
        raise ValueError(f"index names pictures outside of 0 to {n - 1}")
    for at, side in zip(places, picture, strict=True):
        if not (at.min() >= 0 and at.max() <= side - 1):
            raise ValueError(f"places outside of 0 to {side - 1}")
    for values in normal:
        checked(values, "normal", "float32", (channels,))
    if colours is not None:
        checked(colours.matrices, "matrices", "float32", (m, channels, channels))
        checked(colours.kept, "kept", "float32", (m,))
    grey = np.zeros(channels, np.float32) if colours is None else colours.grey
    checked(grey, "grey", "float32", (channels,))
    if light is not None:
        checked(light, "light", "float32", (m, channels))
    both = np.concatenate(places, 1)
    out = np.empty((m, channels, *size), np.float32)
    spec = ShowSpec(
        count=m, channels=channels, threads=max(1, min(threads, MOST_THREADS, m)),
        picture=(c_int32 * 2)(*picture), size=(c_int32 * 2)(*size),
        pixels=pixels.ctypes.data, index=index.ctypes.data, places=both.ctypes.data,
        colours=None if colours is None else colours.matrices.ctypes.data,
        kept=None if colours is None else colours.kept.ctypes.data, grey=grey.ctypes.data,
        light=None if light is None else light.ctypes.data,
        scale=normal[0].ctypes.data, shift=normal[1].ctypes.data, out=out.ctypes.data,
    )  # fmt: skip
    if _functions()[0](ctypes.byref(spec)):
        raise MemoryError("too little memory for the threads that show pictures")
    return out


def sums(pixels: np.ndarray, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Of uint8 pixels [n, c, h, w] the sum of each channel [c], and of the products of each two channels [c, c]; exact.

    Raises:
        ValueError: The array is another.
    """
    checked(pixels, "pixels", "uint8", (None, None, None, None))
    channels, plane = pixels.shape[1], pixels.shape[2] * pixels.shape[3]

    def some(start: int) -> tuple[np.ndarray, np.ndarray]:
        part = pixels[start : start + SOME_PICTURES]
        once, products = np.zeros(channels, np.int64), np.zeros((channels, channels), np.int64)
        _functions()[1](part.ctypes.data, len(part), channels, plane, once.ctypes.data, products.ctypes.data)
        return once, products

    with ThreadPoolExecutor(max(1, min(threads, MOST_THREADS))) as pool:
        found = list(pool.map(some, range(0, len(pixels), SOME_PICTURES)))
    return (
        sum((once for once, _ in found), np.zeros(channels, np.int64)),
        sum((products for _, products in found), np.zeros((channels, channels), np.int64)),
    )
