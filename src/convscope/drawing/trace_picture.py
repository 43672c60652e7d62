"""One value of a map as a picture: window times kernel is products, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from convscope.conv.tracing import Trace
from convscope.drawing.canvas import Canvas, width_of
from convscope.drawing.cells import draw_cells
from convscope.drawing.colours import ThemeName, limit_of
from convscope.drawing.numerals import numeral, numerals

MARGIN, BETWEEN, AXIS = 24.0, 34.0, 30.0
MOST_CHANNELS = 8
MOST_CELLS = 11
SIGNS = {"times": "×", "largest": "·", "squared difference": "−"}


def draw_trace(found: Trace, theme: ThemeName = "light") -> Image.Image:
    """Window, kernel and products of each channel, cell by cell, then the sum, the bias and the activation.

    Coordinates of the picture stand at the window's edges; padding is hatched. Kernels above 11 x 11 cells are
    drawn without numbers, and of more than 8 channels the rest are one line.

    >>> from convscope.conv.tracing import trace
    >>> draw_trace(trace([[1.0, 2.0], [3.0, 4.0]], [[1, 1]], at=(0, 0))).width > 500
    True
    """
    rows, columns = found.padded.shape
    small = max(rows, columns) <= MOST_CELLS
    cell = max(4.0, min(46.0, 420 / max(rows, columns))) if small else max(3.0, 260 / max(rows, columns))
    block, tall = columns * cell, rows * cell + 56
    channels = found.channels[:MOST_CHANNELS]
    width = MARGIN * 2 + AXIS + 3 * block + 2 * BETWEEN + 130
    canvas = Canvas(
        max(width, 560),
        MARGIN * 2
        + 40
        + len(channels) * tall
        + (20 if small else 50)
        + 24 * (len(found.channels) > MOST_CHANNELS),
        theme,
    )
    canvas.text(
        MARGIN, MARGIN + 12, f"{found.name}, row {found.position[0]}, column {found.position[1]}", size=15
    )
    y = MARGIN + 58
    for n in range(len(channels)):
        _channel(canvas, found, n, y, cell, small)
        y += tall
    _sum(canvas, found, y, small)
    return canvas.image


def stacked(images: Sequence[Image.Image]) -> Image.Image:
    """Pictures one below the other.

    >>> stacked([Image.new("RGB", (4, 2)), Image.new("RGB", (3, 5))]).size
    (4, 7)
    """
    width, height = max(i.width for i in images), sum(i.height for i in images)
    whole = Image.new("RGB", (width, height), images[0].getpixel((0, 0)))
    y = 0
    for image in images:
        whole.paste(image, (0, y))
        y += image.height
    return whole


def _channel(canvas: Canvas, found: Trace, n: int, y: float, cell: float, small: bool) -> None:
    rows, columns = found.padded.shape
    block = columns * cell
    xs = [MARGIN + AXIS + k * (block + BETWEEN) for k in range(3)]
    window = found.window[n]
    plain = bool(((found.window >= 0) & (found.window <= 1)).all())
    canvas.quiet(xs[0], y - 20, f"channel {found.channels[n]}: window")
    canvas.quiet(xs[1], y - 20, "kernel")
    canvas.quiet(xs[2], y - 20, "products")
    draw_cells(
        canvas,
        xs[0],
        y,
        cell,
        window,
        limit_of(found.window),
        padded=found.padded,
        picture=plain,
        numbers=small,
    )
    draw_cells(canvas, xs[1], y, cell, found.kernel[n], limit_of(found.kernel), numbers=small)
    draw_cells(canvas, xs[2], y, cell, found.products[n], limit_of(found.products), numbers=small)
    middle = y + rows * cell / 2 + 6
    canvas.text(xs[1] - BETWEEN / 2, middle, SIGNS[found.operation], size=18, anchor="middle")
    canvas.text(xs[2] - BETWEEN / 2, middle, "=", size=18, anchor="middle")
    canvas.text(xs[2] + block + 14, middle, f"sum {numerals(found.channel_sums, 4)[n]}", size=14)
    step = 1 if cell >= 16 else max(1, round(24 / cell))
    for k in range(0, rows, step):
        canvas.quiet(xs[0] - 6, y + (k + 0.5) * cell + 4, _whole(found.rows[k]), size=10, anchor="right")
    for k in range(0, columns, step):
        canvas.quiet(
            xs[0] + (k + 0.5) * cell, y + rows * cell + 13, _whole(found.columns[k]), size=10, anchor="middle"
        )


def _sum(canvas: Canvas, found: Trace, y: float, small: bool) -> None:
    sums = [float(v) for v in found.channel_sums]
    rest = sums[MOST_CHANNELS:]
    if rest:
        canvas.quiet(
            MARGIN, y, f"and {len(rest)} more channels, whose sums add up to {numeral(sum(rest), 4)}", size=12
        )
        y += 24
    texts = numerals([*sums[:4], found.bias, found.sum], 4)
    parts = " + ".join(texts[: len(sums[:4])]) + (" + …" if len(sums) > 4 else "")
    line = f"{parts} + bias {texts[-2]} = ".replace("+ −", "− ").replace("+ bias −", "− bias ")
    x = MARGIN + canvas.text(MARGIN, y + 8, line, size=15)
    x += canvas.text(x, y + 8, texts[-1], size=15, colour="#1b7837" if canvas.theme == "light" else "#82da9d")
    if found.activation != "none":
        canvas.text(
            x + width_of("  ", 15), y + 8, f"→ {found.activation}: {numeral(found.value, 4)}", size=15
        )
    if not small:
        canvas.quiet(MARGIN, y + 34, "Too many cells for numbers: the JSON has them all.")


def _whole(value: object) -> str:
    return str(value).replace("-", "−")
