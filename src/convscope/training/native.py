"""One step of learning by convscope's own engine: the Stack lowered to its program, PyTorch as the oracle.

Pictures that are not distorted never become floats outside of the engine: it gathers them from the uint8 set itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from convscope import native
from convscope.nets.build import Net
from convscope.nets.lowered import lowered, norms_of, running_of
from convscope.training.batches import Feeder
from convscope.training.chance import seed_for
from convscope.training.flat import BETAS, EPSILON, decay_mask, flatten
from convscope.training.learner import kept_buffers, load_buffers, weights_of
from convscope.training.loss import loss_for, target_table
from convscope.training.rates import spans
from convscope.training.recipe import Recipe
from convscope.training.store import Held
from convscope.training.together import ALONE, Group

LOSSES = {
    "cross-entropy": "cross_entropy",
    "squared": "squared",
    "distance": "distance",
    "discriminative": "distance_map",
}


class NativeLearner:
    """Learns with the native engine, on the CPU."""

    kind, prompt, precision = "native", True, "float32"

    def __init__(self, net: Net, recipe: Recipe, seed: int, group: Group = ALONE):
        self.net, self.recipe, self.seed, self.group = net, recipe, seed, group
        self.engine = native.Engine(lowered(net.stack), group.threads)
        loss = loss_for(net.stack, recipe)
        targets = target_table(net.stack.outputs).numpy() if loss == "squared" else None
        self.loss = native.Loss(LOSSES[loss], recipe.smoothing, recipe.rubbish, targets)
        self.theta, self.slopes = flatten(net, group.tail)
        self.vector, self.gradient = self.theta.numpy(), self.slopes.numpy()
        self.norms, self.running = norms_of(net), share_running(net).numpy()
        self.decayed, self.spans = decay_mask(net).numpy(), spans(net, recipe)
        self.first, self.second = np.zeros_like(self.vector), np.zeros_like(self.vector)
        self.steps, self.told = 0, (0.0, 0)

    def step(self, feeder: Feeder, index: Int[Tensor, " n"], epoch: int, step: int, rate: float) -> None:
        share = self.group.share(len(index))
        own = index if share.rows is None else index[share.rows]
        if self.recipe.changes(epoch):
            batch = native.Batch.floats(feeder.batch(index, epoch, step, share.rows).numpy())
        else:
            batch = self._plain(feeder, own)
        if share.rows is not None:
            batch = replace(batch, share=native.Share(share.first, share.total, self.group.add_array))
        labels = feeder.labels[own].numpy()
        seed = seed_for(self.seed, "dropout", epoch, step)
        loss, correct = self.engine.gradients(
            batch, labels, self.vector, self.gradient, self.loss, seed, self.running
        )
        loss, correct = self.group.summed(self.slopes, share, loss, correct)
        for norm in self.norms:
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked += 1
        if np.isfinite(loss):
            self._update(rate)
        self.told = (self.told[0] + loss, self.told[1] + correct)

    def tally(self) -> tuple[float, int]:
        told, self.told = self.told, (0.0, 0)
        return told

    def remarks(self) -> list[str]:
        return []

    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        batch = self._plain(feeder, torch.arange(start, stop))
        return torch.from_numpy(self.engine.outputs(batch, self.vector, self.running))

    def weights(self) -> dict[str, np.ndarray]:
        return weights_of(self.net)

    def state(self) -> dict[str, np.ndarray]:
        arrays = {"first": self.first, "second": self.second, "steps": np.array(self.steps)}
        return {**arrays, **kept_buffers(self.net)}

    def load(self, state: dict[str, np.ndarray]) -> None:
        self.first[:], self.second[:] = state["first"], state["second"]
        self.steps = int(state["steps"])
        load_buffers(self.net, state)

    def _plain(self, feeder: Feeder, index: Int[Tensor, " n"]) -> native.Batch:
        """Unchanged pictures: the engine itself gathers those that are shown whole."""
        if not (feeder.whole and isinstance(feeder.store, Held)):
            return native.Batch.floats(feeder.plain(index).numpy())
        rule = feeder.rule
        scale, shift = np.array(rule.scale, np.float32), np.array(rule.shift, np.float32)
        return native.Batch.gather(feeder.store.pixels.numpy(), index.numpy(), scale, shift)

    def _update(self, rate: float) -> None:
        self.steps += 1
        for span in self.spans:
            self._move(span.part, rate * span.factor)

    def _move(self, part: slice, rate: float) -> None:
        vectors = (self.vector, self.gradient, self.first, self.second, self.decayed)
        theta, gradient, first, second, decayed = (vector[part] for vector in vectors)
        decay = {"weight_decay": self.recipe.decay, "decay_mask": decayed}
        if self.recipe.optimizer in ("sgd", "nesterov"):
            how = {"momentum": self.recipe.momentum, "nesterov": self.recipe.optimizer == "nesterov"}
            native.sgd(theta, gradient, first, lr=rate, **how, **decay)
        else:
            native.adamw(
                theta, gradient, first, second, step=self.steps, lr=rate, betas=BETAS, eps=EPSILON, **decay
            )


def share_running(net: Net) -> Tensor:
    """Make all that batch normalisations keep running views of one vector, and return it."""
    buffers = running_of(net)
    vector = torch.cat([*buffers, torch.zeros(0)])
    for view, buffer in zip(vector.split([len(b) for b in buffers]), buffers, strict=True):
        buffer.data = view
    return vector
