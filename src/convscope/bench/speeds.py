"""How fast nets are taught here: whole steps by each net's own recipe, its random changes of the pictures included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch

from convscope.bench.figures import Figure, measured
from convscope.data.images import Images, Pictures
from convscope.nets.build import build
from convscope.nets.stack import Stack
from convscope.nets.zoo import zoo
from convscope.training.batches import Feeder
from convscope.training.learners import learner_for, threads_of
from convscope.training.moments import Normalisation, Principal
from convscope.training.plan import Plan, make_plan
from convscope.training.recipe import Recipe
from convscope.training.recipes import recipe_for

NETS = ("lenet5-modern", "cifar", "alexnet", "resnet18")
PAPER_PICTURES, PAPER_EPOCHS, PAPER_DAYS = 1_280_000, 90, (5, 6)
"""Krizhevsky et al. 2012, section 5: so many times through so many pictures took so many days on two GTX 580."""
PATIENCE = 2e10
"""Products a step that a processor is given; a batch of larger nets is made smaller."""


@dataclass(frozen=True)
class Speed:
    """How fast a net learns; `flops` are the floating-point operations that one picture costs."""

    net: str
    shape: tuple[int, int, int]
    batch: int
    engine: str
    precision: str
    figure: Figure
    flops: float

    @property
    def days_of_the_paper(self) -> float:
        """How long the paper's training of AlexNet would take at this speed."""
        return PAPER_EPOCHS * PAPER_PICTURES / self.figure.median / 86_400


def teaching(net: str, device: str, *, rounds: int, seconds: float, **knobs: object) -> Speed:
    """Teach a net pictures of noise, as fast as it goes."""
    plan = _plan(net, device, knobs)
    rule, recipe = Normalisation.of(plan.stack.input, plan.images.train), plan.recipe
    principal = Principal.of(plan.images.train) if recipe.lighting else None
    size = plan.stack.input.shape[1:]
    feeder = Feeder(plan.images.train, size, rule, recipe, 0, device, principal)
    learner = learner_for(build(plan.stack), plan)
    steps, orders = count(), _orders(len(feeder), recipe.batch, device)

    def step() -> None:
        learner.step(feeder, next(orders), 1, next(steps), 1e-6)

    for _ in range(4 if device.startswith("cuda") else 0):
        step()  # until steps are recorded
    with threads_of(learner):
        figure = measured(step, recipe.batch, device, rounds=rounds, seconds=seconds)
    return Speed(
        net, plan.stack.input.shape, recipe.batch, learner.kind, learner.precision, figure, flops(plan.stack)
    )


def flops(stack: Stack) -> float:
    """Floating-point operations that learning from one picture costs, by the definition of convolution.

    A product and a sum for each connection forward, again for the weights' gradients, and again for the gradients of
    what each layer takes in, which the first one need not.

    >>> from convscope.nets.grammar import parse
    >>> flops(parse("input 1x4x4; a conv 2 3x3; out linear 3"))  # 72 products, then 24
    432.0
    """
    products = [rung.multiply_adds for rung in stack.ladder if rung.multiply_adds]
    return float(2 * (3 * sum(products) - products[0]))


def _plan(net: str, device: str, knobs: dict[str, object]) -> Plan:
    stack = zoo[net]
    channels, height, width = stack.input.shape
    recipe = recipe_for(net, None, min(height, width)).recipe.changed(validation=0.0, schedule="constant")
    if device == "cpu":
        products = sum(rung.multiply_adds for rung in stack.ladder)
        recipe = recipe.changed(batch=max(1, min(recipe.batch, int(PATIENCE / products))))
    recipe = recipe.changed(**knobs)
    high, wide = (_whole(side, recipe) for side in (height, width))
    rng, n = np.random.default_rng(0), 4 * recipe.batch
    noise = Pictures(rng.integers(0, 256, (n, channels, high, wide), np.uint8), np.arange(n) % stack.outputs)
    names = tuple(map(str, range(stack.outputs)))
    images = Images("noise", names, noise, noise.take(np.zeros(0, np.int64)), (), "noise")
    return make_plan(images, net, recipe, device=device)


def _whole(side: int, recipe: Recipe) -> int:
    """The side of pictures of which the net sees a part of `side` pixels."""
    return next(whole for whole in count(side) if recipe.seen(whole, whole)[0] == side)


def _orders(n: int, batch: int, device: str) -> Iterator[torch.Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0)).to(device)
    while True:
        yield from order.split(batch)
