"""A Stack is what a net is: an input, named lines of steps, and every size known.

Stacks come from text (`convscope.nets.grammar.parse`), and `str(stack)` is that text again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from convscope.conv.geometry import Field
from convscope.errors import GeometryError, StackError
from convscope.nets.steps import Conv, Linear, Rbf
from convscope.nets.windows import Shape, Step, Window, window_of

LARGEST_MAP = 1 << 28


@dataclass(frozen=True)
class Input:
    """The picture a net takes: its shape, and the values of black and white where the net fixes them.

    Without `limits` the pictures are brought to mean 0 and standard deviation 1 of the training set.
    """

    shape: Shape
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Line:
    """One named layer: an operation and what follows it, such as `conv` and `relu`."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Rung:
    """One layer's place in the shrink ladder; sizes in pixels, as (rows, columns) where there are two."""

    name: str
    kind: str
    output: Shape
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    padding: tuple[int, int, int, int] | None
    parameters: int
    connections: int
    multiply_adds: int
    receptive_field: tuple[int, int]
    jump: tuple[int, int]
    fields: tuple[Field, Field]


@dataclass(frozen=True)
class Stack:
    """A net, as frozen records: its input and its lines, in order.

    Raises:
        GeometryError: A step does not fit what is below it.

    >>> from convscope.nets.grammar import parse
    >>> stack = parse("input 1x28x28; conv1 conv 8 5x5 | relu; pool1 max 2x2; out linear 10")
    >>> stack.shapes["pool1"], stack.parameters
    ((8, 12, 12), 11738)
    """

    input: Input
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        for _ in self.walk():
            pass

    def walk(self) -> Iterator[tuple[Line, Step, Shape]]:
        """Each step with its line and the shape before it, in order."""
        shape = self.input.shape
        for line in self.lines:
            for step in line.steps:
                yield line, step, shape
                shape = step.output(shape)
                if prod(shape) > LARGEST_MAP:
                    raise GeometryError(f"{line.name} would give {prod(shape):,} values a picture: too many")

    @cached_property
    def ladder(self) -> tuple[Rung, ...]:
        """Every layer's size, counts and receptive field: how the picture shrinks on its way up."""
        fields = (Field(), Field())
        shape, rungs = self.input.shape, []
        for line in self.lines:
            rung, fields, shape = _rung(line, shape, fields, self.input.shape)
            rungs.append(rung)
        return tuple(rungs)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Layer name -> shape of what it gives: (channels, height, width)."""
        return {rung.name: rung.output for rung in self.ladder}

    @property
    def receptive_fields(self) -> dict[str, tuple[int, int]]:
        """Layer name -> how many pixels of the picture one of its values sees: (rows, columns)."""
        return {rung.name: rung.receptive_field for rung in self.ladder}

    def coverage(self, layer: str) -> tuple[list[int], list[int]]:
        """How many of a layer's positions see each row, and each column, of the picture: fewer at the border.

        >>> from convscope.nets.grammar import parse
        >>> parse("input 1x7x7; a conv 2 3x3; b conv 2 3x3 stride=2; out linear 2").coverage("b")[0]
        [1, 1, 2, 2, 2, 1, 1]
        """
        rung = next(rung for rung in self.ladder if rung.name == layer)
        counts = []
        for field, positions, size in zip(rung.fields, rung.output[1:], self.input.shape[1:], strict=True):
            spans = [field.span(position) for position in range(positions)]
            counts.append([sum(first <= pixel < after for first, after in spans) for pixel in range(size)])
        return counts[0], counts[1]

    @property
    def parameters(self) -> int:
        """Trainable numbers in the whole net."""
        return sum(rung.parameters for rung in self.ladder)

    @property
    def outputs(self) -> int:
        """How many classes the net tells apart."""
        return self.ladder[-1].output[0]

    @property
    def last(self) -> Step:
        """The very last step; it decides which loss fits."""
        return self.lines[-1].steps[-1]

    def __str__(self) -> str:
        from convscope.nets.grammar import show

        return show(self)

    def with_input(self, shape: Shape) -> Stack:
        """The same net for pictures of another shape.

        Raises:
            GeometryError: The net does not fit such pictures.
        """
        return replace(self, input=replace(self.input, shape=shape))

    def with_classes(self, classes: int) -> Stack:
        """The same net with another number of answers.

        Raises:
            StackError: The last layer's answers are fixed by its codes.
        """
        if classes == self.outputs:
            return self
        steps = list(self.lines[-1].steps)
        at = next((n for n, s in reversed([*enumerate(steps)]) if isinstance(s, Linear | Conv | Rbf)), -1)
        last = steps[at]
        if not isinstance(last, Linear | Conv):
            raise StackError(
                f"the net's last layer, {self.lines[-1].name}, tells {self.outputs} classes apart, "
                f"but there are {classes} here: give it that many"
            )
        steps[at] = replace(last, width=classes)
        return replace(self, lines=(*self.lines[:-1], Line(self.lines[-1].name, tuple(steps))))


def _rung(line: Line, shape: Shape, fields: Any, picture: Shape) -> tuple[Rung, Any, Shape]:
    parameters = connections = products = 0
    window = None
    for step in line.steps:
        parameters += step.parameters(shape)
        connections += step.connections(shape)
        products += step.multiply_adds(shape)
        if isinstance(step, Window):
            window = window or (*window_of(step)[:2], step.sides(shape))
        fields = step.sees(fields, shape)
        shape = step.output(shape)
    kernel, stride, sides = window or (None, None, None)
    seen = (fields[0].size, fields[1].size)
    if shape[1:] == (1, 1) and window is None:
        seen = (min(seen[0], picture[1]), min(seen[1], picture[2]))
    jump = (fields[0].jump, fields[1].jump)
    return (
        Rung(
            line.name,
            line.steps[0].kind,
            shape,
            kernel,
            stride,
            sides,
            parameters,
            connections,
            products,
            seen,
            jump,
            fields,
        ),
        fields,
        shape,
    )
