"""A large picture with what was found in it: boxes with their classes, and heat; and what is like an example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from convscope.data.pictures import read_picture
from convscope.drawing.canvas import THEMES, font
from convscope.finding.alike import Alike
from convscope.finding.boxes import Box
from convscope.finding.search import Found

HEAT = (26, 150, 90)
"""The green of film: where the net is sure there is colour, elsewhere the picture."""
FRAME, HALO = "#b8430a", "#ffffff"


def drawn(picture: UInt8[np.ndarray, "c y x"], found: Found, heat: str | None = None) -> Image.Image:
    """The picture with a frame around each find, its class and how sure the net is; and a class's heat, `all` for any's."""
    image = _image(picture)
    return _framed(image if heat is None else _warmed(image, found, heat), found.boxes)


def framed(picture: UInt8[np.ndarray, "c y x"], places: Sequence[Alike]) -> Image.Image:
    """The picture with a frame around each place that is like an example, and how much it is."""
    return _framed(_image(picture), [Box("", p.score, p.x, p.y, p.width, p.height) for p in places])


def cuttings(places: Sequence[Alike], side: int = 160, across: int = 5) -> Image.Image:
    """Places of other pictures, which lie at `picture`, cut out and put in rows, best first, each with its score."""
    theme, room = THEMES["light"], side + 40
    cuts = dict(_cut(places))
    rows = max(1, -(-len(places) // across))
    page = Image.new("RGB", (room * min(across, max(1, len(places))), room * rows), theme.paper)
    draw = ImageDraw.Draw(page)
    for n, place in enumerate(places):
        x, y = room * (n % across) + 20, room * (n // across) + 8
        cut = cuts[place]
        scale = side / max(cut.size)
        page.paste(cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))), (x, y))
        draw.text(
            (x, y + side + 4),
            f"{place.score:.2f} {Path(place.picture).name}"[:24],
            fill=theme.ink,
            font=font(12),
        )
    return page


def _cut(places: Sequence[Alike]) -> Iterator[tuple[Alike, Image.Image]]:
    """Each place's part of its picture; one picture at a time is in the memory."""
    for path in dict.fromkeys(place.picture for place in places):
        image = _image(read_picture(Path(path)))
        for p in (place for place in places if place.picture == path):
            yield p, image.crop((round(p.x), round(p.y), round(p.x) + p.width, round(p.y) + p.height))


def _image(picture: UInt8[np.ndarray, "c y x"]) -> Image.Image:
    pixels = np.repeat(picture, 3, 0) if len(picture) == 1 else picture
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _framed(image: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Frames that stand out on any ground, the better ones on top; words where there is room beside better ones'."""
    draw, size = ImageDraw.Draw(image), _letters(image.size)
    wide = max(1, size // 7)
    for box in sorted(boxes, key=lambda box: box.score):
        edges = np.array([box.x, box.y, box.x + box.width, box.y + box.height]).round()
        draw.rectangle((*(edges[:2] - 1), *(edges[2:] + 1)), outline=HALO, width=wide + 2)
        draw.rectangle(list(edges), outline=FRAME, width=wide)
    taken: list[tuple[float, float, float, float]] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        words = f"{box.label} {box.score:.2f}".strip()
        left, top, right, bottom = draw.textbbox((0, 0), words, font=font(size))
        room = right - left + 6, bottom - top + 6
        place = _place(box, room, image.size, taken)
        if place is None:
            continue
        x, y = place
        taken.append((x, y, x + room[0], y + room[1]))
        draw.rectangle(taken[-1], fill=FRAME)
        draw.text((x + 3 - left, y + 3 - top), words, font=font(size), fill=HALO)
    return image


def _place(
    box: Box,
    room: tuple[float, float],
    page: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float] | None:
    """Where words of a size are written: over their frame, under it or within, on the page and on none that are taken."""
    wide, high = room
    x = min(max(0.0, box.x), max(0, page[0] - wide))
    for y in (box.y - high, box.y + box.height, box.y):
        free = all(x >= c or a >= x + wide or y >= d or b >= y + high for a, b, c, d in taken)
        if free and y >= 0 and y + high <= max(page[1], high):
            return x, y
    return None


def _letters(size: tuple[int, int]) -> int:
    return int(np.clip(max(size) / 90, 10, 40))


def _warmed(image: Image.Image, found: Found, heat: str) -> Image.Image:
    values = found.heat.values.max(0) if heat == "all" else found.heat.values[found.classes.index(heat)]
    cover = Image.fromarray((values * 200).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", image.size, HEAT), image, cover)
