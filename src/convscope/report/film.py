"""Film: signed numbers as a picture, green above zero, purple below, paper at zero (PRGn; Brewer 2003).

On light paper the film darkens away from zero, on dark paper it lights up: two palettes over one set of numbers.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

LIGHT = (
    "40004b",
    "762a83",
    "9970ab",
    "c2a5cf",
    "e7d4e8",
    "f3f3ef",
    "d9f0d3",
    "a6dba0",
    "5aae61",
    "1b7837",
    "00441b",
)
DARK = (
    "f6defc",
    "d7a0e8",
    "a964be",
    "703e81",
    "3f2b47",
    "1d2320",
    "1f3d2b",
    "2a6b43",
    "3fa065",
    "82da9d",
    "d9fbe3",
)
MIDDLE = 40
"""Steps of the scale on each side of zero; more could not be told apart, and a palette costs bytes."""
LARGEST_PNG = 6000


@dataclass(frozen=True)
class Film:
    """Two PNGs of the same numbers as data URIs, and their size in pixels."""

    light: str
    dark: str
    width: int
    height: int


def film(values: Float[np.ndarray, "h w"], peak: float) -> Film:
    """Numbers -peak .. peak as film; what is beyond is drawn as the peak, what is no number as zero."""
    scaled = np.nan_to_num(values / peak if peak > 0 else values * 0, nan=0.0, posinf=1.0, neginf=-1.0)
    index = (np.clip(scaled, -1, 1) * MIDDLE + MIDDLE).round().astype(np.uint8)
    height, width = index.shape
    return Film(_indexed(index, LIGHT), _indexed(index, DARK), width, height)


def legend() -> Film:
    """The whole scale as one row of film, from -1 to 1."""
    return film(np.linspace(-1, 1, 2 * MIDDLE + 1)[None], 1.0)


def shrunk(values: Float[np.ndarray, "h w"], longest: int) -> Float[np.ndarray, "h w"]:
    """Numbers averaged over blocks until no side is longer than `longest`.

    >>> shrunk(np.array([[1.0, 3.0], [5.0, 7.0]]), 1)
    array([[4.]])
    """
    block = -(-max(values.shape) // longest)
    if block <= 1:
        return values
    more = [(0, -side % block) for side in values.shape]
    padded = np.pad(values, more, mode="edge")
    rows, columns = padded.shape
    return padded.reshape(rows // block, block, columns // block, block).mean((1, 3))


def picture(pixels: UInt8[np.ndarray, "c h w"], longest: int = 96) -> str:
    """A picture as a data URI of some 6,000 bytes, at most `longest` pixels a side: a PNG, or a JPEG where that is large.

    One channel is grey, three are colours; of any other number the mean is shown.
    """
    if pixels.shape[0] == 3:
        image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    else:
        image = Image.fromarray(pixels.mean(0).round().astype(np.uint8))
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = _encoded(image, "PNG", optimize=True)
    if len(data) <= LARGEST_PNG:
        return _uri("png", data)
    data = _encoded(image, "JPEG", quality=80, optimize=True)
    if len(data) > LARGEST_PNG:
        data = _encoded(image, "JPEG", quality=50, optimize=True)
    return _uri("jpeg", data)


def _indexed(index: UInt8[np.ndarray, "h w"], stops: Sequence[str]) -> str:
    image = Image.fromarray(index).convert("P")
    image.putpalette(_palette(stops))
    return _uri("png", _encoded(image, "PNG", optimize=True))


def _palette(stops: Sequence[str]) -> bytes:
    colours = np.array([list(bytes.fromhex(stop)) for stop in stops], dtype=float)
    places = np.linspace(0, len(stops) - 1, 2 * MIDDLE + 1)
    mixed = [np.interp(places, np.arange(len(stops)), colours[:, c]) for c in range(3)]
    return np.stack(mixed, axis=1).round().astype(np.uint8).tobytes()


def _encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
