"""Histograms of gradients: HOG and dense SIFT, each of a whole batch as products of matrices."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

FAINT = 1e-3
"""Sums of gradients below this are rounding, not picture: a grey level more or less gives a hundred times as much."""
CLIPPED = 0.2
"""Above this a value of a normalised histogram is cut off (Lowe 2004, section 6.1; Dalal & Triggs 2005, "L2-Hys")."""
TURN = 2 * np.pi


def planes(pixels: Float[np.ndarray, "n c h w"], bins: int, signed: bool) -> Float[np.ndarray, "n bins h w"]:
    """Each pixel's gradient as a plane for each direction; a direction between two bins is shared linearly.

    Differences are those of the neighbours on both sides, edges repeated; of several channels the one with the largest
    gradient counts. Bin i is the direction i turns / bins from right to down; where the sign does not count, of half a turn.
    """
    wide = np.pad(pixels, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
    right = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
    length = np.hypot(down, right)
    if pixels.shape[1] > 1:
        most = length.argmax(1, keepdims=True)
        down, right, length = (np.take_along_axis(a, most, 1) for a in (down, right, length))
    whole = TURN if signed else np.pi
    place = (np.arctan2(down, right)[:, 0] % whole) * np.float32(bins / whole)
    low = np.floor(place)
    part = (place - low) * length[:, 0]
    first = low.astype(np.int64) % bins
    made = np.zeros((len(pixels), bins, *pixels.shape[2:]), np.float32)
    np.put_along_axis(made, first[:, None], (length[:, 0] - part)[:, None], 1)
    np.put_along_axis(made, (first[:, None] + 1) % bins, part[:, None], 1)
    return made


@cache
def tents(size: int, cell: int) -> Float[np.ndarray, "cells size"]:
    """How much each pixel counts in each cell along an axis: 1 in the cell's middle, 0 at the next cell's.

    >>> tents(4, 2).tolist()
    [[0.75, 0.75, 0.25, 0.0], [0.0, 0.25, 0.75, 0.75]]
    """
    middles = (np.arange(size // cell) + 0.5) * cell - 0.5
    return np.maximum(0, 1 - np.abs(np.arange(size) - middles[:, None]) / cell).astype(np.float32)


def hog(pixels: UInt8[np.ndarray, "n c h w"], cell: int = 8, bins: int = 9) -> Float[np.ndarray, "n d"]:
    """Histograms of oriented gradients (Dalal & Triggs 2005): cells, and 2x2 of them normalised together, a cell apart.

    Directions have no sign; position and direction are shared linearly; L2-Hys. Without the paper's Gaussian in a block.
    """
    down, across = tents(pixels.shape[2], cell), tents(pixels.shape[3], cell)
    cells = down @ planes(pixels.astype(np.float32) / 255, bins, signed=False) @ across.T
    parts = [
        cells[:, :, y : y + cells.shape[2] - 1, x : x + cells.shape[3] - 1] for y in (0, 1) for x in (0, 1)
    ]
    blocks = np.concatenate(parts, axis=1).transpose(0, 2, 3, 1)
    return normalised(blocks).reshape(len(pixels), -1)


def normalised(rows: Float[np.ndarray, "*n d"]) -> Float[np.ndarray, "*n d"]:
    """Histograms of length 1, cut off at 0.2 and made of length 1 again; those of hardly any gradient are 0.

    >>> normalised(np.array([[3.0, 4.0], [1e-6, 0.0]])).round(2).tolist()
    [[0.71, 0.71], [0.0, 0.0]]
    """
    cut = np.minimum(_unit(rows), CLIPPED)
    return _unit(cut)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.where(length > FAINT, rows / np.maximum(length, FAINT), 0)


@cache
def windows(size: int, bin_size: int, step: int) -> Float[np.ndarray, "places4 size"]:
    """How much each pixel along an axis counts in the four bins of each descriptor, descriptors `step` apart.

    A bin is a tent of `bin_size` pixels, and a Gaussian of half the descriptor's width lies around its middle (Lowe 2004).
    """
    middles = centres(size, bin_size, step)
    far = np.arange(size) - middles[:, None]
    near = np.exp(-0.5 * (far / (2 * bin_size)) ** 2)
    offsets = (np.arange(4) - 1.5) * bin_size
    tent = np.maximum(0, 1 - np.abs(far[:, None] - offsets[:, None]) / bin_size)
    return (tent * near[:, None]).reshape(-1, size).astype(np.float32)


def centres(size: int, bin_size: int, step: int) -> Float[np.ndarray, " places"]:
    """Where the middles of descriptors lie along an axis, in pixels: those that lie whole in the picture.

    >>> centres(20, 4, 2).tolist()
    [7.5, 9.5, 11.5]
    """
    room = size - 4 * bin_size
    if room < 0:
        return np.zeros(0)
    places = room // step + 1
    return (size - 1) / 2 + step * (np.arange(places) - (places - 1) / 2)


@cache
def blurring(size: int, sigma: float) -> Float[np.ndarray, "size size"]:
    """The matrix that blurs along an axis by a Gaussian; at the edges the outermost pixel is repeated."""
    reach = int(np.ceil(4 * sigma))
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (at / sigma) ** 2)
    made = np.zeros((size, size), np.float32)
    for i in range(size):
        np.add.at(made[i], np.clip(i + at, 0, size - 1), weights / weights.sum())
    return made


def sift(
    pixels: UInt8[np.ndarray, "n c h w"], sizes: tuple[int, ...] = (4, 6, 8, 10), step: int = 4
) -> tuple[Float[np.ndarray, "n m 128"], Float[np.ndarray, "m 2"]]:
    """SIFT descriptors (Lowe 2004, section 6) upright on a grid, and where their middles lie, (y, x) from 0 to 1.

    Each has 4x4 bins of 8 directions; `sizes` are the bins' sides in pixels, the picture blurred by a sixth of that before.
    Colours are taken together by their mean weights of luma. Flat places have a descriptor of zeros.
    """
    height, width = pixels.shape[2:]
    grey = luma(pixels)
    found, where = [], []
    for size in sizes:
        y, x = centres(height, size, step), centres(width, size, step)
        if not len(y) or not len(x):
            continue
        soft = blurring(height, size / 6) @ grey @ blurring(width, size / 6).T
        made = windows(height, size, step) @ planes(soft, 8, signed=True) @ windows(width, size, step).T
        made = made.reshape(len(pixels), 8, len(y), 4, len(x), 4).transpose(0, 2, 4, 3, 5, 1)
        found.append(normalised(made.reshape(len(pixels), -1, 128)))
        where.append(
            np.stack(np.meshgrid((y + 0.5) / height, (x + 0.5) / width, indexing="ij"), -1).reshape(-1, 2)
        )
    if not found:
        return np.zeros((len(pixels), 0, 128), np.float32), np.zeros((0, 2), np.float32)
    return np.concatenate(found, axis=1), np.concatenate(where).astype(np.float32)


def luma(pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n 1 h w"]:
    """Pictures without colour, from 0 to 1: 0.299 red, 0.587 green, 0.114 blue (ITU-R BT.601)."""
    weights = np.array(
        [0.299, 0.587, 0.114] if pixels.shape[1] == 3 else [1 / pixels.shape[1]] * pixels.shape[1]
    )
    return np.einsum("nchw,c->nhw", pixels, (weights / 255).astype(np.float32), dtype=np.float32)[:, None]


def colours(pixels: UInt8[np.ndarray, "n c h w"], bins: int = 8) -> Float[np.ndarray, "n d"]:
    """The part of the pixels in each of `bins` equal ranges of each channel taken together (Swain & Ballard 1991).

    >>> colours(np.array([[[[0, 255]]]], np.uint8), bins=2).tolist()
    [[0.5, 0.5]]
    """
    n, c = pixels.shape[:2]
    levels = pixels.reshape(n, c, -1).astype(np.int64) * bins // 256
    code = np.einsum("ncp,c->np", levels, bins ** np.arange(c)[::-1])
    code += np.arange(n)[:, None] * bins**c
    counts = np.bincount(code.ravel(), minlength=n * bins**c).reshape(n, -1)
    return (counts / code.shape[1]).astype(np.float32)
