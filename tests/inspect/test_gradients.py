"""Gradients of a score: captum's, and what they must add up to."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from asking import NETS, close, picture, subject
from captum.attr import IntegratedGradients, NoiseTunnel, Saliency
from torch import Tensor

from convscope.inspect.where import METHODS, where
from convscope.nets.build import build
from convscope.nets.grammar import parse

CAMS = [name for name, method in METHODS.items() if "layer" in method.options]
SIGNED = [name for name, method in METHODS.items() if method.signed]


@pytest.mark.parametrize("name", ["lenet5", "lenet5-modern", "residual", "gated", "grey"])
def test_captum_says_the_same_of_gradients(name: str):
    given = subject(name)
    pixels = picture(given.shape)
    x, base = given.given(pixels[None]), given.given(np.zeros((1, *given.shape), np.uint8))
    net = copy.deepcopy(given.net).eval()

    def scores(x: Tensor) -> Tensor:
        return given.scores(given.with_net(net).answers(x))

    heat = where(given, pixels, 1, method="gradient")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = Saliency(scores).attribute(x.clone(), 1, abs=False)
        assert close(heat.values, plain.sum(1)[0].detach().numpy())
        ways = IntegratedGradients(scores).attribute(x.clone(), base, 1, n_steps=64).sum(1)[0]
        assert close(
            where(given, pixels, 1, method="integrated-gradients").values, ways.detach().numpy(), 2e-3
        )
        with torch.random.fork_rng():
            torch.manual_seed(7)
            smooth = NoiseTunnel(Saliency(scores)).attribute(
                x.clone(), nt_type="smoothgrad", nt_samples=8, stdevs=0.2 * float(x.max() - x.min()), target=1, abs=False,
            )  # fmt: skip
    ours = where(given, pixels, 1, method="smooth-grad", samples=8, noise=0.2, seed=7)
    assert close(ours.values, smooth.sum(1)[0].detach().numpy(), 2e-3)


@pytest.mark.parametrize("name", NETS)
def test_integrated_gradients_add_up_to_the_change_of_the_score(name: str):
    given = subject(name)
    pixels = picture(given.shape)
    heat = where(given, pixels, 2, method="integrated-gradients", steps=128, baseline=90)
    with torch.no_grad():
        both = np.stack([pixels, np.full(given.shape, 90, np.uint8)])
        here, there = given.scores(given.answers(given.given(both)))[:, 2].tolist()
    assert heat.values.sum() == pytest.approx(here - there, rel=0.02, abs=2e-4)
    assert heat.why.startswith("On the way from grey 90 to the picture in 128 steps; the values add up to ")
    assert heat.passes == 130


def test_what_speaks_for_a_class_brings_a_distance_down():
    given = subject("lenet5")
    pixels = picture(given.shape)
    x = given.given(pixels[None]).requires_grad_()
    (gradient,) = torch.autograd.grad(given.answers(x)[0, 3], x)
    assert close(where(given, pixels, 3, method="gradient").values, -gradient[0, 0].numpy())


def test_smooth_grad_changes_with_its_seed_and_not_with_the_global_one():
    given, pixels = subject("lenet5-modern"), picture((1, 28, 28))
    maps = []
    for seed, everywhere in ((0, 0), (0, 1), (1, 1)):
        torch.manual_seed(everywhere)
        maps.append(where(given, pixels, 0, method="smooth-grad", samples=3, seed=seed).values)
    assert np.array_equal(maps[0], maps[1]) and not np.array_equal(maps[1], maps[2])
    none = where(given, pixels, 0, method="smooth-grad", samples=3, noise=0)
    assert close(none.values, where(given, pixels, 0, method="gradient").values)


@pytest.mark.parametrize("method", SIGNED)
def test_a_net_that_is_off_has_nothing_to_show(method: str):
    net = build(parse("input 1x12x12; a conv 2 3x3 | relu; out linear 2"))
    with torch.no_grad():
        net.a.conv.bias.fill_(-99)
    heat = where(net, picture((1, 12, 12)), 1, method=method)
    assert not heat.values.any() and heat.empty == (
        "whatever is hidden, the score of 1 stays the same" if method == "occlusion" else
        "the score of 1 changes with no pixel at all: the net is saturated, or its ReLUs are off"
    )  # fmt: skip


def test_a_picture_that_is_the_baseline_has_nothing_to_show():
    heat = where(subject("digits"), np.zeros((1, 28, 28), np.uint8), method="integrated-gradients")
    assert heat.empty == "the picture is nothing but the baseline, black"
