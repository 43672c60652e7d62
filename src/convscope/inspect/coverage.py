"""How many values of a layer see each pixel of the picture: fewer at its border, none in the holes of a dilated window."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from jaxtyping import Bool, Int

from convscope.errors import StackError, instead
from convscope.nets.joins import PICTURE, Add, Join
from convscope.nets.stack import Stack
from convscope.nets.steps import Areas, Linear, Rbf
from convscope.nets.windows import Shape, Step, Window, window_of

Reach = Bool[np.ndarray, "m p"]


def coverage(stack: Stack, layer: str) -> Int[np.ndarray, "h w"]:
    """Pixel -> how many places of a layer's map see it, counted exactly along rows and columns.

    `Stack.coverage` counts from a field's first to its last pixel; here what a window with dilation skips is not seen.
    Where two ways are added, all rows that one of them sees count, and so do all columns.

    Raises:
        StackError: There is no such layer.

    >>> from convscope.nets.grammar import parse
    >>> coverage(parse("input 1x5x5; a conv 2 3x3; out linear 2"), "a").tolist()[0]
    [1, 2, 3, 2, 1]
    >>> coverage(parse("input 1x1x6; a conv 2 1x2 stride=4 dilation=1; out linear 2"), "a").tolist()
    [[1, 1, 0, 0, 1, 1]]
    """
    names = [line.name for line in stack.lines]
    if layer not in names:
        raise StackError(f"there is no layer {layer[:60]!r}: {instead(layer[:60], names)}")
    reach = [np.eye(size, dtype=bool) for size in stack.input.shape[1:]]
    known = {PICTURE: reach}
    for name, places in groupby(stack.places, key=lambda place: place.line.name):
        for place in places:
            if isinstance(place.step, Join):
                reach = _joined(place.step, reach, known[place.step.layer])
            else:
                reach = [
                    _through(place.step, place.before, place.after, reach[axis], axis) for axis in (0, 1)
                ]
        known[name] = reach
    rows, columns = (one.sum(axis=0) for one in known[layer])
    return np.outer(rows, columns)


def _joined(step: Join, reach: list[Reach], other: list[Reach]) -> list[Reach]:
    """Along each axis, what is seen on both ways."""
    return [a | b for a, b in zip(reach, other, strict=True)] if isinstance(step, Add) else other


def _through(step: Step, shape: Shape, after: Shape, reach: Reach, axis: int) -> Reach:
    """Place -> the pixels it sees along an axis, behind one more step."""
    if isinstance(step, Linear | Rbf):
        return np.any(reach, axis=0)[None]
    if isinstance(step, Areas):
        return np.array([reach[start:end].any(axis=0) for start, end in step.spans(shape, axis)])
    if not isinstance(step, Window):
        return reach
    kernel, stride, _, dilation = window_of(step)
    before = step.sides(shape)[axis]
    made = np.zeros((after[1 + axis], reach.shape[1]), dtype=bool)
    for place in range(len(made)):
        cells = place * stride[axis] - before + dilation[axis] * np.arange(kernel[axis])
        inside = cells[(cells >= 0) & (cells < len(reach))]
        made[place] = reach[inside].any(axis=0)
    return made
