"""The picture that a unit likes best: what is known by hand is reached, and nothing is made up for a dead unit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from foreign import Residual, foreign
from small_zoo import small
from torch import nn

import convscope as cs
from convscope.errors import StackError
from convscope.inspect.layers import kernels_of, layers_of, unit_of
from convscope.inspect.maximise import GREY, STEPS, favourite
from convscope.inspect.record import listening
from convscope.inspect.subject import Subject, subject_of
from convscope.nets.build import build

WORDS = {"mean": 0.3, "std": 0.4}


def looked_into(name: str) -> Subject:
    net = build(small(name), seed=2) if name in cs.zoo else foreign(name)
    return subject_of(net, shape=getattr(net, "shape", None), **WORDS)


def sums(subject: Subject, unit: str, pixels: np.ndarray, place: int) -> np.ndarray:
    """A unit's sums at a place, of pictures [n, c, h, w]."""
    layer, number = unit_of(subject, unit)
    with listening(subject.net, {layer.heard: lambda s: s}) as heard, torch.no_grad():
        subject.net.eval()(subject.given(pixels))
    return heard[layer.heard][:, number].flatten(1)[:, place].numpy()


def field(subject: Subject, unit: str, place: int) -> tuple[slice, slice]:
    """What it sees, within the picture."""
    rows, columns = unit_of(subject, unit)[0].window(place, subject.shape)
    return slice(max(0, rows.start), rows.stop), slice(max(0, columns.start), columns.stop)


@pytest.mark.parametrize("way", ["pixels", "fourier"])
@pytest.mark.parametrize("name", [*cs.zoo, "residual", "gated"])
def test_a_first_layers_favourite_is_white_where_its_kernel_is_positive_and_black_elsewhere(
    name: str, way: str
):
    subject = looked_into(name)
    first = layers_of(subject)[0]
    kernel = kernels_of(subject, first)[1]
    steps, short = (
        (None, 0.001) if way == "pixels" else (800 if kernel.size > 200 else 300, 0.05)
    )  # a sigmoid never quite reaches black or white
    found = favourite(subject, f"{first.name}/1", regularisation=0, parametrisation=way, steps=steps)
    best = np.where(kernel > 0, 255, 0).astype(np.uint8)
    whole = np.full(subject.shape, GREY, np.uint8)
    whole[:, *field(subject, f"{first.name}/1", found.place)] = best
    most = sums(subject, f"{first.name}/1", whole[None], found.place)[0]
    assert most - short * abs(most) <= found.value <= most + 1e-5 * abs(most)
    if way == "pixels":
        assert np.array_equal(found.pixels[np.abs(kernel) > 1e-4], best[np.abs(kernel) > 1e-4])


def test_the_first_layers_optimum_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 1, (1, 3)), nn.Flatten())
    net[0].weight.data, net[0].bias.data = torch.tensor([[[[2.0, -3.0, 0.5]]]]), torch.tensor([0.25])
    found = favourite(subject_of(net, shape=(1, 1, 3), mean=0.5, std=0.5), "0/0", regularisation=0)
    assert found.pixels.tolist() == [[[255, 0, 255]]]
    assert found.value == pytest.approx(2 + 3 + 0.5 + 0.25)


@pytest.mark.parametrize(
    ("name", "unit"), [("lenet5", "C3/7"), ("digits", "conv4/2"), ("residual", "blocks.0.conv2/3")]
)
@pytest.mark.parametrize("way", ["pixels", "fourier"])
def test_the_value_is_the_sum_on_the_picture_that_is_given_back(name: str, unit: str, way: str):
    subject = looked_into(name)
    whole = favourite(subject, unit, parametrisation=way, region="whole", steps=30)
    part = favourite(subject, unit, parametrisation=way, steps=30)
    rows, columns = field(subject, unit, whole.place)
    assert whole.pixels.shape == subject.shape and whole.pixels.dtype == np.uint8
    assert np.array_equal(whole.pixels[:, rows, columns], part.pixels)
    outside = whole.pixels.copy()
    outside[:, rows, columns] = GREY
    assert (outside == GREY).all()
    others = np.stack([whole.pixels, 255 - whole.pixels])
    others[1][:, rows, columns] = part.pixels  # what lies outside the field does not matter
    assert sums(subject, unit, others, whole.place) == pytest.approx([whole.value] * 2, rel=1e-4)
    assert whole.value == part.value > part.start


@pytest.mark.parametrize(
    ("name", "unit"), [("lenet5", "C3/7"), ("lenet5", "C5/3"), ("grey", "b/2"), ("digits", "conv5/1")]
)
def test_no_picture_out_of_many_is_liked_better(name: str, unit: str):
    subject = looked_into(name)
    found = favourite(subject, unit, regularisation=0)
    rng = np.random.default_rng(0)
    many = rng.integers(0, 256, (300, *subject.shape), np.uint8)
    many[::2] = np.where(many[::2] > 127, 255, 0)
    many[::3] = np.kron(many[::3, :, ::4, ::4], np.ones((4, 4), np.uint8))[
        ..., : subject.shape[1], : subject.shape[2]
    ]
    assert found.value > sums(subject, unit, many, found.place).max()


def test_the_same_seed_gives_the_same_bits_and_another_another_picture():
    subject = looked_into("lenet5")
    for way in ("pixels", "fourier"):
        one, same = (favourite(subject, "C3/2", steps=15, seed=5, parametrisation=way) for _ in range(2))
        other = favourite(subject, "C3/2", steps=15, seed=6, parametrisation=way)
        assert one.pixels.tobytes() == same.pixels.tobytes() and one.value == same.value
        assert one.pixels.tobytes() != other.pixels.tobytes()


def test_regularisers_make_it_smoother_and_cost_a_little():
    subject = looked_into("lenet5")
    free, mild = (favourite(subject, "C3/7", regularisation=r) for r in (0, 1))

    def edges(pixels: np.ndarray) -> float:
        return float(sum(np.abs(np.diff(pixels.astype(float), axis=a)).mean() for a in (1, 2)))

    assert edges(mild.pixels) < 0.9 * edges(free.pixels)
    assert free.start < 0.8 * free.value < mild.value < free.value


def test_large_fields_are_searched_in_waves():
    net = Residual((4, 6))
    subject = subject_of(net, shape=(3, 96, 96), **WORDS)
    found = favourite(subject, "blocks.1.conv2/2", steps=12)
    assert min(found.pixels.shape[1:]) >= 48 and found.value > found.start
    waves = favourite(subject, "blocks.1.conv2/2", steps=12, parametrisation="fourier")
    assert np.array_equal(found.pixels, waves.pixels)
    small = favourite(subject, "conv1/0")
    assert small.steps == STEPS["pixels"] and small.pixels.shape == (3, 7, 7)


@pytest.mark.parametrize("way", ["pixels", "fourier"])
def test_a_dead_unit_says_so(way: str):
    net = build(cs.zoo["lenet5-modern"], seed=1)
    net.conv2.conv.weight.data[3] = 0
    net.conv2.conv.bias.data[3] = -0.5
    found = favourite(net, "conv2/3", parametrisation=way)
    assert found.says == "conv2/3 gives -0.5 whatever the pixels: no change of the picture reaches it"
    assert (found.pixels == GREY).all() and found.value == found.start == -0.5 and found.steps == 0
    net.conv1.conv.bias.data.fill_(-1e6)  # every ReLU below is shut
    assert "whatever the pixels" in favourite(net, "conv2/4", parametrisation=way).says
    net.conv2.conv.weight.data[5] = torch.nan
    broken = favourite(net, "conv2/5", parametrisation=way)
    assert broken.says == "conv2/5 gives nan on plain grey: its weights are no finite numbers"


def test_where_grey_leaves_every_relu_shut_a_stronger_start_opens_one():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 3), nn.Flatten())
    net[0].weight.data[:], net[0].bias.data[:] = 1.0, -0.75
    net[2].weight.data[:], net[2].bias.data[:] = 1.0, 0.0
    found = favourite(subject_of(net, shape=(1, 3, 3)), "2/0", regularisation=0)
    assert found.start > 0 and found.value >= 0.2499 and found.pixels.max() == 255


def test_what_it_says_beside_a_sets_best_picture():
    subject = looked_into("lenet5")
    found = favourite(subject, "C1/0", best_seen=0.125)
    assert found.best_seen == 0.125 and found.says.endswith("; the best picture of the set reached 0.125")
    assert found.says.startswith(f"C1/0 reaches {found.value:.3g}, from {found.start:.3g} on grey noise")
    assert favourite(subject, "C1/0", best_seen=1e3).says.endswith(
        "; a picture of the set reached more, 1e+03"
    )


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_the_net_is_untouched_also_after_an_error(name: str, monkeypatch: pytest.MonkeyPatch):
    net = foreign(name).train()
    subject = subject_of(net, shape=net.shape)
    unit = f"{layers_of(subject)[-1].name}/0"
    before, random = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        assert favourite(subject, unit, steps=3).value is not None

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="broken"):
        patched.setattr(net, "forward", broken)
        favourite(subject, unit, steps=3)
    assert net.training and all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert not any(m._forward_hooks for m in net.modules())


def test_progress_is_told():
    told: list[tuple[int, int]] = []
    favourite(looked_into("lenet5"), "C1/0", steps=4, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"unit": "C3"}, "'C3' is no unit of C3: it has C3/0 to C3/15"),
        ({"parametrisation": "furier"}, "there is no parametrisation 'furier': did you mean fourier?"),
        ({"region": "all"}, "there is no region 'all': there are field, whole"),
        ({"steps": 0}, "0 steps do not climb: take at least 1"),
    ],
)
def test_what_cannot_be_asked(how: dict[str, object], said: str):
    with pytest.raises(StackError) as error:
        favourite(looked_into("lenet5"), **{"unit": "C3/0", **how})
    assert str(error.value) == said
