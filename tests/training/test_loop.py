"""The training loop: it learns, it repeats itself bit for bit, it resumes, it stops, it says what went wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.errors import DeviceError, DivergedError, RecipeError, RunError
from convscope.runs import Run
from convscope.training.device import exactly
from convscope.training.loop import EpochDone, Finished, Progress, train, training
from convscope.training.plan import Plan, make_plan, resumed_plan, split
from convscope.training.recipe import Recipe

NET = "input 1x12x12; c conv 4 3x3 | relu; p max 2x2; d dropout 0.1; out linear 3"
QUICK = Recipe(epochs=4, batch=50, rate=0.01, validation=0.25, average=0.9, shift=1)
ENGINES = ("native", "torch")


def finish(plan: Plan, path: Path, **how) -> Run:
    for _ in training(plan, path, **how):
        pass
    return Run(path)


def same_bits(one: Run, other: Run) -> bool:
    a, b = one.weights(), other.weights()
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_net_learns_what_can_be_learned(bar_images, engine):
    run = train(bar_images, NET, QUICK.changed(engine=engine, epochs=12, shift=0.0))
    assert run.info["scores"]["test_accuracy"] > 0.95
    assert run.info["engine"] == engine
    assert run.path == Path("runs/1")


@pytest.mark.parametrize("engine", ENGINES)
def test_two_trainings_with_one_seed_give_the_same_bits_and_another_seed_others(bar_images, engine):
    plans = [make_plan(bar_images, NET, QUICK.changed(engine=engine), seed=s) for s in (3, 3, 4)]
    first, again, other = (finish(plan, Path(f"run{i}")) for i, plan in enumerate(plans))
    assert same_bits(first, again)
    assert not same_bits(first, other)


CHANGED = [
    {"flip": 0.5, "pad": 2},
    {"area": 0.3, "outside": "mirror"},
    {"brightness": 0.3, "lighting": 0.5},
    {"erase": 0.5, "cutout": 3},
    {
        "schedule": "plateau",
        "patience": 1,
        "validation": 0.2,
        "optimizer": "nesterov",
        "rate": 0.1,
        "flip": 0.5,
    },
    {"mixup": 0.2},
    {"mixup": 1.0, "cutmix": 1.0},
]


@pytest.mark.parametrize(
    ("engine", "knobs"),
    [(engine, knobs) for engine in ENGINES for knobs in CHANGED if engine == "torch" or "mixup" not in knobs],
    ids=str,
)
def test_a_stopped_training_goes_on_to_the_same_bits_whatever_is_changed_at_random(bar_images, engine, knobs):
    recipe = Recipe(epochs=2, batch=100, calm=1, engine=engine).changed(**knobs)
    plan = make_plan(bar_images, NET, recipe, seed=5)
    whole = finish(plan, Path("whole"))
    plain = finish(
        make_plan(bar_images, NET, Recipe(epochs=2, batch=100, engine=engine), seed=5), Path("plain")
    )
    assert not same_bits(whole, plain)
    seen = iter(range(1, 10_000))
    stopped = finish(plan, Path("parts"), stop=lambda: next(seen) == 3)
    assert same_bits(whole, finish(resumed_plan(stopped, bar_images), Path("parts"), resume=True))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [1, 9, 13, 35])
def test_a_stopped_training_goes_on_to_the_same_bits(bar_images, engine, steps):
    plan = make_plan(bar_images, NET, QUICK.changed(engine=engine), seed=5)
    whole = finish(plan, Path("whole"))
    seen = iter(range(1, 10_000))
    stopped = finish(plan, Path("parts"), stop=lambda: next(seen) == steps)
    assert stopped.info["status"] == "stopped"
    torch.rand(7)  # whoever draws random numbers in between changes nothing
    resumed = finish(resumed_plan(stopped, bar_images), Path("parts"), resume=True)
    assert resumed.info["status"] == "finished"
    assert same_bits(whole, resumed)
    assert [m["loss"] for m in whole.metrics] == [m["loss"] for m in resumed.metrics]
    assert whole.info["scores"] == resumed.info["scores"]


@pytest.mark.parametrize(
    "net",
    [
        "input 1x12x12; c conv 4 3x3 padding=same | tanh; p avg 2x2; out linear 3",
        "input 1x12x12; out linear 3",
        "input 1x12x12; whole conv 8 12x12 | relu; out linear 3",
        "input 1x16x16; hidden linear 8 | squash; out linear 3 | squash",
        "input 1x12x12; s subsample 3x2 maps=0/0 | sigmoid; c conv 4 3x3 groups=2 stride=2; out linear 3",
    ],
)
def test_both_engines_go_nearly_the_same_way(bar_images, net):
    recipe = Recipe(epochs=1, batch=60, rate=0.01, optimizer="sgd", decay=0.01)
    native, plain = (
        train(bar_images, net, recipe.changed(engine=e), out=e).weights() for e in ("native", "torch")
    )
    for name in native:
        np.testing.assert_allclose(native[name], plain[name], atol=1e-5)


def test_the_picture_kept_aside_are_never_learned_from_and_share_the_classes(bar_images):
    learning, aside = split(bar_images.train, 0.25, seed=1)
    assert len(learning) + len(aside) == 600
    shares = np.bincount(aside.labels) / np.bincount(bar_images.train.labels)
    assert np.allclose(shares, 0.25, atol=0.01)
    both = np.concatenate([learning.pixels, aside.pixels]).reshape(600, -1)
    assert len(np.unique(both, axis=0)) == len(np.unique(bar_images.train.pixels.reshape(600, -1), axis=0))


def test_the_events_tell_the_whole_story(bar_images):
    events = list(training(make_plan(bar_images, NET, QUICK), Path("run")))
    progress = [e for e in events if isinstance(e, Progress)]
    assert len(progress) == 4 * 9
    assert (progress[-1].epoch, progress[-1].step, progress[-1].seconds_left) == (4, 9, 0.0)
    done = [e.metrics for e in events if isinstance(e, EpochDone)]
    assert done == Run("run").metrics
    assert [m["epoch"] for m in done] == [1, 2, 3, 4]
    assert events[-1] == Finished(Path("run"), "finished")


def test_the_run_explains_itself(bar_images):
    run = train(bar_images, NET, QUICK, seed=9, out="run")
    info = run.info
    assert info["classes"] == ["across", "down", "none"]
    assert info["pictures"] == {"train": 450, "validation": 150, "test": 200}
    assert info["seed"] == 9
    assert run.epochs == (0, 1, 2, 3, 4)
    assert np.array(info["scores"]["confusion"]).sum() == 200
    errors = 200 - np.trace(np.array(info["scores"]["confusion"]))
    assert info["scores"]["test_errors"] == errors
    assert run.arrays("test.safetensors")["answers"].shape == (200, 3)
    assert run.recipe == QUICK.as_dict()
    assert not list(run.path.rglob("*.part"))
    assert not (run.path / ".lock").exists()


def test_the_kept_net_gives_the_kept_answers(bar_images):
    run = train(bar_images, NET, QUICK, out="run")
    with torch.no_grad():
        answers = run.net()(torch.from_numpy(run.normalised(bar_images.test.pixels)))
    np.testing.assert_allclose(answers.numpy(), run.arrays("test.safetensors")["answers"], atol=1e-4)


def test_a_training_stops_at_its_target(bar_images):
    plan = make_plan(bar_images, NET, Recipe(epochs=50, batch=50, rate=0.01), target=90.0)
    run = finish(plan, Path("run"))
    reached = [m["validation_accuracy"] for m in run.metrics]
    assert reached[-1] >= 0.9
    assert all(r < 0.9 for r in reached[:-1])
    assert len(reached) < 50


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_good_state(bar_images, engine):
    recipe = Recipe(epochs=9, batch=50, optimizer="sgd", rate=1e3, schedule="constant", engine=engine)
    with pytest.raises(
        DivergedError, match=r"the loss became (nan|inf) at epoch 1, step \d+ of 12 \(rate 1e\+03\)"
    ):
        train(bar_images, "input 1x12x12; c conv 4 3x3; e conv 4 3x3; out linear 3", recipe, out="run")
    run = Run("run")
    assert run.info["status"] == "diverged"
    assert all(np.isfinite(a).all() for a in run.weights().values())


def test_a_folder_with_a_run_is_not_written_over(bar_images):
    train(bar_images, NET, QUICK, out="run")
    before = (Path("run") / "run.json").read_bytes()
    with pytest.raises(
        RunError,
        match=r"^run: the folder already holds a Run; give another --out, or go on with --resume run$",
    ):
        train(bar_images, NET, QUICK, out="run")
    assert (Path("run") / "run.json").read_bytes() == before


def test_two_trainings_into_one_folder_the_second_is_refused(bar_images):
    first = training(make_plan(bar_images, NET, QUICK), Path("run"))
    next(first)
    with pytest.raises(RunError, match="another training is writing into this folder"):
        next(training(make_plan(bar_images, NET, QUICK), Path("run"), resume=True))
    list(first)
    assert Run("run").info["status"] == "finished"


def test_other_pictures_cannot_resume_a_run(bar_images):
    run = train(bar_images, NET, QUICK, out="run")
    run.info["data_fingerprint"] = "others"
    with pytest.raises(RunError, match="bars has changed since this Run began; train anew"):
        resumed_plan(run, bar_images)


def test_a_loss_that_does_not_fit_the_net_is_refused(bar_images):
    with pytest.raises(
        RecipeError,
        match="loss=distance needs distances to codes, but the net ends in logits: cross-entropy fits",
    ):
        make_plan(bar_images, NET, Recipe(loss="distance"))


def test_a_border_larger_than_the_pictures_is_refused(bar_images):
    with pytest.raises(RecipeError, match="pad=13 is more than the pictures have, 12 x 12 pixels: take less"):
        make_plan(bar_images, NET, Recipe(pad=13))


def test_the_native_engine_leaves_mixed_labels_to_pytorch(bar_images):
    with pytest.raises(
        RecipeError,
        match=r"engine=native cannot teach this net: it mixes no labels \(mixup, cutmix\); use engine=torch",
    ):
        train(bar_images, NET, Recipe(epochs=1, cutmix=1.0, engine="native"))
    run = train(bar_images, NET, Recipe(epochs=12, batch=50, rate=0.01, mixup=0.2, cutmix=0.5))
    assert run.info["engine"] == "torch"
    assert run.info["scores"]["test_accuracy"] > 0.9


def test_a_plateau_without_pictures_kept_aside_is_refused(bar_images):
    message = (
        "^schedule=plateau needs pictures kept aside to see when it stalls: give validation, such as 0.05$"
    )
    with pytest.raises(RecipeError, match=message):
        make_plan(bar_images, NET, Recipe(schedule="plateau"))


def test_the_native_engine_says_what_it_lacks(bar_images):
    net = "input 1x12x12; c conv 4 3x3 dilation=2 | relu; out linear 3"
    with pytest.raises(
        RecipeError,
        match="engine=native cannot teach this net: the native engine has no dilation; use engine=torch",
    ):
        train(bar_images, net, Recipe(epochs=1, engine="native"))
    assert train(bar_images, net, Recipe(epochs=1)).info["engine"] == "torch"


NORMED = (
    "input 1x12x12; c conv 4 3x3 | batchnorm | relu; d conv 6 3x3 bias=no | batchnorm | relu; out linear 3"
)


BRANCHED = (
    "input 1x12x12; s conv 4 3x3 padding=1 bias=no | batchnorm | relu; p max 3x3 stride=2 padding=1; "
    "c conv 4 3x3 padding=1 bias=no | batchnorm | add p | relu; short conv 6 1x1 stride=2 bias=no | batchnorm; "
    "d from c | conv 6 3x3 stride=2 padding=1 bias=no | batchnorm | add short | relu; mean global; out linear 3"
)


@pytest.mark.parametrize("net", [NORMED, BRANCHED])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_batchnorm_net_resumes_to_the_same_bits(bar_images, engine, net):
    plan = make_plan(bar_images, net, Recipe(epochs=2, batch=50, average=0.9, engine=engine))
    whole = finish(plan, Path("whole"))
    seen = iter(range(1, 100))
    stopped = finish(plan, Path("parts"), stop=lambda: next(seen) == 7)
    assert same_bits(whole, finish(resumed_plan(stopped, bar_images), Path("parts"), resume=True))


@pytest.mark.parametrize("net", [NORMED, BRANCHED])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_both_engines_teach_a_batchnorm_net_the_same(bar_images, optimizer, net):
    recipe = Recipe(epochs=1, batch=50, rate=0.001, decay=0.1, optimizer=optimizer)
    net = net.replace(
        "conv 4 3x3 |", "conv 4 3x3 bias=no |"
    )  # a bias before a norm is moved by nothing but rounding
    native, torch_ = (
        train(bar_images, net, recipe.changed(engine=engine), out=engine).weights() for engine in ENGINES
    )
    assert native.keys() == torch_.keys()
    for name, value in native.items():
        if (
            name != "c.conv.bias"
        ):  # in front of a norm: its gradient is nothing but rounding, which AdamW makes large
            assert value == pytest.approx(torch_[name], abs=2e-4), name


def test_every_line_of_the_run_is_plain_json(bar_images):
    run = train(bar_images, NET, QUICK, out="run")
    for name in ("run.json", "recipe.json"):
        json.loads((run.path / name).read_text(), parse_constant=lambda word: pytest.fail(word))


def test_a_calm_recipe_changes_pictures_in_all_but_its_last_epochs():
    from convscope.training.recipe import Recipe

    recipe = Recipe(epochs=5, calm=2, flip=0.5)
    assert [recipe.changes(epoch) for epoch in (1, 3, 4, 5)] == [True, True, False, False]
    assert not Recipe(epochs=5).changes(1)


@pytest.mark.parametrize("engine", ENGINES)
def test_deterministic_trainings_say_so_give_the_same_bits_and_leave_pytorch_as_it_was(bar_images, engine):
    knobs = {"engine": engine, "epochs": 2, "rotate": 5.0, "mixup": 0.0}
    plan = replace(make_plan(bar_images, NET, QUICK.changed(**knobs), seed=3), deterministic=True)
    within = []
    for _ in training(
        plan, Path("first"), stop=lambda: within.append(torch.are_deterministic_algorithms_enabled())
    ):
        pass
    assert within
    assert all(within)
    assert not torch.are_deterministic_algorithms_enabled()
    assert same_bits(Run("first"), finish(plan, Path("again")))
    assert Run("first").info["deterministic"] is True
    assert resumed_plan(Run("first"), bar_images).deterministic


def test_what_cannot_give_the_same_bits_is_named():
    with (
        pytest.raises(
            DeviceError,
            match=r"^--deterministic: this net has something that histc_cuda computes, which cannot ",
        ),
        exactly(True),
    ):
        raise RuntimeError("histc_cuda does not have a deterministic implementation, but you set 'torch...'")
