"""Kernels and their maps on one labelled sheet, and a map by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from convscope.drawing.canvas import LEGEND, NAN_NOTE, Canvas, Fit, fit, missing, shown, shown_map, width_of
from convscope.drawing.cells import draw_cells
from convscope.drawing.colours import ThemeName, grey, limit_of, signed
from convscope.drawing.numerals import numeral

MARGIN, GAP, HEAD = 24.0, 20.0, 46.0
SCALE = 2
NAMES = {3: ("red", "green", "blue")}


@dataclass(frozen=True, eq=False)
class Panel:
    """One kernel's row of a sheet: its name, its cells [h, w] or [channels, h, w], and its maps [maps, y, x]."""

    name: str
    kernel: Float[np.ndarray, "*shape"]
    maps: Float[np.ndarray, "k y x"]


def draw_map(
    maps: Float[np.ndarray, "k y x"], limit: float | None = None, theme: ThemeName = "light"
) -> Image.Image:
    """Maps side by side in film colours, pixel for pixel; `limit` is full colour, by default the largest magnitude.

    >>> draw_map(np.zeros((2, 5, 7))).size
    (14, 5)
    """
    limit = limit_of(maps) if limit is None else limit
    return Image.fromarray(np.concatenate([signed(map, limit, theme) for map in maps], axis=1))


def sheet(
    picture: Float[np.ndarray, "c h w"], panels: Sequence[Panel], *, title: str = "", theme: ThemeName = "light",
    bound: int = 280,
) -> Image.Image:  # fmt: skip
    """A picture, and a row for each kernel: its cells, its map or maps, and each row's own legend.

    `picture` has values 0..1; of more than three channels the first is shown. Nothing is larger than
    `bound` units a side.

    >>> sheet(np.zeros((1, 8, 8)), [Panel("box", np.ones((3, 3)), np.zeros((1, 6, 6)))]).width > 300
    True
    """
    shown_picture = picture if len(picture) in (1, 3) else picture[:1]
    place = fit(picture.shape[1], picture.shape[2], bound * 2)
    side = max([bound * 0.35, *(_place(p, bound).width / SCALE for p in panels)])
    kernel_side = max(bound * 0.5, *(width_of(p.name, 14) for p in panels))
    block = kernel_side + GAP + min(MOST_MAPS, max(len(p.maps) for p in panels)) * (side + GAP)
    across = _columns(panels)
    rows = [panels[n : n + across] for n in range(0, len(panels), across)]
    heights = [max(_row_height(p, bound) for p in row) for row in rows]
    left = MARGIN + place.width / SCALE + GAP * 2
    tall = max(sum(heights), place.height / SCALE + HEAD + GAP)
    canvas = Canvas(left + across * (block + GAP) + MARGIN - GAP, tall + MARGIN * 2, theme, SCALE)
    _heading(canvas, MARGIN, MARGIN, title or "picture", _shown_as(picture), place.note)
    canvas.put(MARGIN, MARGIN + HEAD, shown(grey(_as_floats(shown_picture)), place))
    y = MARGIN
    for row, height in zip(rows, heights, strict=True):
        for n, panel in enumerate(row):
            x = left + n * (block + GAP)
            _row(canvas, panel, (x, x + kernel_side + GAP), y, bound * 0.5, side, bound)
        y += height
    return canvas.image


def _columns(panels: Sequence[Panel]) -> int:
    """How many kernels stand side by side: one where each has several maps."""
    if len(panels) < 3 or any(len(p.maps) > 1 for p in panels):
        return 1
    return 2 if len(panels) < 9 else 3


def _row(
    canvas: Canvas,
    panel: Panel,
    lefts: tuple[float, float],
    y: float,
    kernel_side: float,
    side: float,
    bound: int,
) -> None:
    kernel = panel.kernel if panel.kernel.ndim == 3 else panel.kernel[None]
    _heading(canvas, lefts[0], y, panel.name, f"kernel {_by(panel.kernel.shape)}", "")
    slices = kernel[:NAMES_MOST]
    cell = min(34.0, kernel_side / max(kernel.shape[1], kernel.shape[2] * len(slices) + len(slices) - 1))
    for n, part in enumerate(slices):
        draw_cells(
            canvas, lefts[0] + n * cell * (kernel.shape[2] + 1), y + HEAD, cell, part, limit_of(kernel),
            numbers=max(part.shape) <= 5,
        )  # fmt: skip
    limit, place = limit_of(panel.maps), _place(panel, bound)
    names = NAMES.get(len(panel.maps), tuple(f"map {n}" for n in range(len(panel.maps))))
    for n, map in enumerate(panel.maps[:MOST_MAPS]):
        x = lefts[1] + n * (side + GAP)
        label = f"{_by(map.shape)}" + (f", {names[n]}" if len(panel.maps) > 1 else "")
        finite = map[np.isfinite(map)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)
        _heading(canvas, x, y, label, f"{numeral(low)} to {numeral(high)}", place.note)
        canvas.put(x, y + HEAD, shown_map(map, limit, place, canvas.theme))
    if len(panel.maps) > MOST_MAPS:
        canvas.quiet(
            lefts[1],
            y + HEAD + place.height / canvas.scale + 52,
            f"and {len(panel.maps) - MOST_MAPS} more maps",
        )
    below = y + HEAD + place.height / canvas.scale + 12
    canvas.legend(lefts[1], below, max(120.0, min(side, 200.0)), limit, missing=missing(panel.maps))


MOST_MAPS = 8
"""Maps of one kernel that a sheet shows."""
NAMES_MOST = 3
"""Slices of a deep kernel that a sheet shows."""


def _place(panel: Panel, bound: int) -> Fit:
    return fit(panel.maps.shape[1], panel.maps.shape[2], bound * 2)


def _row_height(panel: Panel, bound: int) -> float:
    map_height = _place(panel, bound).height / 2
    note = NAN_NOTE if missing(panel.maps) else 0
    return HEAD + map_height + 12 + LEGEND + note + GAP * 1.6


def _heading(canvas: Canvas, x: float, y: float, words: str, quiet: str, note: str) -> None:
    canvas.text(x, y + 14, words, size=14)
    after = canvas.quiet(x, y + 32, quiet)
    if note:
        canvas.quiet(x + after + width_of("  ", 11), y + 32, f"· {note}")


def _as_floats(picture: np.ndarray) -> np.ndarray:
    """Maps of a net are no picture of 0..1: they are shown between their least and largest value."""
    values = picture.astype(np.float64)
    if values.size and (values.min() < 0 or values.max() > 1):
        span = values.max() - values.min() or 1.0
        return (values - values.min()) / span
    return values


def _shown_as(picture: np.ndarray) -> str:
    """The picture's size, and what is not the picture as it is: one channel of many, or values beyond 0..1."""
    words = _by(picture.shape)
    if len(picture) not in (1, 3):
        words += f", channel 0 of {len(picture)}"
    seen = picture if len(picture) in (1, 3) else picture[:1]
    low, high = float(seen.min()), float(seen.max())
    return words if low >= 0 and high <= 1 else f"{words}, black {numeral(low)}, white {numeral(high)}"


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
