"""Steps on other devices: fused optimisers, less memory than a batch needs, lower precision, graphs, Apple's limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from convscope.cli.progress import shown
from convscope.errors import DeviceError, RecipeError
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.zoo import zoo
from convscope.runs import Run
from convscope.training import device as devices
from convscope.training.batches import Feeder
from convscope.training.device import precision_of
from convscope.training.flat import FusedOptimiser, Optimiser, decay_mask, flatten
from convscope.training.graphs import WARM, Steps
from convscope.training.learner import TorchLearner
from convscope.training.loop import Remark, train, training
from convscope.training.moments import Normalisation
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.rates import spans
from convscope.training.recipe import Recipe

NET = "input 1x12x12; c conv 4 3x3 | relu; p max 2x2; f linear 8 | relu; out linear 3"
TORCH = Recipe(epochs=1, batch=60, rate=0.01, engine="torch")


def small_memory(net, most: int) -> list[int]:
    """Make a net run out of memory where it is taught more pictures at once than these; a list of when it did."""
    whole, full = net.forward, []

    def forward(x):
        if torch.is_grad_enabled() and len(x) > most:
            full.append(len(x))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return whole(x)

    net.forward = forward
    return full


def feeder_of(images, recipe: Recipe) -> Feeder:
    rule = Normalisation.of(parse(NET).input, images.train)
    return Feeder(images.train, (12, 12), rule, recipe, 0, "cpu")


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adamw"])
@pytest.mark.parametrize("knobs", [{}, {"layerwise": 0.5}, {"freeze": 1}], ids=str)
def test_the_fused_optimiser_moves_as_the_plain_one(optimizer, knobs):
    recipe = Recipe(optimizer=optimizer, decay=0.1, momentum=0.9, **knobs)
    vectors = []
    for kind in (Optimiser, FusedOptimiser):
        net = build(parse(NET), seed=1)
        theta, gradient = flatten(net)
        optimiser = kind(theta, gradient, decay_mask(net), spans(net, recipe), recipe)
        for step in range(5):
            gradient.copy_(torch.randn(len(gradient), generator=torch.Generator().manual_seed(step)))
            optimiser.next(0.1 / (1 + step))
            optimiser.move()
        vectors.append(theta)
    torch.testing.assert_close(*vectors, rtol=1e-5, atol=1e-6)
    moved = (vectors[0] != flatten(build(parse(NET), seed=1))[0]).all()
    assert bool(moved) == (not knobs.get("freeze"))


@pytest.mark.parametrize("recipe", [TORCH, TORCH.changed(mixup=0.5)], ids=["plain", "mixed"])
@pytest.mark.parametrize("most", [1, 7, 30, 59])
def test_a_batch_too_large_for_the_memory_gives_the_same_gradient_in_parts(bar_images, recipe, most):
    feeder, gradients, tallies = feeder_of(bar_images, recipe), [], []
    for limit in (10_000, most):
        learner = TorchLearner(build(parse(NET), seed=2), recipe, "cpu")
        small_memory(learner.net, limit)
        learner.step(feeder, torch.arange(60), 1, 0, 0.0)
        gradients.append(learner.gradient.clone())
        tallies.append(learner.tally())
        assert learner.held.most <= most if limit == most else learner.held.most == 0
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-7)
    assert tallies[0] == pytest.approx(tallies[1], rel=1e-5)


def test_what_the_memory_allows_is_said_once_recorded_and_kept_when_resumed(bar_images, monkeypatch, capsys):
    real, full = TorchLearner.__init__, []

    def limited(self, net, *rest):
        nonlocal full
        real(self, net, *rest)
        full = small_memory(self.net, 20)

    monkeypatch.setattr(TorchLearner, "__init__", limited)
    plan = make_plan(bar_images, NET, TORCH.changed(epochs=2))
    seen = iter(range(1, 100))
    events = list(shown(training(plan, Path("run"), stop=lambda: next(seen) == 5), heard=True))
    text = "cpu has no memory for more: steps are computed 15 pictures at a time"
    assert [event.text for event in events if isinstance(event, Remark)] == [text]
    heard = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {"progress": "remark", "text": text} in heard
    assert Run("run").info["remarks"] == [text]
    assert full == [60, 30]
    again = list(training(resumed_plan(Run("run"), bar_images), Path("run"), resume=True))
    assert again[-1].status == "finished"
    assert not full, "a resumed training knows what fits"
    whole = list(training(plan, Path("whole")))
    assert whole[-1].status == "finished"
    for name, value in Run("whole").weights().items():
        assert np.array_equal(value, Run("run").weights()[name]), name


@pytest.mark.parametrize(
    ("net", "said"),
    [(NET, "15 pictures at a time"), (NET.replace(" 3x3", " 3x3 | batchnorm"), "15 pictures at a time, each with a batch normalisation of its own")],
)  # fmt: skip
def test_who_normalises_by_the_batch_hears_that_batches_became_smaller(bar_images, net, said):
    learner = TorchLearner(build(parse(net)), TORCH, "cpu")
    small_memory(learner.net, 20)
    learner.step(feeder_of(bar_images, TORCH), torch.arange(60), 1, 0, 0.01)
    assert learner.remarks() == [f"cpu has no memory for more: steps are computed {said}"]


def test_a_memory_too_small_for_one_picture_is_a_clear_line(bar_images):
    learner = TorchLearner(build(parse(NET)), TORCH, "cpu")
    small_memory(learner.net, 0)
    with pytest.raises(
        DeviceError, match=r"^cpu has no memory for a single picture in this net: take smaller pictures"
    ):
        learner.step(feeder_of(bar_images, TORCH), torch.arange(60), 1, 0, 0.01)


def test_another_error_is_not_taken_for_a_full_memory(bar_images):
    learner = TorchLearner(build(parse(NET)), TORCH, "cpu")

    def broken(x):
        raise RuntimeError(f"something else with {len(x)}")

    learner.net.forward = broken
    with pytest.raises(RuntimeError, match="something else with 60"):
        learner.step(feeder_of(bar_images, TORCH), torch.arange(60), 1, 0, 0.01)


def test_bfloat16_learns_what_float32_learns_and_the_run_says_it(bar_images):
    runs = [
        train(bar_images, NET, TORCH.changed(epochs=8, precision=p), out=p) for p in ("float32", "bfloat16")
    ]
    assert [run.info["precision"] for run in runs] == ["float32", "bfloat16"]
    one, other = (run.info["scores"]["test_accuracy"] for run in runs)
    assert one > 0.95
    assert other == pytest.approx(one, abs=0.03)
    one, other = (run.weights() for run in runs)
    assert any((one[name] != other[name]).any() for name in one)


def test_the_native_engine_leaves_bfloat16_to_pytorch(bar_images):
    assert train(bar_images, NET, Recipe(epochs=1, precision="bfloat16")).info["engine"] == "torch"
    with pytest.raises(RecipeError, match="it computes in float32; use engine=torch"):
        train(bar_images, NET, Recipe(epochs=1, precision="bfloat16", engine="native"))


def test_precision_is_chosen_by_the_device_the_net_and_what_it_ends_in(monkeypatch):
    recipe = Recipe()
    assert precision_of(recipe.changed(precision="bfloat16"), zoo["lenet5"], "cpu") == "bfloat16"
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: device != "mps")
    said = {
        (net, device): precision_of(recipe, zoo[net], device)
        for net in ("lenet5", "lenet5-modern", "alexnet") for device in ("cpu", "cuda", "mps")
    }  # fmt: skip
    assert {key for key, value in said.items() if value == "bfloat16"} == {
        ("lenet5-modern", "cuda"), ("alexnet", "cuda"), ("alexnet", "cpu"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("here", "wanted"), [("amx_bf16", True), ("avx512_bf16", True), ("avx512_f", False)], ids=str
)
def test_a_processor_multiplies_in_bfloat16_by_either_of_two_kinds_of_instructions(monkeypatch, here, wanted):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {here: True, "avx2": True})
    assert devices.multiplies_bfloat16("cpu") is wanted


class NoDoubles(TorchDispatchMode):
    """Refuses what Apple's devices cannot: numbers of 64 bits with a fraction."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        made = result if isinstance(result, tuple | list) else [result]
        for tensor in made:
            if isinstance(tensor, torch.Tensor) and tensor.dtype in (torch.float64, torch.complex128):
                raise TypeError(f"{func} makes {tensor.dtype}, which MPS does not have")
        return result


@pytest.mark.parametrize(
    "knobs", [{}, {"flip": 0.5, "pad": 2}, {"shift": 1.0, "erase": 0.5}, {"mixup": 0.5}], ids=str
)
def test_a_step_needs_nothing_that_apples_devices_lack(bar_images, knobs):
    recipe = TORCH.changed(average=0.9, optimizer="adamw", decay=0.1, **knobs)
    learner, feeder = TorchLearner(build(parse(NET)), recipe, "cpu"), feeder_of(bar_images, recipe)
    with NoDoubles():
        learner.step(feeder, torch.arange(60), 1, 0, 0.01)
        learner.tally()
        learner.answers(feeder, 0, 60)
        with pytest.raises(TypeError, match="MPS does not have"):
            torch.ones(2).double()


class FakeGraph:
    """Stands in for a CUDA graph where there is no GPU: it notes that a step is recorded, and computes it when played."""

    def __init__(self, steps: Steps, given, log: list[str], plays: bool = True):
        log.append("recorded")
        self.steps, self.given, self.log, self.plays = steps, tuple(t.clone() for t in given), log, plays

    def play(self, given) -> None:
        self.log.append("played")
        for own, new in zip(self.given, given, strict=True):
            own.copy_(new)
        self.steps.compute(*self.given)


@pytest.fixture
def faked(monkeypatch) -> list[str]:
    """Steps as on a CUDA device, with stand-ins for what only it can do."""
    log: list[str] = []

    def begin(self, compute, device):  # noqa: ARG001
        self.compute, self.records, self.refused = compute, True, ""
        self.forget()

    def aside(self, given):
        log.append("aside")
        self.compute(*given)

    monkeypatch.setattr(Steps, "__init__", begin)
    monkeypatch.setattr(Steps, "_aside", aside)
    monkeypatch.setattr(Steps, "_record", lambda self, given: FakeGraph(self, given, log))
    return log


def test_a_shape_is_recorded_when_it_is_warm_and_played_from_then_on(faked):
    seen: list[float] = []
    steps = Steps(lambda x: seen.append(float(x.sum())), "cuda")
    for value in range(6):
        steps(torch.full((2,), float(value)))
    steps(torch.full((3,), 1.0))
    assert faked == ["aside"] * WARM + ["recorded"] + ["played"] * 3 + ["aside"]
    assert seen == [0, 2, 4, 6, 8, 10, 3]


@pytest.fixture
def plain(bar_images) -> dict[str, np.ndarray]:
    return train(bar_images, NET, TORCH.changed(epochs=2), out="plain").weights()


def test_steps_that_are_played_learn_the_same(bar_images, plain, faked):
    run = train(bar_images, NET, TORCH.changed(epochs=2), out="played")
    assert faked.count("played") == 20 - WARM
    for name, value in run.weights().items():
        assert np.array_equal(value, plain[name]), name


def test_a_step_that_cannot_be_recorded_is_computed_and_that_is_said(bar_images, faked, monkeypatch):
    def refuse(self, given):  # noqa: ARG001
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(Steps, "_record", refuse)
    run = train(bar_images, NET, TORCH, out="run")
    assert run.info["remarks"] == [
        "steps are not recorded as CUDA graphs, which makes them slower: "
        "CUDA error: operation not permitted when stream is capturing"
    ]
    assert faked == ["aside"] * WARM
    assert run.info["scores"]["test_accuracy"] > 0.4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU, and there is none")
def test_on_a_gpu_steps_are_recorded_and_learn(bar_images):
    run = train(bar_images, NET, TORCH.changed(epochs=12), device="cuda", out="run")
    assert "remarks" not in run.info
    assert run.info["scores"]["test_accuracy"] > 0.95
