"""The layers of a net that must know of a whole batch when they see a share of it: batch normalisation and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.training.together import Group, Share


class Seen:
    """What the layers of one net share: the group, and the share of a batch that is computed now."""

    def __init__(self, group: Group):
        self.group, self.share = group, Share(0)


class CommonNorm(nn.BatchNorm2d):
    """Batch normalisation by the mean and the variance of the whole batch, of which each worker has a share.

    PyTorch's SyncBatchNorm does not run on processors.
    """

    def __init__(self, like: nn.BatchNorm2d, seen: Seen):
        super().__init__(like.num_features, like.eps, like.momentum)
        self.load_state_dict(like.state_dict())
        self.seen = seen

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if not self.training or self.seen.share.rows is None:
            return super().forward(input)
        count = self.seen.share.total * input.shape[2] * input.shape[3]
        normed, mean, variance = _Normed.apply(
            input, self.weight, self.bias, self.eps, count, self.seen.group.add
        )
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        return normed


class _Normed(torch.autograd.Function):
    """Ioffe & Szegedy 2015, with sums over all workers: of values and their squares, then of their gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        count: int,
        add: Callable[[Tensor], None],
    ) -> tuple[Tensor, Tensor, Tensor]:
        values = x.float()
        own = values.numel() / values.shape[1]
        variance, mean = torch.var_mean(values, (0, 2, 3), unbiased=False)
        mean, variance = mean.double(), variance.double()
        sums = torch.stack([own * mean, own * (variance + mean.square())])
        add(sums)
        mean = sums[0] / count
        variance = (sums[1] / count - mean.square()).clamp_(min=0)
        inverse = (variance + eps).rsqrt().float()
        normed = (values - _wide(mean.float())) * _wide(inverse)
        ctx.save_for_backward(normed, weight, inverse)
        ctx.count, ctx.add = count, add
        given = (normed * _wide(weight) + _wide(bias)).to(x.dtype)
        ctx.mark_non_differentiable(mean, variance)
        return given, mean.float(), variance.float()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        normed, weight, inverse = ctx.saved_tensors
        slope = slopes[0].float()
        scale, shift = (slope * normed).sum((0, 2, 3)), slope.sum((0, 2, 3))
        sums = torch.stack([scale, shift]).double()
        ctx.add(sums)
        means = (sums / ctx.count).float()
        through = (slope - normed * _wide(means[0]) - _wide(means[1])) * _wide(weight * inverse)
        return through.to(slopes[0].dtype), scale, shift, None, None, None


class CommonDropout(nn.Dropout):
    """Dropout that draws for the whole batch and takes what is drawn for the worker's share."""

    def __init__(self, like: nn.Dropout, seen: Seen):
        super().__init__(like.p)
        self.seen = seen

    def forward(self, input: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        share = self.seen.share
        if not self.training or share.rows is None or not self.p:
            return super().forward(input)
        kept = input.new_empty((share.total, *input.shape[1:])).bernoulli_(1 - self.p)
        return input * kept[share.rows.to(input.device)].div_(1 - self.p)


def synchronise(net: nn.Module, seen: Seen) -> list[str]:
    """Put such layers in the place of a net's own; the names of norms that stay each worker's own."""
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                parent.add_module(name, CommonNorm(child, seen))
            elif type(child) is nn.Dropout:
                parent.add_module(name, CommonDropout(child, seen))
    norms = ((name, m) for name, m in net.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))
    return [name for name, module in norms if not isinstance(module, CommonNorm)]


def _wide(channels: Tensor) -> Tensor:
    return channels[:, None, None]
