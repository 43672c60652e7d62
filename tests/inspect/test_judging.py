"""Ways of asking where a net looked are judged: by random weights, and by what the net says of their hottest pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from foreign import foreign
from scipy import stats
from torch import nn

import convscope as cs
from convscope.errors import ConvscopeError, PictureError, StackError
from convscope.inspect import judging
from convscope.inspect.heat import Heat, Question
from convscope.inspect.judging import insertion_deletion, sanity, spearman
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import METHODS, where
from convscope.nets.build import build


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    return cs.images("mnist").test.pixels[0]


def edges(asked: Question) -> Heat:
    """A map of the picture's edges, which knows nothing of the net."""
    target, _ = asked.answer(asked.given)
    values = np.abs(np.gradient(asked.picture[0].astype(float))[0])
    return asked.heat("edges", target, values, why="Edges", signed=False, passes=1)


def nothing(asked: Question) -> Heat:
    """A map of zeros."""
    return asked.heat("nothing", 0, np.zeros(asked.subject.shape[1:]), why="", signed=False, passes=0)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (edges, nothing):
        name = function.__name__
        monkeypatch.setitem(
            METHODS, name, replace(METHODS["gradient"], name=name, function=function, signed=False)
        )


def test_rank_correlation_is_scipys_also_with_ties():
    random = np.random.default_rng(0)
    for low, high in ((0, 3), (0, 20), (-500, 500)):
        a, b = random.integers(low, high, (2, 9, 11)).astype(float)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    rising = np.arange(6.0)
    assert spearman(rising, rising**3) == 1 and spearman(rising, -rising) == -1
    assert spearman(rising, np.ones(6)) == 0


@pytest.mark.parametrize("method", ["gradient", "smooth-grad", "integrated-gradients", "occlusion"])
def test_maps_that_come_from_the_weights_pass(learned: Subject, seven: np.ndarray, method: str):
    said = sanity(learned, seven, method)
    assert said.passed and abs(said.similarities["conv1"]) < 0.5
    assert said.says.startswith(
        f"{method} passes: with all weights random its map agrees with the true one by "
    )
    assert list(said.similarities) == ["out", "fc1", "conv3", "conv2", "conv1"]


@pytest.mark.usefixtures("others")
def test_a_map_of_edges_fails(learned: Subject, seven: np.ndarray):
    said = sanity(learned, seven, "edges")
    assert not said.passed and set(said.similarities.values()) == {1.0}
    assert said.says == (
        "edges fails: with all weights random its map agrees with the true one by +1.00 "
        "(1 would be the same map; it must be nearer to 0 than 0.5)"
    )


def test_the_sizes_of_integrated_gradients_mostly_show_where_the_picture_is_not_black(
    learned: Subject, seven: np.ndarray
):
    with_signs = sanity(learned, seven, "integrated-gradients", cascade=False)
    sizes = sanity(learned, seven, "integrated-gradients", cascade=False, absolute=True)
    assert with_signs.passed and not sizes.passed and sizes.similarities["all"] > 0.9


@pytest.mark.usefixtures("others")
def test_what_shows_nothing_cannot_be_judged(
    learned: Subject, seven: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    said = sanity(learned, seven, "nothing")
    assert not said.passed and said.says == "nothing cannot be judged here: every value is 0"
    true = learned.net

    def silent(asked: Question) -> Heat:
        return nothing(asked) if asked.subject.net is not true else edges(asked)

    monkeypatch.setitem(METHODS, "nothing", replace(METHODS["nothing"], function=silent))
    said = sanity(learned, seven, "nothing")
    assert not said.passed
    assert said.says == "edges cannot be judged here: nets with random weights leave its map empty"


def test_the_net_itself_does_not_change(learned: Subject, seven: np.ndarray):
    net = learned.net.train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    state = torch.get_rng_state()
    sanity(learned, seven, "grad-cam", draws=1)
    insertion_deletion(learned, seven, where(learned, seven), steps=5)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert net.training and torch.equal(state, torch.get_rng_state())
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_a_cascade_goes_in_twelve_steps_from_the_last_layer_that_is_called_to_the_first(name: str):
    net = foreign(name)
    given = subject_of(net, shape=net.shape)
    picture = np.random.default_rng(0).integers(0, 256, net.shape, np.uint8)
    said = sanity(given, picture, "gradient", draws=1)
    wanted = {
        "gated": ["out", "head", "excite", "squeeze", "deep", "stem"],
        "grey": ["out", "b", "norm", "a"],
        "residual": ["blocks.1.down.1", "blocks.1.bn2", "blocks.1.bn1", "blocks.1.conv1", "blocks.0.down.1", "blocks.0.down.0",
                     "blocks.0.bn2", "blocks.0.conv2", "blocks.0.bn1", "blocks.0.conv1", "bn1", "conv1"],
    }  # fmt: skip
    assert list(said.similarities) == wanted[name]


def test_the_same_seed_draws_the_same_weights(seven: np.ndarray):
    given = subject_of(build(cs.zoo["lenet5"]))
    first, second, third = (sanity(given, seven, "gradient", draws=2, seed=s) for s in (0, 0, 1))
    assert first.similarities == second.similarities
    assert first.similarities != third.similarities


def test_random_weights_are_as_large_as_they_were_and_what_is_one_a_unit_is_shuffled():
    layer = nn.Conv2d(8, 32, 5)
    layer.bias.data = torch.arange(32.0)
    before = layer.weight.detach().clone()
    judging._forget(layer, torch.Generator().manual_seed(0))
    assert layer.weight.square().mean().sqrt().item() == pytest.approx(
        before.square().mean().sqrt().item(), rel=0.05
    )
    assert abs(np.corrcoef(layer.weight.detach().flatten(), before.flatten())[0, 1]) < 0.1
    assert layer.bias.tolist() != list(range(32)) and sorted(layer.bias.tolist()) == list(range(32))


def weighed() -> tuple[Subject, np.ndarray]:
    """Class 0 scores 8 a - 4 b of pixels a, b, c, d, class 1 scores 0; all are white."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    net[1].weight.data = torch.tensor([[8.0, -4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    return subject_of(net, shape=(1, 2, 2)), np.full((1, 2, 2), 255, np.uint8)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def test_curves_by_hand():
    given, picture = weighed()
    curves = insertion_deletion(
        given, picture, where(given, picture, 0, method="gradient"), steps=4, orders=50
    )
    # a first, c and d in between, b last
    in_turn = [sigmoid(s) for s in (0, 8, 8, 8, 4)]
    assert curves.insertion == pytest.approx(in_turn, abs=1e-6)
    assert curves.deletion == pytest.approx([sigmoid(s) for s in (4, -4, -4, -4, 0)], abs=1e-6)
    assert curves.parts.tolist() == [0, 0.25, 0.5, 0.75, 1]
    areas = curves.areas
    assert areas["insertion"] == pytest.approx((sum(in_turn) - (in_turn[0] + in_turn[-1]) / 2) / 4)
    assert areas["insertion"] > areas["random_insertion"] and areas["deletion"] < areas["random_deletion"]
    # of a random order, half of the pixels have a in half of all cases
    halves = [sigmoid(8 * a - 4 * b) for a, b in [(1, 1), (1, 0), (1, 0), (0, 1), (0, 1), (0, 0)]]
    assert curves.random_insertion[2] == pytest.approx(np.mean(halves), abs=0.15)
    assert curves.says.startswith(f"insertion {areas['insertion']:.3f} (in random order ")


def test_pixels_of_equal_heat_come_in_an_order_that_the_seed_decides():
    given, picture = weighed()
    flat = replace(where(given, picture, 0, method="gradient"), values=np.zeros((2, 2), np.float32))
    curves = {tuple(insertion_deletion(given, picture, flat, steps=4, seed=s).insertion) for s in range(12)}
    assert len(curves) > 3
    assert len({tuple(insertion_deletion(given, picture, flat, seed=3).insertion) for _ in range(3)}) == 1


def test_good_maps_of_a_net_that_has_learned_beat_random_orders(learned: Subject, seven: np.ndarray):
    curves = insertion_deletion(learned, seven, where(learned, seven, method="integrated-gradients"))
    areas = curves.areas
    assert areas["insertion"] > areas["random_insertion"] + 0.1
    assert areas["deletion"] < areas["random_deletion"] - 0.1
    assert curves.insertion[-1] == pytest.approx(curves.deletion[0], abs=1e-6) and curves.target == 7


def test_insertion_can_begin_with_a_blurred_picture(learned: Subject, seven: np.ndarray):
    heat = where(learned, seven)
    blurred, plain = (insertion_deletion(learned, seven, heat, steps=4, blur=b) for b in (0.01, 0))
    assert blurred.insertion[0] == pytest.approx(
        plain.insertion[-1], abs=1e-4
    )  # so little blur changes nothing
    assert np.array_equal(blurred.deletion, plain.deletion)
    x = torch.zeros(1, 2, 9, 9)
    x[0, 1, 4, 4] = 1
    soft = judging._blurred(x, 1.0)
    assert soft.shape == x.shape and not soft[0, 0].any() and soft[0, 1].sum() == pytest.approx(1)
    assert soft[0, 1, 4, 5] / soft[0, 1, 4, 4] == pytest.approx(np.exp(-0.5))
    assert judging._blurred(torch.ones(1, 1, 5, 5), 2.0).numpy() == pytest.approx(1)


def test_progress_is_told(learned: Subject, seven: np.ndarray):
    heard: list[tuple[int, int]] = []
    sanity(learned, seven, "gradient", draws=2, progress=lambda *said: heard.append(said))
    assert heard == [(n, 10) for n in range(1, 11)]
    heard.clear()
    insertion_deletion(
        learned, seven, where(learned, seven), steps=5, orders=2, progress=lambda *said: heard.append(said)
    )
    assert heard[-1] == (36, 36) and [d for d, _ in heard] == sorted(d for d, _ in heard)


class Holding(nn.Module):
    """A net that cannot be copied: it keeps a result with its gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(4, 2)
        self.kept: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = self.out(x.flatten(1))
        self.kept = result if result.requires_grad else self.kept
        return result


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"method": "grad"}, StackError, "there is no way 'grad' to ask where a net looked: did you mean gradient?"),
        ({"draws": 0}, StackError, "draws of 0 do not work: it must be at least 1"),
        ({"method": "gradient", "layer": "conv1"}, StackError, "gradient looks at pixels, not at a layer: leave layer='conv1' out"),
        ({"picture": np.zeros((28, 28))}, PictureError, "a picture is uint8 [channels, height, width], not float64 [28, 28]"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged(
    learned: Subject, seven: np.ndarray, how: dict[str, Any], error: type[ConvscopeError], said: str
):
    with pytest.raises(error) as raised:
        sanity(learned, how.pop("picture", seven), how.pop("method", "grad-cam"), **how)
    assert str(raised.value) == said


def test_nets_that_cannot_be_made_random():
    picture = np.full((1, 2, 2), 9, np.uint8)
    with pytest.raises(StackError, match="Holding cannot be copied, so no weights of it can be made random"):
        sanity(subject_of(Holding(), shape=(1, 2, 2)), picture, "gradient")
    with pytest.raises(StackError, match="Flatten has no weights that could become random"):
        sanity(subject_of(nn.Flatten(), shape=(1, 2, 2)), picture, "gradient")


def test_curves_that_cannot_be_drawn():
    given, picture = weighed()
    heat = where(given, picture, 0, method="gradient")
    with pytest.raises(PictureError) as raised:
        insertion_deletion(given, picture, replace(heat, values=np.zeros((3, 2), np.float32)))
    assert str(raised.value) == "the heat is [3, 2], but the net takes [2, 2]: ask where for this net"
    with pytest.raises(StackError, match=r"steps of 0, orders of 4 and a blur of 0\.0 do not work"):
        insertion_deletion(given, picture, heat, steps=0)
