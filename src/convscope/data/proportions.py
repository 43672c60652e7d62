"""Where a picture goes when it is brought to another size: whole numbers only."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True)
class Placed:
    """The size (height, width) that a picture, or its part in `box`, is scaled to, and where that lies in what is wanted.

    `box` is left, top, right and bottom of the part, None for all of the picture.
    """

    near: Size
    box: tuple[float, float, float, float] | None
    top: int
    left: int


def placed(given: Size, size: Size, mode: str) -> Placed:
    """How a picture of a `given` size comes to another: "pad", "crop" or "stretch".

    >>> placed((100, 50), (20, 20), "pad")
    Placed(near=(20, 10), box=None, top=0, left=5)
    >>> placed((100, 50), (20, 20), "crop").box
    (0.0, 25.0, 50.0, 75.0)
    """
    if mode == "stretch":
        return Placed(size, None, 0, 0)
    height, width = given
    ratios = size[0] / height, size[1] / width
    if mode == "crop":
        # The part that stays is cut out while it is scaled: scaled as a whole, a line of a hundred million
        # pixels would become thousands of times that.
        return Placed(size, _middle(given, size, max(ratios)), 0, 0)
    near = _scaled(given, min(ratios))
    return Placed(near, None, (size[0] - near[0]) // 2, (size[1] - near[1]) // 2)


def covering(given: Size, size: Size) -> Size:
    """The size that a picture would have as a whole when it is scaled until it covers another.

    >>> covering((100, 50), (20, 20))
    (40, 20)
    """
    return _scaled(given, max(size[0] / given[0], size[1] / given[1]))


def _scaled(given: Size, ratio: float) -> Size:
    return max(1, round(given[0] * ratio)), max(1, round(given[1] * ratio))


def _middle(given: Size, size: Size, ratio: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the middle part that becomes `size` when it is scaled by `ratio`."""
    height, width = min(given[0], size[0] / ratio), min(given[1], size[1] / ratio)
    top, left = (given[0] - height) / 2, (given[1] - width) / 2
    return left, top, left + width, top + height
