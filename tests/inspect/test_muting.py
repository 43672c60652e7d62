"""Muting a unit: by the native engine as by PyTorch, one picture as a set, and the net untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from foreign import foreign
from torch import nn

import convscope as cs
from convscope.data.images import Pictures
from convscope.inspect import muting
from convscope.inspect.layers import layer_of, layers_of
from convscope.inspect.muting import accuracies_muted, scores_muted
from convscope.inspect.rank import rank_for_picture
from convscope.inspect.record import listening
from convscope.inspect.subject import subject_of
from convscope.nets.build import build
from convscope.nets.lowered import norms_of
from convscope.nets.stack import Stack

NORMED = cs.parse(
    "input 1x28x28; a conv 12 5x5 | batchnorm | relu; p max 2x2; b conv 20 3x3 bias=no | batchnorm | relu; out linear 10"
)

GREY = [name for name in cs.zoo if cs.zoo[name].input.shape[0] == 1]


@pytest.mark.parametrize("stack", [*(cs.zoo[name] for name in GREY), NORMED], ids=[*GREY, "normed"])
def test_the_engine_and_pytorch_say_the_same(stack: Stack, monkeypatch: pytest.MonkeyPatch):
    net = build(stack, seed=2)
    generator = torch.Generator().manual_seed(1)
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    for norm in norms_of(net):
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    subject = subject_of(net, mean=0.1, std=0.3)
    some = cs.images("mnist").test.take(np.arange(40))
    layer = layers_of(subject)[1]
    assert muting.by_engine(subject)
    by_engine = list(muting._all_answers(subject, layer, some, (0, 3)))
    monkeypatch.setattr(muting, "lacking", lambda _: "not now")
    by_torch = list(muting._all_answers(subject, layer, some, (0, 3)))
    assert [unit for unit, _ in by_engine] == [unit for unit, _ in by_torch] == [None, 0, 3]
    for (_, a), (_, b) in zip(by_engine, by_torch, strict=True):
        assert a.numpy() == pytest.approx(b.numpy(), abs=2e-4)
    assert not torch.allclose(by_torch[0][1], by_torch[1][1], atol=1e-4)


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_muting_one_unit_for_one_picture_is_zeroing_its_sums(name: str):
    net = foreign(name)
    subject = subject_of(net, shape=net.shape)
    picture = np.random.default_rng(1).integers(0, 256, net.shape, np.uint8)
    for layer in layers_of(subject):
        whole, muted = scores_muted(subject, layer, picture, 1)
        for unit in range(layer.units):
            keep = torch.ones(layer.units)
            keep[unit] = 0
            with (
                torch.no_grad(),
                listening(net, {layer.heard: lambda s, k=keep: s * k[:, None, None]}, changed=True),
            ):
                alone = subject.answers(subject.given(picture[None]))[0, 1]
            assert muted[unit] == pytest.approx(float(alone), abs=1e-5)
        assert whole == pytest.approx(
            float(subject.answers(subject.given(picture[None]))[0, 1].detach()), abs=1e-5
        )


def test_accuracy_falls_where_the_only_unit_that_knows_is_muted():
    net = foreign("grey")
    subject = subject_of(net, shape=net.shape)
    pixels = np.random.default_rng(2).integers(0, 256, (30, *net.shape), np.uint8)
    with torch.no_grad():
        said = subject.answers(subject.given(pixels)).argmax(1).numpy()
    whole, muted = accuracies_muted(subject, layer_of(subject, "b"), Pictures(pixels, said), only=(2, 4))
    assert whole == 1.0 and np.isnan(muted[[0, 1, 3, 5]]).all() and (muted[[2, 4]] <= 1).all()


def test_the_rank_for_a_picture_puts_the_largest_change_first():
    subject = subject_of(build(cs.zoo["lenet5"], seed=1))
    picture = cs.images("mnist").test.pixels[3]
    ranked = rank_for_picture(subject, layer_of(subject, "C3"), picture, 4)
    sizes = [abs(r.weight) for r in ranked]
    assert sizes == sorted(sizes, reverse=True) and {r.unit for r in ranked} == set(range(16))
    assert ranked[0].why.startswith("without it the score of 4 ")


def test_a_large_net_is_ranked_by_an_estimate_and_exactly_for_the_first(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.Flatten(), nn.Linear(6 * 9, 2)
    )  # linear: there the estimate is exact
    subject = subject_of(net, shape=(1, 5, 5))
    picture = np.random.default_rng(0).integers(0, 256, (1, 5, 5), np.uint8)
    (layer,) = layers_of(subject)
    exact = rank_for_picture(subject, layer, picture, 0)
    monkeypatch.setattr("convscope.inspect.rank.EXACT", 0)
    monkeypatch.setattr("convscope.inspect.rank.FIRST", 2)
    about = rank_for_picture(subject, layer, picture, 0)
    assert [r.unit for r in about] == [r.unit for r in exact]
    assert [r.weight for r in about] == pytest.approx([r.weight for r in exact], abs=1e-5)
    assert ["about" in r.why for r in about] == [False, False, True, True, True, True]
