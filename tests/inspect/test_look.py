"""A look: every part of it there, on nets of the zoo and on foreign modules, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from foreign import foreign
from torch import nn

import convscope as cs
from convscope.data.images import Images, Pictures
from convscope.errors import PictureError, StackError
from convscope.inspect.look import look
from convscope.inspect.subject import subject_of
from convscope.nets.build import build
from convscope.report.look import page, write_look


def few(shape: tuple[int, int, int], classes: int, count: int = 24) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    pictures = Pictures(pixels, np.arange(count) % classes)
    return Images("few", tuple(f"kind {c}" for c in range(classes)), pictures, pictures, (), "few-1")


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_a_foreign_module_is_looked_into_layer_by_layer(name: str):
    net = foreign(name)
    subject = subject_of(net, shape=net.shape)
    images = few(net.shape, len(subject.classes))
    seen = look(subject, images.test.pixels[0], images=images, top=3)
    assert sum(seen.chances.values()) == pytest.approx(1, abs=1e-5)
    assert seen.explained == next(iter(seen.chances))
    for at in seen.layers:
        assert at.maps.shape == (at.layer.units, *at.layer.size)
        assert len(at.cards) == min(3, at.layer.units) and len(at.cards[0].best) == 9
        assert [c.number for c in at.cards] == [r.unit for r in at.for_picture[:3]]
        assert at.cards[0].muted is not None
    assert [a.heat.method for a in seen.asked] == ["grad-cam", "occlusion", "integrated-gradients"]
    assert seen.parts.units.sum() + seen.parts.rest == pytest.approx(seen.parts.score, rel=1e-4, abs=1e-4)
    text = page(seen)
    assert text.count('<details class="unit"') == sum(len(at.cards) for at in seen.layers)
    assert "http://" not in text and "https://" not in text and "<script" not in text


def test_what_the_patches_owe_is_by_both_rules_where_there_are_relus():
    for name, count in (("lenet5-modern", 9), ("lenet5", 0)):
        subject = subject_of(build(cs.zoo[name]))
        images = few((1, 28, 28), 10)
        layer = "conv2" if count else "C3"
        made = (
            look(subject, images.test.pixels[0], images=images, unit=f"{layer}/1", methods=())
            .layers[0]
            .cards[0]
        )
        assert len(made.pictured.owed) == 9 and len(made.pictured.deconvolved) == count
        assert all(v.shape == p.pixels.shape for v, p in zip(made.pictured.owed, made.best, strict=True))


def test_without_a_set_the_look_says_what_is_missing():
    subject = subject_of(build(cs.zoo["lenet5-modern"]))
    seen = look(subject, np.zeros((1, 28, 28), np.uint8), methods=())
    assert seen.missing and seen.layers[0].cards[0].missing
    assert "no set of pictures was given, or it is gone" in page(seen)


def test_one_unit_one_layer_and_another_class():
    subject = subject_of(build(cs.zoo["lenet5"]))
    picture = cs.images("mnist").test.pixels[0]
    one = look(subject, picture, unit="C3/7", target="4", methods=())
    assert [[c.unit for c in at.cards] for at in one.layers] == [["C3/7"]] and one.explained == "4"
    assert [at.layer.name for at in look(subject, picture, layer="C1", methods=()).layers] == ["C1"]
    with pytest.raises(StackError, match="there is no layer 'C9' with kernels"):
        look(subject, picture, layer="C9")
    with pytest.raises(StackError, match="there is no class 'x'"):
        look(subject, picture, target="x")


def test_pictures_that_are_none():
    subject = subject_of(build(cs.zoo["lenet5"]))
    with pytest.raises(
        PictureError, match=r"a picture is uint8 \[channels, height, width\], not float64 \[28, 28\]"
    ):
        look(subject, np.zeros((28, 28)))


def test_the_page_escapes_what_it_is_given_and_says_that_a_unit_is_dead():
    net = build(cs.zoo["lenet5-modern"])
    with torch.no_grad():
        net.conv1.conv.weight[2] = 0
        net.conv1.conv.bias[2] = -1
    subject = subject_of(net, classes=[f"<b>{c}</b>" for c in range(10)])
    images = few((1, 28, 28), 10)
    text = page(look(subject, images.test.pixels[0], images=images, methods=(), top=6))
    assert "<b>3</b>" not in text and "&lt;b&gt;" in text
    assert "dead: it gives" in text and "Dead, saying the same of every picture: conv1/2." in text


def test_a_page_stays_under_five_megabytes(monkeypatch: pytest.MonkeyPatch):
    net = foreign("residual")
    subject = subject_of(net, shape=net.shape)
    images = few(net.shape, 5)
    seen = look(subject, images.test.pixels[0], images=images, methods=(), top=8)
    whole = len(page(seen))
    monkeypatch.setattr("convscope.report.look.LARGEST", whole // 2)
    assert len(page(seen)) <= whole // 2


def test_a_path_that_cannot_be_written(tmp_path: Path):
    seen = look(subject_of(build(cs.zoo["lenet5"])), np.zeros((1, 28, 28), np.uint8), methods=(), layer="C1")
    with pytest.raises(PictureError, match="the look cannot be written"):
        write_look(seen, tmp_path / "no" / "look.html")


def test_the_net_is_as_it_was_after_a_look():
    net = foreign("residual").train()
    before = [t.clone() for t in net.state_dict().values()]
    state = torch.get_rng_state()
    images = few(net.shape, 5)
    look(subject_of(net, shape=net.shape), images.test.pixels[0], images=images, top=2)
    assert net.training and all(p.requires_grad and p.grad is None for p in net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, net.state_dict().values(), strict=True))
    assert torch.equal(state, torch.get_rng_state()) and not any(m._forward_hooks for m in net.modules())


def test_a_net_without_kernels_is_said_to_have_none():
    with pytest.raises(StackError, match="has no convolutions"):
        look(
            subject_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), shape=(1, 2, 2)),
            np.zeros((1, 2, 2), np.uint8),
        )


def test_a_look_works_where_gradients_are_forbidden():
    net = foreign("grey")
    subject = subject_of(net, shape=net.shape)
    picture = few(net.shape, 3).test.pixels[0]
    free = look(subject, picture, top=2)
    with torch.inference_mode():
        forbidden = look(subject, picture, top=2)
    assert (free.asked[0].heat.values == forbidden.asked[0].heat.values).all()
    assert free.layers[0].for_picture == forbidden.layers[0].for_picture
