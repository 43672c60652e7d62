"""Operations on units: what they claim is what happens, on a copy, and undo gives every bit back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from foreign import foreign
from hypothesis import given, settings
from hypothesis import strategies as st
from small_zoo import small
from torch import Tensor, nn

import convscope as cs
from convscope.errors import PictureError, StackError
from convscope.inspect import surgery
from convscope.inspect.layers import Layer, below_of, layers_of, unit_of, weights_of
from convscope.inspect.record import listening
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.surgery import Surgery
from convscope.nets.build import build

NETS = [*cs.zoo, "residual", "gated", "grey", "normed"]
NORMED = "input 1x28x28; conv1 conv 6 5x5 | batchnorm | relu; p max 2x2; conv2 conv 4 3x3 | batchnorm | relu; out linear 10"


def shaken(net: nn.Module, seed: int = 1) -> nn.Module:
    """The same net with biases and norms that are not as they start."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in net.state_dict().items():
        if tensor.is_floating_point():
            noise = 0.05 * torch.randn(tensor.shape, generator=generator)
            tensor += noise.abs() if name.endswith("running_var") else noise
    return net.eval()


def looked_into(name: str, seed: int = 1) -> Subject:
    if name in ("residual", "gated", "grey"):
        net = shaken(foreign(name), seed)
    else:
        net = shaken(build(cs.parse(NORMED) if name == "normed" else small(name), seed), seed)
    return subject_of(net, shape=getattr(net, "shape", None), mean=0.4, std=0.3)


def pictures(subject: Subject, n: int = 3) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (n, *subject.shape), np.uint8)


def answers(subject: Subject) -> Tensor:
    return subject.answers(subject.given(pictures(subject))).detach()


def answers_if(subject: Subject, layer: Layer, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The answers, and the changed sums, where a layer's sums are changed on their way."""
    with torch.no_grad(), listening(subject.net, {layer.heard: change}, changed=True) as heard:
        return subject.answers(subject.given(pictures(subject))), heard[layer.heard]


def without(tensor: Tensor, row: int) -> Tensor:
    return torch.cat([tensor[:row], tensor[row + 1 :]])


def bits(net: nn.Module) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("factor", [0.0, 2.5, -1.0])
def test_muting_and_scaling_is_changing_the_sums_on_their_way(name: str, factor: float):
    subject = looked_into(name)
    for layer in layers_of(subject):
        unit = layer.units - 1
        factors = torch.ones(layer.units, 1, 1)
        factors[unit] = factor
        wanted, _ = answers_if(subject, layer, lambda sums, f=factors: sums * f)
        operated = Surgery(subject)
        operated.mute(f"{layer.name}/{unit}") if not factor else operated.scale(
            f"{layer.name}/{unit}", factor
        )
        came, sums = answers_if(operated.subject, layer, lambda sums: sums)
        assert torch.allclose(came, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
        assert factor or not sums[:, unit].any()
        assert answers_if(subject, layer, lambda sums: sums)[1][:, unit].any()


@pytest.mark.parametrize("name", NETS)
def test_the_copy_has_the_same_layers_and_the_original_keeps_every_bit(name: str):
    subject = looked_into(name)
    before, first = bits(subject.net), layers_of(subject)[0].name
    operated = Surgery(subject).mute(f"{first}/0").scale(f"{first}/1", 3).swap(f"{first}/0", f"{first}/0")
    unit = f"{layers_of(subject)[-1].name}/1"
    seen = weights_of(subject, layers_of(subject)[-1])[1, list(below_of(subject, layers_of(subject)[-1], 1))]
    operated.edit(unit, seen * 2).transplant(unit, subject, unit).effect(pictures(subject)[0])
    assert layers_of(operated.subject) == layers_of(subject)
    assert bits(subject.net) == before and bits(operated.subject.net) != before
    assert operated.operations[:2] == (f"{first}/0 muted", f"{first}/1 times 3")
    assert not any(m._forward_hooks for m in operated.subject.net.modules())


@pytest.mark.parametrize("name", NETS)
def test_undo_gives_back_every_bit_one_operation_at_a_time(name: str):
    subject = looked_into(name)
    other = looked_into(name, seed=8)
    operated, states = Surgery(subject), []
    for layer in layers_of(subject):
        unit, next_one = f"{layer.name}/1", f"{layer.name}/2"
        kernel = np.full((len(below_of(subject, layer, 1)), *weights_of(subject, layer).shape[2:]), 0.125)
        for do in (
            lambda s, u=unit: s.mute(u),
            lambda s, u=next_one: s.scale(u, -0.3),
            lambda s, u=unit, k=kernel: s.edit(u, k),
            lambda s, u=unit: s.transplant(u, other, u),
            lambda s, u=next_one: s.scale(u, 1e-30),
        ):
            states.append(bits(operated.subject.net))
            do(operated)
    assert len(operated.operations) == len(states)
    while states:
        assert bits(operated.undo().subject.net) == states.pop()
    assert torch.equal(answers(operated.subject), answers(subject))
    with pytest.raises(StackError, match="there is nothing to undo: no operation was done"):
        operated.undo()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([("lenet5-modern", "conv1", "conv2"), ("digits", "conv2", "conv3"), ("normed", "conv1", "conv2"),
                        ("residual", "blocks.0.conv1", "blocks.0.conv2")]), st.data())  # fmt: skip
def test_swapping_two_units_and_then_the_columns_above_leaves_the_answers(
    chain: tuple[str, str, str], data: st.DataObject
):
    name, below, above = chain
    subject = looked_into(name)
    layer = unit_of(subject, f"{below}/0")[0]
    a, b = (data.draw(st.integers(0, layer.units - 1)) for _ in range(2))
    operated = Surgery(subject).swap(f"{below}/{a}", f"{below}/{b}")
    upper = unit_of(subject, f"{above}/0")[0]
    for unit, kernel in enumerate(weights_of(subject, upper)):
        order = list(range(len(kernel)))
        order[a], order[b] = b, a
        operated.edit(f"{above}/{unit}", kernel[order])
    assert torch.allclose(answers(operated.subject), answers(subject), rtol=1e-4, atol=1e-5)
    assert operated.operations[0] == f"{below}/{a} and {below}/{b} changed places"


@pytest.mark.parametrize("name", ["lenet5-modern", "normed", "residual"])
def test_swapped_units_swap_their_maps(name: str):
    subject = looked_into(name)
    layer = layers_of(subject)[0]
    _, before = answers_if(subject, layer, lambda s: s)
    _, after = answers_if(
        Surgery(subject).swap(f"{layer.name}/1", f"{layer.name}/3").subject, layer, lambda s: s
    )
    order = list(range(layer.units))
    order[1], order[3] = 3, 1
    assert torch.equal(after, before[:, order])


def test_an_edited_unit_computes_with_its_new_kernel():
    subject = looked_into("lenet5")  # C3/3 sees maps 3, 4 and 5
    layer = layers_of(subject)[1]
    kernel = np.random.default_rng(0).normal(size=(3, 5, 5)).astype(np.float32)
    operated = Surgery(subject).edit("C3/3", kernel, bias=0.5)
    weights = weights_of(operated.subject, layer)
    assert np.array_equal(weights[3, 3:], kernel) and not weights[3, :3].any()
    assert np.array_equal(np.delete(weights, 3, 0), np.delete(weights_of(subject, layer), 3, 0))
    with (
        torch.no_grad(),
        listening(operated.subject.net, {"S2": lambda s: s, "C3.conv": lambda s: s}) as heard,
    ):
        operated.subject.answers(subject.given(pictures(subject)))
    wanted = torch.nn.functional.conv2d(heard["S2"][:, 3:], torch.from_numpy(kernel)[None]) + 0.5
    assert torch.allclose(heard["C3.conv"][:, 3:4], wanted, atol=1e-4)
    assert operated.operations == ("C3/3 given another kernel and the bias 0.5",)
    assert np.array_equal(
        weights_of(Surgery(subject).edit("C1/0", np.eye(5)).subject, layers_of(subject)[0])[0, 0], np.eye(5)
    )


@pytest.mark.parametrize(
    ("name", "unit"),
    [("digits", "conv3/7"), ("lenet5", "C3/9"), ("residual", "blocks.1.conv1/2"), ("gated", "head/4")],
)
def test_a_unit_from_the_same_net_trained_otherwise_says_what_it_said_there(name: str, unit: str):
    subject, other = looked_into(name), looked_into(name, seed=9)
    layer, number = unit_of(subject, unit)
    operated = Surgery(subject).transplant(unit, other, unit)
    came, wanted = (dict(s.net.state_dict()) for s in (operated.subject, other))
    for key, tensor in came.items():
        mine = key.startswith((f"{layer.module}.", f"{layer.heard}.")) and tensor.dim()
        if mine and len(tensor) == layer.units:
            assert torch.equal(tensor[number], wanted[key][number])
            assert torch.equal(without(tensor, number), without(subject.net.state_dict()[key], number))
        elif not mine:
            assert torch.equal(tensor, subject.net.state_dict()[key])
    assert np.array_equal(weights_of(operated.subject, layer)[number], weights_of(other, layer)[number])
    assert operated.operations == (f"{unit} replaced by {unit} of another net",)


def test_all_units_transplanted_are_the_other_nets_layer():
    subject, other = looked_into("lenet5-modern"), looked_into("lenet5-modern", seed=4)
    operated = Surgery(subject)
    for layer in layers_of(subject):
        for unit in range(layer.units):
            operated.transplant(f"{layer.name}/{unit}", other, f"{layer.name}/{unit}")
    last = layers_of(subject)[-1]
    (_, came), (_, wanted) = (answers_if(s, last, lambda x: x) for s in (operated.subject, other))
    assert torch.equal(came, wanted)


def test_the_effect_on_a_picture_is_in_scores_by_class_and_maps_where_asked_for():
    subject = looked_into("lenet5")
    picture = pictures(subject)[0]
    operated = Surgery(subject).mute("C1/2").mute("C3/4")
    effect = operated.effect(picture, layers=["C1", "C3"])
    with torch.no_grad():
        distances = [s.answers(s.given(picture[None]))[0] for s in (subject, operated.subject)]
    assert list(effect.before) == list("0123456789") and not operated.effect(picture).maps
    assert list(effect.before.values()) == pytest.approx((-distances[0]).tolist())
    assert list(effect.after.values()) == pytest.approx((-distances[1]).tolist())
    assert effect.named == (str(int(distances[0].argmin())), str(int(distances[1].argmin())))
    before, after = effect.maps["C1"]
    assert before.shape == (6, 28, 28) and before[2].any() and not after[2].any()
    assert np.array_equal(np.delete(before, 2, 0), np.delete(after, 2, 0))


@pytest.mark.parametrize("name", ["lenet5", "grey"])
def test_accuracy_over_a_whole_set_in_parts(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(surgery, "AT_ONCE", 250)
    subject = looked_into(name)
    pixels = np.random.default_rng(1).integers(0, 256, (600, *subject.shape), np.uint8)
    with torch.no_grad():
        labels = subject.scores(subject.answers(subject.given(pixels))).argmax(1).numpy()
    labels[:60] = (labels[:60] + 1) % len(subject.classes)
    told: list[tuple[int, int]] = []
    operated = Surgery(subject)
    for unit in range(4):
        operated.mute(f"{layers_of(subject)[1].name}/{unit}")
    before, after = operated.accuracy(pixels, labels, lambda done, of: told.append((done, of)))
    with torch.no_grad():
        said = operated.subject.answers(subject.given(pixels))
    wanted = (operated.subject.scores(said).argmax(1).numpy() == labels).mean()
    assert before == pytest.approx(0.9, abs=0.002) and after == pytest.approx(wanted, abs=0.002)
    assert told == [(250, 600), (500, 600), (600, 600)]


class After(nn.Module):
    """A convolution and a norm."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(1, 4, 3), norm, nn.Linear(4 * 36, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.relu(self.norm(self.conv(x))).flatten(1))


def after(norm: nn.Module) -> Subject:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = After(norm)
        net.train()(torch.randn(9, 1, 8, 8))
    return subject_of(shaken(net.eval()), shape=(1, 8, 8))


GOOD_NORMS = {
    "batch": lambda: nn.BatchNorm2d(4), "batch without weights": lambda: nn.BatchNorm2d(4, affine=False),
    "batch without statistics": lambda: nn.BatchNorm2d(4, track_running_stats=False), "group": lambda: nn.GroupNorm(2, 4),
    "layer": lambda: nn.LayerNorm((4, 6, 6)), "layer without biases": lambda: nn.LayerNorm((4, 6, 6), bias=False),
    "instance": lambda: nn.InstanceNorm2d(4, affine=True), "nothing": nn.Identity,
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD_NORMS)
def test_whatever_norm_follows_a_muted_units_sums_are_zero(kind: str):
    subject = after(GOOD_NORMS[kind]())
    layer = layers_of(subject)[0]
    for factor in (0.0, -2.0):
        operated = Surgery(subject).scale("conv/2", factor)
        (_, before), (_, now) = (answers_if(s, layer, lambda x: x) for s in (subject, operated.subject))
        factors = torch.tensor([1, 1, factor, 1])[:, None, None]
        assert torch.allclose(now, before * factors, rtol=1e-4, atol=1e-5)
        assert factor or not now[:, 2].any()
        assert bits(operated.undo().subject.net) == bits(subject.net)


BAD_NORMS = [
    ("GroupNorm", lambda: nn.GroupNorm(2, 4, affine=False)), ("InstanceNorm2d", lambda: nn.InstanceNorm2d(4)),
    ("LayerNorm", lambda: nn.LayerNorm((4, 6, 6), elementwise_affine=False)), ("LayerNorm", lambda: nn.LayerNorm((6, 6))),
    ("BatchNorm2d", lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "norm"), BAD_NORMS)
def test_a_norm_without_a_weight_for_each_unit_keeps_it_from_being_muted(
    kind: str, norm: Callable[[], nn.Module]
):
    operated = Surgery(after(norm()))
    with pytest.raises(StackError) as error:
        operated.mute("conv/2")
    assert str(error.value) == (
        f"conv/2 cannot be scaled or muted: its norm norm ({kind}) has no weight for each unit"
    )
    assert operated.operations == ()


class Offset(nn.BatchNorm2d):
    """A norm that does more than its weights say."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 1


def test_what_does_not_follow_its_weights_is_refused_and_left_as_it_was():
    subject = after(Offset(4))
    operated = Surgery(subject)
    with pytest.raises(
        StackError, match="conv/2 cannot be scaled by its weights: what norm gives does not follow them"
    ):
        operated.mute("conv/2")
    assert bits(operated.subject.net) == bits(subject.net) and operated.operations == ()


class Halved(nn.Conv2d):
    """A convolution whose weights are computed."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.doubled = self._parameters.pop("weight")

    @property
    def weight(self) -> Tensor:
        return self.doubled / 2


def test_weights_that_are_computed_cannot_be_set():
    net = after(nn.Identity()).net
    net.conv = Halved(1, 4, 3)
    with pytest.raises(
        StackError, match="the weights of conv are computed from others, so they cannot be set"
    ):
        Surgery(subject_of(net, shape=(1, 8, 8))).mute("conv/1")


def test_a_net_that_cannot_be_copied():
    net = after(nn.Identity()).net
    net.kept = net.conv.weight * 2  # no leaf of autograd's graph
    with pytest.raises(
        StackError, match="After cannot be copied: Only Tensors created explicitly by the user"
    ):
        Surgery(subject_of(net, shape=(1, 8, 8)))


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda s: s.mute("C9/1"), "there is no layer 'C9' with kernels: there are C1, C3, C5"),
        (lambda s: s.mute("C1/6"), "'C1/6' is no unit of C1: it has C1/0 to C1/5"),
        (lambda s: s.scale("C1/1", np.inf), "a unit cannot be scaled by inf: take a finite factor"),
        (lambda s: s.swap("C1/1", "C3/1"), "C1/1 and C3/1 are of different layers: only units of one layer change places"),
        (lambda s: s.swap("C3/0", "C3/1"), "C3/0 and C3/1 see different maps below, (0, 1, 2) and (1, 2, 3)"),
        (lambda s: s.edit("C3/0", np.zeros((6, 5, 5))), "C3/0 has a kernel of 3x5x5, but one of 6x5x5 came"),
        (lambda s: s.edit("C1/0", np.full((1, 5, 5), np.nan)), "C1/0: a kernel and its bias must be finite numbers"),
        (lambda s: s.transplant("C3/0", s.subject, "C3/15"), "C3/0 has a kernel of 3x5x5, but that of C3/15 is of 6x5x5"),
        (lambda s: s.effect(np.zeros((28, 28), np.uint8)), "one picture is wanted, [channels, height, width], but 2 axes came"),
        (lambda s: s.effect(np.zeros((1, 28, 28), np.uint8), ["C2"]), "there is no layer 'C2' with kernels: there are C1, C3, C5"),
        (lambda s: s.accuracy(np.zeros((2, 1, 28, 28), np.uint8), np.zeros(1, int)), "2 pictures and 1 labels came: give a label for each"),
        (lambda s: s.accuracy(np.zeros((0, 1, 28, 28), np.uint8), np.zeros(0, int)), "0 pictures and 0 labels came: give a label for each"),
    ],
)  # fmt: skip
def test_what_cannot_be_done(do: Callable[[Surgery], object], said: str):
    subject = looked_into("lenet5")
    operated = Surgery(subject)
    with pytest.raises((StackError, PictureError)) as error:
        do(operated)
    assert str(error.value) == said
    assert operated.operations == () and bits(operated.subject.net) == bits(subject.net)


def test_what_does_not_fit_between_nets():
    normed, plain = looked_into("normed"), looked_into("lenet5-modern")
    with pytest.raises(
        StackError,
        match=r"conv1/0 is followed by no norm, but conv1/1 by BatchNorm2d \(weight, bias, running_mean",
    ):
        Surgery(plain).transplant("conv1/0", normed, "conv1/1")
    residual = looked_into("residual")
    with pytest.raises(StackError, match="conv1 has no biases: leave the bias out"):
        Surgery(residual).edit("conv1/0", np.zeros((3, 7, 7)), bias=1)


def test_mode_gradients_and_random_numbers_are_as_they_were_also_after_an_error():
    net = foreign("residual").train()
    subject = subject_of(net, shape=net.shape)
    random = torch.get_rng_state()
    Surgery(subject).mute("conv1/0").effect(pictures(subject)[0])
    Surgery(subject).accuracy(pictures(subject), np.zeros(3, int))
    operated, net.forward = Surgery(subject), None
    with pytest.raises(TypeError, match="not callable"):
        operated.effect(pictures(subject)[0])
    assert net.training and all(p.grad is None and p.requires_grad for p in net.parameters())
    assert torch.equal(random, torch.get_rng_state())
