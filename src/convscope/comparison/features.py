"""What a method is shown in place of the picture: registered preprocessings, each of a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from convscope.nets.views import shown

CHUNK, LARGEST_CHUNK = 4096, 16_000_000
"""So many pictures are prepared at once, of so many values in all."""
LARGEST = 32
FIELD = 20
"""Side of the square that MNIST's digits were fitted into, inside of their 28 pixels."""

Batch = UInt8[np.ndarray, "n c h w"]


@dataclass(frozen=True)
class Feature:
    """A preprocessing: its name, what it does in a sentence, and whether it is made for strokes on black, one channel."""

    name: str
    about: str
    shown: Callable[[np.ndarray], np.ndarray]
    strokes: bool = False

    def __call__(self, pixels: Batch) -> UInt8[np.ndarray, "n c y x"]:
        """The pictures as the method is shown them."""
        step = max(1, min(CHUNK, LARGEST_CHUNK // max(pixels[:1].size, 1)))
        parts = [self.shown(np.asarray(pixels[i : i + step])) for i in range(0, len(pixels), step)]
        return np.concatenate(parts) if parts else self.shown(np.asarray(pixels))


def whole(pixels: Batch) -> UInt8[np.ndarray, "n c y x"]:
    """The pixels as they are; pictures with a side over 32 pixels are brought to 32x32 by means of areas.

    >>> whole(np.full((1, 1, 64, 64), 7, np.uint8)).shape
    (1, 1, 32, 32)
    """
    return pixels if max(pixels.shape[2:]) <= LARGEST else resized(pixels, (LARGEST, LARGEST))


def resized(pixels: Batch, size: tuple[int, int]) -> UInt8[np.ndarray, "n c y x"]:
    """Pictures of another size, each value the mean of the area that it covers.

    >>> resized(np.array([[[[0, 4], [8, 12]]]], np.uint8), (1, 1)).tolist()
    [[[[6]]]]
    """
    down, across = (areas(have, want) for have, want in zip(pixels.shape[2:], size, strict=True))
    return np.rint(down @ pixels.astype(np.float32) @ across.T).astype(np.uint8)


def areas(have: int, want: int) -> Float[np.ndarray, "want have"]:
    """The matrix that takes the means of `want` equal pieces of `have` pixels.

    >>> (3 * areas(3, 2)).round().tolist()
    [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]
    """
    edges = np.linspace(0, have, want + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(have)
    covered = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return (np.clip(covered, 0, None) * want / have).astype(np.float32)


def at_most(side: int) -> Callable[[np.ndarray], np.ndarray]:
    """A preprocessing that makes pictures smaller, by means of areas, until no side is over `side` pixels.

    >>> at_most(8)(np.zeros((1, 3, 16, 12), np.uint8)).shape
    (1, 3, 8, 6)
    """

    def shown(pixels: Batch) -> UInt8[np.ndarray, "n c y x"]:
        part = side / max(pixels.shape[2:])
        height, width = (max(1, round(part * length)) for length in pixels.shape[2:])
        return pixels if part >= 1 else resized(pixels, (height, width))

    return shown


def deslanted(pixels: Batch) -> Batch:
    """Digits sheared around their centre of mass until their vertical axis stands upright.

    The axis is that of the second moments; a row `y` is moved by (mu_11 / mu_02) (y - centre), between pixels linearly.
    """
    n, c, height, width = pixels.shape
    assert c == 1
    grey = pixels[:, 0].astype(np.float32)
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    mass = np.maximum(grey.sum((1, 2)), 1e-6)
    rows, columns = grey.sum(2), grey.sum(1)
    middle_y, middle_x = rows @ y / mass, columns @ x / mass
    far_y, far_x = y - middle_y[:, None], x - middle_x[:, None]
    spread = (rows * far_y**2).sum(1)
    slant = np.einsum("nyx,ny,nx->n", grey, far_y, far_x) / np.maximum(spread, 1e-6)
    place = x + (slant[:, None] * far_y)[:, :, None]
    left = np.floor(place)
    part = place - left
    wide = np.pad(grey, ((0, 0), (0, 0), (1, 1)))  # a column of black on each side, for places outside
    at = np.clip(left.astype(np.int64) + 1, 0, width + 1)
    after = np.clip(at + 1, 0, width + 1)
    after[left < -1] = 0
    value = np.take_along_axis(wide, at, 2) * (1 - part) + np.take_along_axis(wide, after, 2) * part
    return np.rint(value).astype(np.uint8).reshape(n, 1, height, width)


def boxed(pixels: Batch) -> UInt8[np.ndarray, "n c 20 20"]:
    """Digits cut out by their bounding boxes: the 20x20 pixels around the box's middle."""
    n, c = pixels.shape[:2]
    ink = pixels.max(1) > 0
    page = np.pad(pixels, ((0, 0), (0, 0), (FIELD, FIELD), (FIELD, FIELD)))
    rows = _start(ink.any(2))[:, None] + np.arange(FIELD, 2 * FIELD)
    columns = _start(ink.any(1))[:, None] + np.arange(FIELD, 2 * FIELD)
    every, channel = np.arange(n)[:, None, None, None], np.arange(c)[:, None, None]
    return page[every, channel, rows[:, None, :, None], columns[:, None, None, :]]


def middle(pixels: Batch) -> UInt8[np.ndarray, "n c 20 20"]:
    """The middle 20x20 pixels; digits that lie by their centre of mass stay so."""
    return shown(pixels, (FIELD, FIELD))


def _start(ink: np.ndarray) -> np.ndarray:
    """Where a window of the field's length begins, so that what is true of each row lies in its middle."""
    first, last = ink.argmax(1), ink.shape[1] - 1 - ink[:, ::-1].argmax(1)
    return (first + last + 1 - FIELD) // 2


def small(pixels: Batch) -> UInt8[np.ndarray, "n c 16 16"]:
    """Digits of 16x16 pixels, as those of the zip codes: their 20x20 box by means of areas."""
    return resized(boxed(pixels), (16, 16))


def small_centred(pixels: Batch) -> UInt8[np.ndarray, "n c 28 28"]:
    """The same in the middle of 28x28 pixels, as LeNet-1 takes them."""
    return np.pad(small(pixels), ((0, 0), (0, 0), (6, 6), (6, 6)))


FEATURES = {
    feature.name: feature
    for feature in (
        Feature("none", "the pixels as they are; sides over 32 pixels are brought to 32", whole),
        Feature("picture", "the whole picture at its own size", lambda pixels: pixels),
        Feature("up to 64", "sides over 64 pixels are brought to 64", at_most(64)),
        Feature("up to 128", "sides over 128 pixels are brought to 128", at_most(128)),
        Feature("deslanted", "sheared until the stroke's main axis stands upright", deslanted, strokes=True),
        Feature(
            "deslanted 20x20",
            "the same, cut to the middle 20x20 pixels",
            lambda pixels: middle(deslanted(pixels)),
            strokes=True,
        ),
        Feature("16x16", "the 20x20 pixels around the digit, made smaller by means of areas", small, strokes=True),
        Feature("16x16 in 28x28", "the same in the middle of 28x28 pixels", small_centred, strokes=True),
    )
}  # fmt: skip
"""Every preprocessing by name."""


def flat(pixels: Batch) -> Float[np.ndarray, "n d"]:
    """Pictures as rows of numbers from 0 to 1.

    >>> flat(np.full((1, 1, 1, 2), 255, np.uint8)).tolist()
    [[1.0, 1.0]]
    """
    return pixels.reshape(len(pixels), -1).astype(np.float32) / 255
