"""What is looked into, and its layers: the same for a Stack's net and for any module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from foreign import FOREIGN, foreign
from small_zoo import small
from torch import nn

import convscope as cs
from convscope.errors import PictureError, StackError
from convscope.inspect.layers import below_of, layer_of, layers_of, unit_of, weights_of
from convscope.inspect.record import listening
from convscope.inspect.subject import subject_of
from convscope.nets.build import build


@pytest.mark.parametrize("name", list(cs.zoo))
def test_fields_read_from_the_graph_are_those_of_the_stack(name: str):
    subject = subject_of(build(small(name)))
    rungs = {rung.name: rung for rung in small(name).ladder}
    for layer in layers_of(subject):
        assert layer.fields == rungs[layer.name].fields
        assert (layer.units, *layer.size) == rungs[layer.name].output


@pytest.mark.parametrize("name", [n for n in FOREIGN if n != "grey"])  # its norm hears everything
def test_fields_of_foreign_modules_are_where_a_gradient_arrives(name: str):
    net = foreign(name)
    subject = subject_of(net, shape=net.shape)
    for layer in layers_of(subject):
        x = torch.randn(1, *net.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        place = layer.size[0] // 2 * layer.size[1] + layer.size[1] // 2
        rows, columns = layer.window(place, net.shape)
        with listening(net, {layer.heard: lambda sums: sums}) as heard:
            net(x)
        (gradient,) = torch.autograd.grad(heard[layer.heard].flatten(2)[..., place].abs().sum(), x)
        outside = gradient.clone()
        outside[..., max(0, rows.start) : rows.stop, max(0, columns.start) : columns.stop] = 0
        assert outside.abs().max() <= (1e-3 if name == "gated" else 0) * gradient.abs().max()


def test_layers_of_a_module_have_its_names_and_are_heard_behind_their_norm():
    net = foreign("residual")
    found = layers_of(subject_of(net, shape=net.shape))
    assert [(x.name, x.heard) for x in found][:3] == [
        ("conv1", "bn1"), ("blocks.0.conv1", "blocks.0.bn1"), ("blocks.0.conv2", "blocks.0.bn2"),
    ]  # fmt: skip
    assert found[0].bends == "relu" and found[1].bends == "relu"


def test_gates_are_no_layers():
    net = foreign("gated")
    assert [x.name for x in layers_of(subject_of(net, shape=net.shape))] == ["stem", "deep", "head"]


def test_weights_lie_over_all_maps_below_and_are_zero_where_none_is_seen():
    net = foreign("gated")
    subject = subject_of(net, shape=net.shape)
    head = layer_of(subject, "head")
    weights = weights_of(subject, head)
    assert weights.shape == (6, 8, 1, 1) and below_of(subject, head, 4) == (4, 5, 6, 7)
    assert not weights[:3, 4:].any() and weights[:3, :4].all()
    five = subject_of(build(cs.zoo["lenet5"]))
    c3 = layer_of(five, "C3")
    assert below_of(five, c3, 0) == (0, 1, 2) and not weights_of(five, c3)[0, 3:].any()


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("C3", "'C3' is no unit of C3: it has C3/0 to C3/15"),
        ("C3/16", "'C3/16' is no unit of C3: it has C3/0 to C3/15"),
        ("C33/1", "there is no layer 'C33' with kernels: did you mean C3?"),
        ("x/1", "there is no layer 'x' with kernels: there are C1, C3, C5"),
    ],
)
def test_a_unit_that_is_not_there(unit: str, said: str):
    with pytest.raises(StackError) as error:
        unit_of(subject_of(build(cs.zoo["lenet5"])), unit)
    assert str(error.value) == said


def test_a_net_without_convolutions():
    with pytest.raises(StackError, match="has no convolutions, so it has no kernels to look at"):
        layers_of(subject_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), shape=(1, 2, 2)))


def test_a_module_must_say_what_it_takes():
    with pytest.raises(StackError, match=r"say what its pictures are, shape=\(channels, height, width\)"):
        subject_of(nn.Conv2d(1, 1, 1))
    with pytest.raises(StackError, match="cannot take pictures of 2x5x5: "):
        subject_of(nn.Conv2d(1, 1, 1), shape=(2, 5, 5))
    with pytest.raises(StackError, match="gives 3 answers, but 2 classes were named"):
        subject_of(foreign("grey"), shape=(1, 20, 20), classes=["a", "b"])


def test_pictures_are_normalised_and_framed():
    subject = subject_of(foreign("residual"), shape=(3, 32, 32), mean=(0.5, 0.25, 0), std=0.5)
    given = subject.given(np.full((2, 3, 30, 32), 255, np.uint8))
    assert given.shape == (2, 3, 32, 32)
    assert given[0, :, 5, 5].tolist() == pytest.approx([1, 1.5, 2]) and given[0, 0, 0, 0] == pytest.approx(-1)
    with pytest.raises(PictureError, match="pictures of 1x30x32 came, but the net takes 3x32x32"):
        subject.given(np.zeros((1, 1, 30, 32), np.uint8))


def test_distances_are_scored_the_other_way_round():
    subject = subject_of(build(cs.zoo["lenet5"]))
    assert subject.class_of(None, torch.tensor([[3.0, 1.0, 2.0]])) == 1
    assert subject_of(foreign("grey"), shape=(1, 20, 20)).class_of(None, torch.tensor([[3.0, 1.0, 2.0]])) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile itself
def test_a_compiled_module_is_looked_into_as_what_it_was_compiled_from():
    net = foreign("grey")
    assert subject_of(torch.compile(net), shape=net.shape).net is net


class Joined(nn.Module):
    """Two layers whose maps are put together before the third."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3), nn.Conv2d(4, 2, 3)
        self.out = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.c(torch.cat([self.a(x), self.b(x)], 1)).mean((2, 3)))


def test_a_layer_that_takes_in_mixed_maps_names_none_below():
    found = layers_of(subject_of(Joined(), shape=(1, 8, 8)))
    assert [(layer.name, layer.below) for layer in found] == [("a", ()), ("b", ()), ("c", ())]
    four = layers_of(subject_of(build(cs.zoo["lenet4"])))  # its subsampling takes each map twice
    assert [layer.below for layer in four][1] == ()
    assert [layer.below for layer in layers_of(subject_of(build(cs.zoo["lenet5"])))] == [(), ("C1",), ("C3",)]
