"""What one net learned, another begins with: which layers are taken, which stay as they are, which learn slower."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.data.images import Images
from convscope.errors import RecipeError
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.runs import Run
from convscope.training.loop import train, training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.rates import spans
from convscope.training.recipe import Recipe

NET = "input 1x12x12; c conv 4 3x3 | relu; p max 2x2; f linear 8 | relu; out linear 3"
QUICK = Recipe(epochs=1, batch=50, rate=0.01)
ENGINES = ("native", "torch")


@pytest.fixture
def begun(bar_images) -> Run:
    return train(bar_images, NET, QUICK.changed(epochs=3), out="begun")


def two_classes(images: Images) -> Images:
    """The same bars, without the pictures that have none."""
    parts = (part.take(np.flatnonzero(np.asarray(part.labels) < 2)) for part in (images.train, images.test))
    return replace(images, classes=("across", "down"), train=next(parts), test=next(parts), fingerprint="two")


def test_layers_that_agree_are_taken_and_a_last_layer_for_other_classes_is_new(bar_images, begun):
    run = train(two_classes(bar_images), None, QUICK, start=begun, out="next")
    first, source = run.weights(0), begun.weights()
    for name in source:
        same = first[name].shape == source[name].shape and np.array_equal(first[name], source[name])
        assert same == (not name.startswith("out.")), name
    assert run.info["from"] == {"source": "begun", "taken": ["c", "f"], "new": ["out"]}
    assert run.info["net"] == begun.info["net"]
    assert run.info["normalisation"] == begun.info["normalisation"]


def test_the_same_classes_take_the_last_layer_too_and_others_of_that_number_do_not(bar_images, begun):
    assert make_plan(bar_images, start=begun).start.new == ()
    renamed = replace(bar_images, classes=("a", "b", "c"))
    plan = make_plan(renamed, start=begun)
    assert (plan.start.taken, plan.start.new) == (("c", "f"), ("out",))
    assert str(plan.start) == "begins with c, f of begun; new: out"


def test_another_net_takes_the_layers_whose_shapes_agree(bar_images, begun):
    deeper = NET.replace("f linear 8", "f linear 9")
    plan = make_plan(bar_images, deeper, start=begun)
    assert (plan.start.taken, plan.start.new) == (("c",), ("f", "out"))
    with pytest.raises(
        RecipeError,
        match=r"no layer of begun \(c, f, out\) has the name and shape of one of this net's \(d, e\)",
    ):
        make_plan(bar_images, "input 1x12x12; d conv 4 3x3; e linear 3", start=begun)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_began_with_a_run_resumes_to_the_same_bits_without_it(bar_images, begun, engine):
    recipe = QUICK.changed(epochs=2, freeze=1, layerwise=0.5, engine=engine)
    plan = make_plan(bar_images, None, recipe, start=begun)
    for path, steps in ((Path("whole"), 10_000), (Path("parts"), 7)):
        seen = iter(range(1, 20_000))
        for _ in training(plan, path, stop=lambda last=steps, seen=seen: next(seen) == last):
            pass
    begun.path.rename("gone")
    again = resumed_plan(Run("parts"), bar_images)
    assert again.start == plan.start
    for _ in training(again, Path("parts"), resume=True):
        pass
    whole, parts = Run("whole"), Run("parts")
    assert whole.info["from"] == parts.info["from"]
    for name, value in whole.weights().items():
        assert np.array_equal(value, parts.weights()[name]), name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_layers_stay_as_they_are_and_the_others_learn(bar_images, begun, engine, optimizer):
    recipe = QUICK.changed(freeze=2, decay=0.1, engine=engine, optimizer=optimizer)
    run = train(bar_images, None, recipe, start=begun, out="run")
    assert run.info["engine"] == engine
    before, after = run.weights(0), run.weights()
    moved = {name.split(".")[0] for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {"out"}


def test_a_frozen_norm_keeps_its_statistics_and_the_native_engine_leaves_it_alone(bar_images):
    net = "input 1x12x12; c conv 4 3x3 | batchnorm | relu; e conv 4 3x3 | batchnorm | relu; out linear 3"
    run = train(bar_images, net, QUICK.changed(freeze=1), out="run")
    assert run.info["engine"] == "torch"
    before, after = run.weights(0), run.weights()
    for name in before:
        assert np.array_equal(before[name], after[name]) == name.startswith("c."), name
    with pytest.raises(RecipeError, match=r"it keeps no norms and dropouts still \(freeze\)"):
        train(bar_images, net, QUICK.changed(freeze=1, engine="native"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_layer_below_learns_by_the_factor_slower(bar_images, engine):
    """One step of plain gradient descent moves each layer by its own factor."""
    how = {"optimizer": "sgd", "momentum": 0.0, "batch": 600, "schedule": "constant", "engine": engine}
    steps = []
    for layerwise in (1.0, 0.5):
        run = train(bar_images, NET, QUICK.changed(layerwise=layerwise, **how), out=f"run{layerwise}")
        before, after = run.weights(0), run.weights()
        steps.append({name: after[name] - before[name] for name in before})
    for name, step in steps[0].items():
        factor = {"c": 0.25, "f": 0.5, "out": 1.0}[name.split(".")[0]]
        np.testing.assert_allclose(steps[1][name], factor * step, atol=2e-7)


def test_the_parts_of_the_vector_join_where_they_learn_alike():
    net = build(parse(NET))
    sizes = [sum(p.numel() for p in getattr(net, name).parameters()) for name in ("c", "f", "out")]
    whole = sum(sizes)
    assert [(s.part, s.factor) for s in spans(net, Recipe())] == [(slice(0, whole), 1.0)]
    assert [(s.part, s.factor) for s in spans(net, Recipe(freeze=1))] == [(slice(sizes[0], whole), 1.0)]
    assert [s.factor for s in spans(net, Recipe(layerwise=0.5))] == [0.25, 0.5, 1.0]


def test_a_net_that_is_frozen_whole_is_refused(bar_images):
    with pytest.raises(
        RecipeError, match=r"^freeze=3 keeps every layer as it is, of 3 with weights: take less$"
    ):
        make_plan(bar_images, NET, Recipe(freeze=3))


def test_pictures_with_other_channels_are_normalised_by_themselves(bar_images, begun):
    coloured = replace(
        bar_images,
        train=replace(bar_images.train, pixels=np.repeat(bar_images.train.pixels, 3, 1)),
        test=replace(bar_images.test, pixels=np.repeat(bar_images.test.pixels, 3, 1)),
    )
    plan = make_plan(coloured, None, start=begun)
    assert plan.start.normalisation is None
    assert plan.start.taken == ("f", "out")


def test_what_is_frozen_costs_no_gradient(begun):
    from convscope.training.learner import TorchLearner

    net = build(begun.stack)
    TorchLearner(net, Recipe(freeze=2), "cpu")
    assert [p.requires_grad for p in net.parameters()] == [False] * 4 + [True] * 2
    assert torch.is_grad_enabled()
