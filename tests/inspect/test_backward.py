"""Gradients sent back by another rule: captum says the same, by hand it is the same, however a ReLU is called."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from foreign import foreign
from torch import Tensor, nn

import convscope as cs
from convscope.errors import PictureError, StackError
from convscope.inspect import backward
from convscope.inspect.backward import RULES, guided
from convscope.inspect.layers import Layer, layers_of
from convscope.inspect.subject import Subject, subject_of
from convscope.nets.build import build

CAPTUM = {"guided": NeuronGuidedBackprop, "deconvolution": NeuronDeconvolution, "plain": NeuronGradient}


def pictures(shape: tuple[int, ...], n: int = 2) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (n, *shape), np.uint8)


def noisy(name: str) -> nn.Module:
    """A net of the zoo whose biases are not all 0."""
    net = build(cs.zoo[name], seed=1)
    for parameter in net.parameters():
        parameter.data += 0.03 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return net


def assert_close(came: np.ndarray, wanted: np.ndarray) -> None:
    assert np.abs(came - wanted).max() <= 1e-5 * max(1e-3, np.abs(wanted).max())


def by_captum(
    subject: Subject, layer: Layer, x: Tensor, unit: int, places: list[int], rule: str
) -> np.ndarray:
    net = copy.deepcopy(subject.net).eval()
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # captum's hooks cannot follow what is overwritten
    method = CAPTUM[rule](net, net.get_submodule(layer.heard))
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for picture, place in zip(x, places, strict=True):
            given = picture[None].clone().requires_grad_()
            found.append(method.attribute(given, (unit, *divmod(place, layer.size[1])))[0].detach().numpy())
    return np.stack(found)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["lenet5-modern", "digits", "residual"])
def test_captum_says_the_same_of_nets_whose_relus_are_modules(name: str, rule: str):
    net = foreign(name) if name == "residual" else noisy(name)
    subject = subject_of(net, shape=getattr(net, "shape", None), mean=0.4, std=0.3)
    given = pictures(subject.shape)
    for layer in layers_of(subject):
        places = [0, layer.size[0] * layer.size[1] // 2]
        back = guided(subject, given, f"{layer.name}/1", places, rule)
        wanted = by_captum(subject, layer, subject.given(given), 1, places, rule)
        assert_close(back.values, wanted)


def test_the_three_rules_by_hand():
    # Two pixels a, b; hidden units a - b and b - a behind a ReLU; the unit is 2 h0 - 3 h1.
    net = nn.Sequential(
        nn.Conv2d(1, 2, (1, 2), bias=False), nn.ReLU(), nn.Conv2d(2, 1, 1, bias=False), nn.Flatten()
    )
    net[0].weight.data = torch.tensor([[[[1.0, -1.0]]], [[[-1.0, 1.0]]]])
    net[2].weight.data = torch.tensor([[[[2.0]], [[-3.0]]]])
    subject = subject_of(net, shape=(1, 1, 2))
    both = np.array(
        [[[[200, 100]]], [[[100, 200]]]], np.uint8
    )  # h0 is on in the first picture, h1 in the second

    def rows(rule: str) -> list[list[float]]:
        return guided(subject, both, "2/0", [0, 0], rule).values.reshape(2, 2).tolist()

    assert rows("plain") == [[2, -2], [3, -3]]
    assert rows("guided") == [[2, -2], [0, 0]]
    assert rows("deconvolution") == [[2, -2], [2, -2]]


class Way(nn.Module):
    """A ReLU between two convolutions, called as it is told."""

    def __init__(self, call: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b, self.call = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3), call
        for n, parameter in enumerate(self.parameters()):
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(n))

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        z = self.call(y)
        return self.b(y if z is None else z).flatten(1)


def unreturned(y: Tensor) -> None:
    torch.relu_(y)


WAYS: dict[str, Callable[[Tensor], Any]] = {
    "nn.ReLU": nn.ReLU(), "nn.ReLU, in place": nn.ReLU(True), "F.relu": F.relu,
    "F.relu, in place": lambda y: F.relu(y, inplace=True), "F.relu_": F.relu_, "torch.relu": torch.relu,
    "torch.relu_": torch.relu_, "result not used": unreturned, "y.relu": lambda y: y.relu(), "y.relu_": lambda y: y.relu_(),
    "clamp": lambda y: y.clamp(min=0), "clamp_": lambda y: y.clamp_(0), "torch.clamp": lambda y: torch.clamp(input=y, min=0.0),
    "clip": lambda y: y.clip(0), "clamp_min": lambda y: y.clamp_min(0), "torch.clamp_min": lambda y: torch.clamp_min(y, 0),
    "clamp_min_": lambda y: y.clamp_min_(0), "threshold": lambda y: F.threshold(y, 0, 0), "nn.Threshold": nn.Threshold(0, 0, True),
    "a slice in place": lambda y: torch.cat([y[:, :2].relu_(), y[:, 2:].relu()], 1),
    "hardtanh without an end": nn.Hardtanh(0, 1e9),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rule", RULES)
def test_however_a_relu_is_called_the_rule_is_the_same(way: str, rule: str):
    given = pictures((1, 8, 8), 3)
    usual, this = (subject_of(Way(call), shape=(1, 8, 8)) for call in (nn.ReLU(), WAYS[way]))
    wanted, back = (guided(s, given, "b/1", [0, 5, 15], rule) for s in (usual, this))
    assert np.abs(wanted.values).max() > 0 and np.array_equal(back.values, wanted.values)
    assert back.relus == (2 if way == "a slice in place" else 1)
    with torch.no_grad():
        x = this.given(given)
        assert torch.equal(this.net(x), usual.net(x))


@pytest.mark.parametrize(
    "call", [nn.ReLU6(), nn.ReLU6(True), nn.Hardtanh(0, 6), lambda y: y.clamp(0, 6), F.relu6]
)
def test_a_relu_with_a_ceiling_lets_nothing_back_above_it(call: Callable[[Tensor], Any]):
    subject = subject_of(Way(call), shape=(1, 8, 8), mean=0.5, std=0.1)
    plain = guided(subject, pictures((1, 8, 8), 3), "b/1", [0, 5, 15], "plain")
    x = subject.given(pictures((1, 8, 8), 3)).requires_grad_()
    net = Way(nn.ReLU6())
    sums = net.b(net.call(net.a(x)))[:, 1].flatten(1)
    wanted = torch.autograd.grad(sums[[0, 1, 2], [0, 5, 15]].sum(), x)[0]
    assert (net.a(x) > 6).any() and plain.relus == 1
    assert torch.allclose(torch.from_numpy(plain.values), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "call", [torch.tanh, F.leaky_relu, F.silu, lambda y: y.clamp(-1, 1), lambda y: y.clamp(max=0)]
)
def test_where_there_is_no_relu_the_rule_has_nothing_to_change_and_it_says_so(call: Callable[[Tensor], Any]):
    subject = subject_of(Way(call), shape=(1, 8, 8))
    plain, back = (guided(subject, pictures((1, 8, 8)), "b/0", [3, 4], rule) for rule in ("plain", "guided"))
    assert np.array_equal(plain.values, back.values) and back.relus == 0
    assert back.says == (
        "no ReLU lies between the picture and b/0, so guided has nothing to change: the plain gradient"
    )


def test_only_relus_below_the_unit_are_counted():
    net = noisy("lenet5-modern")
    given = pictures((1, 28, 28), 1)
    assert [guided(net, given, f"conv{n}/0", [0]).relus for n in (1, 2, 3)] == [0, 1, 2]
    assert guided(net, given, "conv3/0", [0]).says == "guided through 2 ReLUs below conv3/0"
    assert guided(noisy("lenet5"), np.zeros((1, 1, 28, 28), np.uint8), "C5/7", [0]).relus == 0


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_the_plain_rule_is_the_gradient_and_the_net_is_untouched(name: str):
    net = foreign(name).train()
    subject = subject_of(net, shape=net.shape)
    before = copy.deepcopy(net.state_dict())
    random = torch.get_rng_state()
    given = pictures(net.shape)
    for layer in layers_of(subject):
        with torch.no_grad():
            back = guided(subject, given, f"{layer.name}/0", [0, 1], "plain")
        still = copy.deepcopy(net).eval()
        x = subject.given(given).requires_grad_()
        heard = []
        still.get_submodule(layer.heard).register_forward_hook(lambda _m, _i, o, h=heard: h.append(o.clone()))
        still(x)
        wanted = torch.autograd.grad(heard[0].flatten(2)[[0, 1], 0, [0, 1]].sum(), x)[0].numpy()
        assert_close(back.values, wanted)
    assert net.training and all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())


def test_many_pictures_are_as_each_alone(monkeypatch: pytest.MonkeyPatch):
    net, given, places = noisy("digits"), pictures((1, 28, 28), 5), [0, 11, 22, 33, 63]
    whole = guided(net, given, "conv4/2", [p % 25 for p in places])
    monkeypatch.setattr(backward, "AT_ONCE", 2)
    parts = guided(net, given, "conv4/2", [p % 25 for p in places])
    assert parts.values == pytest.approx(whole.values, abs=1e-6) and parts.relus == whole.relus
    assert guided(net, given[:0], "conv4/2", []).values.shape == (0, 1, 28, 28)


@pytest.mark.parametrize(
    ("unit", "places", "rule", "said"),
    [
        ("conv2/0", [0, 0], "gided", "there is no rule 'gided': did you mean guided?"),
        ("conv2/0", [0, 100], "guided", "conv2 has no place 100: its map has 0 to 99"),
        ("conv2/0", [-1, 0], "guided", "conv2 has no place -1: its map has 0 to 99"),
        ("conv2/16", [0, 0], "guided", "'conv2/16' is no unit of conv2: it has conv2/0 to conv2/15"),
        ("conv2/0", [0], "guided", "pictures of 2x1x28x28 and 1 places came: give [n, c, h, w] and n places"),
    ],
)
def test_what_cannot_be_sent_back(unit: str, places: list[int], rule: str, said: str):
    with pytest.raises(PictureError if "pictures" in said else StackError) as error:
        guided(noisy("lenet5-modern"), pictures((1, 28, 28)), unit, places, rule)
    assert str(error.value) == said
