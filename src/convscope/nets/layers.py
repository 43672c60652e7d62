"""The layers PyTorch lacks: LeNet's subsampling, partly connected convolution, squash and RBF output, the paper's LRN."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from convscope.nets import native_lrn
from convscope.nets.steps import Squash as SquashStep


class Squash(nn.Module):
    """1.7159 tanh(2x/3) (LeCun et al. 1998, eq. 6), so that f(1) = 1 and f(-1) = -1."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return SquashStep.amplitude * torch.tanh(SquashStep.slope * x)


class Subsample(nn.Module):
    """The sum of each window, times a trained coefficient a map, plus a trained bias a map."""

    sources: Tensor | None

    def __init__(self, sources: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int]):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(torch.empty(len(sources)))
        self.bias = nn.Parameter(torch.empty(len(sources)))
        plain = sources == tuple(range(len(sources)))
        self.register_buffer("sources", None if plain else torch.tensor(sources), persistent=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k y x"]:
        total = F.avg_pool2d(x, self.kernel, self.stride, divisor_override=1)
        if self.sources is not None:
            total = total[:, self.sources]
        return total * self.weight[:, None, None] + self.bias[:, None, None]


class TableConv(nn.Module):
    """A convolution whose kernels each see only the maps that a table lists (LeNet-5's C3).

    `weight` holds the kernels that exist, in the table's order: [links, rows, columns].
    """

    places: Tensor

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...],
        channels: int,
        kernel: tuple[int, int],
        bias: bool,
        **how: object,
    ):
        super().__init__()
        self.how = how
        self.dense = (len(table), channels, *kernel)
        places = [out * channels + seen for out, row in enumerate(table) for seen in row]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(places), *kernel))
        self.bias = nn.Parameter(torch.empty(len(table))) if bias else None

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k y x"]:
        return F.conv2d(x, self.full_weight(), self.bias, **self.how)  # type: ignore[arg-type]

    def full_weight(self) -> Float[Tensor, "k c h w"]:
        """The kernels as an ordinary convolution has them, zero where there is no connection."""
        out, channels, rows, columns = self.dense
        empty = self.weight.new_zeros(out * channels, rows, columns)
        return empty.index_copy(0, self.places, self.weight).view(self.dense)


class UnevenPad(nn.Module):
    """Zeros around a map, with a width of its own on each side: top, left, bottom, right."""

    def __init__(self, sides: tuple[int, int, int, int]):
        super().__init__()
        self.sides = sides

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c y x"]:
        top, left, bottom, right = self.sides
        return F.pad(x, (left, right, top, bottom))


class Steps(nn.Sequential):
    """The modules of one line, in turn; those that add take in one more tensor each, in the order of the text."""

    def forward(self, input: Tensor, *others: Tensor) -> Tensor:
        x, left = input, iter(others)
        for part in self:
            x = part(x, next(left)) if isinstance(part, Add) else part(x)
        return x


class Add(nn.Module):
    """x + y, value by value."""

    def forward(self, x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return x + y


class ResponseNorm(nn.Module):
    """x / (k + alpha sum x^2)^beta, the sum over the `size` maps around each one (Krizhevsky et al. 2012, section 3.3).

    Of an even size the map more lies below, as in `torch.nn.functional.local_response_norm` with size times this alpha.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y x"]:
        if x.is_cuda:
            from convscope.nets import fast_lrn

            if fast_lrn.available():
                return fast_lrn.normalised(x, self.size, self.alpha, self.beta, self.k)
        elif native_lrn.takes(x):
            return native_lrn.normalised(x, self.size, self.alpha, self.beta, self.k)
        maps = x.shape[1]
        squares = F.pad(x.square(), (0, 0, 0, 0, self.size // 2, (self.size - 1) // 2))
        around = squares[:, :maps]
        for first in range(1, self.size):
            around = around + squares[:, first : first + maps]
        return x * (self.k + self.alpha * around).pow(-self.beta)


class Rbf(nn.Module):
    """Squared distances to fixed codes: y_i = sum_j (x_j - w_ij)^2 (LeCun et al. 1998, eq. 7)."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.tensor(digit_codes()), persistent=False)

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        return (x[:, None, :] - self.codes).square().sum(2)


@cache
def digit_codes() -> tuple[tuple[float, ...], ...]:
    """The ten digits as 7x12 bitmaps, read row by row: +1 for ink, -1 for paper.

    The bitmaps are those of figure 3 of LeCun et al. 1998. The paper does not say which sign is ink;
    its forerunner does (LeCun et al. 1990, figure 3: black is +1), and so do we.
    """
    rows = json.loads(resources.files("convscope.nets").joinpath("digit_codes.json").read_text())
    return tuple(
        tuple(1.0 if bit == "#" else -1.0 for row in rows[digit] for bit in row) for digit in "0123456789"
    )
