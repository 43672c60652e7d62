"""Occlusion: captum's at full resolution, and coarse to fine beside the plain sweep."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from asking import close, picture, subject
from captum.attr import Occlusion
from torch import nn

import convscope as cs
from convscope.inspect.heat import ground
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import METHODS, where
from convscope.nets.build import build

CAMS = [name for name, method in METHODS.items() if "layer" in method.options]
SIGNED = [name for name, method in METHODS.items() if method.signed]


@pytest.mark.parametrize("name", ["lenet5-modern", "residual", "gated"])
def test_captum_says_the_same_of_occlusion_at_full_resolution(name: str):
    given = subject(name)
    pixels = picture(given.shape)
    channels, height, width = given.shape
    x, base = given.given(pixels[None]), given.given(np.full((1, *given.shape), 40, np.uint8))
    net = copy.deepcopy(given.net).eval()
    with torch.no_grad():
        apart = Occlusion(lambda x: given.with_net(net).answers(x)).attribute(
            x, (channels, 3, 3), (channels, 1, 1), base, 1, perturbations_per_eval=64
        )
    heat = where(given, pixels, 1, method="occlusion", patch=3, stride=1, fill=40, whole=True)
    assert heat.passes == (height - 2) * (width - 2) + 1
    # Captum gives a pixel the mean over all patches that hid it; here it has that of the patch whose middle it is.
    drops = torch.tensor(heat.values[1:-1, 1:-1])[None, None]
    total, count = (F.conv_transpose2d(v, torch.ones(1, 1, 3, 3)) for v in (drops, torch.ones_like(drops)))
    assert close((total / count)[0, 0].numpy(), apart[0, 0].numpy(), 1e-3)


@pytest.mark.parametrize(("patch", "stride"), [(None, None), (6, 1), (8, 1)])
def test_coarse_to_fine_finds_the_plain_sweeps_peak_with_five_times_fewer_passes(
    learned: Subject, patch: int | None, stride: int | None
):
    same = 0
    for number in range(20):
        pixels = cs.images("mnist").test.pixels[number]
        coarse, plain = (
            where(learned, pixels, method="occlusion", patch=patch, stride=stride, whole=whole)
            for whole in (False, True)
        )
        assert 5 * coarse.passes <= plain.passes
        same += coarse.peak == plain.peak
    assert same >= 19


@pytest.mark.parametrize("size", [(32, 32), (50, 41), (24, 64)])
def test_coarse_to_fine_finds_what_matters_wherever_it_lies(size: tuple[int, int]):
    # The score is the largest of a 5x5 kernel of ones over the picture, in which there is one light square of 5x5.
    net = nn.Sequential(nn.Conv2d(1, 1, 5, bias=False), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    nn.init.ones_(net[0].weight)
    given, random = subject_of(net, shape=(1, *size)), np.random.default_rng(0)
    for _ in range(12):
        row, column = (int(random.integers(0, n - 5)) for n in size)
        pixels = random.integers(0, 40, (1, *size), np.uint8)
        pixels[0, row : row + 5, column : column + 5] = 255
        coarse, plain = (
            where(given, pixels, method="occlusion", patch=4, stride=1, fill=0, whole=whole)
            for whole in (False, True)
        )
        assert 5 * coarse.passes <= plain.passes and coarse.peak == plain.peak
        assert abs(coarse.peak[0] - row - 2) <= 1 and abs(coarse.peak[1] - column - 2) <= 1


def test_a_small_patch_far_apart_is_made_larger_first_so_that_nothing_is_missed():
    net = nn.Sequential(nn.Flatten(), nn.Linear(24 * 24, 1, bias=False))
    given = subject_of(net, shape=(1, 24, 24))
    pixels = np.full((1, 24, 24), 255, np.uint8)
    for row, column in [(3, 2), (10, 13), (22, 19)]:
        net[1].weight.data.zero_().view(24, 24)[row, column] = 1
        heat = where(given, pixels, method="occlusion", patch=1, stride=1, fill=0)
        assert heat.peak == (row, column) and heat.passes <= 0.19 * 24 * 24 + 1
        assert heat.values[row, column] == pytest.approx(1)


def test_what_hides_the_picture_is_said_and_can_be_chosen(learned: Subject):
    pixels = picture((1, 28, 28))
    assert where(learned, pixels, method="occlusion").why.startswith(
        "Black on squares of 4 pixels, 1 apart: "
    )
    assert where(learned, pixels, method="occlusion", fill=200).why.startswith("Grey 200 on squares")
    other = where(subject("gated"), picture((3, 24, 20)), method="occlusion")
    assert other.why.startswith("The picture's mean colour on squares of 4 pixels")
    assert other.why.endswith(" of 357 places, elsewhere estimated from those around")


def test_the_empty_picture_is_the_background_that_the_run_learned_from(learned: Subject):
    assert ground(learned)[1] == "black" and not ground(learned)[0].any()
    run = copy.copy(learned.run)
    assert run is not None
    framed = Subject(build(cs.zoo["lenet5"]), (1, 32, 32), learned.classes, (1.0,), (0.0,), run)
    run.__dict__["info"] = {**run.info, "background": 200}
    plain, name = ground(framed)
    assert name == "the background, grey 200"
    assert plain[0, 2:30, 2:30].min() == 200 and plain.sum() == 200 * 28 * 28  # the border stays black
