"""Where a net looked: captum says the same where it has the method, by hand it is the same, and the net is as it was."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, NoiseTunnel, Occlusion, Saliency
from foreign import FOREIGN, foreign
from torch import Tensor, nn

import convscope as cs
from convscope.data.images import Images
from convscope.errors import ConvscopeError, PictureError, StackError
from convscope.inspect.heat import Question, centres, ground, spread, stretched
from convscope.inspect.layers import layer_of
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import METHODS, where
from convscope.nets.build import build
from convscope.nets.grammar import parse

NETS = [*cs.zoo, *FOREIGN]
CAMS = [name for name, method in METHODS.items() if "layer" in method.options]
SIGNED = [name for name, method in METHODS.items() if method.signed]


def subject(name: str) -> Subject:
    net = foreign(name) if name in FOREIGN else build(cs.zoo[name], seed=2)
    return subject_of(net.eval(), shape=getattr(net, "shape", None), mean=0.1, std=0.9)


def picture(shape: tuple[int, ...], seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def close(came: np.ndarray, wanted: np.ndarray, part: float = 1e-4) -> bool:
    return bool(np.abs(came - wanted).max() <= part * max(1e-9, float(np.abs(wanted).max())))


def state(net: nn.Module) -> tuple[Any, ...]:
    """All that an inspection must leave as it was; None means that there is no gradient."""
    return (
        [(m.training, list(m._forward_hooks), list(m._backward_hooks)) for m in net.modules()],
        [(p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in net.parameters()],
        [t.tolist() for t in net.state_dict().values()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_on_every_net(name: str, method: str):
    given = subject(name)
    given.net.train()
    first = next(given.net.parameters())
    first.grad, first.requires_grad = torch.ones_like(first), False
    before = state(given.net)
    heat = where(given, picture(given.shape), method=method, seed=5)
    assert state(given.net) == before
    assert heat.values.shape == given.shape[1:] and heat.values.dtype == np.float32
    assert np.isfinite(heat.values).all() and (heat.values.any() or heat.empty)
    assert heat.method == method and heat.signed == METHODS[method].signed
    assert heat.signed or heat.values.min() >= 0
    assert heat.target_name == given.classes[heat.target] and heat.why and heat.passes >= 1
    assert (heat.layer is not None) == (method in CAMS)
    again = where(given, picture(given.shape), heat.target_name, method=method, seed=5)
    assert np.array_equal(heat.values, again.values) and again == replaced(again, heat)


def replaced(again: Any, heat: Any) -> Any:
    """`again`, where all fields but the values are those of `heat`."""
    fields = [f for f in heat.__dataclass_fields__ if f != "values"]
    return again if all(getattr(again, f) == getattr(heat, f) for f in fields) else None


class Breaks(nn.Module):
    """A net that breaks on one of its calls, when everything is in use."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.left = foreign("residual"), -1

    def forward(self, x: Tensor) -> Tensor:
        result = self.net(x)
        torch.rand(1)
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("broken")
        return result


@pytest.mark.parametrize("method", METHODS)
def test_the_net_is_as_it_was_after_an_error(method: str):
    given = subject_of(Breaks().train(), shape=(3, 32, 32))
    if method in CAMS:
        where(given, picture(given.shape), method=method)  # so that its layers are known
    one_call = method in (*CAMS, "gradient")
    assert isinstance(given.net, Breaks)
    given.net.left = 1 if one_call else 2
    before = state(given.net)
    with pytest.raises(RuntimeError, match="broken"):
        where(given, picture(given.shape), method=method)
    assert state(given.net) == before


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off(method: str, around: Callable[[], Any]):
    outside = where(subject("grey"), picture((1, 20, 20)), method=method)
    given = subject("grey")
    with around():
        inside = where(given, picture((1, 20, 20)), method=method)
    assert np.array_equal(inside.values, outside.values) and inside.layer == outside.layer


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile itself
def test_a_compiled_module_is_looked_into_as_what_it_was_compiled_from():
    net = foreign("grey")
    plain = where(subject_of(net, shape=net.shape), picture(net.shape))
    compiled = where(subject_of(torch.compile(net), shape=net.shape), picture(net.shape))
    assert np.array_equal(plain.values, compiled.values) and plain.layer == "b"


# Class activation maps


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


# Gradients


@pytest.mark.parametrize("name", ["lenet5", "lenet5-modern", "residual", "gated", "grey"])
def test_captum_says_the_same_of_gradients(name: str):
    given = subject(name)
    pixels = picture(given.shape)
    x, base = given.given(pixels[None]), given.given(np.zeros((1, *given.shape), np.uint8))
    net = copy.deepcopy(given.net).eval()
    scores = lambda x: given.scores(given.with_net(net).answers(x))  # noqa: E731
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


# Occlusion


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


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A net that has seen 8,000 digits."""
    all = cs.images("mnist")
    some = Images(
        "some", all.classes, all.train.take(np.arange(8000)), all.test.take(np.arange(100)), (), "some-1"
    )
    run = cs.train(some, "lenet5-modern", cs.Recipe(epochs=1), out=tmp_path_factory.mktemp("runs") / "1")
    return subject_of(run)


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


# The question


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"method": "gradcam"}, StackError, "there is no way 'gradcam' to ask where a net looked: did you mean grad-cam?"),
        ({"method": "x"}, StackError, "there is no way 'x' to ask where a net looked: there are grad-cam, grad-cam++, layer-cam, "
         "occlusion, integrated-gradients, smooth-grad, gradient"),
        ({"layer": "conv22"}, StackError, "there is no layer 'conv22' with kernels: did you mean conv2?"),
        ({"method": "gradient", "layer": "conv1"}, StackError, "gradient looks at pixels, not at a layer: leave layer='conv1' out"),
        ({"method": "gradient", "steps": 3}, StackError, "gradient has no option 'steps': it has none"),
        ({"method": "occlusion", "pach": 3}, StackError, "occlusion has no option 'pach': did you mean patch?"),
        ({"target": "x"}, StackError, "there is no class 'x': there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ({"target": 10, "method": "occlusion"}, StackError, "there is no class 10: did you mean 1?"),
        ({"method": "occlusion", "patch": 29}, StackError, "a patch of 29 pixels does not work: it must be from 1 to 28"),
        ({"method": "occlusion", "stride": 0}, StackError, "a stride of 0 pixels does not work: it must be at least 1"),
        ({"method": "integrated-gradients", "steps": 0}, StackError, "steps of 0 do not work: it must be at least 1"),
        ({"method": "smooth-grad", "noise": -1}, StackError, "noise of -1 does not work: it is a part of the picture's range, 0 or more"),
        ({"method": "occlusion", "fill": 300}, PictureError, "a grey is a whole number of 0..255, not 300"),
        ({"method": "integrated-gradients", "baseline": [1, 2]}, PictureError, "a grey is a whole number of 0..255, or 1 of them, not [1, 2]"),
        ({"picture": np.zeros((28, 28))}, PictureError, "a picture is uint8 [channels, height, width], not float64 [28, 28]"),
        ({"picture": np.zeros((3, 28, 28), np.uint8)}, PictureError, "pictures of 3x28x28 came, but the net takes 1x28x28: "
         "bring them to its size and channels first (convscope.data.fit)"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(how: dict[str, Any], error: type[ConvscopeError], said: str):
    given = subject("digits")
    before = state(given.net)
    with pytest.raises(error) as raised:
        where(given, how.pop("picture", picture(given.shape)), **how)
    assert str(raised.value) == said and state(given.net) == before


def test_a_net_without_kernels_has_no_class_activation_maps_but_gradients():
    given = subject_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), shape=(1, 2, 2))
    with pytest.raises(StackError, match="has no convolutions"):
        where(given, picture((1, 2, 2)))
    for method in SIGNED:
        assert where(given, picture((1, 2, 2)), method=method).values.any()


@pytest.mark.parametrize("method", METHODS)
def test_progress_counts_the_pictures_up_to_all_of_them(method: str):
    heard: list[tuple[int, int]] = []
    where(subject("grey"), picture((1, 20, 20)), method=method, progress=lambda *said: heard.append(said))
    done = [d for d, _ in heard]
    assert done == sorted(done) and len({total for _, total in heard}) == 1 and heard[-1][0] == heard[-1][1]


def test_the_methods_are_registered_with_their_papers():
    assert list(METHODS) == [
        "grad-cam", "grad-cam++", "layer-cam", "occlusion", "integrated-gradients", "smooth-grad", "gradient",
    ]  # fmt: skip
    for name, method in METHODS.items():
        assert method.name == name and method.title and method.about.endswith(".")
        assert any(str(year) in method.source for year in range(2013, 2022))
    assert METHODS["grad-cam"].options == ("layer", "relu", "stretch")


def test_classes_are_given_by_name_or_number_and_a_module_or_a_run_will_do(learned: Subject):
    pixels = cs.images("mnist").test.pixels[0]
    assert learned.run is not None
    seen = [
        where(model, pixels, target)
        for model in (learned, learned.run)
        for target in (7, "7", np.int64(7), None)
    ]
    assert all(h.target == 7 and np.array_equal(h.values, seen[0].values) for h in seen)
    with pytest.raises(StackError, match="say what its pictures are"):
        where(nn.Conv2d(1, 1, 1), pixels)


def test_a_smaller_picture_is_framed_as_always():
    given = subject("lenet5")
    small = picture((1, 28, 28))
    framed = np.pad(small, [(0, 0), (2, 2), (2, 2)])
    for method in METHODS:
        ours, theirs = (where(given, p, 1, method=method).values for p in (small, framed))
        assert np.array_equal(ours, theirs) and ours.shape == (32, 32)


def test_grad_cam_goes_through_the_net_once():
    given, calls = subject("residual"), []
    question = Question(given, picture(given.shape))
    METHODS["grad-cam"].function(question)
    given.net.register_forward_pre_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    with nullcontext():
        METHODS["grad-cam"].function(question)
    assert calls == [True]
