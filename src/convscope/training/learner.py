"""One step of learning, by PyTorch: forward, loss, backward, and the update of one flat vector.

All parameters of the net are views into a single vector, `theta`, and all gradients into another, so an
optimiser is a few lines over vectors, and a state to resume from is a few arrays. A learner that computes by
other means (`convscope.training.native`) has the same methods.

On a CUDA device whole steps become graphs, and nothing is read back until it is asked for; so the loop asks seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from convscope.errors import DeviceError
from convscope.nets.answers import named
from convscope.nets.build import Net
from convscope.training.batches import Feeder
from convscope.training.chance import seed_for
from convscope.training.device import computing, precision_of
from convscope.training.flat import FusedOptimiser, Optimiser, decay_mask, flatten
from convscope.training.graphs import Steps
from convscope.training.halving import Halving
from convscope.training.loss import loss_for, loss_sum
from convscope.training.rates import Span, freeze, spans, to_learn
from convscope.training.recipe import Recipe
from convscope.training.synchronised import CommonNorm, Seen, synchronise
from convscope.training.together import ALONE, Group, Share


@runtime_checkable
class Learner(Protocol):
    """What the training loop needs of whatever computes; `prompt` says that it costs nothing to ask for the tally."""

    theta: Tensor
    kind: str
    prompt: bool
    precision: str

    def step(self, feeder: Feeder, index: Int[Tensor, " n"], epoch: int, step: int, rate: float) -> None:
        """Learn from the pictures `index`."""
        ...

    def tally(self) -> tuple[float, int]:
        """Of all steps since it was last asked: the loss summed over their pictures, and how many were named rightly."""
        ...

    def remarks(self) -> list[str]:
        """What somebody should know of how it computes; each is said once."""
        ...

    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        """The net's answers to undistorted pictures, on the CPU."""
        ...

    def weights(self) -> dict[str, np.ndarray]:
        """The net's numbers by name; several workers ask together, and the first one is told."""
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

    def __init__(self, net: Net, recipe: Recipe, device: str, group: Group = ALONE):
        self.net, self.recipe, self.device, self.group = net, recipe, device, group
        self.seen = Seen(group)
        self.own_norms = synchronise(net, self.seen) if group.many else []
        self.loss, self.precision = loss_for(net.stack, recipe), precision_of(recipe, net.stack, device)
        self.theta, self.gradient, decayed, learning = self._laid_out()
        self.added = self.gradient  # what each step adds up over the workers, with what is told of it behind
        self.prompt, on_cuda = device == "cpu", device.startswith("cuda")
        self.optimiser = (FusedOptimiser if on_cuda else Optimiser)(
            self.theta, self.gradient, decayed, learning, recipe
        )
        self.memory = torch.channels_last if on_cuda else torch.preserve_format
        self.draws = any(isinstance(m, nn.Dropout) for m in self.net.modules())
        self.told, self.fresh = torch.zeros(2, device=device), torch.zeros(2, device=device)
        self.held, self.view, self.steps = Halving(device), Halving(device), Steps(self._learn, device)
        self.most, self.said = 0, []
        if on_cuda and any(isinstance(module, CommonNorm) for module in net.modules()):
            self.steps.refuse("its batch normalisations ask the other workers in between")

    def step(self, feeder: Feeder, index: Int[Tensor, " n"], epoch: int, step: int, rate: float) -> None:
        share = self.seen.share = self.group.share(len(index))
        self.steps.key = share.total
        labels = feeder.labels[index.to(self.device, non_blocking=True)]
        mixed = feeder.mixing(len(index), epoch, step)
        wanted = labels if mixed is None else mixed.labels(labels, self.net.stack.outputs)
        pictures = feeder.batch(index, epoch, step, share.rows).contiguous(memory_format=self.memory)
        if share.rows is not None:
            wanted = wanted[share.rows.to(self.device, non_blocking=True)]
        to_learn(self.net, self.recipe)
        self.optimiser.next(rate)
        seed = seed_for(feeder.seed, "dropout", epoch, step)

        def learn(most: int) -> None:
            if most != self.most:
                self.steps.forget()
                self.most = most
            with drawing(seed, self.device) if self.draws else nullcontext():
                self.steps(pictures, wanted)

        if not self.group.many:
            self.held.fitting(learn, len(pictures))
            return
        self._fitting_at_once(learn, len(pictures))
        self._together(share)

    def _fitting_at_once(self, learn: Callable[[int], None], n: int) -> None:
        try:
            learn(n)
        except torch.OutOfMemoryError:
            raise DeviceError(
                f"{self.device} has no memory for {n} pictures at once: give a smaller --batch, or more workers"
            ) from None

    def _together(self, share: Share) -> None:
        """Take the step that all workers' gradients add up to."""
        if self.prompt:
            loss, right = self.group.summed(self.added, share, *self.fresh.tolist())
            told = torch.tensor([loss, right])
        else:
            told = self.group.summed_there(self.added, share, self.fresh)
        self._move(told)

    def tally(self) -> tuple[float, int]:
        loss, right = self.told.tolist()
        self.told.zero_()
        return loss, int(right)

    def remarks(self) -> list[str]:
        now = []
        if self.held.most:
            norms = any(isinstance(module, nn.BatchNorm2d) for module in self.net.modules())
            each = ", each with a batch normalisation of its own" if norms else ""
            now.append(
                f"{self.device} has no memory for more: steps are computed {self.held.most} pictures at a time{each}"
            )
        if self.own_norms:
            now.append(
                f"each worker has batch normalisations of its own: {self.own_norms[0]} is not of PyTorch's kind"
            )
        if self.steps.refused:
            now.append(
                f"steps are not recorded as CUDA graphs, which makes them slower: {self.steps.refused}"
            )
        new = [remark for remark in now if remark not in self.said]
        self.said += new
        return new

    @torch.no_grad()
    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        self.net.eval()

        def seen(most: int) -> Tensor:
            parts = range(start, stop, most)
            return torch.cat([
                self.net(feeder.plain(torch.arange(first, min(first + most, stop)))).cpu() for first in parts
            ])  # fmt: skip

        return self.view.fitting(seen, stop - start)

    def weights(self) -> dict[str, np.ndarray]:
        return weights_of(self.net)

    def state(self) -> dict[str, np.ndarray]:
        return {
            "first": self.optimiser.first.cpu().numpy(),
            "second": self.optimiser.second.cpu().numpy(),
            "steps": np.array(self.optimiser.steps),
            **({"most": np.array(self.held.most)} if self.held.most else {}),
            **kept_buffers(self.net),
        }

    def load(self, state: dict[str, np.ndarray]) -> None:
        self.optimiser.first.copy_(torch.from_numpy(state["first"]))
        self.optimiser.second.copy_(torch.from_numpy(state["second"]))
        self.optimiser.steps = int(state["steps"])
        self.held.most = int(state.get("most", 0))
        load_buffers(self.net, state)

    def _laid_out(self) -> tuple[Tensor, Tensor, Tensor, tuple[Span, ...]]:
        """Parameters and gradients as one vector each; where weight decay acts, and where and how fast they learn."""
        self.net.to(self.device)
        theta, gradient = flatten(self.net, self.group.tail)
        freeze(self.net, self.recipe)
        return theta, gradient, decay_mask(self.net).to(self.device), spans(self.net, self.recipe)

    def _learn(self, pictures: Float[Tensor, "n c h w"], wanted: Num[Tensor, "n ..."]) -> None:
        """The step itself, on the device alone: in parts of `most` pictures, whose gradients add up to the batch's."""
        self.gradient.zero_()
        told, over = torch.zeros_like(self.told), self.seen.share.total
        parts = zip(pictures.split(self.most), wanted.split(self.most), strict=True)
        for some, theirs in parts:
            with computing(self.device, self.precision):
                answers = self.net(some)
            loss = loss_sum(self.loss, self.recipe, answers.float(), theirs)
            (loss / over).backward()
            labels = theirs.argmax(1) if theirs.dim() > 1 else theirs
            right = (named(self.net.stack, answers) == labels).sum()
            told += torch.stack([loss.detach(), right.float()])
        self.fresh.copy_(told)
        if not self.group.many:
            self._move(told)

    def _move(self, told: Float[Tensor, " two"]) -> None:
        """The update, where the loss is a number; and what is told of the step."""
        if not self.prompt or np.isfinite(told[0].item()):
            self.optimiser.move()
        self.told += told


@contextmanager
def drawing(seed: int, device: str) -> Iterator[None]:
    """Within the block PyTorch's own generators start from `seed`; afterwards they are as before."""
    apple = torch.mps.get_rng_state() if device.startswith("mps") else None
    with torch.random.fork_rng([torch.cuda.current_device()] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield
    if apple is not None:
        torch.mps.set_rng_state(apple)


def weights_of(net: Net) -> dict[str, np.ndarray]:
    """A net's numbers by name, on the CPU."""
    return {name: value.detach().cpu().numpy() for name, value in net.state_dict().items()}


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
