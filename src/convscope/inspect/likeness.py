"""What a small kernel looks like, in words: the classic pattern it is nearest to, and how near, as a cosine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from jaxtyping import Float

NEAR = 0.8
"""From this cosine on a kernel is called by its pattern's name."""
VAGUE = 0.6
"""From this one on it is said to resemble the pattern; below, no pattern is named."""

SIDES = ("right", "lower right", "bottom", "lower left", "left", "upper left", "top", "upper right")
LIES = ("level", "falling", "upright", "rising")
"""Directions of a line, every 45 degrees; falling goes from the upper left to the lower right."""
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Likeness:
    """The nearest pattern to a kernel: in words, the cosine between both (0..1), and how to say it in a sentence."""

    pattern: str
    cosine: float

    def __str__(self) -> str:
        if self.cosine >= NEAR:
            return f"{self.pattern} ({self.cosine:.2f} cosine)"
        if self.cosine >= VAGUE:
            return f"somewhat like {self.pattern} ({self.cosine:.2f} cosine)"
        return f"no classic pattern (nearest: {self.pattern}, {self.cosine:.2f} cosine)"


def likeness(kernel: Float[np.ndarray, "h w"]) -> Likeness:
    """The pattern nearest to a kernel: an edge in one of eight directions, a line in one of four, a spot, or plain light.

    Of the cosines sum(a b) / (|a| |b|) with all patterns of the kernel's size the largest. An edge of 3x3 is Sobel's;
    larger ones are smoothed and differenced by binomials in the same way.

    >>> str(likeness(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])))
    'a vertical edge, light on the right (Sobel) (1.00 cosine)'
    """
    length = float(np.linalg.norm(kernel))
    if not np.isfinite(length) or length == 0:
        return Likeness("zeros", 1.0 if length == 0 else 0.0)
    names, patterns = _patterns(kernel.shape[0], kernel.shape[1])
    cosines = patterns @ (kernel.ravel() / length)
    best = int(np.argmax(cosines))
    return Likeness(names[best], float(min(1.0, cosines[best])))


def coloured_likeness(kernel: Float[np.ndarray, "3 h w"]) -> tuple[str, Likeness]:
    """Of a kernel over red, green and blue: its colours in words, and the likeness of the pattern it has in them.

    The kernel is split into colour times pattern (its first singular vectors); where that is less than 0.7 of its square,
    the channels have patterns of their own, and the words say so.
    """
    colours, strengths, patterns = np.linalg.svd(
        kernel.reshape(3, -1).astype(np.float64), full_matrices=False
    )
    share = strengths[0] ** 2 / max(1e-30, float((strengths**2).sum()))
    colour, pattern = colours[:, 0], patterns[0].reshape(kernel.shape[1:])
    if colour.sum() < 0:
        colour, pattern = -colour, -pattern
    words = _colour(colour)
    if share < 0.7:
        words += ", with a pattern of its own in each colour"
    return words, likeness(pattern * strengths[0])


def _colour(weights: Float[np.ndarray, " 3"]) -> str:
    """What a colour vector weighs: light, one colour, or one against another."""
    strong = np.abs(weights) > 0.35 * np.abs(weights).max()
    plus = [c for c, w, s in zip(COLOURS, weights, strong, strict=True) if s and w > 0]
    minus = [c for c, w, s in zip(COLOURS, weights, strong, strict=True) if s and w < 0]
    if minus:
        return f"{' and '.join(plus)} against {' and '.join(minus)}"
    return "light" if len(plus) == 3 else " and ".join(plus)


@lru_cache(maxsize=32)
def _patterns(rows: int, columns: int) -> tuple[tuple[str, ...], Float[np.ndarray, "p n"]]:
    """All patterns of a size, each of length 1, and their names."""
    named: list[tuple[str, np.ndarray]] = []
    if rows > 1 and columns > 1:
        named += _edges(rows, columns)
    if rows > 2 and columns > 2:
        named += _lines(rows, columns) + _spots(rows, columns)
    flat = np.ones((rows, columns))
    named += [("plain light, a blur", flat), ("plain dark", -flat)]
    if rows > 2 and columns > 2:
        bell = np.outer(_binomial(rows), _binomial(columns))
        named += [("light in the middle, a soft blur", bell), ("dark in the middle", -bell)]
    kept = [(name, p) for name, p in named if np.linalg.norm(p) > 0]
    return tuple(n for n, _ in kept), np.stack([p.ravel() / np.linalg.norm(p) for _, p in kept])


def _edges(rows: int, columns: int) -> list[tuple[str, np.ndarray]]:
    """The eight directions that light may lie on, turned from the two of Sobel."""
    across = np.outer(_binomial(rows), _difference(columns))
    down = np.outer(_difference(rows), _binomial(columns))
    across, down = across / np.linalg.norm(across), down / np.linalg.norm(down)
    found = []
    for number, side in enumerate(SIDES):
        angle = number * pi / 4
        kind = ("a vertical edge", "a diagonal edge", "a level edge", "a diagonal edge")[number % 4]
        sobel = " (Sobel)" if (rows, columns) == (3, 3) and number % 2 == 0 else ""
        found.append((f"{kind}, light on the {side}{sobel}", cos(angle) * across + sin(angle) * down))
    return found


def _lines(rows: int, columns: int) -> list[tuple[str, np.ndarray]]:
    """A soft line through the middle in four directions, light on dark and the reverse; each sums to zero."""
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    y, x = y - (rows - 1) / 2, x - (columns - 1) / 2
    width = max(0.7, min(rows, columns) / 6)
    found = []
    for number, lies in enumerate(LIES):
        angle = number * pi / 4
        away = -sin(angle) * x + cos(angle) * y
        line = np.exp(-(away**2) / (2 * width**2))
        line -= line.mean()
        article = "an" if lies[0] == "u" else "a"
        found += [(f"{article} {lies} light line", line), (f"{article} {lies} dark line", -line)]
    return found


def _spots(rows: int, columns: int) -> list[tuple[str, np.ndarray]]:
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    y, x = y - (rows - 1) / 2, x - (columns - 1) / 2
    spot = np.exp(-(x**2 + y**2) / (2 * max(0.6, min(rows, columns) / 5) ** 2))
    spot -= spot.mean()
    return [("a light spot on dark", spot), ("a dark spot on light", -spot)]


def _binomial(size: int) -> Float[np.ndarray, " n"]:
    """Pascal's row: a bell of `size` whole numbers."""
    row = np.ones(1)
    for _ in range(size - 1):
        row = np.convolve(row, [1, 1])
    return row


def _difference(size: int) -> Float[np.ndarray, " n"]:
    """A bell's slope: -1 0 1 of size 3, -1 1 of size 2."""
    return np.convolve(_binomial(size - 1), [-1, 1])
