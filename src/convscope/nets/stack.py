"""A Stack is what a net is: an input, named lines of steps, and every size known.

Stacks come from text (`convscope.nets.grammar.parse`), and `str(stack)` is that text again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TypeVar

from convscope.conv.geometry import Field
from convscope.errors import StackError
from convscope.nets.joins import PICTURE, Join, Place, walk
from convscope.nets.steps import Conv, Linear, Rbf
from convscope.nets.windows import Fields, Line, Shape, Step, Window, window_of

T = TypeVar("T")


@dataclass(frozen=True)
class Input:
    """The picture a net takes: its shape, and the values of black and white where the net fixes them.

    Without `limits` the pictures are brought to mean 0 and standard deviation 1 of the training set; where they are only
    `centred`, to mean 0, their values as far apart as they were, from 0 to 255.
    """

    shape: Shape
    limits: tuple[float, float] | None = None
    centred: bool = False


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
        for _ in self.places:
            pass

    def walk(self) -> Iterator[tuple[Line, Step, Shape]]:
        """Each step with its line and the shape before it, in order."""
        return ((place.line, place.step, place.before) for place in self.places)

    @property
    def places(self) -> Iterator[Place]:
        """Each step with its line and the shapes before and after it, in order."""
        return walk(self.input.shape, self.lines)

    def through(self, picture: T, run: Callable[[Line, tuple[T, ...]], T]) -> Iterator[tuple[Line, T]]:
        """Each line in order, with what `run` makes of what it takes in: its input, then what it adds."""
        kept = {name for line in self.lines for name in (line.start, *line.added)}
        known, x = {PICTURE: picture}, picture
        for line in self.lines:
            x = run(line, (known[line.start] if line.start else x, *(known[name] for name in line.added)))
            if line.name in kept:
                known[line.name] = x
            yield line, x

    @cached_property
    def ladder(self) -> tuple[Rung, ...]:
        """Every layer's size, counts and receptive field: how the picture shrinks on its way up."""
        fields: Fields = (Field(), Field())
        known, rungs = {PICTURE: fields}, []
        for _, places in groupby(self.places, key=lambda place: place.line.name):
            rung = _rung([*places], fields, known, self.input.shape)
            fields = known[rung.name] = rung.fields
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

    def below(self, layer: str) -> str:
        """The layer that one begins with, by name; "" where that is the picture.

        >>> from convscope.nets.grammar import parse
        >>> parse("input 1x4x4; a conv 2 3x3; b from a | max 2x2; c from input | conv 2 4x4; d add b").below("b")
        'a'
        """
        above = ""
        for line in self.lines:
            start = line.start or above
            if line.name == layer:
                return "" if start == PICTURE else start
            above = line.name
        raise StackError(f"there is no layer {layer!r}")

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


def _rung(places: list[Place], fields: Fields, known: Mapping[str, Fields], picture: Shape) -> Rung:
    parameters = connections = products = 0
    window, line, output = None, places[0].line, places[-1].after
    for place in places:
        step, shape = place.step, place.before
        parameters += step.parameters(shape)
        connections += step.connections(shape)
        products += step.multiply_adds(shape)
        if isinstance(step, Window):
            window = window or (*window_of(step)[:2], step.sides(shape))
        if isinstance(step, Join):
            fields = step.sees_both(fields, known[step.layer], place.after)
        else:
            fields = step.sees(fields, shape)
    kernel, stride, sides = window or (None, None, None)
    seen = (fields[0].size, fields[1].size)
    if output[1:] == (1, 1) and window is None:
        seen = (min(seen[0], picture[1]), min(seen[1], picture[2]))
    jump = (fields[0].jump, fields[1].jump)
    return Rung(
        line.name, line.kind, output, kernel, stride, sides, parameters, connections, products, seen, jump, fields
    )  # fmt: skip
