"""Class activation maps: captum's, worked out by hand, and where they lie."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from asking import close, picture, subject
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn

from convscope.inspect.heat import centres, spread, stretched
from convscope.inspect.layers import layer_of
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import METHODS, where
from convscope.nets.build import build
from convscope.nets.grammar import parse

CAMS = [name for name, method in METHODS.items() if "layer" in method.options]
SIGNED = [name for name, method in METHODS.items() if method.signed]


def by_captum(given: Subject, layer: nn.Module, pixels: np.ndarray, target: int) -> np.ndarray:
    """Captum's Grad-CAM, as its users draw it: stretched over the picture."""
    net = copy.deepcopy(given.net).eval()
    (name,) = [n for n, m in given.net.named_modules() if m is layer]
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    cam = LayerGradCam(lambda x: given.with_net(net).answers(x), net.get_submodule(name))
    found = cam.attribute(given.given(pixels[None]), target, relu_attributions=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stretched = LayerAttribution.interpolate(found, given.shape[1:], "bilinear")
    return stretched[0, 0].detach().numpy()


@pytest.mark.parametrize(
    ("name", "layer", "module"),
    [
        ("lenet5-modern", "conv2", "conv2"), ("lenet5-modern", "conv1", "conv1"), ("digits", None, "conv5"), ("lenet1", None, "H3"),
        ("residual", None, "blocks"), ("residual", "blocks.0.conv2", "blocks.0"), ("gated", None, "head"),
    ],
)  # fmt: skip
def test_captum_says_the_same_of_grad_cam(name: str, layer: str | None, module: str):
    given = subject(name)
    for target in range(3):
        pixels = picture(given.shape, target)
        heat = where(given, pixels, target, layer=layer, stretch=True)
        wanted = by_captum(given, given.net.get_submodule(module), pixels, target)
        assert close(heat.values, wanted) and bool(heat.empty) == (not wanted.any())


def test_activations_that_are_function_calls_are_heard_too():
    given, pixels = subject("grey"), picture((1, 20, 20))
    heat = where(given, pixels, 1, stretch=True)
    net: Any = given.net
    x = given.given(pixels[None])
    maps = F.relu(net.b(F.max_pool2d(F.relu(net.norm(net.a(x))), 2))).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(net.out(maps.flatten(1))[0, 1], maps)
    map = (gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).clamp(min=0)
    wanted = F.interpolate(map, (20, 20), mode="bilinear")
    assert close(heat.values, wanted[0, 0].detach().numpy())
    assert heat.why.endswith("; its maps, behind their relu")


def headed(weights: list[float]) -> Subject:
    """Two kernels of one cell over a 1x2 picture, times 1 and -1 plus 1, a ReLU; the score weighs each map's mean."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    net[0].weight.data = torch.tensor([1.0, -1.0])[:, None, None, None]
    net[0].bias.data = torch.tensor([0.0, 1.0])
    net[4].weight.data = torch.tensor([weights])
    return subject_of(net, shape=(1, 1, 2))


def test_class_activation_maps_by_hand():
    # Of [51, 255] the maps are [0.2, 1] and [0.8, 0]; the score is 4 mean(a) - 2 mean(b), so the gradients are 2 and -1.
    given, pixels = headed([4.0, -2.0]), np.array([[[51, 255]]], np.uint8)
    assert where(given, pixels, relu=False).values == pytest.approx(np.array([[2 * 0.2 - 0.8, 2.0]]))
    assert where(given, pixels).values == pytest.approx(np.array([[0, 2.0]]))
    # Grad-CAM++: each of the 2 places of a has 2^2 / (2 * 2^2 + 1.2 * 2^3) = 1 / 4.4, times the gradient 2; b has none.
    assert where(given, pixels, method="grad-cam++").values == pytest.approx(
        np.array([[0.2, 1.0]]) * 4 / 4.4, rel=1e-5
    )
    assert where(given, pixels, method="layer-cam").values == pytest.approx(np.array([[0.4, 2.0]]))


def curved(maps: Tensor, net: Callable[[Tensor], Tensor]) -> Tensor:
    """Grad-CAM++'s weights from the paper's own terms, the three derivatives of Y = exp(S), one place after the other."""
    a = maps.detach().double().requires_grad_()
    (first,) = torch.autograd.grad(net(a).exp(), a, create_graph=True)
    weights = torch.zeros(a.shape[1], dtype=torch.float64)
    for k, y, x in np.ndindex(*a.shape[1:]):
        (second,) = torch.autograd.grad(first[0, k, y, x], a, create_graph=True)
        (third,) = torch.autograd.grad(second[0, k, y, x], a, retain_graph=True)
        d1, d2, d3 = first[0, k, y, x], second[0, k, y, x], third[0, k, y, x]
        alpha = d2 / (2 * d2 + a[0, k].sum() * d3)
        weights[k] += (alpha * d1.clamp(min=0)).detach() if d1 else 0
    return weights / net(a).exp().detach()


def test_grad_cam_plus_plus_weighs_by_the_papers_derivatives():
    net = build(parse("input 1x8x8; a conv 3 3x3 | relu; b max 2x2; out linear 2"), seed=1)
    given, pixels = subject_of(net), picture((1, 8, 8))
    heat = where(given, pixels, 0, method="grad-cam++", stretch=True)
    maps = net.a(given.given(pixels[None])).detach()
    doubled = copy.deepcopy(net).double()
    weights = curved(maps, lambda a: doubled.out(doubled.b(a))[0, 0])
    map = (weights[:, None, None] * maps[0]).sum(0).clamp(min=0)
    wanted = F.interpolate(map[None, None], (8, 8), mode="bilinear")[0, 0]
    assert wanted.any() and close(heat.values, wanted.numpy())


class Residue(nn.Module):
    """What follows the second convolution: it can be used twice, or be bent by hand."""

    shape = (1, 8, 8)

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.a, self.b, self.out = (
            nn.Conv2d(1, 3, 3, padding=1),
            nn.Conv2d(3, 3, 3, padding=1),
            nn.Linear(3, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        below = F.relu(self.a(x))
        if self.way == "frozen":
            with torch.no_grad():
                return self.out(self.b(below).mean((2, 3)))
        sums = self.b(below)
        if self.way == "swish":
            sums = sums * torch.sigmoid(sums)
        elif self.way == "skip around the ReLU":
            sums = sums + F.relu(sums)
        elif self.way == "in place":
            sums += below
            sums.relu_()
            sums *= 2
        elif self.way == "added":
            sums = below + sums
        return self.out(sums.mean((2, 3)))


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("swish", "its sums, since no activation takes them alone"),
        ("skip around the ReLU", "its sums, since no activation takes them alone"),
        ("in place", "its maps, with what is added to them, behind their relu"),
        ("added", "its sums, with what is added to them, since no activation takes them alone"),
    ],
)
def test_sums_are_followed_as_far_as_nothing_else_uses_them(way: str, said: str):
    torch.manual_seed(0)
    net: Any = Residue(way)
    given, pixels = subject_of(net, shape=net.shape), picture(net.shape)
    heat = where(given, pixels, 0, stretch=True, relu=False)
    assert heat.layer == "b" and heat.why.endswith(said)
    below = F.relu(net.a(given.given(pixels[None])))
    maps = net.b(below).detach()
    maps = {"in place": F.relu(maps + below), "added": maps + below}.get(way, maps).detach().requires_grad_()
    above = {"in place": 2 * maps, "swish": F.silu(maps), "skip around the ReLU": maps + F.relu(maps)}
    (gradient,) = torch.autograd.grad(net.out(above.get(way, maps).mean((2, 3)))[0, 0], maps)
    wanted = (gradient.mean((2, 3), keepdim=True) * maps).sum(1)[0].detach().numpy()
    assert close(heat.values, wanted)


def test_the_layer_is_chosen_by_its_maps_and_the_reason_is_said():
    given = subject("lenet5")
    heat = where(given, picture(given.shape))
    assert heat.layer == "C3" and heat.why == (
        "the last layer with kernels whose maps are larger than one value; its maps, behind their tanh"
    )
    assert where(given, picture(given.shape), layer="C1").why.startswith("the layer that was asked for; ")
    one = where(given, picture(given.shape), layer="C5")
    assert one.empty == "the maps of C5 are one value each, so they do not say where"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([-4.0, -2.0], "no place of 0 speaks for 0: all weighted sums are negative, so the ReLU leaves nothing"),
        ([0.0, 0.0], "the score of 0 does not change with the maps of 0: what follows them is saturated, off or cut off"),
        ([0.0, 3.0], "none of the maps of 0 that are on speaks for or against 0"),
        ([float("nan"), 1.0], "the net's answer, or what is sent back from it, is not a number (NaN or infinity)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", CAMS)
def test_why_there_is_nothing_to_see(method: str, weights: list[float], said: str):
    heat = where(headed(weights), np.full((1, 1, 2), 255, np.uint8), method=method)
    if method != "grad-cam" and weights[0] < 0:  # they look at what speaks for the class only
        said = "none of the maps of 0 that are on speaks for or against 0"
    assert heat.empty == said and not heat.values.any()


def test_a_net_that_cuts_its_gradients_off_is_said_to():
    net = Residue("frozen")
    heat = where(subject_of(net, shape=net.shape), picture(net.shape), 0)
    assert "does not change with the maps of b: what follows them is saturated, off or cut off" in heat.empty


DEEP = "input 1x29x33; a conv 1 5x5 | relu; b conv 1 3x3 stride=2 | relu; c conv 1 5x5 | relu; out linear 2"


def test_a_dot_is_found_where_it_is_not_where_a_stretched_map_puts_it():
    net = build(parse(DEEP))
    with torch.no_grad():
        for line in (net.a, net.b, net.c):
            line.conv.weight.zero_()
            line.conv.weight[0, 0, line.conv.weight.shape[2] // 2, line.conv.weight.shape[3] // 2] = 1
        net.out.linear.weight.fill_(1)
    given = subject_of(net)
    assert centres(layer_of(given, "c").fields[0], 3).tolist() == [7, 9, 11]
    for row, column in [(7, 7), (9, 23), (21, 7), (15, 25)]:
        pixels = np.zeros((1, 29, 33), np.uint8)
        pixels[0, row, column] = 255
        for method in CAMS:
            assert where(given, pixels, 0, method=method).peak == (row, column)
        moved = where(given, pixels, 0, stretch=True).peak
        assert max(abs(moved[0] - row), abs(moved[1] - column)) >= 3


def test_spreading_is_bilinear_and_holds_the_border():
    map = np.arange(12.0).reshape(3, 4)
    ours = spread(map, stretched(10, 3), stretched(9, 4), (10, 9))
    theirs = F.interpolate(torch.tensor(map)[None, None], (10, 9), mode="bilinear")[0, 0].numpy()
    assert ours == pytest.approx(theirs)
    same = spread(map, np.arange(3.0) + 2, np.arange(4.0) + 1, (7, 6))
    assert (
        np.array_equal(same[2:5, 1:5], map)
        and (same[0] == same[2]).all()
        and (same[:, 5] == same[:, 4]).all()
    )
