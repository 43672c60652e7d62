"""A training that takes a tenth of a second, for what is done to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from convscope.data.images import Images, images
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe

NET = "input 1x28x28; a conv 2 7x7 stride=7 | relu; out linear 10"
RECIPE = Recipe(epochs=2, batch=50, average=0.9)
_ALL = images("mnist")
FEW = replace(_ALL.first(100), test=_ALL.test.take(np.arange(50)))


def train(
    path: Path, resume: bool = False, *, pictures: Images = FEW, net: str = NET, recipe: Recipe = RECIPE
) -> None:
    """Teach the net from the beginning, or go on."""
    plan = (
        resumed_plan(Run(path), pictures, "cpu")
        if resume
        else make_plan(pictures, net, recipe, seed=1, device="cpu")
    )
    for _ in training(plan, path, resume=resume):
        pass
