"""The views of a picture that are shown to a net, whose answers are then averaged."""

from __future__ import annotations

import numpy as np

VIEWS: dict[str, tuple[tuple[int, int], ...]] = {
    "plain": ((0, 0),),
    "shifted": tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)),
}
"""Name -> how far each view is moved: (down, right), in pixels."""


def shifted(pixels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Pictures [..., height, width] moved by some pixels, black where nothing was.

    >>> shifted(np.array([[1, 2], [3, 4]]), 1, -1).tolist()
    [[0, 0], [2, 0]]
    """
    moved = np.zeros_like(pixels)
    height, width = pixels.shape[-2:]
    to_y, to_x = (slice(max(0, n), size + min(0, n)) for n, size in ((down, height), (right, width)))
    from_y, from_x = (slice(max(0, -n), size + min(0, -n)) for n, size in ((down, height), (right, width)))
    moved[..., to_y, to_x] = pixels[..., from_y, from_x]
    return moved
