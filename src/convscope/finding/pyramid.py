"""Sizes at which a picture is looked at, so that one window fits things of many sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, floor, log

import numpy as np
from jaxtyping import UInt8

from convscope.data.fit import resized
from convscope.errors import PictureError
from convscope.nets.words import Size

STEP = 1.15
"""From one size to the next: digits of a size between two are read as well as those of one."""
LARGEST = 200_000_000
"""Pixels of an enlarged picture."""


@dataclass(frozen=True, eq=False)
class Level:
    """The picture at one size, with a border of background around: a pixel of it is `scale` of one of the picture.

    `margin` (top, left) pixels of the border lie before the picture.
    """

    pixels: UInt8[np.ndarray, "c y x"]
    scale: tuple[float, float]
    margin: Size


def scales(size: Size, window: Size, smallest: float | None, largest: float | None) -> list[float]:
    """How much a picture of `size` is scaled in turn, so that the window covers from `smallest` to `largest` of its pixels.

    By default from the window's own size to all of the picture.

    >>> scales((100, 50), (25, 25), None, None), scales((100, 50), (20, 20), 10, 20)
    ([1.0, 0.869565, 0.756144, 0.657516, 0.571753], [2.0, 1.73913, 1.512287, 1.315032, 1.143506])
    """
    side = min(window)
    first = side / (smallest or side)
    last = side / (largest or max(min(size), side))
    steps = max(0, floor(log(first / last, STEP) + 1e-9))
    return [round(first / STEP**n, 6) for n in range(steps + 1)]


def levels(
    pixels: UInt8[np.ndarray, "c y x"], window: Size, jump: Size, wanted: list[float], border: np.ndarray
) -> Iterator[Level]:
    """The picture at each scale, with a border so wide that a window's middle can lie on each of its pixels.

    Raises:
        PictureError: A scale would make it too large.
    """
    high, wide = pixels.shape[1:]
    for scale in wanted:
        size = max(1, round(high * scale)), max(1, round(wide * scale))
        if size[0] * size[1] > max(LARGEST, high * wide):
            raise PictureError(
                f"scaled by {scale:g} a picture of {wide}x{high} is larger than {LARGEST:,} pixels: look for larger things"
            )
        inside = resized(pixels, size)
        margin = window[0] // 2, window[1] // 2
        page = [
            _covered(side + 2 * before, seen, step)
            for side, before, seen, step in zip(size, margin, window, jump, strict=True)
        ]
        made = np.empty((len(pixels), page[0], page[1]), np.uint8)
        made[:] = border[:, None, None]
        made[:, margin[0] : margin[0] + size[0], margin[1] : margin[1] + size[1]] = inside
        yield Level(made, (size[0] / high, size[1] / wide), margin)


def shifted(every: Iterable[Level], jump: Size, times: int) -> Iterator[Level]:
    """Each level so many times, begun a part of the windows' distance further down and right: windows in between.

    >>> whole = Level(np.zeros((1, 9, 9), np.uint8), (1.0, 1.0), (2, 2))
    >>> [(level.margin, level.pixels.shape[1:]) for level in shifted([whole], (4, 4), 2)]
    [((2, 2), (9, 9)), ((2, 0), (9, 7)), ((0, 2), (7, 9)), ((0, 0), (7, 7))]
    """
    for level in every:
        for n, m in product(range(times), repeat=2):
            down, right = n * jump[0] // times, m * jump[1] // times
            margin = level.margin[0] - down, level.margin[1] - right
            yield Level(level.pixels[:, down:, right:], level.scale, margin)


def _covered(side: int, seen: int, jump: int) -> int:
    """The least size, at least `side`, that windows cover to its last pixel."""
    return seen + max(0, ceil((side - seen) / jump)) * jump
