"""What a layer has learned, as numbers: a unit's kernel, the maps that it lies on, its bias."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from convscope.inspect.forward import Pass
from convscope.nets import steps
from convscope.nets.layers import TableConv
from convscope.nets.windows import Shape


def numbers(module: nn.Module, name: str) -> Float[np.ndarray, "*shape"]:
    """A module's parameter or buffer as an array, without its gradient."""
    tensor = getattr(module, name)
    assert isinstance(tensor, Tensor), f"{type(module).__name__}.{name}"
    return tensor.detach().numpy()


def bias_of(module: nn.Module, number: int) -> float:
    """A unit's bias, 0 where the layer has none."""
    return 0.0 if getattr(module, "bias", None) is None else float(numbers(module, "bias")[number])


def kernel_of(
    done: Pass, step: steps.Conv, number: int
) -> tuple[Float[np.ndarray, "c h w"], tuple[int, ...], float]:
    """A convolution unit's kernel [channels, rows, columns], the input maps that it lies on, and its bias."""
    module = done.module
    below = step.table(shape_of(done))[number]
    if isinstance(module, TableConv):
        return module.full_weight().detach()[number].numpy()[list(below)], below, bias_of(module, number)
    return numbers(module, "weight")[number], below, bias_of(module, number)


def shape_of(done: Pass) -> Shape:
    """The shape of what a layer's working step was given: channels, rows, columns."""
    channels, height, width = done.given.shape
    return channels, height, width
