"""A unit of any layer, sliding over all of its places: what `trace_layer` says of one place, for whole rows of the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from convscope.conv.tracing import summed
from convscope.errors import GeometryError, StackError
from convscope.inspect.forward import Pass, pass_of
from convscope.inspect.tracing import trace_pass, unit_of
from convscope.inspect.weights import shape_of
from convscope.nets.build import Net
from convscope.nets.steps import Areas
from convscope.nets.windows import Sides, Window, window_of
from convscope.nets.words import Size


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a map, from row `first` on, place by place; float64, as `Trace` has them.

    `products` are those of some channels only where `Sliding.rows` was asked for them; the sums are of all.
    """

    first: int
    products: Float[np.ndarray, "y x some h w"]
    channel_sums: Float[np.ndarray, "y x c"]
    sums: Float[np.ndarray, "y x"]


@dataclass(frozen=True, eq=False)
class Sliding:
    """A unit and all that its window slides over.

    `given` is what it slides over: the maps of the layer below that the unit sees, which are `channels` there. The
    window at row y and column x of the map begins at y * stride - top and x * stride - left of it (`sides` are top, left,
    bottom, right). `kernel` is zero for max pooling, whose kernel is another one at each place. `stages` are the unit's
    maps, of each kind of step: its sums first, the layer's own values last.
    """

    name: str
    channels: tuple[int, ...]
    given: Float[np.ndarray, "c h w"]
    kernel: Float[np.ndarray, "c kh kw"]
    bias: float
    operation: str
    activation: str
    stages: tuple[tuple[str, Float[np.ndarray, "y x"]], ...]
    stride: Size
    dilation: Size
    sides: Sides

    @property
    def size(self) -> Size:
        """Rows and columns of the map."""
        rows, columns = self.stages[-1][1].shape
        return rows, columns

    def rows(self, first: int = 0, count: int = 1, some: slice = slice(None)) -> Rows:
        """Products and sums of `count` rows of the map; the products of `some` channels only.

        Raises:
            GeometryError: The map has no such rows.
        """
        rows, columns = self.size
        if not (count >= 1 and 0 <= first <= rows - count):
            raise GeometryError(
                f"there are no rows {first} to {first + count - 1} in a map of {rows}x{columns}: "
                f"rows go from 0 to {rows - 1}"
            )
        given = self._windows(self.given, first, count)
        inside = self._windows(np.ones_like(self.given), first, count)
        laid = [self._laid(w, real) for w, real in zip(given, inside, strict=True)]
        made = [summed(w, k, self.bias, self.operation) for w, k in zip(given, laid, strict=True)]
        products, channels, sums = (np.stack([row[part] for row in made]) for part in range(3))
        return Rows(first, products[:, :, some], channels, sums)

    def _laid(self, windows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """The kernel; for max pooling that of each place, which is 1 at the first of the largest values `inside`."""
        if self.operation != "largest":
            return self.kernel
        chosen = np.zeros_like(windows)
        flat = np.where(inside == 1, windows, -np.inf).reshape(len(windows), -1)
        chosen.reshape(len(windows), -1)[np.arange(len(windows)), flat.argmax(1)] = 1.0
        return chosen

    def _windows(self, given: np.ndarray, first: int, count: int) -> list[np.ndarray]:
        """The windows [x, c, kh, kw] of each row; 0 in padding."""
        top, left, bottom, right = self.sides
        padded = np.pad(given, [(0, 0), (top, bottom), (left, right)])
        down, across = (
            np.arange(size) * spread
            for size, spread in zip(self.kernel.shape[1:], self.dilation, strict=True)
        )
        columns = np.arange(self.size[1])[:, None] * self.stride[1] + across
        rows = [padded[:, y * self.stride[0] + down][:, :, columns] for y in range(first, first + count)]
        return [np.ascontiguousarray(row.transpose(2, 0, 1, 3), np.float64) for row in rows]


def slide(net: Net, picture: Float[np.ndarray, "c h w"], unit: str) -> Sliding:
    """A unit such as "C3/5", ready to slide over what is below it when the net looks at a picture.

    `picture` is what the net takes, as for `trace_layer`; what is said of a place is the same, bit for bit.

    Raises:
        StackError: The net has no such layer or unit, the layer has neither window nor weights, or it takes means of areas
            that differ in size.

    >>> import convscope as cs
    >>> from convscope.nets.build import build
    >>> sliding = slide(build(cs.zoo["lenet5"]), np.zeros((1, 32, 32), np.float32), "C3/5")
    >>> sliding.channels, sliding.size, [kind for kind, _ in sliding.stages]
    ((0, 1, 5), (10, 10), ['conv', 'squash'])
    >>> sliding.rows(2, 3).products.shape
    (3, 10, 3, 5, 5)
    """
    layer, number = unit_of(net, unit)
    return sliding_of(pass_of(net, torch.as_tensor(picture, dtype=torch.float32), layer), number)


def sliding_of(done: Pass, number: int) -> Sliding:
    """As `slide`, for a layer whose forward pass was made before."""
    first, step = trace_pass(done, number), done.step
    stride, dilation, sides = (1, 1), (1, 1), (0, 0, 0, 0)
    if isinstance(step, Window):
        _, stride, _, dilation = window_of(step)
        sides = step.sides(shape_of(done))
    elif isinstance(step, Areas):
        if not step.even(shape_of(done)):
            raise StackError(
                f"{done.line.name} takes the means of areas that differ in size: nothing slides there"
            )
        stride = (first.kernel.shape[1], first.kernel.shape[2])
    stages = tuple((kind, maps[number].numpy()) for kind, maps in done.after if kind != "dropout")
    return Sliding(
        first.name, first.channels, done.given.numpy()[list(first.channels)],
        np.zeros_like(first.kernel) if first.operation == "largest" else first.kernel,
        first.bias, first.operation, first.activation, stages, stride, dilation, sides,
    )  # fmt: skip
