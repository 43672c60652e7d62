"""The recipe's knobs: their ranges, their errors, and the schedules they mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convscope.data.images import Pictures
from convscope.errors import RecipeError
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.zoo import zoo
from convscope.training.batches import Feeder
from convscope.training.learner import TorchLearner
from convscope.training.loss import loss_for
from convscope.training.moments import Normalisation
from convscope.training.native import NativeLearner
from convscope.training.recipe import KNOBS, Recipe, from_dict
from convscope.training.recipes import RECIPES, recipe_for
from convscope.training.schedule import rate_at

WRONG = [
    ({"epochs": 0}, "epochs goes from 1 to 100000, not 0"),
    ({"epochs": 1.5}, "epochs is a whole number, not 1.5"),
    ({"epochs": True}, "epochs is a whole number, not True"),
    ({"rate": "fast"}, "rate is a number, not 'fast'"),
    ({"rate": float("nan")}, "rate goes from 1e-09 to 1000, not nan"),
    ({"momentum": 1.0}, "momentum goes from 0 to 0.9999, not 1"),
    ({"optimizer": "adam"}, "optimizer is one of sgd, nesterov, adamw, not 'adam'"),
    ({"epoch": 3}, "no knob 'epoch': did you mean epochs?"),
    ({"zzz": 3}, f"no knob 'zzz': there are {', '.join([*KNOBS][:24])} and {len(KNOBS) - 24} more"),
]


@pytest.mark.parametrize(("knobs", "message"), WRONG, ids=[m for _, m in WRONG])
def test_a_wrong_knob_is_refused_with_its_range(knobs, message):
    with pytest.raises(RecipeError) as caught:
        Recipe().changed(**knobs)
    assert str(caught.value) == message


def test_a_recipe_survives_being_written_down():
    recipe = Recipe(epochs=3, elastic=0.5, optimizer="sgd")
    assert from_dict(recipe.as_dict()) == recipe


@pytest.mark.parametrize("named", RECIPES, ids=lambda r: r.name)
def test_every_named_recipe_fits_the_nets_it_was_made_for(named):
    assert recipe_for("any", named.name) == named
    for net in named.nets:
        assert recipe_for(net).nets
        assert loss_for(zoo[net], named.recipe)


def test_a_recipe_that_is_not_there_is_said_so():
    with pytest.raises(RecipeError, match=r"there is no recipe 'plane': did you mean plain\?"):
        recipe_for("lenet5", "plane")


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "linear"])
def test_a_rate_climbs_to_its_highest_and_falls_to_almost_nothing(schedule):
    recipe = Recipe(schedule=schedule, rate=0.1, warmup=0.25, epochs=10)
    rates = [rate_at(recipe, step, 100) for step in range(1000)]
    assert max(rates) == pytest.approx(0.1, rel=1e-2)
    assert rates.index(max(rates)) == pytest.approx(250, abs=2)
    assert rates[0] < 0.001
    assert rates[-1] < 0.001
    assert rates[:250] == sorted(rates[:250])
    assert rates[251:] == sorted(rates[251:], reverse=True)


def test_the_papers_schedule_is_the_papers():
    recipe = Recipe(schedule="lecun1998", rate=0.0005, epochs=20)
    rates = [rate_at(recipe, epoch * 10, 10) for epoch in range(20)]
    paper = [0.0005] * 2 + [0.0002] * 3 + [0.0001] * 3 + [0.00005] * 4 + [0.00001] * 8
    assert rates == pytest.approx(paper)


def test_no_warmup_begins_at_the_highest_rate():
    assert rate_at(Recipe(schedule="cosine", rate=0.1, warmup=0.0, epochs=1), 0, 1000) == pytest.approx(
        0.1, rel=1e-3
    )


def test_each_net_is_taught_by_the_loss_that_fits_it():
    losses = {name: loss_for(zoo[name], Recipe()) for name in ("lenet1", "lenet5", "lenet5-modern")}
    assert losses == {"lenet1": "squared", "lenet5": "distance", "lenet5-modern": "cross-entropy"}


def test_a_plateau_is_a_tenth_of_the_rate_after_so_many_epochs_without_a_better_validation():
    recipe = Recipe(schedule="plateau", rate=0.01, patience=2)
    seen = [0.1, 0.3, 0.3, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    rates = [rate_at(recipe, 0, 10, seen[:epoch]) for epoch in range(len(seen) + 1)]
    assert rates == pytest.approx([0.01] * 4 + [1e-3] * 3 + [1e-4] * 2 + [1e-5] * 5)


def test_alexnets_recipe_is_the_papers():
    knobs = recipe_for("alexnet").recipe
    assert (knobs.batch, knobs.momentum, knobs.decay, knobs.rate, knobs.epochs) == (
        128,
        0.9,
        0.0005,
        0.01,
        90,
    )
    assert (knobs.optimizer, knobs.schedule, knobs.lighting, knobs.views) == (
        "sgd",
        "plateau",
        0.1,
        "ten-crop",
    )
    assert knobs.seen(256, 256) == (227, 227)


def test_the_recipe_of_a_net_fits_the_size_of_its_pictures():
    assert [recipe_for("resnet18", side=side).name for side in (32, 64, 95, 96, 224)] == [
        "cifar", "cifar", "cifar", "photos", "photos"
    ]  # fmt: skip
    assert recipe_for("resnet18", "photos", side=32).name == "photos"
    assert recipe_for("photos", side=64).name == recipe_for("photos").name == "photos"


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov"])
@pytest.mark.parametrize("engine", ["torch", "native"])
def test_momentum_is_pytorchs(optimizer: str, engine: str):
    stack, rng = parse("input 1x4x4; out linear 3"), np.random.default_rng(0)
    pictures = Pictures(rng.integers(0, 256, (8, 1, 4, 4), np.uint8), rng.integers(0, 3, 8))
    recipe = Recipe(optimizer=optimizer, decay=0.01, batch=8, engine=engine)
    net, other = build(stack, 1), build(stack, 1)
    learner = TorchLearner(net, recipe, "cpu") if engine == "torch" else NativeLearner(net, recipe, 0)
    feeder = Feeder(pictures, (4, 4), Normalisation((0.01,), (-1.0,)), recipe, 0, "cpu")
    weights = [p for p in other.parameters() if p.dim() > 1]
    biases = [p for p in other.parameters() if p.dim() == 1]
    groups = [{"params": weights, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0}]
    oracle = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=optimizer == "nesterov")
    for step in range(5):
        learner.step(feeder, torch.arange(8), 1, step, 0.1)
        oracle.zero_grad()
        F.cross_entropy(other(feeder.plain(torch.arange(8))), feeder.labels).backward()
        oracle.step()
    expected = torch.cat([p.detach().flatten() for p in other.parameters()])
    assert torch.allclose(learner.theta, expected, atol=1e-5)
