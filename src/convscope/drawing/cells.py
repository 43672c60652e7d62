"""A small table of numbers as coloured cells that one can read."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from convscope.drawing.canvas import Canvas, Fit, readable_on, shown
from convscope.drawing.colours import grey, signed
from convscope.drawing.numerals import numerals

LEAST = 21
"""Units a side from which a cell has room for a number."""
FRAMED = 8
"""Units a side from which a cell is framed."""


def draw_cells(
    canvas: Canvas,
    x: float,
    y: float,
    cell: float,
    values: Float[np.ndarray, "h w"],
    limit: float,
    *,
    padded: Bool[np.ndarray, "h w"] | None = None,
    picture: bool = False,
    numbers: bool = True,
) -> None:
    """Cells of `cell` units with the left upper corner at x, y; numbers where there is room for them.

    Film colours up to `limit`, or greys of 0..1 with `picture`; padding is hatched.

    >>> canvas = Canvas(100, 60)
    >>> draw_cells(canvas, 10, 10, 20, np.array([[0.0, 1.0]]), 1.0)
    >>> canvas.image.getpixel((64, 24)) == (0, 68, 27)
    True
    """
    colours = grey(values[None]) if picture else signed(values, limit, canvas.theme)
    if cell < FRAMED:
        how = Fit(*_size(values), 1, canvas.px(cell * values.shape[1]), canvas.px(cell * values.shape[0]))
        canvas.put(x, y, shown(colours, how))
        return
    texts = numerals(values.ravel())
    size = min(12.0, (cell - 4) / (0.56 * max(map(len, texts))))
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            left, top = x + column * cell, y + row * cell
            fill = (int(colours[row, column, 0]), int(colours[row, column, 1]), int(colours[row, column, 2]))
            hatched = padded is not None and bool(padded[row, column])
            if hatched:
                canvas.hatch(left, top, cell, cell)
            canvas.box(left, top, cell, cell, fill=None if hatched else fill, line=canvas.colours.line)
            if numbers and cell >= LEAST and size >= 7:
                ink = canvas.colours.ink if hatched else readable_on(fill)
                words = texts[row * values.shape[1] + column]
                canvas.text(
                    left + cell / 2,
                    top + cell / 2 + size * 0.36,
                    words,
                    size=size,
                    colour=ink,
                    anchor="middle",
                )


def _size(values: np.ndarray) -> tuple[int, int]:
    return values.shape[0], values.shape[1]
