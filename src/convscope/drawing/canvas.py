"""A sheet of paper to draw on: text of measured width, pixels in whole cells, hatching, and film's legend.

Places and lengths are in units of a common screen; the canvas multiplies them by its scale (2 for a sharp
screen) and draws everything at the final resolution, so that nothing is ever blurred by enlarging.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from convscope.drawing.colours import NAN, ThemeName, film, lightness, signed
from convscope.drawing.numerals import marked

Anchor = Literal["left", "middle", "right"]
Colour = str | tuple[int, int, int]


@dataclass(frozen=True)
class Theme:
    """The colours of everything that is neither film nor picture, as #rrggbb.

    `blank` is a cell that has no value yet; it differs from film's neutral, which says zero.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    blank: str


THEMES: dict[ThemeName, Theme] = {
    "light": Theme(paper="#fcfcfa", ink="#1a1f1c", quiet="#59615c", line="#c6cac3", blank="#dcded8"),
    "dark": Theme(paper="#111513", ink="#e8ece9", quiet="#a2aba5", line="#454d48", blank="#333a36"),
}
NAN_COLOUR = f"#{NAN}"
DRAWN = "−×→"
"""Signs that Pillow's own font lacks and a sheet cannot do without; they are drawn as strokes."""


@dataclass(frozen=True)
class Fit:
    """How `rows` x `columns` pixels are shown: enlarged `times` times, or shrunk (`times` is 0) to `width` x `height`."""

    rows: int
    columns: int
    times: int
    width: int
    height: int

    @property
    def note(self) -> str:
        """What to say about the size: nothing where every pixel is there to see."""
        if self.times:
            return ""
        factor = max(self.rows / self.height, self.columns / self.width)
        whole = round(factor)
        if whole > 1 and abs(factor - whole) < 0.02 * whole:
            return f"shown at 1/{whole}"
        return f"shown at {100 / factor:.0f} %"


def fit(rows: int, columns: int, bound: int) -> Fit:
    """The largest whole enlargement of rows x columns within `bound` pixels a side, or the shrinking that fits.

    >>> fit(28, 28, 480), fit(2160, 3840, 480).note
    (Fit(rows=28, columns=28, times=17, width=476, height=476), 'shown at 1/8')
    """
    times = bound // max(rows, columns)
    if times:
        return Fit(rows, columns, times, columns * times, rows * times)
    factor = bound / max(rows, columns)
    return Fit(rows, columns, 0, max(1, round(columns * factor)), max(1, round(rows * factor)))


def shown(pixels: UInt8[np.ndarray, "h w 3"], how: Fit) -> Image.Image:
    """Pixels as an image of the fitted size: whole cells where enlarged, LANCZOS where shrunk.

    >>> shown(np.zeros((2, 3, 3), dtype=np.uint8), fit(2, 3, 30)).size
    (30, 20)
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    way = Image.Resampling.NEAREST if how.times else Image.Resampling.LANCZOS
    return image if image.size == (how.width, how.height) else image.resize((how.width, how.height), way)


def shown_map(map: Float[np.ndarray, "h w"], limit: float, how: Fit, theme: ThemeName) -> Image.Image:
    """A map as film of the fitted size; a shrunk map shows the mean of the values under each pixel.

    Colours are not mixed, since green and purple would mix to a grey that no number has.

    >>> shown_map(np.zeros((100, 50)), 1.0, fit(100, 50, 20), "light").size
    (10, 20)
    """
    if how.times:
        return shown(signed(map, limit, theme), how)
    with np.errstate(over="ignore"):
        values = Image.fromarray((map / limit).astype(np.float32))
    means = values.resize((how.width, how.height), Image.Resampling.BOX)
    return Image.fromarray(signed(np.asarray(means, dtype=np.float64), 1.0, theme))


@cache
def font(pixels: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font with an em of so many pixels.

    >>> font(20).size
    20
    """
    found = ImageFont.load_default(pixels)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


class Canvas:
    """A sheet of `width` x `height` units, `scale` pixels each; `image` is what has been drawn so far.

    >>> Canvas(100, 50, scale=2).image.size
    (200, 100)
    """

    def __init__(self, width: float, height: float, theme: ThemeName = "light", scale: int = 2):
        self.scale = scale
        self.theme: ThemeName = theme
        self.colours = THEMES[theme]
        self.image = Image.new("RGB", (self.px(width), self.px(height)), self.colours.paper)
        self.draw = ImageDraw.Draw(self.image)

    def px(self, units: float) -> int:
        """Units in whole pixels."""
        return round(units * self.scale)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        colour: Colour | None = None,
        anchor: Anchor = "left",
    ) -> float:
        """Writes a line with its baseline at y and gives its width in units."""
        pixels = self.px(size)
        width = _width(words, pixels)
        left = self.px(x) - {"left": 0.0, "middle": width / 2, "right": width}[anchor]
        ink = colour or self.colours.ink
        for drawn, run in _runs(words):
            if drawn:
                mask, above = _sign(run, pixels)
                self.image.paste(ink, (round(left), self.px(y) - above), mask)
            else:
                self.draw.text((round(left), self.px(y)), run, fill=ink, font=font(pixels), anchor="ls")
            left += _width(run, pixels)
        return width / self.scale

    def quiet(self, x: float, y: float, words: str, *, size: float = 11, anchor: Anchor = "left") -> float:
        """Writes a line of lesser weight."""
        return self.text(x, y, words, size=size, colour=self.colours.quiet, anchor=anchor)

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: Colour | None = None, line: Colour | None = None
    ) -> None:  # fmt: skip
        """A rectangle whose outline, one unit wide, lies inside it."""
        left, top = self.px(x), self.px(y)
        corners = (left, top, left + self.px(width) - 1, top + self.px(height) - 1)
        self.draw.rectangle(corners, fill=fill, outline=line, width=max(1, self.scale // 2))

    def put(self, x: float, y: float, image: Image.Image, *, framed: bool = True) -> None:
        """Lays an image of pixels down with its left upper corner at x, y, with a thin frame around it."""
        left, top = self.px(x), self.px(y)
        if framed:
            edge = max(1, self.scale // 2)
            corners = (left - edge, top - edge, left + image.width + edge - 1, top + image.height + edge - 1)
            self.draw.rectangle(corners, outline=self.colours.line, width=edge)
        self.image.paste(image, (left, top))

    def hatch(self, x: float, y: float, width: float, height: float) -> None:
        """Hatches a rectangle: here is padding, not picture."""
        self.image.paste(
            hatched(self.px(width), self.px(height), self.theme, self.scale), (self.px(x), self.px(y))
        )

    def legend(self, x: float, y: float, width: float, limit: float, *, missing: int = 0) -> float:
        """The bar -limit 0 +limit, and what NaN looks like where there are any; gives its height in units."""
        bar = film(self.theme)[: 2 * 127 + 1]
        across = np.rint(np.linspace(0, len(bar) - 1, self.px(width))).astype(int)
        self.put(x, y, Image.fromarray(np.repeat(bar[across][None], self.px(8), axis=0)))
        marks: tuple[tuple[float, Anchor, float], ...]
        marks = ((0.0, "left", -limit), (0.5, "middle", 0.0), (1.0, "right", limit))
        for place, anchor, value in marks:
            self.quiet(x + place * width, y + 21, marked(value), size=11, anchor=anchor)
        if not missing:
            return LEGEND
        self.box(x, y + 30, 10, 10, fill=NAN_COLOUR)
        self.quiet(x + 16, y + 39, f"NaN (no number): {missing:,} {'value' if missing == 1 else 'values'}")
        return LEGEND + NAN_NOTE


LEGEND = 24
NAN_NOTE = 20


def missing(*maps: Float[np.ndarray, ...]) -> int:
    """How many values of the maps are NaN.

    >>> missing(np.array([np.nan, 1.0]))
    1
    """
    return sum(int(np.isnan(map).sum()) for map in maps)


def width_of(words: str, size: float = 12) -> float:
    """Width of a line in units at the given size of its letters.

    >>> width_of("00") == 2 * width_of("0")
    True
    """
    return _width(words, round(size * 8)) / 8


def widest(lines: Iterable[str], size: float = 12) -> float:
    """Width of the widest of several lines in units; 0 where there are none.

    >>> widest(["a", "aaa"]) == width_of("aaa")
    True
    """
    return max((width_of(line, size) for line in lines), default=0.0)


def hatched(width: int, height: int, theme: ThemeName, scale: int = 2) -> Image.Image:
    """An image of diagonal lines, in pixels.

    >>> hatched(8, 4, "light").size
    (8, 4)
    """
    stripe: Bool[np.ndarray, "h w"] = (np.arange(height)[:, None] + np.arange(width)) % (5 * scale) < scale
    colours = [hexed(THEMES[theme].paper), hexed(THEMES[theme].line)]
    return Image.fromarray(np.array(colours, dtype=np.uint8)[stripe.astype(int)])


def readable_on(colour: Sequence[int]) -> str:
    """Black or white, whichever is easier to read on the colour (red, green, blue from 0 to 255).

    >>> readable_on((0, 68, 27)), readable_on((243, 243, 239))
    ('#ffffff', '#000000')
    """
    light = float(lightness(np.array(colour, dtype=np.uint8)))
    return "#000000" if light > 0.62 else "#ffffff"


def hexed(colour: str) -> list[int]:
    """Red, green and blue of #rrggbb.

    >>> hexed("#ff8000")
    [255, 128, 0]
    """
    return list(bytes.fromhex(colour[1:]))


def _runs(words: str) -> list[tuple[bool, str]]:
    """A line as runs of the font's letters, and single signs that are drawn; accents the font lacks are dropped."""
    known = "".join(_known(letter) for letter in words)
    runs: list[tuple[bool, str]] = []
    for drawn, group in groupby(known, DRAWN.__contains__):
        run = "".join(group)
        runs += [(True, sign) for sign in run] if drawn else [(False, run)]
    return runs


@cache
def _known(letter: str) -> str:
    if letter in DRAWN or letter in "±·…–‘’“”‹›«»°" or " " <= letter <= "~":
        return letter
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return "".join(c for c in plain if " " <= c <= "~") or "?"


@cache
def _width(words: str, pixels: int) -> float:
    return sum(
        font(pixels).getlength({"→": "+ "}.get(run, "+") if drawn else run) for drawn, run in _runs(words)
    )


@cache
def _sign(sign: str, pixels: int) -> tuple[Image.Image, int]:
    """A drawn sign's mask, and how far above the baseline its top lies; it is as high and heavy as the plus."""
    fine = 8
    wide = round(_width(sign, pixels))
    left, top, right, bottom = font(pixels * fine).getmask("+").getbbox() or (0, 0, 1, 1)
    size = right - left
    middle = -font(pixels * fine).getbbox("+", anchor="ls")[1] - (bottom - top) / 2
    heavy = max(fine, round(size * 0.13))
    above = -(-(round(middle) + size // 2) // fine) + 1
    cx, cy, half = wide * fine / 2, above * fine - middle, size / 2
    mask = Image.new("L", (wide * fine, (above + 2) * fine))
    draw = ImageDraw.Draw(mask)
    if sign == "×":
        reach = half * 0.72
        for way in (-1, 1):
            draw.line((cx - reach, cy - way * reach, cx + reach, cy + way * reach), 255, heavy)
    else:
        reach = wide * fine * 0.42 if sign == "→" else half
        y = round(cy / fine) * fine  # a level stroke on whole pixels is sharp
        draw.rectangle((cx - reach, y - heavy // 2, cx + reach, y + (heavy + 1) // 2 - 1), 255)
        if sign == "→":
            head = half * 0.6
            for way in (-1, 1):
                draw.line((cx + reach - head, y + way * head, cx + reach, y), 255, heavy)
    return mask.resize((wide, above + 2), Image.Resampling.BOX), above
