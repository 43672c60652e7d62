"""What units add to a score: exact where it is said to be, gradient times activation elsewhere, and never more said."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradientXActivation
from foreign import foreign
from small_zoo import small
from torch import Tensor, nn

import convscope as cs
from convscope.errors import PictureError, StackError
from convscope.inspect.contributions import contributions
from convscope.inspect.layers import layers_of
from convscope.inspect.record import listening
from convscope.inspect.subject import Subject, first_tensor, subject_of
from convscope.nets.build import build

NETS = [*cs.zoo, "residual", "gated", "grey"]


def looked_into(name: str) -> Subject:
    net = foreign(name) if name not in cs.zoo else build(small(name), seed=3).eval()
    for parameter in net.parameters():
        parameter.data += 0.03 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    return subject_of(net, shape=getattr(net, "shape", None), mean=0.4, std=0.3)


def picture(subject: Subject, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, subject.shape, np.uint8)


def scores(subject: Subject, pixels: np.ndarray) -> Tensor:
    with torch.no_grad():
        return subject.scores(subject.answers(subject.given(pixels[None])))[0]


@pytest.mark.parametrize("name", NETS)
def test_parts_and_rest_are_the_score_of_the_class_that_the_net_names(name: str):
    subject = looked_into(name)
    wanted = scores(subject, picture(subject))
    for layer in (None, *(x.name for x in layers_of(subject))):
        parts = contributions(subject, picture(subject), layer)
        assert parts.target == subject.classes[int(wanted.argmax())]
        assert parts.score == pytest.approx(float(wanted.max()), rel=1e-5, abs=1e-6)
        assert float(parts.units.sum()) + parts.rest == pytest.approx(parts.score, rel=1e-5, abs=1e-5)
        assert parts.layer == (layer or layers_of(subject)[-1].name) and np.abs(parts.units).max() > 0


@pytest.mark.parametrize("name", ["digits", "gated", "grey"])
def test_an_exact_part_is_what_muting_the_unit_takes_away_whoever_else_is_muted(name: str):
    subject = looked_into(name)
    last = layers_of(subject)[-1]
    for target in range(3):
        parts = contributions(subject, picture(subject), target=target)
        assert parts.exact
        assert parts.how == (
            f"exact: behind {last.name} come only pooling and weighted sums, so each unit adds its own part"
        )
        for seed in range(6):
            keep = torch.rand(last.units, generator=torch.Generator().manual_seed(seed)) < 0.5
            mute = {last.heard: lambda sums, k=keep: sums * k[:, None, None]}
            with listening(subject.net, mute, changed=True):
                came = float(scores(subject, picture(subject))[target])
            assert came == pytest.approx(parts.rest + float(parts.units[keep.numpy()].sum()), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "layer", "module"),
    [
        ("lenet5", "C5", "C5.squash"), ("lenet5", "C3", "C3.squash"), ("lenet1", "H3", "H3.squash"),
        ("lenet5-modern", "conv1", "conv1.relu"), ("lenet5-modern", "conv3", "conv3.relu"), ("digits", "conv5", "conv5.relu"),
        ("digits", "conv2", "conv2.relu"), ("residual", "blocks.1.conv2", "blocks.1.bn2"), ("grey", "b", "b"), ("gated", "head", "head"),
    ],
)  # fmt: skip
def test_captum_says_the_same_gradient_times_activation(name: str, layer: str, module: str):
    subject = looked_into(name)
    for target in (0, 2):
        parts = contributions(subject, picture(subject), layer, target)
        net = copy.deepcopy(subject.net)
        method = LayerGradientXActivation(
            lambda x, n=net: subject.scores(first_tensor(n(x))), net.get_submodule(module)
        )
        wanted = (
            method.attribute(subject.given(picture(subject)[None]), target=target)[0]
            .sum((1, 2))
            .detach()
            .numpy()
        )
        assert np.abs(parts.units - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())
        assert parts.exact == ((name, layer) in {("digits", "conv5"), ("grey", "b"), ("gated", "head")})


@pytest.mark.parametrize(
    ("name", "layer", "what"),
    [("lenet5", None, "tanh"), ("lenet5-modern", None, "relu"), ("residual", None, "relu"), ("gated", "stem", "silu"), ("digits", "conv4", "relu")],
)  # fmt: skip
def test_it_says_what_keeps_it_from_being_exact(name: str, layer: str | None, what: str):
    subject = looked_into(name)
    parts = contributions(subject, picture(subject), layer)
    assert parts.how == (
        f"gradient times activation, to first order: behind {parts.layer} and its activation comes {what}"
    )


class Head(nn.Module):
    """A convolution, and what is made of it."""

    def __init__(
        self, then: Callable[[Tensor], Tensor], width: int = 5, norm: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv, self.norm, self.then = nn.Conv2d(1, 5, 3), norm or nn.Identity(), then
        self.out, self.hidden = nn.Linear(width, 3), nn.Linear(5, 5)
        for n, parameter in enumerate(self.parameters()):
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(n))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        z = self.then(y)
        return self.out(z.mean((2, 3)) if z.dim() == 4 else z)


def overwritten(y: Tensor) -> Tensor:
    torch.relu_(y)
    return y


STRAIGHT: dict[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda y: y, "relu": nn.ReLU(), "relu in place": nn.ReLU(True), "result not used": overwritten,
    "silu": F.silu, "gelu": nn.GELU(), "tanh": lambda y: 1.7 * torch.tanh(0.6 * y), "leaky": nn.LeakyReLU(0.1, True),
    "dropped": lambda y: F.dropout(F.relu(y), 0.5, False), "pooled": lambda y: F.avg_pool2d(F.relu(y), 2),
    "maximum": lambda y: F.max_pool2d(F.relu(y), 2), "global maximum": lambda y: F.adaptive_max_pool2d(F.relu(y), 1).flatten(1),
    "permuted": lambda y: F.relu(y).permute(0, 2, 3, 1).mean((1, 2)), "summed": lambda y: F.relu(y).sum((2, 3)) / 9 + 1,
    "indexed": lambda y: torch.cat([F.relu(y)[:, 2:], F.relu(y)[:, :2]], 1), "adaptive": lambda y: F.adaptive_avg_pool2d(y.clamp(min=0), 1),
}  # fmt: skip


@pytest.mark.parametrize("way", STRAIGHT)
def test_behind_an_activation_pooling_and_sums_are_exact(way: str):
    subject = subject_of(Head(STRAIGHT[way]).eval(), shape=(1, 8, 8), mean=0.5, std=0.2)
    parts = contributions(subject, picture(subject), target=1)
    if way == "indexed":  # two ReLUs on the same sums: which of them would be the activation?
        assert not parts.exact
        return
    assert parts.exact, parts.how
    for unit in range(5):
        keep = torch.ones(5)
        keep[unit] = 0
        mute = {"conv": lambda sums, k=keep: sums * k[:, None, None]}
        with listening(subject.net, mute, changed=True):
            without = float(scores(subject, picture(subject))[1])
        assert parts.score - without == pytest.approx(parts.units[unit], abs=1e-4)


def test_a_class_activation_map_by_hand():
    net = Head(torch.sigmoid).eval()  # not 0 at 0: the part is what its map adds, the rest is the bias
    subject = subject_of(net, shape=(1, 8, 8))
    parts = contributions(subject, picture(subject), target="2")
    with torch.no_grad():
        maps = torch.sigmoid(net.conv(subject.given(picture(subject)[None])))
    wanted = (net.out.weight[2] * maps.mean((0, 2, 3))).detach().numpy()
    assert parts.exact and parts.units == pytest.approx(wanted, abs=1e-5)
    assert parts.rest == pytest.approx(float(net.out.bias[2].detach()), abs=1e-5)


BENT: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "squared": (lambda y: F.relu(y) ** 2, "pow"), "gated": (lambda y: y * torch.sigmoid(y.mean((2, 3), keepdim=True)), "sigmoid"),
    "product": (lambda y: F.relu(y) * F.relu(y).mean(1, keepdim=True), "relu"), "divided": (lambda y: 1 / (3 + F.relu(y)), "reciprocal"),
    "normalised": (lambda y: F.relu(y) / (1 + F.relu(y).sum(1, keepdim=True)), "relu"), "softmax": (lambda y: F.relu(y).softmax(1), "softmax"),
    "mixed, then a maximum": (lambda y: F.max_pool2d(F.conv2d(F.relu(y), torch.ones(5, 5, 1, 1)), 2), "maxpool2dwithindices"),
    "maximum over maps": (lambda y: F.relu(y).amax(1, keepdim=True).expand(-1, 5, -1, -1), "amax"),
    "outer": (lambda y: (lambda z: z * z.flip(1))(F.relu(y)), "flip"), "itself": (lambda y: (lambda z: z * z)(F.relu(y)), "mul"),
    "quotient": (lambda y: (lambda z: z / (z.sum(1, keepdim=True) + 1))(F.relu(y)), "div"),
}  # fmt: skip


@pytest.mark.parametrize("way", BENT)
def test_what_is_no_sum_of_parts_is_not_called_exact(way: str):
    then, what = BENT[way]
    parts = contributions(subject_of(Head(then).eval(), shape=(1, 8, 8)), np.full((1, 8, 8), 77, np.uint8))
    assert not parts.exact and parts.how.startswith("gradient times activation, to first order: behind conv ")
    assert parts.how.endswith(f"comes {what}"), parts.how


def test_what_only_looks_like_a_sum_is_found_out_by_trying():
    norm = nn.BatchNorm2d(5, track_running_stats=False)  # it divides by each map's own deviation
    parts = contributions(
        subject_of(Head(lambda y: norm(F.relu(y))).eval(), shape=(1, 8, 8)),
        picture(looked_into("digits"))[:, :8, :8],
    )
    assert not parts.exact and parts.how.endswith("behind conv and its activation the units do not add up")


def test_maps_are_heard_behind_a_norm():
    norm = nn.BatchNorm2d(5)
    norm.running_mean += torch.arange(5.0)
    subject = subject_of(Head(nn.ReLU(), norm=norm).eval(), shape=(1, 8, 8))
    parts = contributions(subject, picture(subject), target=0)
    with torch.no_grad():
        maps = torch.relu(subject.net.norm(subject.net.conv(subject.given(picture(subject)[None]))))
        wanted = (subject.net.out.weight[0] * maps.mean((0, 2, 3))).numpy()
    assert parts.exact and parts.units == pytest.approx(wanted, abs=1e-4)


def test_a_layer_that_the_score_does_not_hear_has_no_part_in_it():
    class Deaf(Head):
        def forward(self, x: Tensor) -> Tensor:
            self.conv(x)
            return self.out(x[:, 0, 0, :5])

    subject = subject_of(Deaf(torch.relu).eval(), shape=(1, 8, 8))
    parts = contributions(subject, picture(subject))
    assert not parts.units.any() and parts.rest == pytest.approx(parts.score)


@pytest.mark.parametrize("name", ["residual", "gated", "grey", "digits"])
def test_the_net_is_untouched_also_after_an_error(name: str, monkeypatch: pytest.MonkeyPatch):
    subject = looked_into(name)
    net = subject.net.train()
    before, random = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        one, same = (contributions(subject, picture(subject)) for _ in range(2))
    assert one.units.tobytes() == same.units.tobytes() and one.rest == same.rest

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="broken"):
        patched.setattr(net, "forward", broken)
        contributions(subject, picture(subject))
    assert net.training and all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"layer": "C9"}, "there is no layer 'C9' with kernels: there are C1, C3, C5"),
        ({"target": "ten"}, "there is no class 'ten': there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (
            {"picture": np.zeros((28, 28), np.uint8)},
            "one picture is wanted, [channels, height, width], but 2 axes came",
        ),
    ],
)
def test_what_cannot_be_asked(how: dict[str, object], said: str):
    with pytest.raises((StackError, PictureError)) as error:
        contributions(looked_into("lenet5"), **{"picture": np.zeros((1, 28, 28), np.uint8), **how})
    assert str(error.value) == said
