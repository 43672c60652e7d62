"""The same weights at other sizes: a trained net with other paddings, strides and dilations, as far up as it still fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby, islice, product
from math import prod
from typing import Any

import torch

from convscope.errors import GeometryError, StackError, instead
from convscope.nets.build import Net
from convscope.nets.joins import PICTURE, Join, after
from convscope.nets.stack import Stack
from convscope.nets.windows import Line, Shape, Window, window_of

CHANGEABLE = ("padding", "stride", "dilation")
TRIED = {"padding": (0, 1, 2, 3, "same"), "stride": (1, 2, 3, 4), "dilation": (1, 2, 3)}
"""What is tried about a layer to make a net fit again."""
MOST = 20_000_000_000
"""Multiply-adds that a changed net may cost for one picture, and a hundred times the values that it may hold."""
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


@dataclass(frozen=True)
class Slide:
    """How a layer's window slides: its sizes (rows, columns), padding in pixels (top, left, bottom, right), which of
    padding, stride and dilation can be changed, and how the number of its places comes about along rows and columns.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    sides: tuple[int, int, int, int]
    dilation: tuple[int, int]
    can: tuple[str, ...]
    formulas: tuple[str, str]

    def stands(self, key: str) -> int | None:
        """The padding, stride or dilation as one number; None where it differs between sides or axes.

        >>> Slide((5, 5), (1, 1), (2, 2, 2, 2), (1, 2), (), ("", "")).stands("padding")
        2
        """
        numbers = {"padding": self.sides, "stride": self.stride, "dilation": self.dilation}[key]
        return numbers[0] if len(set(numbers)) == 1 else None


def slides(stack: Stack) -> dict[str, Slide]:
    """Layer name -> how its window slides; layers without one are left out.

    >>> from convscope.nets.zoo import zoo
    >>> slides(zoo["lenet5"])["C1"].formulas[0]
    '(32 + 2 x 0 - 5) / 1 + 1 = 28'
    """
    found: dict[str, Slide] = {}
    for line, step, shape in stack.walk():
        if isinstance(step, Window) and line.name not in found:
            kernel, stride, _, dilation = window_of(step)
            can = _changeable(step)
            formulas = (formula(step, shape), formula(step, shape, 1))
            found[line.name] = Slide(kernel, stride, step.sides(shape), dilation, can, formulas)
    return found


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
    lines, stops = _fitting(stack, changes)
    if not lines:
        raise StackError(f"{stops[0]} does not fit: {stops[1]}")
    changed = Stack(stack.input, tuple(lines))
    if (
        sum(rung.multiply_adds for rung in changed.ladder) > MOST
        or sum(map(prod, changed.shapes.values())) > MOST // 100
    ):
        raise StackError(
            "with these changes one picture would take long: take less padding, or a larger stride"
        )
    made = Net(changed)
    for line in lines:
        _carry(getattr(net, line.name), getattr(made, line.name))
    return Reshaped(made.eval(), stops)


def mendings(stack: Stack, changes: Mapping[str, Change], count: int = 3) -> tuple[dict[str, Change], ...]:
    """What else would have to be changed so that a net fits again: about one layer's window, and the least first; what is
    changed already stays. None where no layer alone can mend it, or where all fits as it is.

    >>> from convscope.nets.zoo import zoo
    >>> [written(found) for found in mendings(zoo["lenet5"], {"C1": Change(padding=2)}, 2)]
    ['C1:padding=2;C5:stride=2', 'C1:padding=2,dilation=2']
    """
    _, stops = _fitting(stack, changes)
    if not stops[0]:
        return ()
    own = slides(stack)
    names = [line.name for line in stack.lines]
    below = [name for name in names[: names.index(stops[0]) + 1] if name in own]
    found = []
    for far, name in enumerate(reversed(below)):
        now = changes.get(name, Change())
        for tried in _tries(own[name]):
            told = {key: value for key, value in tried.items() if value != _stands(own[name], now, key)}
            if told and all(getattr(now, key) is None for key in told):
                wanted = {**changes, name: replace(now, **told)}
                found.append((len(told), sum(map(_far, told.values())), far, wanted))
    found.sort(key=lambda one: one[:3])
    fits = (wanted for *_, wanted in found if not _fitting(stack, wanted)[1][0])
    return tuple(islice(fits, count))


def written(changes: Mapping[str, Change]) -> str:
    """Changes as text, in the order of `CHANGEABLE`; `parse_changes` reads it.

    >>> written({"C1": Change(padding=2, dilation=1)})
    'C1:padding=2,dilation=1'
    """
    parts = []
    for name, change in changes.items():
        told = [f"{key}={value}" for key in CHANGEABLE if (value := getattr(change, key)) is not None]
        if told:
            parts.append(f"{name}:{','.join(told)}")
    return ";".join(parts)


def formula(step: Window, shape: Shape, axis: int = 0) -> str:
    """How a window's number of places along an axis (0 rows, 1 columns) comes about, with the numbers filled in.

    (size + padding on both sides - what the window covers) / stride + 1; a window without padding has none to say.

    >>> from convscope.nets.steps import Conv
    >>> formula(Conv(6, (5, 5)), (1, 32, 32))
    '(32 + 2 x 0 - 5) / 1 + 1 = 28'
    >>> formula(Conv(6, (3, 3), (2, 2), (1, 1), (2, 2)), (1, 32, 32))
    '(32 + 2 x 1 - (2 x 2 + 1)) / 2 + 1 = 15, rounded down from 15.5'
    """
    kernel, stride, _, dilation = window_of(step)
    sides = step.sides(shape)
    size, before, after = shape[1 + axis], sides[axis], sides[axis + 2]
    extent = dilation[axis] * (kernel[axis] - 1) + 1
    spread = f"({dilation[axis]} x {kernel[axis] - 1} + 1)" if dilation[axis] > 1 else str(extent)
    around = f" + 2 x {before}" if before == after else f" + {before} + {after}"
    around = around if step.pads or before or after else ""
    places = step.positions(shape)[axis]
    exact = (size + before + after - extent) / stride[axis] + 1
    return f"({size}{around} - {spread}) / {stride[axis]} + 1 = {places}" + (
        "" if exact == places else f", rounded down from {exact:.4g}"
    )


def _fitting(stack: Stack, changes: Mapping[str, Change]) -> tuple[list[Line], tuple[str, str]]:
    """The lines, changed, up to the first that does not fit; and its name and why."""
    names = [line.name for line in stack.lines]
    for name in changes:
        if name not in names:
            raise StackError(f"there is no layer {name[:60]!r}: {instead(name[:60], names)}")
    lines, shape, known = [], stack.input.shape, {PICTURE: stack.input.shape}
    for line, places in groupby(stack.places, key=lambda place: place.line):
        new = _changed(line, changes.get(line.name, Change()))
        try:
            shape = _refitted(new, [place.before for place in places], shape, known)
        except GeometryError as error:
            return lines, (line.name, str(error))
        known[line.name] = shape
        lines.append(new)
    return lines, ("", "")


def _tries(own: Slide) -> list[dict[str, int | str]]:
    """All that is tried about a window."""
    keys = [key for key in CHANGEABLE if key in own.can]
    return [dict(zip(keys, values, strict=True)) for values in product(*(TRIED[key] for key in keys))]


def _stands(own: Slide, change: Change, key: str) -> int | str | None:
    """What a layer's padding, stride or dilation is with a change."""
    said = getattr(change, key)
    return own.stands(key) if said is None else said


def _far(value: int | str) -> int:
    return value if isinstance(value, int) else 3


def _value(key: str, text: str) -> int | str:
    if key == "padding" and text == "same":
        return text
    least = 0 if key == "padding" else 1
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or not least <= int(text) <= LARGEST:
        raise StackError(f"{key} is a whole number from {least} to {LARGEST}, not {text[:20]!r}")
    return int(text)


def _changed(line: Line, change: Change) -> Line:
    """A line whose window is changed."""
    if change == Change():
        return line
    at = next((n for n, step in enumerate(line.steps) if isinstance(step, Window)), None)
    if at is None:
        raise StackError(f"{line.name} has no window that slides, so it has no padding, stride or dilation")
    step = line.steps[at]
    assert isinstance(step, Window)
    wanted: dict[str, Any] = {
        "padding": change.padding if isinstance(change.padding, str | None) else (change.padding,) * 2,
        "stride": None if change.stride is None else (change.stride,) * 2,
        "dilation": None if change.dilation is None else (change.dilation,) * 2,
    }
    told = {key: value for key, value in wanted.items() if value is not None}
    if missing := [key for key in told if key not in _changeable(step)]:
        raise StackError(f"{line.name} is {step.kind}, which has no {missing[0]}")
    steps = (*line.steps[:at], replace(step, **told), *line.steps[at + 1 :])
    return Line(line.name, steps)


def _changeable(step: Window) -> tuple[str, ...]:
    """What can be changed about a window; the padding only where it may be any."""
    return tuple(key for key in CHANGEABLE if hasattr(step, key) and (key != "padding" or step.pads))


def _refitted(line: Line, own: list[Shape], shape: Shape, known: Mapping[str, Shape]) -> Shape:
    """What a line gives of another shape than its steps' `own`.

    Raises:
        GeometryError: Its weights or windows do not fit that shape, or what it adds does not.
    """
    for step, was in zip(line.steps, own, strict=True):
        if not isinstance(step, Window | Join) and step.parameters(shape) != step.parameters(was):
            raise GeometryError(f"its weights are for {_said(was)}, and {_said(shape)} come")
        shape = after(step, shape, known)
    return shape


def _said(shape: Shape) -> str:
    """A shape in words: how many values it has, and how they lie."""
    if shape[1:] == (1, 1):
        return f"{shape[0]:,} values"
    return f"{prod(shape):,} values ({shape[0]} x {shape[1]} x {shape[2]})"


def _carry(source: Any, target: Any) -> None:
    """Weights of a line into the same line at another size: their shapes do not depend on it."""
    with torch.no_grad():
        for old, new in zip(source.state_dict().values(), target.state_dict().values(), strict=True):
            new.copy_(old)
