"""A large picture with what was found in it: boxes with their classes, and heat."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from convscope.drawing.canvas import THEMES, font
from convscope.finding.search import Found

HEAT = (26, 150, 90)
"""The green of film: where the net is sure there is colour, elsewhere the picture."""
FRAME = "#d4570c"


def drawn(picture: UInt8[np.ndarray, "c y x"], found: Found, heat: str | None = None) -> Image.Image:
    """The picture with a frame around each find, its class and how sure the net is; and a class's heat, `all` for any's."""
    pixels = np.repeat(picture, 3, 0) if len(picture) == 1 else picture
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    if heat is not None:
        image = _warmed(image, found, heat)
    draw, size = ImageDraw.Draw(image), _letters(found.size)
    theme = THEMES["light"]
    for box in reversed(found.boxes):
        edges = (box.x, box.y, box.x + box.width, box.y + box.height)
        draw.rectangle(edges, outline=FRAME, width=max(1, size // 9))
        words = f"{box.label} {box.score:.2f}"
        left, top, right, bottom = draw.textbbox((0, 0), words, font=font(size))
        wide, high = right - left + 4, bottom - top + 4
        x = min(max(0, box.x), max(0, image.width - wide))
        y = box.y - high if box.y >= high else box.y + box.height
        draw.rectangle((x, y, x + wide, y + high), fill=theme.paper)
        draw.text((x + 2 - left, y + 2 - top), words, font=font(size), fill=theme.ink)
    return image


def _letters(size: tuple[int, int]) -> int:
    return int(np.clip(max(size) / 90, 10, 40))


def _warmed(image: Image.Image, found: Found, heat: str) -> Image.Image:
    values = found.heat.values.max(0) if heat == "all" else found.heat.values[found.classes.index(heat)]
    cover = Image.fromarray((values * 200).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", image.size, HEAT), image, cover)
