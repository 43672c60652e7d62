"""Local response normalisation on a processor in one pass forward and one back, by the native engine.

`convscope.nets.layers.ResponseNorm` in plain PyTorch is what it is checked against.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from convscope.native import response

TYPES = (torch.float32, torch.bfloat16)


def takes(x: Tensor) -> bool:
    """Whether the engine is here and these are values that it knows: in memory, of its types, not those of a tracer."""
    return type(x) is Tensor and x.device.type == "cpu" and x.dtype in TYPES and response.ready()


def normalised(
    x: Float[Tensor, "n c y x"], size: int, alpha: float, beta: float, k: float
) -> Float[Tensor, "n c y x"]:
    """x / (k + alpha sum x^2)^beta, the sum over the `size` maps around each one; of an even size the map more lies below.

    In x's own precision, the sums in float32 (Krizhevsky et al. 2012, section 3.3).
    """
    return _Normalised.apply(x, size, alpha, beta, k)


class _Normalised(torch.autograd.Function):
    """Both ways as one function that autograd knows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *constants: float) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        _responses(x, constants).there(x.data_ptr(), y.data_ptr(), torch.get_num_threads())
        ctx.save_for_backward(x)
        ctx.constants = constants
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _back(ctx, *gradients)


@once_differentiable
def _back(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    slope = gradient.to(x.dtype).contiguous()
    out = torch.empty_like(x)
    addresses = x.data_ptr(), slope.data_ptr(), out.data_ptr()
    _responses(x, ctx.constants).back(*addresses, torch.get_num_threads())
    return out, None, None, None, None


def _responses(x: Tensor, constants: tuple[float, ...]) -> response.Responses:
    size, alpha, beta, k = constants
    pictures, maps, rows, columns = x.shape
    return response.Responses(
        pictures, maps, rows * columns, x.dtype == torch.bfloat16, int(size), alpha, beta, k
    )
