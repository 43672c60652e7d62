"""The steps a layer is made of: frozen records that know their own sizes and counts.

Every kind is one class here, registered in `KINDS` under the word that names it in a net's text. A step
is given the shape before it, (channels, height, width), and says the shape after it, its trainable
parameters, and its connections as the papers count them: one for each value that a unit is fed,
the bias included.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from convscope.conv import geometry
from convscope.errors import GeometryError
from convscope.nets import words
from convscope.nets.words import Padding, Size

Shape = tuple[int, int, int]
Sides = tuple[int, int, int, int]


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


@dataclass(frozen=True)
class _Window(Step):
    """A step that looks through a window of `kernel` pixels, `stride` apart."""

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
        if hasattr(self, "padding"):
            more = -(-missing // 2) + max(top, left)
            cure += f", so would padding={more}, or an input that leaves {extent[0]}x{extent[1]} here"
        else:
            cure += f", or an input that leaves {extent[0]}x{extent[1]} here"
        return (
            f"a window of {extent[0]}x{extent[1]} does not fit the map before it, "
            f"{room[0]}x{room[1]} with its padding: {cure}"
        )


def window_of(step: _Window) -> tuple[Size, Size, Padding, Size]:
    """The kernel, stride, padding and dilation of a step that has a window."""
    kernel: Size = getattr(step, "kernel")  # noqa: B009
    stride: Size = getattr(step, "stride", (0, 0))
    return (
        kernel,
        kernel if stride == (0, 0) else stride,
        getattr(step, "padding", (0, 0)),
        getattr(step, "dilation", (1, 1)),
    )


@dataclass(frozen=True)
class Conv(_Window):
    """A convolution: `width` kernels, each over all maps below, or over those that `maps` lists."""

    kind: ClassVar[str] = "conv"
    width: int = words.word(words.count)
    kernel: Size = words.word(words.size)
    stride: Size = words.option(words.stride, (1, 1))
    padding: Padding = words.option(words.padding, (0, 0))
    dilation: Size = words.option(words.stride, (1, 1))
    groups: int = words.option(words.count, 1)
    maps: tuple[tuple[int, ...], ...] = words.option(words.maps, ())
    bias: bool = words.option(words.switch, True)

    def table(self, shape: Shape) -> tuple[tuple[int, ...], ...]:
        """For each output map, the input maps it sees.

        Raises:
            GeometryError: The groups or the table do not fit the channels.
        """
        channels = shape[0]
        if self.maps:
            if self.groups != 1:
                raise GeometryError("groups and maps say the same thing twice: keep one of them")
            if len(self.maps) != self.width:
                raise GeometryError(
                    f"maps lists {len(self.maps)} maps, but conv makes {self.width}: list as many"
                )
            highest = max(map(max, self.maps))
            if highest >= channels:
                raise GeometryError(f"maps names map {highest}, but below are 0 to {channels - 1}")
            return self.maps
        if channels % self.groups or self.width % self.groups:
            fits = [g for g in range(1, channels + 1) if channels % g == 0 and self.width % g == 0]
            raise GeometryError(
                f"groups={self.groups} does not divide {channels} maps in and {self.width} out: "
                f"{', '.join(map(str, fits))} would"
            )
        inside, outside = channels // self.groups, self.width // self.groups
        return tuple(
            tuple(range(o // outside * inside, (o // outside + 1) * inside)) for o in range(self.width)
        )

    def fan_ins(self, shape: Shape) -> tuple[int, ...]:
        """For each output map, how many values its kernel multiplies."""
        return tuple(len(row) * prod(self.kernel) for row in self.table(shape))

    def output(self, shape: Shape) -> Shape:
        self.table(shape)
        return self.width, *self.positions(shape)

    def parameters(self, shape: Shape) -> int:
        return sum(self.fan_ins(shape)) + self.bias * self.width

    def connections(self, shape: Shape) -> int:
        return self.parameters(shape) * prod(self.positions(shape))

    def multiply_adds(self, shape: Shape) -> int:
        return sum(self.fan_ins(shape)) * prod(self.positions(shape))


@dataclass(frozen=True)
class Subsample(_Window):
    """LeNet's trainable subsampling: the window's sum, times one coefficient a map, plus one bias a map.

    `maps` lists for each output map the one map it shrinks; without it each map is shrunk once.
    LeCun et al. 1998, section II.B.
    """

    kind: ClassVar[str] = "subsample"
    kernel: Size = words.word(words.size)
    stride: Size = words.option(words.stride, (0, 0))
    maps: tuple[tuple[int, ...], ...] = words.option(words.maps, ())

    def sources(self, shape: Shape) -> tuple[int, ...]:
        """For each output map, the map it shrinks.

        Raises:
            GeometryError: The table names more than one map, or one that is not there.
        """
        if any(len(row) != 1 or row[0] >= shape[0] for row in self.maps):
            raise GeometryError(f"each entry of subsample's maps is one map from 0 to {shape[0] - 1}")
        return tuple(row[0] for row in self.maps) or tuple(range(shape[0]))

    def output(self, shape: Shape) -> Shape:
        return len(self.sources(shape)), *self.positions(shape)

    def parameters(self, shape: Shape) -> int:
        return 2 * len(self.sources(shape))

    def connections(self, shape: Shape) -> int:
        return prod(self.output(shape)) * (prod(self.kernel) + 1)

    def multiply_adds(self, shape: Shape) -> int:
        return prod(self.output(shape))


@dataclass(frozen=True)
class _Pool(_Window):
    kernel: Size = words.word(words.size)
    stride: Size = words.option(words.stride, (0, 0))

    def output(self, shape: Shape) -> Shape:
        return shape[0], *self.positions(shape)

    def connections(self, shape: Shape) -> int:
        return prod(self.output(shape)) * prod(self.kernel)


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value of the window, in each map."""

    kind: ClassVar[str] = "max"


@dataclass(frozen=True)
class AveragePool(_Pool):
    """The mean of the window, in each map."""

    kind: ClassVar[str] = "avg"


@dataclass(frozen=True)
class Linear(Step):
    """Every value below times a weight of its own, for each of `width` units; its input is flattened."""

    kind: ClassVar[str] = "linear"
    width: int = words.word(words.count)
    bias: bool = words.option(words.switch, True)

    def output(self, shape: Shape) -> Shape:  # noqa: ARG002
        return self.width, 1, 1

    def parameters(self, shape: Shape) -> int:
        return (prod(shape) + self.bias) * self.width

    def connections(self, shape: Shape) -> int:
        return self.parameters(shape)

    def multiply_adds(self, shape: Shape) -> int:
        return prod(shape) * self.width


@dataclass(frozen=True)
class Rbf(Step):
    """Squared distances to fixed codes, one a class; the smallest wins (LeCun et al. 1998, eq. 7).

    The codes are not trained, so they are no parameters.
    """

    kind: ClassVar[str] = "rbf"
    width: int = words.word(words.count)
    codes: str = words.option(words.name("digits"), "digits")

    def output(self, shape: Shape) -> Shape:
        if prod(shape) != 84 or self.width != 10:
            raise GeometryError(
                "the digits' codes are 10 bitmaps of 84 pixels: "
                f"rbf 10 over 84 values was expected, not rbf {self.width} over {prod(shape)}"
            )
        return self.width, 1, 1

    def connections(self, shape: Shape) -> int:
        return prod(shape) * self.width

    def multiply_adds(self, shape: Shape) -> int:
        return prod(shape) * self.width


@dataclass(frozen=True)
class BatchNorm(Step):
    """Each map is brought to mean 0 and variance 1 over the batch, then scaled and shifted by two
    trained numbers (Ioffe & Szegedy 2015)."""

    kind: ClassVar[str] = "batchnorm"

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]


@dataclass(frozen=True)
class Dropout(Step):
    """In training each value is zero with this probability, the others are scaled up to make good for it."""

    kind: ClassVar[str] = "dropout"
    probability: float = words.word(words.fraction)


class _Activation(Step):
    is_activation = True


@dataclass(frozen=True)
class Squash(_Activation):
    """1.7159 tanh(2x/3), which is 1 at 1 and -1 at -1 (LeCun et al. 1998, eq. 6 and appendix A)."""

    kind: ClassVar[str] = "squash"
    amplitude: ClassVar[float] = 1.7159
    slope: ClassVar[float] = 2 / 3


@dataclass(frozen=True)
class Tanh(_Activation):
    """tanh(x)."""

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Relu(_Activation):
    """max(0, x)."""

    kind: ClassVar[str] = "relu"


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"


KINDS: dict[str, type[Step]] = {
    kind.kind: kind
    for kind in (
        Conv, Subsample, MaxPool, AveragePool, Linear, Rbf, BatchNorm, Dropout, Squash, Tanh, Relu, Sigmoid,
    )
}  # fmt: skip
