"""All parameters of a net as views of one vector, all gradients of another, and the optimisers over such vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from convscope.training.rates import Span
from convscope.training.recipe import Recipe

BETAS, EPSILON = (0.9, 0.99), 1e-8


def flatten(net: nn.Module, tail: int = 0) -> tuple[Tensor, Tensor]:
    """Make all parameters views of one vector, all gradients views of another, and return both.

    In memory the gradient has room for `tail` more values behind its own.
    """
    parameters = list(net.parameters())
    theta = torch.cat([p.detach().reshape(-1) for p in parameters])
    gradient = theta.new_zeros(len(theta) + tail)[: len(theta)]
    place = 0
    for p in parameters:
        end = place + p.numel()
        p.data, p.grad = theta[place:end].view_as(p), gradient[place:end].view_as(p)
        place = end
    return theta, gradient


def by_name(net: nn.Module, vector: Tensor) -> dict[str, Tensor]:
    """The parts of such a vector as views, under the names and in the shapes of the net's parameters."""
    named = dict(net.named_parameters())
    parts = vector.split([p.numel() for p in named.values()])
    return {name: part.view(p.shape) for (name, p), part in zip(named.items(), parts, strict=True)}


def decay_mask(net: nn.Module) -> Tensor:
    """1 where weight decay acts, on the weights of kernels and units; 0 on biases and scales."""
    return torch.cat([torch.full((p.numel(),), float(p.dim() > 1)) for p in net.parameters()])


@contextmanager
def swapped(theta: Tensor, other: Tensor) -> Iterator[None]:
    """Within the block the net's numbers are `other`; afterwards they are as before."""
    kept = theta.clone()
    theta.copy_(other)
    try:
        yield
    finally:
        theta.copy_(kept)


class Optimiser:
    """Moves one vector by its gradient, part by part: stochastic gradient descent with momentum, or AdamW."""

    def __init__(
        self, theta: Tensor, gradient: Tensor, decayed: Tensor, spans: tuple[Span, ...], recipe: Recipe
    ):
        self.theta, self.gradient, self.decayed = theta, gradient, decayed
        self.spans, self.recipe = spans, recipe
        self.first, self.second = torch.zeros_like(theta), torch.zeros_like(theta)
        self.steps, self.rate = 0, 0.0

    def next(self, rate: float) -> None:
        """Make ready for a step at this learning rate."""
        self.steps, self.rate = self.steps + 1, rate

    @torch.no_grad()
    def move(self) -> None:
        """Take the step."""
        for span in self.spans:
            self._move(span.part, self.rate * span.factor)

    def _move(self, part: slice, rate: float) -> None:
        vectors = (self.theta, self.gradient, self.first, self.second, self.decayed)
        theta, gradient, first, second, decayed = (vector[part] for vector in vectors)
        if self.recipe.optimizer in ("sgd", "nesterov"):
            momentum, ahead = self.recipe.momentum, self.recipe.optimizer == "nesterov"
            gradient.add_(theta * decayed, alpha=self.recipe.decay)
            first.mul_(momentum).add_(gradient)
            theta.sub_(gradient.add_(first, alpha=momentum) if ahead else first, alpha=rate)
        else:
            b1, b2 = BETAS
            theta.sub_(theta * decayed, alpha=rate * self.recipe.decay)
            first.lerp_(gradient, 1 - b1)
            second.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
            root = (second / (1 - b2**self.steps)).sqrt_().add_(EPSILON)
            theta.addcdiv_(first, root, value=-rate / (1 - b1**self.steps))


class FusedOptimiser(Optimiser):
    """The same in one pass over memory, by PyTorch's fused kernels; rate and step are read on the device.

    So a step that was recorded once, as a CUDA graph, can be played with other rates.
    """

    def __init__(
        self, theta: Tensor, gradient: Tensor, decayed: Tensor, spans: tuple[Span, ...], recipe: Recipe
    ):
        super().__init__(theta, gradient, decayed, spans, recipe)
        self.said = torch.zeros(2, device=theta.device)
        self.alike: dict[tuple[float, bool], list[slice]] = {}
        for span in spans:
            for part, decays in _pieces(span.part, decayed):
                self.alike.setdefault((span.factor, decays), []).append(part)

    def next(self, rate: float) -> None:
        super().next(rate)
        self.said.copy_(torch.tensor([rate, float(self.steps)]), non_blocking=True)

    @torch.no_grad()
    def move(self) -> None:
        for (factor, decays), parts in self.alike.items():
            theta, gradient, first, second = (
                [vector[part] for part in parts]
                for vector in (self.theta, self.gradient, self.first, self.second)
            )
            rate, steps = self.said[0] * factor, [self.said[1]] * len(parts)
            decay = self.recipe.decay if decays else 0.0
            if self.recipe.optimizer in ("sgd", "nesterov"):
                torch.ops.aten._fused_sgd_(
                    theta, gradient, first, weight_decay=decay, momentum=self.recipe.momentum, lr=rate, dampening=0.0,
                    nesterov=self.recipe.optimizer == "nesterov", maximize=False, is_first_step=False,
                )  # fmt: skip
            else:
                torch.ops.aten._fused_adamw_(
                    theta, gradient, first, second, [], steps, lr=rate, beta1=BETAS[0], beta2=BETAS[1],
                    weight_decay=decay, eps=EPSILON, amsgrad=False, maximize=False,
                )  # fmt: skip


def _pieces(part: slice, decayed: Tensor) -> Iterator[tuple[slice, bool]]:
    """A part of the vector cut where weight decay begins or ends to act."""
    mask = decayed[part].cpu()
    edges = (torch.nonzero(mask[1:] != mask[:-1]).flatten() + 1).tolist()
    for start, stop in zip([0, *edges], [*edges, len(mask)], strict=True):
        if stop > start:
            yield slice(part.start + start, part.start + stop), bool(mask[start])
