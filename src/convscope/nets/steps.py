"""The steps a layer is made of: frozen records that know their own sizes and counts.

Every kind is one class here, registered in `KINDS` under the word that names it in a net's text. A step
is given the shape before it, (channels, height, width), and says the shape after it, its trainable
parameters, and its connections as the papers count them: one for each value that a unit is fed,
the bias included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from convscope.errors import GeometryError
from convscope.nets import words
from convscope.nets.foreign import Timm
from convscope.nets.joins import Add, From
from convscope.nets.windows import Fields, Shape, Step, Window, window_of
from convscope.nets.words import Padding, Size

Init = tuple[float, float] | tuple[()]


@dataclass(frozen=True)
class Conv(Window):
    """A convolution: `width` kernels, each over all maps below, or over those that `maps` lists."""

    kind: ClassVar[str] = "conv"
    pads: ClassVar[bool] = True
    width: int = words.word(words.count)
    kernel: Size = words.word(words.size)
    stride: Size = words.option(words.stride, (1, 1))
    padding: Padding = words.option(words.padding, (0, 0))
    dilation: Size = words.option(words.stride, (1, 1))
    groups: int = words.option(words.count, 1)
    maps: tuple[tuple[int, ...], ...] = words.option(words.maps, ())
    bias: bool = words.option(words.switch, True)
    init: Init = words.option(words.init, ())

    def table(self, shape: Shape) -> tuple[tuple[int, ...], ...]:
        """For each output map, the input maps it sees.

        Raises:
            GeometryError: The groups or the table do not fit the channels.
        """
        self._check(shape[0])
        inside, outside = shape[0] // self.groups, self.width // self.groups
        return self.maps or tuple(
            tuple(range(o // outside * inside, (o // outside + 1) * inside)) for o in range(self.width)
        )

    def fan_ins(self, shape: Shape) -> tuple[int, ...]:
        """For each output map, how many values its kernel multiplies."""
        self._check(shape[0])
        seen = map(len, self.maps) if self.maps else (shape[0] // self.groups,) * self.width
        return tuple(maps * prod(self.kernel) for maps in seen)

    def _check(self, channels: int) -> None:
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
        elif channels % self.groups or self.width % self.groups:
            fits = [g for g in range(1, channels + 1) if channels % g == 0 and self.width % g == 0]
            raise GeometryError(
                f"groups={self.groups} does not divide {channels} maps in and {self.width} out: "
                f"{', '.join(map(str, fits))} would"
            )

    def output(self, shape: Shape) -> Shape:
        self._check(shape[0])
        _check_start(self.init, self.bias)
        return self.width, *self.positions(shape)

    def parameters(self, shape: Shape) -> int:
        return sum(self.fan_ins(shape)) + self.bias * self.width

    def connections(self, shape: Shape) -> int:
        return self.parameters(shape) * prod(self.positions(shape))

    def multiply_adds(self, shape: Shape) -> int:
        return sum(self.fan_ins(shape)) * prod(self.positions(shape))


@dataclass(frozen=True)
class Subsample(Window):
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
class _Pool(Window):
    kernel: Size = words.word(words.size)
    stride: Size = words.option(words.stride, (0, 0))

    def output(self, shape: Shape) -> Shape:
        return shape[0], *self.positions(shape)

    def connections(self, shape: Shape) -> int:
        return prod(self.output(shape)) * prod(self.kernel)


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value of the window, in each map; padding is never the largest."""

    kind: ClassVar[str] = "max"
    padding: Padding = words.option(words.padding, (0, 0))

    def output(self, shape: Shape) -> Shape:
        padding = window_of(self)[2]
        if isinstance(padding, str):
            raise GeometryError(f"max takes a padding in pixels, such as padding=1, not {padding}")
        if any(2 * p > k for p, k in zip(padding, self.kernel, strict=True)):
            most = min(self.kernel) // 2
            raise GeometryError(
                f"padding={max(padding)} would leave max windows with nothing in them: at most {most}"
            )
        return super().output(shape)


@dataclass(frozen=True)
class AveragePool(_Pool):
    """The mean of the window, in each map."""

    kind: ClassVar[str] = "avg"


@dataclass(frozen=True)
class Areas(Step):
    """A mean over areas that split each map into as many parts as are wanted."""

    def parts(self) -> Size:
        """Rows and columns of what it gives."""
        raise NotImplementedError

    def spans(self, shape: Shape, axis: int) -> tuple[tuple[int, int], ...]:
        """Along an axis (0 rows, 1 columns), each area's first place and the one after its last.

        Place i of n takes in floor(i size / n) to ceil((i + 1) size / n): PyTorch's rule. Where n does not divide
        the size, neighbours overlap.
        """
        size, count = shape[1 + axis], self.parts()[axis]
        return tuple((i * size // count, -(-(i + 1) * size // count)) for i in range(count))

    def even(self, shape: Shape) -> bool:
        """Whether all areas are of one size, and none overlap."""
        return not any(size % count for size, count in zip(shape[1:], self.parts(), strict=True))

    def output(self, shape: Shape) -> Shape:
        return shape[0], *self.parts()

    def connections(self, shape: Shape) -> int:
        rows, columns = (sum(end - start for start, end in self.spans(shape, axis)) for axis in (0, 1))
        return shape[0] * rows * columns

    def sees(self, fields: Fields, shape: Shape) -> Fields:
        """As a window of one area does, where all are alike; else all that is below, which is more than it is."""
        if not self.even(shape):
            rows, columns = (replace(field, jump=0) for field in _whole(fields, shape))
            return rows, columns
        rows, columns = (
            field.through(size // count, size // count)
            for field, size, count in zip(fields, shape[1:], self.parts(), strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Adaptive(Areas):
    """The mean of as many areas as are wanted, in each map, whatever its size ("adaptive average pooling")."""

    kind: ClassVar[str] = "adaptive"
    size: Size = words.word(words.size)

    def parts(self) -> Size:
        return self.size


@dataclass(frozen=True)
class Global(Areas):
    """The mean of each whole map ("global average pooling"; Lin, Chen & Yan 2014)."""

    kind: ClassVar[str] = "global"

    def parts(self) -> Size:
        return 1, 1


@dataclass(frozen=True)
class Linear(Step):
    """Every value below times a weight of its own, for each of `width` units; its input is flattened."""

    kind: ClassVar[str] = "linear"
    width: int = words.word(words.count)
    bias: bool = words.option(words.switch, True)
    init: Init = words.option(words.init, ())

    def output(self, shape: Shape) -> Shape:  # noqa: ARG002
        _check_start(self.init, self.bias)
        return self.width, 1, 1

    def sees(self, fields: Fields, shape: Shape) -> Fields:
        return _whole(fields, shape)

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

    def sees(self, fields: Fields, shape: Shape) -> Fields:
        return _whole(fields, shape)

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
class Lrn(Step):
    """Local response normalisation: each value is divided by (k + alpha times the sum of the squares at its place in the
    `size` maps around its own) to the power beta (Krizhevsky et al. 2012, section 3.3, whose constants these are).

    The sum is taken as the paper has it. PyTorch's `LocalResponseNorm` takes the mean over `size` maps instead: its alpha
    is this one times the size, and its k is 1 unless it is told.
    """

    kind: ClassVar[str] = "lrn"
    size: int = words.option(words.count, 5)
    alpha: float = words.option(words.positive, 1e-4)
    beta: float = words.option(words.positive, 0.75)
    k: float = words.option(words.positive, 2.0)


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
        Conv, Subsample, MaxPool, AveragePool, Adaptive, Global, Linear, Rbf, BatchNorm, Lrn, Dropout,
        Squash, Tanh, Relu, Sigmoid, From, Add, Timm,
    )
}  # fmt: skip


def _check_start(init: Init, bias: bool) -> None:
    if init and init[1] and not bias:
        raise GeometryError(f"init gives the biases {init[1]:g}, but bias=no has none: leave out one of them")


def _whole(fields: Fields, shape: Shape) -> Fields:
    return fields[0].through(shape[1]), fields[1].through(shape[2])
