"""What every step of a net answers, and what those share that look through a window: padding, places, fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from convscope.conv import geometry
from convscope.conv.geometry import Field
from convscope.errors import GeometryError
from convscope.nets.words import Padding, Size

Shape = tuple[int, int, int]
Sides = tuple[int, int, int, int]
Fields = tuple[Field, Field]


@dataclass(frozen=True)
class Step:
    """What every kind of step answers; the defaults are those of a step that changes nothing."""

    kind: ClassVar[str]
    is_activation: ClassVar[bool] = False

    def output(self, shape: Shape) -> Shape:
        """The shape after this step, given the shape before it."""
        return shape

    def parameters(self, shape: Shape) -> int:  # noqa: ARG002
        """Trainable numbers."""
        return 0

    def connections(self, shape: Shape) -> int:  # noqa: ARG002
        """Values that are fed into this step's units, biases included."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:  # noqa: ARG002
        """Products that one picture costs."""
        return 0

    def sees(self, fields: Fields, shape: Shape) -> Fields:  # noqa: ARG002
        """What a value after this step sees of the picture, given what those before it see."""
        return fields


@dataclass(frozen=True)
class Line:
    """One named layer: an operation and what follows it, such as `conv` and `relu`."""

    name: str
    steps: tuple[Step, ...]

    @property
    def kind(self) -> str:
        """What the layer is: the kind of its operation."""
        return next((step.kind for step in self.steps if step.kind != "from"), "from")

    @property
    def start(self) -> str:
        """The layer that it begins with; "" for the one above it."""
        return next((vars(step)["layer"] for step in self.steps if step.kind == "from"), "")

    @property
    def added(self) -> tuple[str, ...]:
        """The layers that are added in it, in order."""
        return tuple(vars(step)["layer"] for step in self.steps if step.kind == "add")


@dataclass(frozen=True)
class Window(Step):
    """A step that looks through a window of `kernel` pixels, `stride` apart.

    `pads` says whether its padding may be any: max, which ignores it, must not have windows of nothing else.
    """

    pads: ClassVar[bool] = False

    def sides(self, shape: Shape) -> Sides:
        """Padding in pixels: top, left, bottom, right."""
        kernel, stride, padding, dilation = window_of(self)
        if padding == "same":
            (top, bottom), (left, right) = (
                geometry.same_padding(
                    shape[1 + axis], kernel[axis], stride=stride[axis], dilation=dilation[axis]
                )
                for axis in (0, 1)
            )
            return top, left, bottom, right
        assert not isinstance(padding, str)
        return padding[0], padding[1], padding[0], padding[1]

    def sees(self, fields: Fields, shape: Shape) -> Fields:
        kernel, stride, _, dilation = window_of(self)
        sides = self.sides(shape)
        rows, columns = (
            fields[axis].through(kernel[axis], stride[axis], dilation[axis], sides[axis]) for axis in (0, 1)
        )
        return rows, columns

    def positions(self, shape: Shape) -> Size:
        """How many places the window has: rows, columns.

        Raises:
            GeometryError: The window is larger than what it looks at; the message says what would fit.
        """
        kernel, stride, _, dilation = window_of(self)
        top, left, bottom, right = self.sides(shape)
        pads = ((top, bottom), (left, right))
        try:
            rows, columns = (
                geometry.padded_output_size(
                    shape[1 + axis],
                    kernel[axis],
                    before=pads[axis][0],
                    after=pads[axis][1],
                    stride=stride[axis],
                    dilation=dilation[axis],
                )
                for axis in (0, 1)
            )
        except GeometryError:
            raise GeometryError(self._misfit(shape)) from None
        return rows, columns

    def _misfit(self, shape: Shape) -> str:
        kernel, _, _, dilation = window_of(self)
        top, left, bottom, right = self.sides(shape)
        extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        room = (shape[1] + top + bottom, shape[2] + left + right)
        fits = [max(1, min(k, (r - 1) // d + 1)) for k, r, d in zip(kernel, room, dilation, strict=True)]
        missing = max(e - r for e, r in zip(extent, room, strict=True))
        cure = f"{self.kind} {fits[0]}x{fits[1]} would fit"
        if self.pads:
            more = -(-missing // 2) + max(top, left)
            cure += f", so would padding={more}, or an input that leaves {extent[0]}x{extent[1]} here"
        else:
            cure += f", or an input that leaves {extent[0]}x{extent[1]} here"
        return (
            f"a window of {extent[0]}x{extent[1]} does not fit the map before it, "
            f"{room[0]}x{room[1]} with its padding: {cure}"
        )


def window_of(step: Window) -> tuple[Size, Size, Padding, Size]:
    """The kernel, stride, padding and dilation of a step that has a window."""
    kernel: Size = getattr(step, "kernel")  # noqa: B009
    stride: Size = getattr(step, "stride", (0, 0))
    return (
        kernel,
        kernel if stride == (0, 0) else stride,
        getattr(step, "padding", (0, 0)),
        getattr(step, "dilation", (1, 1)),
    )
