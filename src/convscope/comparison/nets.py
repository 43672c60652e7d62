"""Nets as methods: taught by convscope's own training with a named recipe, and what can be put on top of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from convscope.comparison.neighbours import Neighbours, among
from convscope.comparison.task import Task
from convscope.data.images import Images, Pictures
from convscope.nets import steps
from convscope.nets.answers import averaged
from convscope.nets.build import Net
from convscope.nets.views import VIEWS, shown
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan
from convscope.training.recipes import recipe_for

BATCH = 500
CODE = ("convscope.training", "convscope.nets", "convscope.native", "convscope.comparison.nets")


@dataclass(frozen=True, eq=False)
class Taught:
    """A Run's net: answers are its own, averaged over its recipe's views, distances with their sign turned."""

    run: Run

    @property
    def parameters(self) -> int:
        """The net's trainable parameters."""
        return self.run.stack.parameters

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """What the net answers."""
        wanted = VIEWS[self.run.recipe.get("views", "plain")]
        said = torch.stack([self._seen(pixels, view, self.run.net()) for view in wanted.views])
        mean = averaged(self.run.stack, said, wanted.averaged).numpy()
        return -mean if isinstance(self.run.stack.last, steps.Rbf) else mean

    def before_the_last(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """What the last layer is given."""
        net = self.run.net()
        last = self.run.stack.lines[-1].name
        setattr(net, last, torch.nn.Flatten())
        return self._seen(pixels, VIEWS["plain"].views[0], net).numpy()

    def _seen(self, pixels: np.ndarray, view: Any, net: Net) -> Tensor:
        height, width = self.run.stack.input.shape[1:]
        parts = []
        with torch.no_grad():
            for s in range(0, len(pixels), BATCH):
                laid = shown(pixels[s : s + BATCH], (height, width), view)
                parts.append(net(torch.from_numpy(self.run.normalised(laid))))
        return torch.cat(parts)


def net(
    task: Task,
    net: str,
    recipe: str,
    knobs: Mapping[str, Any] | None = None,
    folder: str = "run",
    device: str = "cpu",
) -> Taught:
    """A net of the zoo, or stack text, taught the task by a named recipe with some knobs changed.

    What an earlier, killed attempt left is deleted: seconds that are reported are those of one whole training.
    """
    chosen = recipe_for(net, recipe).recipe.changed(**(knobs or {}))
    plan = make_plan(_images(task), net, chosen, seed=task.seed, device=device)
    where = task.folder / folder
    shutil.rmtree(where, ignore_errors=True)
    for _ in training(plan, where):
        pass
    return Taught(Run(where))


def _images(task: Task) -> Images:
    """The task as a source. The test pictures are not in it: one picture that is learned stands for them."""
    pictures = Pictures(task.pixels, np.asarray(task.labels, np.int64))
    names = tuple(map(str, range(task.classes)))
    return Images("contest", names, pictures, pictures.take(np.arange(1)), (), "contest")


def same_size(task: Task, parameters: int, recipe: str, knobs: Mapping[str, Any] | None = None) -> Taught:
    """One fully connected hidden layer, as wide as a budget of parameters allows."""
    inputs = int(np.prod(task.pixels.shape[1:]))
    hidden = max(1, (parameters - task.classes) // (inputs + 1 + task.classes))
    return net(
        task,
        f"{input_of(task)}; hidden linear {hidden} | squash; out linear {task.classes} | squash",
        recipe,
        knobs,
    )


def connected(
    task: Task, hidden: tuple[int, ...], recipe: str, knobs: Mapping[str, Any] | None = None
) -> Taught:
    """Fully connected layers of these widths, squashed as in 1998."""
    layers = "; ".join(f"hidden{i} linear {width} | squash" for i, width in enumerate(hidden, start=1))
    return net(task, f"{input_of(task)}; {layers}; out linear {task.classes} | squash", recipe, knobs)


def modern(
    task: Task, hidden: tuple[int, ...], dropout: float, knobs: Mapping[str, Any] | None = None
) -> Taught:
    """Fully connected layers with ReLU, dropout and softmax."""
    layers = "; ".join(
        f"hidden{i} linear {width} | relu | dropout {dropout}" for i, width in enumerate(hidden, start=1)
    )
    return net(task, f"{input_of(task)}; {layers}; out linear {task.classes}", "plain", knobs)


def input_of(task: Task) -> str:
    """The first line of a net's text for a task."""
    return "input " + "x".join(map(str, task.pixels.shape[1:]))


@dataclass(frozen=True, eq=False)
class OnTop:
    """Nearest neighbours among what a net's last layer is given."""

    taught: Taught
    neighbours: Neighbours

    @property
    def parameters(self) -> int:
        """The net's parameters, and all that is kept to compare with."""
        return self.taught.parameters + self.neighbours.parameters

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The votes of the nearest."""
        return self.neighbours.voted(self.taught.before_the_last(pixels))


def neighbours_on_top(
    task: Task, net_name: str, recipe: str, k: int, knobs: Mapping[str, Any] | None = None
) -> OnTop:
    """A net whose last layer is replaced by k nearest neighbours (LeCun et al. 1998, C.8)."""
    taught = net(task, net_name, recipe, knobs)
    kept = among(taught.before_the_last(task.pixels), task.labels, task.classes, k)
    return OnTop(taught, kept)


@dataclass(frozen=True, eq=False)
class Boosted:
    """Three nets whose answers are added up."""

    nets: tuple[Taught, ...]

    @property
    def parameters(self) -> int:
        """Those of all three."""
        return sum(one.parameters for one in self.nets)

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The sums."""
        return np.sum([one.answers(pixels) for one in self.nets], axis=0)


def boosted(
    task: Task, net_name: str, recipe: str, pool: int, least: int, knobs: Mapping[str, Any] | None = None,
    later: Mapping[str, Any] | None = None,
) -> Boosted:  # fmt: skip
    """Three nets, each learning what those before it do not know (Drucker, Schapire & Simard 1993; LeCun et al. 1998, C.9).

    The second learns distorted pictures of which the first names half wrongly, the third those on which the first two
    disagree; both are looked for among `pool` distorted copies of all pictures, and where there are fewer than `least` of
    them, the ones that the nets were least sure of are taken, too. `later` are knobs of the second and third.
    """
    first = net(task, net_name, recipe, knobs, "first")
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for pixels, labels in distorted_copies(task, recipe, pool):
        found.append((pixels, labels, first.answers(pixels)))
    pixels, labels, said = (np.concatenate(part) for part in zip(*found, strict=True))
    rng = np.random.default_rng(task.seed)
    hard = _hardest(said, labels, said.argmax(1) != labels, least)
    easy = np.setdiff1d(np.arange(len(labels)), hard)
    taken = rng.permutation(np.concatenate([hard, rng.permutation(easy)[: len(hard)]]))
    second = net(_only(task, pixels, labels, taken), net_name, recipe, later, "second")
    more = second.answers(pixels)
    apart = _hardest(said + more, labels, said.argmax(1) != more.argmax(1), least)
    third = net(_only(task, pixels, labels, rng.permutation(apart)), net_name, recipe, later, "third")
    return Boosted((first, second, third))


def _hardest(said: np.ndarray, labels: np.ndarray, wanted: np.ndarray, least: int) -> Int[np.ndarray, " m"]:
    """The wanted ones, and as many of those whose own class leads by least as are missing to `least`."""
    own = said[np.arange(len(labels)), labels]
    others = said.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    lead = np.where(wanted, -np.inf, own - others.max(1))
    return np.argsort(lead, kind="stable")[: min(max(int(wanted.sum()), least), len(labels))]


def _only(task: Task, pixels: np.ndarray, labels: np.ndarray, index: np.ndarray) -> Task:
    return Task(pixels[index], labels[index], task.classes, task.seed, task.folder)


def distorted_copies(task: Task, recipe: str, copies: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pictures as a recipe distorts them, so many times."""
    from convscope.training.chance import generator
    from convscope.training.distort import distort

    knobs = recipe_for("", recipe).recipe
    size = (task.pixels.shape[2], task.pixels.shape[3])
    for copy in range(copies):
        parts = []
        for step, s in enumerate(range(0, len(task.pixels), BATCH)):
            some = torch.from_numpy(np.ascontiguousarray(task.pixels[s : s + BATCH]))
            bent = distort(some, knobs, size, generator(task.seed, "distort", 1000 + copy, step))
            parts.append(bent.round().clamp(0, 255).to(torch.uint8).numpy())
        yield np.concatenate(parts), np.asarray(task.labels)
