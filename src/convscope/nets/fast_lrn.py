"""Local response normalisation on a GPU in one pass forward and one back, by Triton.

`convscope.nets.layers.ResponseNorm` in plain PyTorch is what it is checked against. That goes over memory once for each map
of the window and keeps all sums for the way back; here the sums are made anew, from values that lie in the cache.
"""

# pyright: reportOptionalMemberAccess=false, reportMissingImports=false, reportOptionalCall=false, reportInvalidTypeForm=false, reportGeneralTypeIssues=false

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:  # PyTorch brings it where it has CUDA
    triton = tl = None

BLOCK = 1024


def available() -> bool:
    """Whether Triton is here."""
    return triton is not None


def normalised(
    x: Float[Tensor, "n c y x"], size: int, alpha: float, beta: float, k: float
) -> Float[Tensor, "n c y x"]:
    """x / (k + alpha sum x^2)^beta, the sum over the `size` maps around each one; of an even size the map more lies below.

    In x's own layout and precision, the sums in float32 (Krizhevsky et al. 2012, section 3.3).
    """
    return _Normalised.apply(x, size, alpha, beta, k)


class _Normalised(torch.autograd.Function):
    """The two kernels as one function that autograd knows the way back of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *constants: float) -> Tensor:
        x = _dense(x)
        y = torch.empty_like(x)
        _launch(_forward, (x, y), constants)
        ctx.save_for_backward(x)
        ctx.constants = constants
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=_layout(x)).to(x.dtype)
        back = torch.empty_like(x)
        _launch(_backward, (x, gradient, back), ctx.constants)
        return back, None, None, None, None


def _layout(x: Tensor) -> torch.memory_format:
    return torch.contiguous_format if x.is_contiguous() else torch.channels_last


def _dense(x: Tensor) -> Tensor:
    """x where its maps lie behind one another or value by value side by side, else a copy that does."""
    return x if x.is_contiguous(memory_format=torch.channels_last) else x.contiguous()


def _launch(kernel: Any, tensors: tuple[Tensor, ...], constants: tuple[float, ...]) -> None:
    x, (size, alpha, beta, k) = tensors[0], constants
    blocks = (triton.cdiv(x.numel(), BLOCK),)
    kernel[blocks](
        *tensors, x.numel(), x.shape[1], x.stride(1), alpha, beta, k,
        BELOW=int(size) // 2, ABOVE=(int(size) - 1) // 2, BLOCK=BLOCK,
    )  # fmt: skip


def _compiled(kernel: Any) -> Any:
    return kernel if triton is None else triton.jit(kernel)


@_compiled
def _square(x, at, step, channel, maps, inside, d: tl.constexpr):
    """The square of the value `d` maps away, and 0 beyond the first and the last map."""
    there = inside & (channel + d >= 0) & (channel + d < maps)
    value = tl.load(x + at + d * step, mask=there, other=0.0).to(tl.float32)
    return value * value


@_compiled
def _forward(
    x, y, total, maps, step, alpha, beta, k, BELOW: tl.constexpr, ABOVE: tl.constexpr, BLOCK: tl.constexpr
):
    """y = x s^-beta, with s = k + alpha times the sum of squares from `BELOW` maps below to `ABOVE` above."""
    first = tl.program_id(0).to(tl.int64) * BLOCK
    lane = tl.arange(0, BLOCK)
    at, inside = first + lane, first + lane < total
    channel = (((first % (maps * step)).to(tl.int32) + lane) // step) % maps
    squares = tl.full([BLOCK], 0.0, tl.float32)
    for d in tl.static_range(-BELOW, ABOVE + 1):
        squares += _square(x, at, step, channel, maps, inside, d)
    own = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + at, own * tl.exp2(-beta * tl.log2(k + alpha * squares)), mask=inside)


@_compiled
def _backward(
    x, gradient, back, total, maps, step, alpha, beta, k,
    BELOW: tl.constexpr, ABOVE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """back_j = g_j s_j^-beta - 2 alpha beta x_j times the sum of g_i x_i s_i^(-beta-1) over the maps i that see j."""
    first = tl.program_id(0).to(tl.int64) * BLOCK
    lane = tl.arange(0, BLOCK)
    at, inside = first + lane, first + lane < total
    channel = (((first % (maps * step)).to(tl.int32) + lane) // step) % maps
    own = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    direct, around = tl.full([BLOCK], 0.0, tl.float32), tl.full([BLOCK], 0.0, tl.float32)
    for e in tl.static_range(-ABOVE, BELOW + 1):
        squares = tl.full([BLOCK], 0.0, tl.float32)
        for d in tl.static_range(-BELOW, ABOVE + 1):
            squares += _square(x, at, step, channel, maps, inside, e + d)
        there = inside & (channel + e >= 0) & (channel + e < maps)
        g = tl.load(gradient + at + e * step, mask=there, other=0.0).to(tl.float32)
        value = tl.load(x + at + e * step, mask=there, other=0.0).to(tl.float32)
        s = k + alpha * squares
        shrunk = g * tl.exp2(-beta * tl.log2(s))
        if e == 0:
            direct = shrunk
        around += shrunk * value / s
    tl.store(back + at, direct - 2 * alpha * beta * own * around, mask=inside)
