"""A small net as a flat list of ops: what the native engine is asked to run.

Parameters are one float32 vector: for each op in turn its weights, then its biases, as
`torch.nn.utils.parameters_to_vector` lines up those of a net built in the same order. What batch normalisations keep
running is another: for each in turn its means, then its variances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import numpy as np

Shape = tuple[int, int, int]
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Op:
    """One step of a net; it knows its output's shape and the number of its parameters."""

    def output(self, shape: Shape) -> Shape:
        """The shape after this op, given (maps, rows, columns) before it."""
        return shape

    def after(self, shapes: list[Shape]) -> Shape:
        """The shape after this op, given those of all values before it."""
        return self.output(shapes[-1])

    def parameters(self, shape: Shape) -> int:  # noqa: ARG002
        """How many floats of the parameter vector are this op's."""
        return 0

    def running(self, shape: Shape) -> int:  # noqa: ARG002
        """How many floats of the running vector are this op's."""
        return 0


def _windows(
    op: Conv | Subsample | MaxPool | AveragePool, shape: Shape, padding: tuple[int, ...]
) -> tuple[int, int]:
    top, left, bottom, right = padding
    room = (shape[1] + top + bottom, shape[2] + left + right)
    if min(*op.kernel, *op.stride) < 1 or min(padding) < 0:
        raise ValueError(f"{op}: kernel and stride must be at least 1, padding at least 0")
    if op.kernel[0] > room[0] or op.kernel[1] > room[1]:
        raise ValueError(f"{op}: the window does not fit maps of {room[0]}x{room[1]} with their padding")
    return (room[0] - op.kernel[0]) // op.stride[0] + 1, (room[1] - op.kernel[1]) // op.stride[1] + 1


@dataclass(frozen=True)
class Conv(Op):
    """`maps` kernels with zero padding (top, left, bottom, right).

    Weights are laid out [maps, maps below, rows, columns] as in torch; with a `table`, which lists for each
    map the maps below that it sees, they are [link, rows, columns] in the table's order. Groups are a table.
    """

    maps: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    bias: bool = True
    table: tuple[tuple[int, ...], ...] | None = None

    def output(self, shape: Shape) -> Shape:
        if self.maps < 1:
            raise ValueError(f"{self}: at least one map is wanted")
        self.links(shape)
        return self.maps, *_windows(self, shape, self.padding)

    def links(self, shape: Shape) -> np.ndarray:
        """The number of the kernel that joins each pair [map, map below], or -1: int32."""
        if self.table is None:
            return np.arange(self.maps * shape[0], dtype=np.int32).reshape(self.maps, shape[0])
        if len(self.table) != self.maps:
            raise ValueError(f"{self}: the table has {len(self.table)} rows for {self.maps} maps")
        links, number = np.full((self.maps, shape[0]), -1, np.int32), 0
        for row, seen in zip(links, self.table, strict=True):
            if not seen or len(set(seen)) != len(seen) or min(seen) < 0 or max(seen) >= shape[0]:
                raise ValueError(
                    f"{self}: each row lists different maps, at least one, from 0 to {shape[0] - 1}"
                )
            row[list(seen)] = range(number, number + len(seen))
            number += len(seen)
        return links

    def parameters(self, shape: Shape) -> int:
        links = self.maps * shape[0] if self.table is None else sum(map(len, self.table))
        return links * prod(self.kernel) + self.bias * self.maps


@dataclass(frozen=True)
class Linear(Op):
    """`units` weighted sums over all values below, flattened as torch does; weights [units, values]."""

    units: int
    bias: bool = True

    def output(self, shape: Shape) -> Shape:  # noqa: ARG002
        if self.units < 1:
            raise ValueError(f"{self}: at least one unit is wanted")
        return self.units, 1, 1

    def parameters(self, shape: Shape) -> int:
        return self.units * (prod(shape) + self.bias)


@dataclass(frozen=True)
class Subsample(Op):
    """LeNet's subsampling: a window's sum, times a coefficient a map, plus a bias a map; no padding.

    `sources` lists for each map the one below that it shrinks; None: each map is shrunk once.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    sources: tuple[int, ...] | None = None

    def output(self, shape: Shape) -> Shape:
        if self.sources is not None and (
            not self.sources or min(self.sources) < 0 or max(self.sources) >= shape[0]
        ):
            raise ValueError(f"{self}: sources are maps from 0 to {shape[0] - 1}, at least one")
        maps = shape[0] if self.sources is None else len(self.sources)
        return maps, *_windows(self, shape, (0, 0, 0, 0))

    def parameters(self, shape: Shape) -> int:
        return 2 * (shape[0] if self.sources is None else len(self.sources))


@dataclass(frozen=True)
class MaxPool(Op):
    """The largest value of each window; padding (top, left, bottom, right) is never the largest, and windows that stick
    out of it are left away."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)

    def output(self, shape: Shape) -> Shape:
        if any(2 * side > self.kernel[n % 2] for n, side in enumerate(self.padding)):
            raise ValueError(f"{self}: padding of at most half a window was expected")
        return shape[0], *_windows(self, shape, self.padding)


@dataclass(frozen=True)
class AveragePool(Op):
    """The mean of each window; no padding, windows that stick out are left away."""

    kernel: tuple[int, int]
    stride: tuple[int, int]

    def output(self, shape: Shape) -> Shape:
        return shape[0], *_windows(self, shape, (0, 0, 0, 0))


@dataclass(frozen=True)
class Squash(Op):
    """amplitude * tanh(slope * x); LeNet's squash is Squash(1.7159, 2 / 3)."""

    amplitude: float = 1.0
    slope: float = 1.0

    def output(self, shape: Shape) -> Shape:
        if not self.amplitude > 0 or not self.slope > 0:
            raise ValueError(f"{self}: amplitude and slope must be above 0")
        return shape


@dataclass(frozen=True)
class Relu(Op):
    """max(0, x)."""


@dataclass(frozen=True)
class Sigmoid(Op):
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True)
class BatchNorm(Op):
    """Each map is brought to mean 0 and variance 1 over the whole batch, then times a weight, plus a bias.

    Each step moves the running means and variances by `momentum` towards its own (the variance with n - 1), as
    torch.nn.BatchNorm2d does; outputs are computed with the running ones.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def output(self, shape: Shape) -> Shape:
        if not 0 <= self.momentum <= 1 or not self.epsilon > 0:
            raise ValueError(f"{self}: momentum must be from 0 to 1, epsilon above 0")
        return shape

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]

    def running(self, shape: Shape) -> int:
        return 2 * shape[0]


@dataclass(frozen=True)
class Dropout(Op):
    """In training a value is 0 with probability `rate`, the others are divided by 1 - rate.

    The mask depends on the call's seed, the op and the picture's place in the batch, not on the threads.
    """

    rate: float

    def output(self, shape: Shape) -> Shape:
        if not 0 <= self.rate < 1:
            raise ValueError(f"{self}: the rate must be at least 0 and below 1")
        return shape


@dataclass(frozen=True)
class Rbf(Op):
    """Squared distances to fixed codes: y_i = sum_j (x_j - codes_ij)^2. The codes are not trained."""

    codes: tuple[tuple[float, ...], ...]

    def output(self, shape: Shape) -> Shape:
        if not self.codes or any(len(code) != prod(shape) for code in self.codes):
            raise ValueError(f"rbf: each code must have the {prod(shape)} values of the layer below")
        return len(self.codes), 1, 1


@dataclass(frozen=True)
class Take(Op):
    """Goes on from an earlier value: 0 is the picture, n + 1 what op n gives. A value counts also after a `Take`."""

    value: int

    def after(self, shapes: list[Shape]) -> Shape:
        if not 0 <= self.value < len(shapes):
            raise ValueError(f"{self}: a value from 0 to {len(shapes) - 1} was expected")
        return shapes[self.value]


@dataclass(frozen=True)
class Add(Take):
    """Adds an earlier value of the same shape (He et al. 2016); values count as for `Take`."""

    def after(self, shapes: list[Shape]) -> Shape:
        if super().after(shapes) != shapes[-1]:
            raise ValueError(f"{self}: a value of shape {shapes[-1]} was expected, not {shapes[self.value]}")
        return shapes[-1]


KINDS = (
    Conv,
    Linear,
    Subsample,
    MaxPool,
    AveragePool,
    Squash,
    Relu,
    Sigmoid,
    BatchNorm,
    Dropout,
    Rbf,
    Take,
    Add,
)


@dataclass(frozen=True)
class Program:
    """A net for the engine: the input's (channels, height, width) and the ops in turn.

    Raises:
        ValueError: An op is not one of `KINDS`, or does not fit the shape before it.

    >>> Program((1, 28, 28), (Conv(6, (5, 5)), Relu(), Linear(10))).parameters
    34726
    """

    input: Shape
    ops: tuple[Op, ...]

    def __post_init__(self) -> None:
        if len(self.input) != 3 or min(self.input) < 1:
            raise ValueError(f"the input's shape must be (channels, height, width), not {self.input}")
        if not self.ops:
            raise ValueError("a program needs at least one op")
        for op in self.ops:
            if not isinstance(op, KINDS):
                raise ValueError(f"{op!r}: the native engine has no such op")
        if max(map(prod, self.shapes)) * 64 > LARGEST or self.parameters > LARGEST:
            raise ValueError("the net is too large for the native engine")
        if type(self.ops[-1]) is Take:
            raise ValueError("a program ends with what an op gives, not with a Take")
        if unread := [n for n, count in enumerate(self.readers[:-1]) if not count and self.roots[n] == n]:
            raise ValueError(
                f"value {unread[0]} of the net leads nowhere: the native engine computes none for nothing"
            )

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The input's shape, then each op's output shape."""
        shapes = [self.input]
        for op in self.ops:
            shapes.append(op.after(shapes))
        return tuple(shapes)

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """For each value the one that it is: itself, or what was taken."""
        roots = [0]
        for number, op in enumerate(self.ops, 1):
            roots.append(roots[op.value] if type(op) is Take else number)
        return tuple(roots)

    @cached_property
    def readers(self) -> tuple[int, ...]:
        """How many times each value is taken in; 0 where it is another one that was taken."""
        counts = [0] * len(self.roots)
        for number, op in enumerate(self.ops):
            counts[self.roots[number]] += type(op) is not Take
            if isinstance(op, Add):
                counts[self.roots[op.value]] += 1
        return tuple(counts)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each op's parameters begin in the flat vector."""
        sizes = (op.parameters(shape) for op, shape in zip(self.ops, self.shapes, strict=False))
        return tuple(accumulate(sizes, initial=0))[:-1]

    @cached_property
    def running_offsets(self) -> tuple[int, ...]:
        """Where each op's running numbers begin in theirs."""
        sizes = (op.running(shape) for op, shape in zip(self.ops, self.shapes, strict=False))
        return tuple(accumulate(sizes, initial=0))[:-1]

    @cached_property
    def parameters(self) -> int:
        """The length of the parameter vector."""
        return self.offsets[-1] + self.ops[-1].parameters(self.shapes[-2])

    @cached_property
    def running(self) -> int:
        """The length of the running vector; 0 without batch normalisation."""
        return self.running_offsets[-1] + self.ops[-1].running(self.shapes[-2])

    @cached_property
    def fewest(self) -> int:
        """The fewest pictures a step needs: 2 where a map of one value is normalised over the batch."""
        single = any(
            isinstance(op, BatchNorm) and prod(s[1:]) == 1
            for op, s in zip(self.ops, self.shapes, strict=False)
        )
        return 1 + single

    @property
    def outputs(self) -> int:
        """Values the last op gives for a picture."""
        return prod(self.shapes[-1])
