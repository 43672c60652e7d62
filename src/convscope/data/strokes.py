"""Strokes on paper, as MNIST has them: which is ink and which is ground, and where the middle is.

MNIST's digits were scaled, proportions kept, into a box of 20x20 pixels, and put into 28x28 with their centre
of mass in the middle (LeCun et al. 1998, section III.A). A net that learned from them expects just that. Their
middle is row and column 14, counted from 0: 13.5 to 14.5 in all 10,000 test pictures.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageFilter

BOX = 20 / 28
# Photographs are shrunk to this many pixels a side first: a digit needs no more, and all else gets fast.
WORKING_SIDE = 560
BAND = 256
"""Rows that are counted at once."""
# MNIST's strokes are 2 to 3 pixels wide. Ones thinner than THIN (a ballpoint on a whole page) would fade to
# grey when they are shrunk, so they are widened first.
THIN, WIDENED = 1.3, 1.9


def is_dark_on_light(grey: UInt8[np.ndarray, "y x"], *, strokes: bool = False) -> bool:
    """Whether a picture shows something dark on a light ground; the ground is what its border is.

    A border clearly light or dark decides. Where it is between, and always for strokes (a page in shadow may
    be darker than middle grey), what stands out from it decides: is it darker or lighter?

    >>> page = np.full((9, 9), 100, np.uint8)
    >>> page[4, 2:7] = 20
    >>> is_dark_on_light(page), is_dark_on_light(255 - page)
    (True, False)
    """
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = float(np.median(edge))
    if not strokes and not 85 <= ground <= 170:
        return ground > 127
    # Squares: little ink that differs much outweighs a wide page that is not quite even. Counted in bands: a page may have
    # a hundred million pixels.
    counts = sum(np.bincount(grey[y : y + BAND].ravel(), minlength=256) for y in range(0, len(grey), BAND))
    away = np.arange(256) - ground
    darker, lighter = (float((counts * away**2)[side].sum()) for side in (away < 0, away > 0))
    return ground > 127 if darker == lighter else darker > lighter


def is_like_mnist(grey: UInt8[np.ndarray, "y x"]) -> bool:
    """Whether light strokes already lie as MNIST's do: in the middle, with a dark margin of MNIST's width."""
    box = bounding_box(grey > 0)
    if box is None or grey.max() < 200:
        return False
    top, bottom, left, right = box
    largest = max(bottom - top, right - left)
    y, x = centre_of_mass(grey)
    off = max(abs(y - grey.shape[0] / 2), abs(x - grey.shape[1] / 2))
    wanted = BOX * min(grey.shape)
    return abs(largest - wanted) <= 1 and off <= 1


def ink(grey: UInt8[np.ndarray, "y x"]) -> tuple[UInt8[np.ndarray, "h w"], list[str]]:
    """Only the strokes of light strokes on a dark ground: 0 where there are none, 255 where they are full.

    The ground is a smooth surface (a page lit from one side), found by fitting it to all that is not ink.
    """
    steps = []
    shrink = max(grey.shape) / WORKING_SIDE
    if shrink > 1:
        size = tuple(max(1, round(n / shrink)) for n in grey.shape[::-1])
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))  # type: ignore[arg-type]
    ground, noise = lighting(grey)
    above = grey - ground
    full = _full_ink(above, noise)
    if full <= 0:
        return np.zeros_like(grey), ["nothing drawn on it was found"]
    if np.ptp(ground) > 16 or noise > 4:
        steps.append("uneven lighting taken off")
    floor = min(0.4 * full, 3 * noise)
    return np.rint(255 * np.clip((above - floor) / (full - floor), 0, 1)).astype(np.uint8), steps


def lighting(grey: UInt8[np.ndarray, "y x"]) -> tuple[Float[np.ndarray, "y x"], float]:
    """The ground under the strokes as a quadratic surface, and how noisy it is (standard deviation), in 0..255."""
    plain = _plain_ground(grey)
    if plain is not None:
        return np.full(grey.shape, float(plain)), 0.0
    small = np.asarray(Image.fromarray(grey).resize((64, 64), Image.Resampling.BOX), np.float64)
    at = np.linspace(-1, 1, 64)
    y, x = np.meshgrid(at, at, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    values = small.ravel()
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground_like = np.abs(values - np.median(edge)) <= max(20.0, 2.5 * float(np.std(edge)))
    factors = np.zeros(6)
    factors[0] = float(np.median(edge))
    for _ in range(6):
        if ground_like.sum() < 64:
            break
        factors = np.linalg.lstsq(terms[ground_like], values[ground_like], rcond=None)[0]
        off = values - terms @ factors
        spread = 1.4826 * float(np.median(np.abs(off[ground_like])))
        ground_like = np.abs(off) <= max(6.0, 3 * spread)
    y, x = np.meshgrid(np.linspace(-1, 1, grey.shape[0]), np.linspace(-1, 1, grey.shape[1]), indexing="ij")
    ground = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1) @ factors
    off = grey - ground
    return ground, 1.4826 * float(np.median(np.abs(off)))


def _plain_ground(grey: np.ndarray) -> int | None:
    """The one value that the ground of a drawing has everywhere; None of a photograph, whose ground is never that even."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = int(np.median(edge))
    same = int(np.count_nonzero(grey == ground))
    near = int(np.count_nonzero((grey >= max(0, ground - 20)) & (grey <= min(255, ground + 20)))) - same
    return ground if 2 * same > grey.size and 20 * near < grey.size else None


def _full_ink(above: np.ndarray, noise: float) -> float:
    """The brightness over the ground at which a stroke is full, or 0 where nothing stands out."""
    least = max(12.0, 5 * noise)
    standing = above[above > least]
    if not standing.size:
        return 0.0
    # The upper half of what stands out is stroke, the lower half its soft edge and smudges.
    strong = standing[standing > 0.5 * np.quantile(standing, 0.98)]
    return float(np.median(strong))


def centred(
    drawn: UInt8[np.ndarray, "y x"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h w"], list[str]]:
    """Strokes scaled into MNIST's box and put into `size` (height, width) with their centre of mass in the middle."""
    page = np.zeros(size, np.uint8)
    box = bounding_box(_without_specks(drawn))
    if box is None:
        return page, []
    top, bottom, left, right = box
    drawn = drawn[top:bottom, left:right]
    wanted = round(BOX * min(size))
    ratio = wanted / max(drawn.shape)
    drawn, steps = _widened(drawn, ratio)
    near = tuple(min(s, max(1, round(n * ratio))) for n, s in zip(drawn.shape, size, strict=True))
    small = np.asarray(Image.fromarray(drawn).resize(near[::-1], Image.Resampling.LANCZOS))  # type: ignore[arg-type]
    small = np.rint(np.minimum(255.0, small * (255.0 / max(1, int(small.max()))))).astype(np.uint8)
    y, x = centre_of_mass(small)
    corner = [round(size[0] / 2 - y), round(size[1] / 2 - x)]
    # A lopsided drawing may not reach over the edge: the shift stops there.
    row, column = (int(np.clip(c, 0, s - n)) for c, s, n in zip(corner, size, near, strict=True))
    page[row : row + near[0], column : column + near[1]] = small
    where = f"the drawing ({right - left}x{bottom - top}) scaled to {near[1]}x{near[0]}"
    return page, [*steps, f"{where}, its centre of mass in the middle of {size[1]}x{size[0]}"]


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right (ends not included) of all that is true, None where nothing is.

    >>> bounding_box(np.eye(5, 7) > 0)
    (0, 5, 0, 5)
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def centre_of_mass(grey: UInt8[np.ndarray, "y x"]) -> tuple[float, float]:
    """Where the picture would balance, as (row, column).

    >>> centre_of_mass(np.array([[0, 1, 0], [0, 1, 0]], np.uint8))
    (0.5, 1.0)
    """
    weight = float(grey.sum(dtype=np.float64)) or 1.0
    rows, columns = grey.sum(1, dtype=np.float64), grey.sum(0, dtype=np.float64)
    return float(rows @ np.arange(len(rows)) / weight), float(columns @ np.arange(len(columns)) / weight)


def _without_specks(drawn: np.ndarray) -> np.ndarray:
    """Where strokes are, without single noisy pixels, which would move the box."""
    strong = drawn > 77
    if min(drawn.shape) < 64:
        return strong
    kept = np.asarray(Image.fromarray(strong.astype(np.uint8) * 255).filter(ImageFilter.MedianFilter(3))) > 0
    # A line one pixel wide is no speck, though the median filter thinks so.
    return kept if kept.sum() > 0.3 * strong.sum() else strong


def _widened(drawn: np.ndarray, ratio: float) -> tuple[np.ndarray, list[str]]:
    mask = np.pad(drawn > 127, 1)
    inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    outline = max(1, int(mask.sum()) - int(inner.sum()))
    width = max(1.0, 2 * int(mask.sum()) / outline - 1) * ratio
    if not 0 < width < THIN:
        return drawn, []
    more = (WIDENED - width) / ratio
    reach = int(more / 2)
    if reach < 1:
        return drawn, []
    grown = Image.fromarray(np.pad(drawn, reach)).filter(ImageFilter.MaxFilter(2 * reach + 1))
    return np.asarray(grown), ["strokes widened: thin ones would fade when scaled down"]
