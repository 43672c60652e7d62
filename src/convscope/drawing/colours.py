"""Numbers as colours: film for signed numbers, and a picture in its own colours; nothing is ever rescaled.

Film is the diverging scale PRGn (Brewer 2003), which the colour blind can read: green above zero, purple below,
neutral paper at zero. A few of its colours are stated here and mixed in OKLab (Ottosson 2020) so that lightness
runs evenly from zero to either end and is the same on both sides: equal steps look equal, and +x is as far from
paper as -x. On light paper film darkens away from zero, on dark paper it lights up.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

ThemeName = Literal["light", "dark"]

STEPS = 127
"""Steps of film on each side of zero; with zero and the colour of NaN they make a palette of 256."""
NAN = "c77a30"
"""A dull orange that film never takes."""
ZERO = {"light": "f3f3ef", "dark": "1d2320"}
GREEN = {
    "light": ("a6dba0", "5aae61", "1b7837", "00441b"),
    "dark": ("2a6b43", "3fa065", "82da9d", "b4f2c5"),
}
PURPLE = {
    "light": ("c2a5cf", "9970ab", "762a83", "40004b"),
    "dark": ("703e81", "a964be", "d7a0e8", "ecc8f6"),
}

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def signed(
    map: Float[np.ndarray, "h w"], limit: float, theme: ThemeName = "light"
) -> UInt8[np.ndarray, "h w 3"]:
    """A map as film: zero is neutral, `limit` full green, -`limit` full purple, and the same number is always
    the same colour. Beyond the limit (infinities too) is the end's colour; NaN is a dull orange.

    Raises:
        ValueError: The limit is not a positive, finite number.

    >>> signed(np.array([[0.0, 2.0], [-2.0, np.nan]]), limit=2).tolist()
    [[[243, 243, 239], [0, 68, 27]], [[86, 18, 98], [199, 122, 48]]]
    """
    if not (np.isfinite(limit) and limit > 0):
        raise ValueError(f"film's limit is a positive number, not {limit}")
    with np.errstate(over="ignore"):
        scaled = np.clip(np.asarray(map, dtype=np.float64) / limit, -1, 1)
    nothing = np.isnan(scaled)
    index = np.rint(np.where(nothing, 0.0, scaled) * STEPS).astype(np.int16) + STEPS
    index[nothing] = 2 * STEPS + 1
    return film(theme)[index]


@cache
def film(theme: ThemeName = "light") -> UInt8[np.ndarray, "256 3"]:
    """Film's palette: 127 purples, neutral at 127, 127 greens, and the colour of NaN last.

    >>> film("light")[127].tolist(), film("dark")[127].tolist()
    ([243, 243, 239], [29, 35, 32])
    """
    zero = _lab(ZERO[theme])[0]
    arms = [np.vstack([zero, _lab(*colours[theme])]) for colours in (PURPLE, GREEN)]
    # Both arms end where the shorter one does, so that they are equally far from zero in lightness.
    end = min((arm[-1, 0] for arm in arms), key=lambda lightness: abs(lightness - zero[0]))
    lightness = np.linspace(zero[0], end, STEPS + 1)
    purple, green = (_rgb(_along(arm, lightness)) for arm in arms)
    nothing = np.array([list(bytes.fromhex(NAN))], dtype=np.uint8)
    table = np.concatenate([purple[:0:-1], _bytes(ZERO[theme]), green[1:], nothing])
    table.setflags(write=False)
    return table


def limit_of(*maps: Float[np.ndarray, ...]) -> float:
    """The largest finite magnitude in any of the maps, 0 excluded: 1.0 where there is none.

    >>> limit_of(np.array([0.5, -3.0, np.inf]), np.array([2.0])), limit_of(np.zeros(4))
    (3.0, 1.0)
    """
    largest = 0.0
    for map in maps:
        finite = np.abs(map[np.isfinite(map)])
        largest = max(largest, float(finite.max()) if finite.size else 0.0)
    return largest or 1.0


def grey(
    picture: Float[np.ndarray, "h w"] | Float[np.ndarray, "c h w"],
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of values 0..1 in its own colours: grey, or red, green and blue; what is beyond is cut off there,
    NaN is the dull orange of film.

    Raises:
        ValueError: The picture has neither one nor three channels, or its values are whole numbers.

    >>> grey(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[[0, 0, 0], [128, 128, 128], [255, 255, 255]]]
    """
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(
            f"a picture to draw has values 0..1, not {picture.dtype}: divide by 255 if they are bytes"
        )
    channels = picture[None] if picture.ndim == 2 else picture
    if channels.shape[0] not in (1, 3):
        raise ValueError(f"a picture to draw has one channel or three, not {channels.shape[0]}")
    nothing = np.isnan(channels)
    bright = np.clip(np.where(nothing, 0.0, channels), 0, 1)
    pixels = np.rint(bright * 255).astype(np.uint8).transpose(1, 2, 0)
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    if nothing.any():
        pixels = np.where(np.any(nothing, axis=0)[..., None], _bytes(NAN), pixels)
    return np.ascontiguousarray(pixels)


def lightness(colours: UInt8[np.ndarray, "... 3"]) -> Float[np.ndarray, ...]:
    """How light colours look, from 0 (black) to 1 (white): OKLab's L.

    >>> lightness(np.array([[0, 0, 0], [255, 255, 255]], dtype=np.uint8)).round(3).tolist()
    [0.0, 1.0]
    """
    return _oklab(colours)[..., 0]


def _along(arm: np.ndarray, lightness: np.ndarray) -> np.ndarray:
    """OKLab colours of the given lightnesses on the broken line through an arm's stated colours."""
    order = np.argsort(arm[:, 0])
    mixed = [np.interp(lightness, arm[order, 0], arm[order, axis]) for axis in (1, 2)]
    return np.stack([lightness, *mixed], axis=1)


def _bytes(*colours: str) -> np.ndarray:
    return np.array([list(bytes.fromhex(colour)) for colour in colours], dtype=np.uint8)


def _lab(*colours: str) -> np.ndarray:
    return _oklab(_bytes(*colours))


def _oklab(colours: np.ndarray) -> np.ndarray:
    value = colours / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def _rgb(lab: np.ndarray) -> np.ndarray:
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(value * 255).astype(np.uint8)
