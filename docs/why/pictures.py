"""Makes the pictures of convolution.md.

python docs/why/pictures.py [PHOTOGRAPH]

Without a photograph of yours, one is drawn: shapes of a few colours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import convscope as cs
from convscope.conv.matching import cut
from convscope.conv.tracing import trace
from convscope.data.pictures import read_picture
from convscope.drawing.sheet import Panel, sheet
from convscope.drawing.slide import Scene, frames, kept_colours
from convscope.drawing.trace_picture import draw_trace
from convscope.drawing.writing import write_animation, write_picture
from convscope.inspect.laying import lay

FOLDER = Path(__file__).parents[1] / "pictures"
CLASSICS = ("gaussian(2)", "sobel_x", "sobel_y", "laplacian", "emboss", "gabor(8, angle=45)")


def drawn() -> np.ndarray:
    """A picture without a photograph's licence: a house of a few shapes and colours."""
    image = Image.new("RGB", (160, 160), "#9cc4e4")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 110, 160, 160), fill="#5d8a4a")
    draw.rectangle((45, 70, 115, 130), fill="#d8c7a8")
    draw.polygon([(38, 72), (80, 35), (122, 72)], fill="#8c3b2e")
    draw.rectangle((72, 95, 90, 130), fill="#4a342a")
    draw.ellipse((120, 12, 146, 38), fill="#f6d65b")
    return np.asarray(image).transpose(2, 0, 1)


def main(photograph: str | None = None) -> None:
    FOLDER.mkdir(exist_ok=True)
    seven = np.asarray(cs.images("mnist").test.pixels[0])
    edges = lay(seven, "1 1 1 1 1; 1 1 1 1 1; 0 0 0 0 0; -1 -1 -1 -1 -1; -1 -1 -1 -1 -1")
    scene = Scene(seven / 255, edges.sheet.kernel, edges.maps[0], "lower edges")
    write_animation(frames(scene, count=48), FOLDER / "slide.gif", kept_colours("light"))
    corner = cut(seven[0] / 255, 6, 14, 7, 7)
    panel = Panel("the corner, cut out", corner, cs.match(seven[0] / 255, corner)[None])
    write_picture(sheet(seven / 255, [panel], title="a seven"), FOLDER / "magnet.png")
    picture = drawn() if photograph is None else read_picture(photograph)
    grey = picture.mean(0).round().astype(np.uint8)[None]
    laid = [lay(grey, name, padding="same", mode="replicate") for name in CLASSICS]
    panels = [Panel(one.sheet.name, one.sheet.kernel, one.maps) for one in laid]
    write_picture(sheet(grey / 255, panels, bound=160), FOLDER / "sheet.png")
    deep = np.stack([cs.kernels.sobel_x, cs.kernels.sobel_y, -cs.kernels.sobel_x])
    found = trace(
        picture / 255, deep, at=(71, 43), bias=0.4, activation="relu", name="three slices, one value"
    )
    write_picture(draw_trace(found), FOLDER / "trace.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
