"""Captions: computed words about kernels that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from foreign import foreign
from small_zoo import small

import convscope as cs
from convscope.inspect.caption import habits, pattern
from convscope.inspect.layers import kernels_of, layer_of, layers_of, weights_of
from convscope.inspect.likeness import coloured_likeness, likeness
from convscope.inspect.subject import subject_of
from convscope.inspect.units import Patches, Units
from convscope.inspect.wiring import feeds, hears
from convscope.nets.build import build

ROW = np.array([1.0, 2.0, 1.0])
SLOPE = np.array([-1.0, 0.0, 1.0])
SOFT = 2 * np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-1) - 18 / 25


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (np.outer(ROW, SLOPE), "a vertical edge, light on the right (Sobel)"),
        (np.outer(ROW, -SLOPE), "a vertical edge, light on the left (Sobel)"),
        (np.outer(SLOPE, ROW), "a level edge, light on the bottom (Sobel)"),
        (np.outer(-SLOPE, ROW), "a level edge, light on the top (Sobel)"),
        (np.array([[0.0, 1, 2], [-1, 0, 1], [-2, -1, 0]]), "a diagonal edge, light on the upper right"),
        (np.array([[-2.0, -1, 0], [-1, 0, 1], [0, 1, 2]]), "a diagonal edge, light on the lower right"),
        (np.array([[-1.0, 2, -1]] * 3), "an upright light line"),
        (np.array([[-1.0, -1, -1], [2, 2, 2], [-1, -1, -1]]), "a level light line"),
        (SOFT, "a falling light line"),
        (-np.fliplr(SOFT), "a rising dark line"),
        (np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]), "a light spot on dark"),
        (np.ones((3, 5)), "plain light, a blur"),
        (-np.ones((1, 1)), "plain dark"),
    ],
)  # fmt: skip
def test_a_known_kernel_is_named(kernel: np.ndarray, says: str):
    found = likeness(kernel)
    assert found.pattern == says and found.cosine >= 0.8
    assert likeness(3.7 * kernel).cosine == pytest.approx(found.cosine)


def test_the_cosine_is_worked_out_by_hand():
    kernel = np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]])
    found = likeness(kernel)  # Prewitt's: (1 + 2 + 1) x 2 over sqrt(6) x sqrt(12)
    assert found.cosine == pytest.approx(8 / np.sqrt(72)) and str(found).endswith("(0.94 cosine)")


def test_noise_is_called_no_pattern():
    kernel = np.array([[1.0, -1, 1], [-1, 0, 1], [-1, 1, -1.0]])
    assert str(likeness(kernel)).startswith("no classic pattern (nearest: ")
    assert likeness(np.zeros((3, 3))).pattern == "zeros"


def test_colours_are_told_from_light():
    edge = np.outer(ROW, SLOPE)
    assert coloured_likeness(np.stack([edge] * 3)) == ("light", likeness(edge))
    words, found = coloured_likeness(np.stack([edge, -edge, 0 * edge]))
    assert words in ("red against green", "green against red") and "vertical edge" in found.pattern
    assert "a pattern of its own in each colour" in coloured_likeness(np.stack([edge, edge.T, np.eye(3)]))[0]


def test_a_batch_norm_that_turns_the_sign_turns_the_caption():
    net = foreign("residual")
    subject = subject_of(net, shape=net.shape)
    layer = layer_of(subject, "conv1")
    net.conv1.weight.data[:2] = 0
    net.conv1.weight.data[:2, :, 2:5, 2:5] = torch.tensor(np.outer(ROW, SLOPE), dtype=torch.float32)
    net.bn1.weight.data[:2] = torch.tensor([1.0, -1.0])
    assert "light on the right" in pattern(subject, layer, 0) and "light on the left" in pattern(
        subject, layer, 1
    )
    assert kernels_of(subject, layer)[1] == pytest.approx(
        -weights_of(subject, layer)[1] / np.sqrt(float(net.bn1.running_var[1]) + net.bn1.eps), rel=1e-4
    )


def test_deep_units_say_what_they_listen_to():
    net = build(cs.zoo["lenet5"])
    weight = net.C3.conv.weight.data
    weight[:3] = 0
    weight[1], weight[2] = 1.0, -0.5
    subject = subject_of(net)
    layer = layer_of(subject, "C3")
    assert [link.unit for link in hears(subject, layer, 0)] == ["C1/1", "C1/2", "C1/0"]
    assert (
        pattern(subject, layer, 0)
        == "listens for C1/1 (plain light, a blur) and against C1/2 (plain dark) (100 % of its weight)"
    )
    above = [link.unit for link in feeds(subject, layer_of(subject, "C1"), 0)]
    assert set(above) <= {f"C3/{k}" for k in (0, 4, 5, 6, 9, 10, 11, 12, 14, 15)} and len(above) >= 9


def test_a_unit_feeds_the_layers_that_take_its_maps():
    net = foreign("residual")
    subject = subject_of(net, shape=net.shape)
    names = {link.unit.rsplit("/", 1)[0] for link in feeds(subject, layer_of(subject, "conv1"), 0)}
    assert names == {"blocks.0.conv1", "blocks.0.down.0"}
    assert layer_of(subject, "blocks.1.conv1").below == ("blocks.0.conv2", "blocks.0.down.0")


def seen(**what: Any) -> Units:
    """A unit seen over 200 pictures of two classes, as `what` says."""
    none = np.zeros((1, 9))
    patches = Patches(none, none.astype(int), none.astype(int))
    usual = {
        "layer": "a", "total": 200, "counts": np.array([100, 100]), "best": patches, "least": patches,
        "highest": np.array([2.0]), "lowest": np.array([-1.0]), "fires": np.array([[60, 2]]),
        "means": np.array([[1.0, 0.2]]), "told": np.array([0.5]), "dead": np.array([False]), "alike": (),
    }  # fmt: skip
    return Units(**{**usual, **what})


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({}, "fires on 31 % of pictures, most on 0 (60 %) and 1 (2 %)"),
        ({"told": np.array([0.01])}, "fires on 31 % of pictures, of all classes alike"),
        ({"fires": np.array([[100, 99]]), "means": np.array([[1.0, 3.0]])}, "fires on over 99 % of pictures, strongest on 1 and 0"),
        ({"fires": np.array([[0, 0]])}, "never fires: its sums stay below zero"),
        ({"dead": np.array([True])}, "dead: it gives 2 at most, whatever the picture"),
        ({"alike": ((0, 7, -0.97),)}, "fires on 31 % of pictures, most on 0 (60 %) and 1 (2 %); says nearly the opposite of a/7 (correlation -0.97)"),
    ],
)  # fmt: skip
def test_habits_say_what_was_counted(what: dict[str, Any], says: str):
    net = foreign("grey")
    assert habits(subject_of(net, shape=net.shape), seen(**what), 0) == says


@pytest.mark.parametrize("name", list(cs.zoo))
def test_every_unit_of_the_zoo_has_a_caption(name: str):
    subject = subject_of(build(small(name)))
    for layer in layers_of(subject):
        assert all(pattern(subject, layer, k) for k in range(min(4, layer.units)))
