"""Steps that take in an earlier layer by its name: a line that begins there (`from`), and a sum with it (`add`).

    c1    conv 64 3x3 padding=1 | batchnorm | relu
    c2    conv 128 3x3 stride=2 padding=1 | batchnorm
    short from c1 | conv 128 1x1 stride=2 | batchnorm | add c2 | relu

The last line is a residual connection whose shapes differ (He et al. 2016): the projection is a layer like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from convscope.errors import GeometryError
from convscope.nets import words
from convscope.nets.windows import Fields, Line, Shape, Step

PICTURE = "input"
"""The name by which a step takes in the picture."""
LARGEST_MAP = 1 << 28
FURTHEST = 16
"""A projection with a stride up to this is proposed."""


@dataclass(frozen=True)
class Join(Step):
    """A step that takes in what an earlier layer gives."""

    layer: str = words.word(words.layer)

    def meets(self, shape: Shape, other: Shape) -> Shape:
        """The shape after this step, given the one before it and that of the layer it names.

        Raises:
            GeometryError: The two do not fit.
        """
        raise NotImplementedError

    def sees_both(self, fields: Fields, other: Fields, shape: Shape) -> Fields:
        """What a value after this step sees of the picture, given what both ways see; `shape` is that after it."""
        raise NotImplementedError


@dataclass(frozen=True)
class From(Join):
    """The line begins with what an earlier layer gives, or with the picture (`from input`), not with the line above."""

    kind: ClassVar[str] = "from"

    def meets(self, shape: Shape, other: Shape) -> Shape:  # noqa: ARG002
        return other

    def sees_both(self, fields: Fields, other: Fields, shape: Shape) -> Fields:  # noqa: ARG002
        return other


@dataclass(frozen=True)
class Add(Join):
    """What an earlier layer gives is added, value by value (a residual connection; He et al. 2016)."""

    kind: ClassVar[str] = "add"

    def meets(self, shape: Shape, other: Shape) -> Shape:
        if shape != other:
            raise GeometryError(
                f"add takes two of one shape, but {self.layer} gives {words.show_shape(other)} and here are "
                f"{words.show_shape(shape)}: {self._cure(shape, other)}"
            )
        return shape

    def sees_both(self, fields: Fields, other: Fields, shape: Shape) -> Fields:
        rows, columns = (fields[axis].united(other[axis], shape[1 + axis]) for axis in (0, 1))
        return rows, columns

    def _cure(self, shape: Shape, other: Shape) -> str:
        strides = [
            next((s for s in range(1, FURTHEST) if -(-there // s) == here), 0)
            for there, here in zip(other[1:], shape[1:], strict=True)
        ]
        if 0 in strides:
            return "give both as many maps of the same size"
        stride = f" stride={words.stride.show((strides[0], strides[1]))}" if strides != [1, 1] else ""
        return f"add a layer such as `short from {self.layer} | conv {shape[0]} 1x1{stride}` above, and add that instead"


@dataclass(frozen=True)
class Place:
    """A step where it stands: its line, and the shapes before and after it."""

    line: Line
    step: Step
    before: Shape
    after: Shape


def after(step: Step, shape: Shape, known: Mapping[str, Shape]) -> Shape:
    """The shape after a step, given the one before it and those of the layers so far by name."""
    return step.meets(shape, known[step.layer]) if isinstance(step, Join) else step.output(shape)


def walk(picture: Shape, lines: Iterable[Line]) -> Iterator[Place]:
    """Each step of a net in order, with the shapes around it.

    Raises:
        GeometryError: A step does not fit, takes in a layer that is not there, or gives too much.
    """
    shape, known = picture, {PICTURE: picture}
    for line in lines:
        for step in line.steps:
            if isinstance(step, Join) and step.layer not in known:
                raise GeometryError(f"{line.name} takes in {step.layer}, which is not there before it")
            before, shape = shape, after(step, shape, known)
            if prod(shape) > LARGEST_MAP:
                raise GeometryError(f"{line.name} would give {prod(shape):,} values a picture: too many")
            yield Place(line, step, before, shape)
        known[line.name] = shape
