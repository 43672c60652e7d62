"""The views of a picture that are shown to a trained net, whose answers are then averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]


@dataclass(frozen=True)
class View:
    """How a picture is laid under the net: which part of a larger one, moved by whole pixels, mirrored left to right.

    `at` is where the part lies, from (0, 0), top left, to (1, 1), bottom right; a smaller picture is always in the middle.
    """

    at: tuple[float, float] = (0.5, 0.5)
    down: int = 0
    right: int = 0
    mirrored: bool = False

    def corner(self, picture: Size, size: Size) -> tuple[int, int]:
        """The part's top and left, in pixels of the picture; negative where black lies before it.

        >>> View().corner((256, 256), (224, 224)), View().corner((28, 28), (32, 32))
        ((16, 16), (-2, -2))
        """
        rooms = (whole - seen for whole, seen in zip(picture, size, strict=True))
        top, left = (
            int(at * room + 0.5) if room >= 0 else -(-room // 2)
            for at, room in zip(self.at, rooms, strict=True)
        )
        return top - self.down, left - self.right


PLAIN = View()


@dataclass(frozen=True)
class Views:
    """Some views, and what is averaged over them: the answers as the net gives them, or class probabilities.

    `parts` says that they need pictures larger than the net.
    """

    views: tuple[View, ...]
    averaged: Literal["answers", "probabilities"] = "answers"
    parts: bool = False


CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))
VIEWS: dict[str, Views] = {
    "plain": Views((PLAIN,)),
    "shifted": Views(tuple(View(down=y, right=x) for y in (-1, 0, 1) for x in (-1, 0, 1))),
    "mirrored": Views((PLAIN, View(mirrored=True)), "probabilities"),
    "ten-crop": Views(
        tuple(View(at, mirrored=side) for side in (False, True) for at in CORNERS),
        "probabilities",
        parts=True,
    ),
}
"""`ten-crop` is that of Krizhevsky et al. 2012, section 4.1: four corners and the middle, each mirrored, too."""


def shown(pixels: np.ndarray, size: Size, view: View = PLAIN) -> np.ndarray:
    """Pictures [..., height, width] as a net of `size` (height, width) is shown them, black where nothing is.

    >>> import numpy as np
    >>> shown(np.array([[1, 2], [3, 4]]), (2, 2), View(down=1, right=-1)).tolist()
    [[0, 0], [2, 0]]
    >>> shown(np.array([[1, 2], [3, 4]]), (1, 1), View(at=(1, 1))).tolist()
    [[4]]
    """
    import numpy as np  # not above: the names of the views are wanted by every start

    whole = pixels.shape[-2:]
    corner = view.corner((whole[0], whole[1]), size)
    page = np.zeros((*pixels.shape[:-2], *size), pixels.dtype)
    here, there = [], []
    for first, have, seen in zip(corner, whole, size, strict=True):
        start, stop = max(first, 0), min(first + seen, have)
        there.append(slice(start, max(start, stop)))
        here.append(slice(start - first, max(start, stop) - first))
    page[..., here[0], here[1]] = pixels[..., there[0], there[1]]
    return page[..., ::-1].copy() if view.mirrored else page
