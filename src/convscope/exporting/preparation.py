"""What `prediction.brought` and the views do to a picture, as ONNX nodes: so that nobody has to do it again, or wrongly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from convscope.data.fit import LUMA
from convscope.exporting.graph import Graph
from convscope.exporting.resizing import lanczos, resized
from convscope.nets.views import VIEWS, View
from convscope.runs import Run

Mode = Literal["pad", "crop", "stretch"]
INPUT = "pictures"


@dataclass(frozen=True)
class Preparation:
    """How pictures are brought to what a Run's net knows: `shape` before the views, `mode` as in `fit`.

    `background` is the grey that decides polarity, None where it is left alone. `fixed` says that pictures must come with
    just that height and width, drawn as MNIST's digits are: what MNIST's own preparation does to photographs is no sum of
    products, and stays outside.
    """

    shape: tuple[int, int, int]
    mode: Mode
    background: int | None
    fixed: bool
    own: bool
    views: tuple[View, ...]

    @property
    def inside(self) -> tuple[str, ...]:
        """What the graph does to a picture, in words and in order."""
        said = ["grey from colour (ITU-R BT.601)"] if self.shape[0] == 1 else []
        if self.background is not None:
            said.append("inverted where it stands on the opposite of what the net knows")
        if not self.fixed:
            size = f"{self.shape[2]}x{self.shape[1]}"
            kept = {
                "pad": "proportions kept, border added",
                "crop": "proportions kept, cut",
                "stretch": "stretched",
            }
            said.append(f"scaled to {size} by Pillow's Lanczos filter, {kept[self.mode]}")
        if len(self.views) > 1:
            said.append(f"shown to the net in {len(self.views)} views, whose answers are averaged")
        return (*said, "laid under the net, normalised")

    @property
    def outside(self) -> tuple[str, ...]:
        """What is left to whoever calls it."""
        decoded = "decoding the file, turning it as its EXIF data says, white behind what is transparent"
        if not self.fixed:
            return (decoded,)
        size = f"{self.shape[2]}x{self.shape[1]}"
        drawn = (
            f"drawing the digit as MNIST's are: {size} pixels, strokes scaled into 20x20, their centre of mass in the "
            "middle"
        )
        return decoded, drawn


def preparation_of(run: Run) -> Preparation:
    """How a Run's pictures are prepared."""
    shape = tuple(run.info["picture_shape"])
    mode = run.info.get("prepared", {}).get("fit")
    own = mode is not None
    return Preparation(
        (shape[0], shape[1], shape[2]),
        mode if own else "pad",
        None if own else run.info["background"],
        run.info["source"] == "mnist" and not own,
        own,
        VIEWS[run.recipe.get("views", "plain")].views,
    )


def prepared(graph: Graph, how: Preparation) -> str:
    """Pictures uint8 [n, height, width, 3] -> whole float64 numbers [n, channels, rows, columns] of the Run's pictures."""
    whole = graph.cast(graph.add("Transpose", INPUT, perm=[0, 3, 1, 2]), np.float64)
    if not how.own and how.shape[0] == 1:  # else a picture is scaled in its own colours
        whole = _grey(graph, whole)
    if how.background is not None:
        whole = _turned(graph, whole, how)
    if not how.fixed:
        whole = _sized(graph, whole, how)
    if how.own and how.shape[0] == 1:
        whole = _grey(graph, whole)
    return graph.add("Identity", whole, name="prepared")


def polished(graph: Graph, how: Preparation) -> str:
    """Pictures uint8 [n, height, width, 3] in the net's colours and polarity, at their own size: [n, channels, y, x]."""
    pixels = graph.cast(graph.add("Transpose", INPUT, perm=[0, 3, 1, 2]), np.float64)
    pixels = _grey(graph, pixels) if how.shape[0] == 1 else pixels
    return pixels if how.background is None else _turned(graph, pixels, replace(how, fixed=False))


def viewed(graph: Graph, pixels: str, how: Preparation, size: tuple[int, int]) -> str:
    """The pictures as the net is shown them, one view after the other: [views n, channels, height, width]."""
    shown = [_view(graph, pixels, how.shape[1:], size, view) for view in how.views]
    return shown[0] if len(shown) == 1 else graph.add("Concat", *shown, axis=0)


def _view(graph: Graph, pixels: str, whole: tuple[int, int], size: tuple[int, int], view: View) -> str:
    corner = view.corner(whole, size)
    before = [max(0, -first) for first in corner]
    after = [max(0, first + seen - have) for first, seen, have in zip(corner, size, whole, strict=True)]
    if any(before + after):
        pads = np.array([0, 0, *before, 0, 0, *after])
        pixels = graph.add("Pad", pixels, pads, np.float64(0))
    starts = np.array([first + more for first, more in zip(corner, before, strict=True)])
    laid = graph.add("Slice", pixels, starts, starts + size, np.array([2, 3]))
    if view.mirrored:
        laid = graph.add("Slice", laid, np.array([-1]), np.array([-(2**31)]), np.array([3]), np.array([-1]))
    return laid


def _grey(graph: Graph, pixels: str) -> str:
    weights = np.array(LUMA, np.float64)[:, None, None]
    total = graph.add("ReduceSum", graph.add("Mul", pixels, weights), np.array([1]), keepdims=1)
    return graph.add("Floor", graph.add("Div", graph.add("Add", total, np.float64(128)), np.float64(256)))


def _edges(graph: Graph, pixels: str) -> str:
    """The outermost rows and columns: [n, c, 2 height + 2 width]."""
    ends = [graph.add("Gather", pixels, np.array(at), axis=axis) for axis in (2, 3) for at in (0, -1)]
    return graph.add("Concat", *ends, axis=2)


def _median(graph: Graph, values: str) -> str:
    """Of an even number of values [n, c, m]: [n, c, 1]."""
    count = graph.add("Slice", graph.add("Shape", values), np.array([2]), np.array([3]))
    ordered, _ = graph.adds("TopK", values, count, outputs=2, axis=2)
    half = graph.add("Div", count, np.array([2]))
    middle = graph.add("Concat", graph.add("Sub", half, np.array([1])), half, axis=0)
    return graph.add("ReduceMean", graph.add("Gather", ordered, middle, axis=2), axes=[2], keepdims=1)


def _turned(graph: Graph, pixels: str, how: Preparation) -> str:
    """Pictures that stand on the opposite of the background, inverted: `strokes.is_dark_on_light`."""
    add = graph.add
    grey = pixels if how.shape[0] == 1 else _grey(graph, pixels)
    ground = add("Unsqueeze", _median(graph, _edges(graph, grey)), np.array([3]))
    away = add("Sub", grey, ground)
    squares = add("Mul", away, away)
    none, axes = np.float64(0), np.array([1, 2, 3])
    darker, lighter = (
        add("ReduceSum", add("Mul", graph.cast(add(sign, away, none), np.float64), squares), axes, keepdims=1)
        for sign in ("Less", "Greater")
    )
    light = add("Greater", ground, np.float64(127))
    even = add("And", add("Equal", darker, lighter), light)
    out = add("Or", even, add("Greater", darker, lighter))
    if not how.fixed:
        between = add(
            "And", add("GreaterOrEqual", ground, np.float64(85)), add("LessOrEqual", ground, np.float64(170))
        )
        out = add("Or", add("And", between, out), add("And", add("Not", between), light))
    assert how.background is not None
    if how.background > 127:
        out = add("Not", out)
    return graph.choose(out, add("Sub", np.float64(255), pixels), pixels)


def _sized(graph: Graph, pixels: str, how: Preparation) -> str:
    add = graph.add
    sides = graph.cast(add("Shape", pixels), np.float64)
    given = [add("Gather", sides, np.array(axis), axis=0) for axis in (2, 3)]
    size = [np.float64(how.shape[axis]) for axis in (1, 2)]
    ratios = [add("Div", want, have) for want, have in zip(size, given, strict=True)]
    ratio = add("Max" if how.mode == "crop" else "Min", *ratios)
    matrices, masks = [], []
    for want, have in zip(size, given, strict=True):
        start, length, near, first = _span(graph, how.mode, want, have, ratio)
        matrices.append(lanczos(graph, have, start, length, near, first, int(want)))
        rows = add("Sub", np.arange(int(want), dtype=np.float64), first)
        masks.append(add("And", add("GreaterOrEqual", rows, np.float64(0)), add("Less", rows, near)))
    laid = resized(graph, pixels, *matrices)
    if how.mode != "pad":
        return laid
    if how.background is not None:
        page = np.float64(how.background)
    else:
        page = add("Floor", add("Unsqueeze", _median(graph, _edges(graph, pixels)), np.array([3])))
    inside = add("And", add("Unsqueeze", masks[0], np.array([1])), masks[1])
    return graph.choose(inside, laid, page)


def _span(graph: Graph, mode: Mode, want: np.float64, have: str, ratio: str) -> tuple[str | np.float64, ...]:
    """Along an axis: where what is taken begins, its length, how many pixels it becomes, where the first of them lies."""
    add, none = graph.add, np.float64(0)
    if mode == "stretch":
        return none, have, want, none
    if mode == "crop":  # Pillow takes the corners of a part in float32
        taken = add("Min", have, add("Div", want, ratio))
        start = add("Div", add("Sub", have, taken), np.float64(2))
        first, last = (graph.cast(end, np.float32) for end in (start, add("Add", start, taken)))
        return graph.cast(first, np.float64), graph.cast(add("Sub", last, first), np.float64), want, none
    near = add("Max", np.float64(1), add("Round", add("Mul", have, ratio)))
    first = add("Floor", add("Div", add("Sub", want, near), np.float64(2)))
    return none, have, near, first
