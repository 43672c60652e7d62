"""Pages and lines of handwritten digits, scenes of photographs, and what is where on them: to be found, and to judge by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from convscope.data.fit import resized
from convscope.data.images import Pictures
from convscope.finding.boxes import Box

SIZES = (28, 40, 56)
"""Sides of the digits' pictures, of which the digits themselves fill 20 of 28."""
INK = 60
"""A pixel darker than the paper by so much is ink."""


@dataclass(frozen=True, eq=False)
class Page:
    """A page, uint8 [channels, height, width], and a box around each thing: of digits the smallest around the ink."""

    pixels: UInt8[np.ndarray, "c y x"]
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
        y, x = _room(taken, (side, side), rng)
        taken[y : y + side, x : x + side] = True
        boxes.append(_laid(ink, drawn, y, x, str(digits.labels[n])))
    return Page(_on_paper(ink, texture, rng), tuple(boxes))


def scene(
    pictures: Pictures,
    *,
    count: int = 12,
    size: tuple[int, int] = (800, 1200),
    seed: int = 0,
    names: Sequence[str] = (),
) -> Page:
    """Photographs of three sizes, up to twice their own, at random places of a scene (height, width) of soft shades.

    A box's label is the class's name, or its number where there are no `names`.

    Raises:
        ValueError: So many find no room.
    """
    rng = np.random.default_rng([seed, 0x73])
    channels = pictures.pixels.shape[1]
    cells = 1 + size[0] // 160, 1 + size[1] // 160
    shades = (rng.integers(70, 180, (1, *cells)) + rng.integers(-12, 13, (channels, *cells))).astype(np.uint8)
    made, taken, boxes = resized(shades, size).copy(), np.zeros(size, bool), []
    for _ in range(count):
        n, times = int(rng.integers(len(pictures))), float(rng.choice((1.0, 1.5, 2.0)))
        high, wide = (round(side * times) for side in pictures.pixels.shape[2:])
        y, x = _room(taken, (high, wide), rng)
        taken[y : y + high, x : x + wide] = True
        made[:, y : y + high, x : x + wide] = resized(np.asarray(pictures.pixels[n]), (high, wide))
        label = int(pictures.labels[n])
        boxes.append(Box(names[label] if names else str(label), 1.0, x, y, wide, high))
    return Page(made, tuple(boxes))


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


def _room(taken: Bool[np.ndarray, "y x"], size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """The top left corner of a free place."""
    for _ in range(1000):
        y, x = (
            int(rng.integers(0, max(0, room - side) + 1))
            for room, side in zip(taken.shape, size, strict=True)
        )
        free = taken[y : y + size[0], x : x + size[1]]
        if free.shape == size and not free.any():
            return y, x
    high, wide = taken.shape
    raise ValueError(f"no room for all on a page of {wide}x{high} pixels: fewer, or a larger one")


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
