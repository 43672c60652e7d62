"""Receptive fields, measured: which pixels a value hears at all, and how much it hears of each."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float

from convscope.inspect.forward import pass_of
from convscope.inspect.tracing import unit_of
from convscope.nets.build import Net


def measured_field(
    net: Net, layer: str, at: tuple[int, int]
) -> tuple[Bool[np.ndarray, " h"], Bool[np.ndarray, " w"]]:
    """Which rows and which columns of the picture reach the values of a layer at row and column `at`.

    Each row, then each column, is made NaN, which spreads to everything that is computed from it, whatever
    its weight. One forward pass for each row and column.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> rows, columns = measured_field(build(zoo["lenet5"]), "S2", (0, 3))
    >>> rows.nonzero()[0].tolist(), columns.nonzero()[0].tolist()
    ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11])
    """
    channels, height, width = net.stack.input.shape

    def heard(axis: int, place: int) -> bool:
        picture = torch.zeros(channels, height, width)
        picture.select(1 + axis, place).fill_(torch.nan)
        return bool(pass_of(net, picture, layer).result[:, at[0], at[1]].isnan().any())

    return (
        np.array([heard(0, row) for row in range(height)]),
        np.array([heard(1, column) for column in range(width)]),
    )


def effective_field(
    net: Net, pictures: Float[np.ndarray, "n c h w"], unit: str, at: tuple[int, int]
) -> Float[np.ndarray, "h w"]:
    """How much each pixel moves one value of a net, summing to 1: the mean over pictures of |d value / d pixel|.

    Over channels the gradients' sizes are added (Luo et al. 2016, "Understanding the effective receptive
    field"). All zeros where no pixel moves it, such as behind a ReLU that is off.

    Raises:
        StackError: The net has no such unit.
    """
    layer, number = unit_of(net, unit)
    kept = [p.requires_grad for p in net.parameters()]
    given = torch.as_tensor(pictures, dtype=torch.float32).requires_grad_()
    try:
        net.requires_grad_(False)
        with torch.enable_grad():
            x = next(made for line, made in net.through(given) if line.name == layer)
            x = x if x.dim() == 4 else x[:, :, None, None]
            (gradient,) = torch.autograd.grad(x[:, number, at[0], at[1]].sum(), given)
    finally:
        for parameter, wanted in zip(net.parameters(), kept, strict=True):
            parameter.requires_grad_(wanted)
    size = gradient.abs().sum((0, 1)).double().numpy()
    total = size.sum()
    return size / total if total > 0 else size
