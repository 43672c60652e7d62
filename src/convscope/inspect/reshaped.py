"""The same weights at other sizes: a trained net with other paddings, strides and dilations, as far up as it still fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch

from convscope.errors import GeometryError, StackError
from convscope.inspect.names import nearest
from convscope.nets.build import Net
from convscope.nets.stack import Line, Stack
from convscope.nets.steps import Shape, Step, _Window, window_of

LARGEST = 64
"""A padding, stride or dilation goes so far."""


@dataclass(frozen=True)
class Change:
    """What is changed about a layer's window; None leaves it. `padding` is pixels on each side, or "same"."""

    padding: int | str | None = None
    stride: int | None = None
    dilation: int | None = None


@dataclass(frozen=True, eq=False)
class Reshaped:
    """A net with other sizes and the same weights: the layers up to the first that does not fit.

    `stops` is that layer's name and why it does not fit; ("", "") where all of them do.
    """

    net: Net
    stops: tuple[str, str]

    @property
    def whole(self) -> bool:
        """Whether the net still comes to an answer."""
        return not self.stops[0]


def parse_changes(text: str) -> dict[str, Change]:
    """Changes from text such as "C1:padding=2,stride=1;C3:padding=same".

    Raises:
        StackError: The text says no change.

    >>> parse_changes("C1:padding=2,stride=1;C3:padding=same")
    {'C1': Change(padding=2, stride=1, dilation=None), 'C3': Change(padding='same', stride=None, dilation=None)}
    """
    changes: dict[str, Change] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, colon, rest = part.partition(":")
        if not colon or name in changes:
            raise StackError(f"{part[:60]!r} says no change: it is written like C1:padding=2,stride=1")
        words = {key: value for key, _, value in (word.partition("=") for word in rest.split(","))}
        if not words or set(words) - {"padding", "stride", "dilation"}:
            raise StackError(f"{part[:60]!r}: padding, stride and dilation can be changed")
        told: dict[str, Any] = {key: _value(key, value) for key, value in words.items()}
        changes[name] = Change(**told)
    return changes


def reshaped(net: Net, changes: Mapping[str, Change]) -> Reshaped:
    """A net with the windows of some layers changed, by name, and the weights that it had; `net` stays as it is.

    Raises:
        StackError: There is no such layer, it has no window, or what is changed about it is not there; or not even the first
            layer fits.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> seen = reshaped(build(zoo["lenet5"]), {"C1": Change(padding=2)})
    >>> seen.stops[0], seen.net.stack.shapes
    ('F6', {'C1': (6, 32, 32), 'S2': (6, 16, 16), 'C3': (16, 12, 12), 'S4': (16, 6, 6), 'C5': (120, 2, 2)})
    """
    stack = net.stack
    names = [line.name for line in stack.lines]
    for name in changes:
        if name not in names:
            raise StackError(f"there is no layer {name!r}{nearest(name, names)}")
    lines, stops, shape = [], ("", ""), stack.input.shape
    for line, own in zip(stack.lines, _inputs(stack), strict=True):
        new = _changed(line, changes.get(line.name, Change()))
        why = _misfit(new, own, shape)
        if why:
            stops = (line.name, why)
            break
        lines.append(new)
        for step in new.steps:
            shape = step.output(shape)
    if not lines:
        raise StackError(f"{stops[0]} does not fit: {stops[1]}")
    made = Net(Stack(stack.input, tuple(lines)))
    for line in lines:
        _carry(getattr(net, line.name), getattr(made, line.name))
    return Reshaped(made.eval(), stops)


def formula(step: _Window, shape: Shape, axis: int = 0) -> str:
    """How a window's number of places along an axis (0 rows, 1 columns) comes about, with the numbers filled in.

    >>> from convscope.nets.steps import Conv
    >>> formula(Conv(6, (5, 5)), (1, 32, 32))
    '(32 + 0 - 5) / 1 + 1 = 28'
    """
    kernel, stride, _, dilation = window_of(step)
    sides = step.sides(shape)
    extent = dilation[axis] * (kernel[axis] - 1) + 1
    spread = f"({dilation[axis]} x {kernel[axis] - 1} + 1)" if dilation[axis] > 1 else str(extent)
    places = step.positions(shape)[axis]
    size, more = shape[1 + axis], sides[axis] + sides[axis + 2]
    exact = (size + more - extent) % stride[axis] == 0
    return f"({size} + {more} - {spread}) / {stride[axis]} + 1 = {places}" + (
        "" if exact else ", rounded down"
    )


def _value(key: str, text: str) -> int | str:
    if key == "padding" and text == "same":
        return text
    least = 0 if key == "padding" else 1
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or not least <= int(text) <= LARGEST:
        raise StackError(f"{key} is a whole number from {least} to {LARGEST}, not {text[:20]!r}")
    return int(text)


def _inputs(stack: Stack) -> list[Shape]:
    """The shape that each line is given."""
    shapes = [stack.input.shape]
    for line in stack.lines:
        shape = shapes[-1]
        for step in line.steps:
            shape = step.output(shape)
        shapes.append(shape)
    return shapes[:-1]


def _changed(line: Line, change: Change) -> Line:
    """A line whose window is changed."""
    if change == Change():
        return line
    at = next((n for n, step in enumerate(line.steps) if isinstance(step, _Window)), None)
    if at is None:
        raise StackError(f"{line.name} has no window that slides, so it has no padding, stride or dilation")
    step = line.steps[at]
    wanted: dict[str, Any] = {
        "padding": change.padding if isinstance(change.padding, str | None) else (change.padding,) * 2,
        "stride": None if change.stride is None else (change.stride,) * 2,
        "dilation": None if change.dilation is None else (change.dilation,) * 2,
    }
    told = {key: value for key, value in wanted.items() if value is not None}
    if missing := [key for key in told if not hasattr(step, key)]:
        raise StackError(f"{line.name} is {step.kind}, which has no {missing[0]}")
    steps = (*line.steps[:at], replace(step, **told), *line.steps[at + 1 :])
    return Line(line.name, steps)


def _misfit(line: Line, own: Shape, shape: Shape) -> str:
    """Why a line's weights, made for the shape `own`, do not fit another; "" where they do."""
    for step in line.steps:
        why = _step_misfit(step, own, shape)
        if why:
            return why
        own, shape = _output(step, own), step.output(shape)
    return ""


def _step_misfit(step: Step, own: Shape, shape: Shape) -> str:
    if not isinstance(step, _Window) and step.parameters(shape) != step.parameters(own):
        return (
            f"its weights are for {prod(own):,} values, {_times(own)}, and {prod(shape):,} come, {_times(shape)}: "
            f"only {own[1]}x{own[2]} fits here"
        )
    try:
        step.output(shape)
    except GeometryError as error:
        return str(error)
    return ""


def _output(step: Step, shape: Shape) -> Shape:
    """What a step gives of the shape it was made for; with a changed window that may be nothing."""
    try:
        return step.output(shape)
    except GeometryError:
        return shape


def _times(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _carry(source: Any, target: Any) -> None:
    """Weights of a line into the same line at another size: their shapes do not depend on it."""
    with torch.no_grad():
        for old, new in zip(source.state_dict().values(), target.state_dict().values(), strict=True):
            new.copy_(old)
