"""Pages and lines of handwritten digits with what stands where on them: something to find, and to be judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from convscope.data.fit import resized
from convscope.data.images import Pictures
from convscope.finding.boxes import Box

SIZES = (28, 40, 56)
"""Sides of the digits' pictures, of which the digits themselves fill 20 of 28."""
INK = 60
"""A pixel darker than the paper by so much is ink."""


@dataclass(frozen=True, eq=False)
class Page:
    """A page, dark ink on light paper, uint8 [1, height, width], and the smallest box around each digit's ink."""

    pixels: UInt8[np.ndarray, "1 y x"]
    boxes: tuple[Box, ...]

    @property
    def text(self) -> str:
        """The digits from left to right, as on a line."""
        return "".join(box.label for box in sorted(self.boxes, key=lambda box: box.middle[0]))


def page(
    digits: Pictures,
    *,
    count: int = 40,
    size: tuple[int, int] = (800, 800),
    seed: int = 0,
    texture: float = 0.0,
) -> Page:
    """A page of `size` (height, width) with digits of three sizes at random places, none on another.

    `texture` is how uneven the paper is, as the standard deviation of its grey, 0..255.

    Raises:
        ValueError: So many digits find no room.
    """
    rng = np.random.default_rng([seed, 0x70])
    ink, taken, boxes = np.zeros(size, np.uint8), np.zeros(size, bool), []
    for _ in range(count):
        n, side = int(rng.integers(len(digits))), int(rng.choice(SIZES))
        drawn = resized(digits.pixels[n], (side, side))[0]
        for _ in range(1000):
            y, x = (int(rng.integers(0, room - side + 1)) for room in size)
            if not taken[y : y + side, x : x + side].any():
                break
        else:
            raise ValueError(f"{count} digits find no room on a page of {size[1]}x{size[0]} pixels")
        taken[y : y + side, x : x + side] = True
        boxes.append(_laid(ink, drawn, y, x, str(digits.labels[n])))
    return Page(_on_paper(ink, texture, rng), tuple(boxes))


def line(
    digits: Pictures, text_length: int, *, seed: int = 0, touching: float = 0.3, margin: int = 12
) -> Page:
    """A line of digits as one writes them: sizes and heights vary a little; so large a part of neighbours touch."""
    rng = np.random.default_rng([seed, 0x6C])
    ink = np.zeros((28 + 2 * margin + 8, 36 * text_length + 2 * margin), np.uint8)
    boxes, right = [], float(margin)
    for _ in range(text_length):
        n, side = int(rng.integers(len(digits))), int(rng.integers(25, 32))
        drawn = resized(digits.pixels[n], (side, side))[0]
        first = int(np.flatnonzero((drawn > INK).any(0))[0])
        gap = rng.uniform(-1, 0) if boxes and rng.random() < touching else rng.uniform(2, 8)
        x, y = round(right + gap) - first, margin + 4 + (28 - side) // 2 + int(rng.integers(-3, 4))
        box = _laid(ink, drawn, y, max(x, 0), str(digits.labels[n]))
        right = box.x + box.width
        boxes.append(box)
    ink = ink[:, : round(right) + margin]
    return Page(_on_paper(ink, 0.0, rng), tuple(boxes))


def _laid(ink: UInt8[np.ndarray, "y x"], drawn: UInt8[np.ndarray, "h w"], y: int, x: int, label: str) -> Box:
    high, wide = drawn.shape
    part = ink[y : y + high, x : x + wide]
    np.maximum(part, drawn[: part.shape[0], : part.shape[1]], out=part)
    rows, columns = (np.flatnonzero((drawn > INK).any(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Box(label, 1.0, x + left, y + top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)


def _on_paper(
    ink: UInt8[np.ndarray, "y x"], texture: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "1 y x"]:
    paper = 255.0 - ink
    if texture:
        paper -= np.abs(rng.normal(0, texture, ink.shape))
    return np.clip(paper, 0, 255).astype(np.uint8)[None]
