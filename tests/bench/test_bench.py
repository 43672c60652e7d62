"""`convscope bench`: its arithmetic by hand, its figures by a clock that the test holds, its verb."""

from __future__ import annotations

import time

import pytest
import torch

from convscope.bench import account, figures, speeds
from convscope.bench.account import PARTS, Bench, Limit, bench
from convscope.bench.figures import Figure, measured
from convscope.bench.limits import copies, products
from convscope.bench.speeds import NETS, Speed, flops, teaching
from convscope.cli.bench import long
from convscope.errors import RecipeError
from convscope.nets.zoo import zoo
from convscope.training.learner import TorchLearner
from convscope.training.native import NativeLearner

SOON = {"rounds": 2, "seconds": 0.01}


def speed(net: str, a_second: float, precision: str = "float32", flops: float = 100.0) -> Speed:
    return Speed(net, (1, 2, 2), 8, "torch", precision, Figure((a_second,)), flops)


def test_a_figure_is_the_round_in_the_middle_and_its_spread_is_a_part_of_it():
    figure = Figure((8.0, 12.0, 10.0))
    assert figure.median == 10
    assert figure.spread == pytest.approx(0.4)


def test_a_figure_is_work_over_time(monkeypatch):
    clock = [0.0]

    def work():
        clock[0] += 0.25

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    figure = measured(work, 10, "cpu", rounds=3, seconds=1.0)
    assert figure.rounds == (40.0, 40.0, 40.0)
    assert clock[0] == pytest.approx(0.25 * (1 + 3 * 4))
    assert figures.waited("cpu") is None


def test_alexnets_arithmetic_is_the_papers():
    """724,406,816 products forward; the first layer's 105,415,200 need no gradient of the picture."""
    assert flops(zoo["alexnet"]) == 2 * (3 * 724_406_816 - 105_415_200)


@pytest.mark.parametrize(("a_second", "days"), [(1_280_000, 90 / 86_400), (44_444.444, 0.03), (222.222, 6.0)])
def test_the_papers_training_takes_as_long_as_its_pictures(a_second, days):
    assert speed("alexnet", a_second).days_of_the_paper == pytest.approx(days, rel=1e-5)


def test_the_part_of_the_limit_is_of_the_same_precision_and_absent_where_that_was_not_measured():
    limits = (Limit("products", "float32", Figure((1000.0,))), Limit("copy", "", Figure((7.0,))))
    found = Bench("cpu", "any", limits, ())
    assert found.reached(speed("cifar", 5.0)) == pytest.approx(0.5)
    assert found.reached(speed("cifar", 5.0, "bfloat16")) is None


@pytest.mark.parametrize("net", NETS)
def test_every_net_can_be_taught_by_its_own_recipe(net):
    found = teaching(net, "cpu", rounds=1, seconds=0.0, batch=2)
    assert (found.net, found.batch, found.shape) == (net, 2, zoo[net].input.shape)
    assert found.figure.median > 0
    assert found.engine == ("torch" if net == "alexnet" else "native")


def test_nets_are_measured_as_a_training_teaches_them(monkeypatch):
    """Where the native engine works PyTorch keeps to one thread, and has its own again afterwards."""
    threads: dict[str, set[int]] = {"native": set(), "torch": set()}
    for kind in (NativeLearner, TorchLearner):

        def noted(self, *rest, real=kind.step):
            threads[self.kind].add(torch.get_num_threads())
            return real(self, *rest)

        monkeypatch.setattr(kind, "step", noted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for engine in ("native", "torch"):
            teaching("lenet5-modern", "cpu", rounds=1, seconds=0.0, batch=2, engine=engine)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {"native": {1}, "torch": {2}}


def test_more_work_takes_longer():
    """A product of matrices of 1024 is more work than the clock can hide: its figure is no constant."""
    slow, fast = products("cpu", "float32", **SOON), copies("cpu", **SOON)
    assert 1e8 < slow.median < 1e14
    assert 1e8 < fast.median < 1e13


def test_parts_are_measured_in_turn_and_what_is_not_asked_for_is_not(monkeypatch):
    asked = []

    def fake(net, device, **how):
        asked.append((net, device, how))
        return speed(net, 500.0)

    monkeypatch.setattr(account, "teaching", fake)
    seen = list(bench("cpu", quick=True, only=("alexnet", "cifar")))
    assert [part for part, _ in seen] == ["cifar", "alexnet", ""]
    assert [net for net, _, _ in asked] == ["cifar", "alexnet"]
    assert seen[-1][1].as_dict()["paper"]["days_here"] == pytest.approx(90 * 1_280_000 / 500 / 86_400)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alexnett", "no part 'alexnett': did you mean alexnet?"),
        ("zzz", f"no part 'zzz': there are {', '.join(PARTS)}"),
    ],
)
def test_a_part_that_is_not_there_is_a_clear_line(name, message):
    with pytest.raises(RecipeError) as caught:
        next(bench("cpu", only=(name,)))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "0 minutes"), (2_640, "44 minutes"), (100_000, "27.8 hours"), (518_400, "6 days")],
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert long(seconds) == text


def test_noise_is_cut_as_the_recipe_asks():
    """AlexNet is shown 227 of 256 pixels, as in the paper."""
    plan = speeds._plan("alexnet", "cpu", {"batch": 1})
    assert plan.images.shape == (3, 256, 256)
    assert plan.stack.input.shape == (3, 227, 227)
