"""One step of learning, by PyTorch: forward, loss, backward, and the update of one flat vector.

All parameters of the net are views into a single vector, `theta`, and all gradients into another, so an
optimiser is a few lines over vectors, and a state to resume from is a few arrays. A learner that computes by
other means (`convscope.training.native`) has the same four methods.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from convscope.nets.answers import named
from convscope.nets.build import Net
from convscope.training.batches import Feeder
from convscope.training.chance import seed_for
from convscope.training.loss import loss_for, loss_sum
from convscope.training.rates import freeze, spans, to_learn
from convscope.training.recipe import Recipe

BETAS, EPSILON = (0.9, 0.99), 1e-8


@runtime_checkable
class Learner(Protocol):
    """What the training loop needs of whatever computes."""

    theta: Tensor
    kind: str

    def step(
        self, feeder: Feeder, index: Int[Tensor, " n"], epoch: int, step: int, rate: float
    ) -> tuple[float, int]:
        """Learn from the pictures `index`; the loss summed over them, and how many were named rightly before."""
        ...

    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        """The net's answers to undistorted pictures, on the CPU."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """The optimiser's arrays."""
        ...

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from such arrays."""
        ...


class TorchLearner:
    """Learns with PyTorch's autograd, on any device."""

    kind = "torch"

    def __init__(self, net: Net, recipe: Recipe, device: str):
        self.net, self.recipe, self.device = net.to(device), recipe, device
        self.loss = loss_for(net.stack, recipe)
        self.theta, self.gradient = flatten(self.net)
        self.decayed = decay_mask(self.net).to(device)
        self.spans = spans(self.net, recipe)
        freeze(self.net, recipe)
        self.first = torch.zeros_like(self.theta)
        self.second = torch.zeros_like(self.theta)
        self.steps = 0

    def step(
        self, feeder: Feeder, index: Int[Tensor, " n"], epoch: int, step: int, rate: float
    ) -> tuple[float, int]:
        labels = feeder.labels[index.to(self.device)]
        mixed = feeder.mixing(len(index), epoch, step)
        wanted = labels if mixed is None else mixed.labels(labels, self.net.stack.outputs)
        to_learn(self.net, self.recipe)
        self.gradient.zero_()
        with drawing(seed_for(feeder.seed, "dropout", epoch, step), self.device):
            answers = self.net(feeder.batch(index, epoch, step))
        loss = loss_sum(self.loss, self.recipe, answers, wanted)
        (loss / len(index)).backward()
        value = loss.item()
        if np.isfinite(value):
            self._update(rate)
        if wanted.dim() > 1:
            labels = wanted.argmax(1)
        return value, int((named(self.net.stack, answers) == labels).sum())

    @torch.no_grad()
    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        self.net.eval()
        return self.net(feeder.plain(torch.arange(start, stop))).cpu()

    def state(self) -> dict[str, np.ndarray]:
        return {
            "first": self.first.cpu().numpy(),
            "second": self.second.cpu().numpy(),
            "steps": np.array(self.steps),
            **kept_buffers(self.net),
        }

    def load(self, state: dict[str, np.ndarray]) -> None:
        self.first.copy_(torch.from_numpy(state["first"]))
        self.second.copy_(torch.from_numpy(state["second"]))
        self.steps = int(state["steps"])
        load_buffers(self.net, state)

    @torch.no_grad()
    def _update(self, rate: float) -> None:
        self.steps += 1
        for span in self.spans:
            self._move(span.part, rate * span.factor)

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


@contextmanager
def drawing(seed: int, device: str) -> Iterator[None]:
    """Within the block PyTorch's own generators start from `seed`; afterwards they are as before."""
    with torch.random.fork_rng([torch.cuda.current_device()] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield


def flatten(net: Net) -> tuple[Tensor, Tensor]:
    """Make all parameters views of one vector, all gradients views of another, and return both."""
    parameters = list(net.parameters())
    theta = torch.cat([p.detach().reshape(-1) for p in parameters])
    gradient = torch.zeros_like(theta)
    place = 0
    for p in parameters:
        end = place + p.numel()
        p.data, p.grad = theta[place:end].view_as(p), gradient[place:end].view_as(p)
        place = end
    return theta, gradient


def decay_mask(net: Net) -> Tensor:
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


def kept_buffers(net: Net) -> dict[str, np.ndarray]:
    """The running statistics of a net, for a state to resume from."""
    return {f"buffer.{name}": buffer.cpu().numpy() for name, buffer in _buffers(net)}


def load_buffers(net: Net, state: dict[str, np.ndarray]) -> None:
    """Put such statistics back."""
    for name, buffer in _buffers(net):
        buffer.copy_(torch.from_numpy(state[f"buffer.{name}"]))


def _buffers(net: Net) -> Iterator[tuple[str, Tensor]]:
    """The running statistics that belong to a state: those that the net's state_dict has, too."""
    parameters = {name for name, _ in net.named_parameters()}
    return ((name, value) for name, value in net.state_dict().items() if name not in parameters)
