"""The kernel slides over the picture while the map fills: frames of an animation.

The map was computed before; here it is only shown as far as the kernel has come. What stays the same is drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from convscope.drawing.canvas import (
    LEGEND,
    NAN_COLOUR,
    NAN_NOTE,
    THEMES,
    Canvas,
    Fit,
    fit,
    hexed,
    missing,
    shown,
    shown_map,
    width_of,
)
from convscope.drawing.colours import ThemeName, film, grey, limit_of
from convscope.drawing.numerals import numeral

MARGIN, GAP, HEAD, BOUND = 24.0, 40.0, 30.0, 300
SCALE = 2
FRAME = (255, 176, 0)
"""Amber, which neither film nor most pictures are: what is being looked at."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What slides over what: a picture [c, h, w] of 0..1, a kernel [h, w] or [c, h, w], its map [y, x].

    `stride` and `dilation` are (rows, columns), `sides` the padding at the top, left, bottom and right. What it slides over
    may be a map [1, h, w] instead: then `limit` is the end of its scale of film. `words` say what becomes one value.
    """

    picture: Float[np.ndarray, "c h w"]
    kernel: Float[np.ndarray, "*shape"]
    map: Float[np.ndarray, "y x"]
    name: str
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    sides: tuple[int, int, int, int] = (0, 0, 0, 0)
    limit: float | None = None
    given: str = "picture"
    words: str = "window · kernel"


def frames(scene: Scene, count: int = 120, theme: ThemeName = "light") -> Iterator[Image.Image]:
    """At most `count` frames, row by row, evenly spaced where there are more positions; the last shows the whole map.

    >>> scene = Scene(np.zeros((1, 5, 6)), np.ones((3, 3)), np.zeros((3, 4)), "box")
    >>> len(list(frames(scene))), len(list(frames(scene, count=4)))
    (12, 4)
    """
    stage = _Stage(scene, theme)
    total = scene.map.size
    for number in range(1, min(count, total) + 1):
        yield stage.frame(round(number * total / min(count, total)) - 1)


def kept_colours(theme: ThemeName) -> UInt8[np.ndarray, "n 3"]:
    """Every second step of film with neutral among them, what is looked at, the paper's colours, and greys.

    Without greys of its own a grey picture would take the nearest film, and look purple in places.
    """
    own = [hexed(c) for c in vars(THEMES[theme]).values()]
    greys = np.repeat(np.arange(0, 256, 5, dtype=np.uint8)[:, None], 3, axis=1)
    return np.concatenate(
        [film(theme)[1:254:2], np.array([FRAME, hexed(NAN_COLOUR), *own], dtype=np.uint8), greys]
    )


class _Stage:
    """The still parts of all frames, and where the moving ones go."""

    def __init__(self, scene: Scene, theme: ThemeName):
        self.scene = scene
        self.theme: ThemeName = theme
        top, left, bottom, right = scene.sides
        _, height, width = scene.picture.shape
        self.given = fit(height + top + bottom, width + left + right, BOUND * SCALE)
        # One pixel of the map is as large as one of the picture, so that one sees it shrink.
        rows, columns = scene.map.shape
        self.cell = self.given.width / (width + left + right)
        self.made = _same_scale(rows, columns, self.given, self.cell)
        wide = MARGIN * 2 + (self.given.width + self.made.width) / SCALE + GAP
        tall = MARGIN * 2 + HEAD + max(self.given.height, self.made.height) / SCALE + 18 + 26 + LEGEND
        tall += NAN_NOTE if missing(scene.map) else 0
        words = width_of(self._title(), 13)
        wide = max(wide, 420, MARGIN * 2 + self.given.width / SCALE + GAP + words)
        canvas = Canvas(wide, tall, theme, SCALE)
        self.x, self.y = canvas.px(MARGIN), canvas.px(MARGIN + HEAD)
        self.map_x = canvas.px(MARGIN + GAP) + self.given.width
        self.below = canvas.px(MARGIN + HEAD + max(self.given.height, self.made.height) / SCALE + 30)
        self._still(canvas)
        self.still = canvas.image
        limit = limit_of(scene.map)
        self.full = shown_map(scene.map, limit, self.made, theme)
        self.blank = Image.new("RGB", self.full.size, canvas.colours.blank)

    def _title(self) -> str:
        return f"{self.scene.name}: map {_by(self.scene.map.shape)}"

    def _still(self, canvas: Canvas) -> None:
        scene = self.scene
        many = "" if len(scene.picture) in (1, 3) else ": channel 0, cut to 0..1"
        canvas.text(MARGIN, MARGIN + 12, f"{scene.given}, {_by(scene.picture.shape)}{many}", size=13)
        x = self.map_x / SCALE
        canvas.text(x, MARGIN + 12, self._title(), size=13)
        top, left, _, _ = scene.sides
        canvas.hatch(MARGIN, MARGIN + HEAD, self.given.width / SCALE, self.given.height / SCALE)
        picture = scene.picture if len(scene.picture) in (1, 3) else scene.picture[:1]
        _, high, wide = picture.shape
        inside = Fit(high, wide, self.given.times, _px(wide, self.cell), _px(high, self.cell))
        canvas.put(
            MARGIN + left * self.cell / SCALE,
            MARGIN + HEAD + top * self.cell / SCALE,
            self._under(picture, inside),
        )
        canvas.legend(MARGIN, self.below / SCALE + 22, 180, limit_of(scene.map), missing=missing(scene.map))

    def _under(self, picture: np.ndarray, inside: Fit) -> Image.Image:
        """What the kernel slides over: a picture in its own colours, or a map as film."""
        if self.scene.limit is not None:
            return shown_map(picture[0], self.scene.limit, inside, self.theme)
        return shown(grey(np.clip(picture.astype(np.float64), 0, 1)), inside)

    def frame(self, done: int) -> Image.Image:
        """The frame in which the position number `done` is computed."""
        scene = self.scene
        row, column = divmod(done, scene.map.shape[1])
        image = self.still.copy()
        image.paste(self._filled(row, column), (self.map_x, self.y))
        draw = ImageDraw.Draw(image)
        rows, columns = scene.kernel.shape[-2:]
        high, wide = ((n - 1) * d + 1 for n, d in zip((rows, columns), scene.dilation, strict=True))
        x, y = self.x + column * scene.stride[1] * self.cell, self.y + row * scene.stride[0] * self.cell
        _frame(draw, x, y, wide * self.cell, high * self.cell, 2 * SCALE)
        across, down = self.made.width / scene.map.shape[1], self.made.height / scene.map.shape[0]
        _frame(draw, self.map_x + column * across, self.y + row * down, across, down, SCALE)
        words = f"row {row}, column {column}: {scene.words} = {numeral(float(scene.map[row, column]))}"
        note = Canvas(image.width / SCALE - 2 * MARGIN, 18, self.theme, SCALE)
        note.text(0, 13, words, size=13)
        image.paste(note.image, (self.x, self.below - 18 * SCALE // 2))
        return image

    def _filled(self, row: int, column: int) -> Image.Image:
        """The map as far as it is known: whole rows above, and this row up to its column."""
        image = self.blank.copy()
        high, wide = self.full.height / self.scene.map.shape[0], self.full.width / self.scene.map.shape[1]
        above, upto, right = round(row * high), round((row + 1) * high), round((column + 1) * wide)
        image.paste(self.full.crop((0, 0, self.full.width, above)), (0, 0))
        image.paste(self.full.crop((0, above, right, upto)), (0, above))
        return image


def _frame(draw: ImageDraw.ImageDraw, x: float, y: float, width: float, height: float, heavy: int) -> None:
    """An amber frame around a rectangle of pixels, which stays uncovered."""
    corners = (x - heavy, y - heavy, x + width + heavy - 1, y + height + heavy - 1)
    draw.rectangle(corners, outline=FRAME, width=heavy)


def _same_scale(rows: int, columns: int, given: Fit, cell: float) -> Fit:
    height, width = _px(rows, cell), _px(columns, cell)
    if max(height, width) > 1.5 * BOUND * SCALE:
        return fit(rows, columns, BOUND * SCALE)
    return Fit(rows, columns, given.times, width, height)


def _px(cells: int, cell: float) -> int:
    return max(1, round(cells * cell))


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
