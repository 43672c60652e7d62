"""The historic nets, row by row as their papers print them (sources in the zoo's entries)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_zoo import small as narrow
from torch import nn

from convscope import native
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.layers import ResponseNorm, digit_codes
from convscope.nets.lowered import lacking
from convscope.nets.stack import Stack
from convscope.nets.zoo import zoo
from convscope.training.plan import fitted_to

# layer, output, parameters, connections: LeCun et al. 1998, section II.B
LENET5 = [
    ("C1", (6, 28, 28), 156, 122_304),
    ("S2", (6, 14, 14), 12, 5_880),
    ("C3", (16, 10, 10), 1_516, 151_600),
    ("S4", (16, 5, 5), 32, 2_000),
    ("C5", (120, 1, 1), 48_120, 48_120),
    ("F6", (84, 1, 1), 10_164, 10_164),
    ("OUT", (10, 1, 1), 0, 840),
]
# LeCun et al. 1990: 2,578 parameters and 98,442 connections in all
LENET1 = [
    ("H1", (4, 24, 24), 104, 59_904),
    ("H2", (4, 12, 12), 8, 2_880),
    ("H3", (12, 8, 8), 512, 32_768),
    ("H4", (12, 4, 4), 24, 960),
    ("OUT", (10, 1, 1), 1_930, 1_930),
]

# layer, output, parameters: Krizhevsky et al. 2012, section 3.5 and figure 2; the paper counts 60 million
ALEXNET = [
    ("conv1", (96, 55, 55), 34_944),
    ("pool1", (96, 27, 27), 0),
    ("conv2", (256, 27, 27), 307_456),
    ("pool2", (256, 13, 13), 0),
    ("conv3", (384, 13, 13), 885_120),
    ("conv4", (384, 13, 13), 663_936),
    ("conv5", (256, 13, 13), 442_624),
    ("pool5", (256, 6, 6), 0),
    ("fc6", (4096, 1, 1), 37_752_832),
    ("fc7", (4096, 1, 1), 16_781_312),
    ("fc8", (1000, 1, 1), 4_097_000),
]
COUNTS = {
    "alexnet": 60_965_224,
    "alexnet-today": 60_965_224,
    "alexnet-owt": 61_100_840,
    "vgg11": 132_863_336,
    "vgg16": 138_357_544,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
}
"""Parameters as published: the sums of the papers' tables, and those of torchvision's models."""


@pytest.mark.parametrize(
    ("name", "rows", "parameters", "connections"),
    [("lenet5", LENET5, 60_000, 340_908), ("lenet1", LENET1, 2_578, 98_442)],
)
def test_weights_and_connections_are_the_papers_row_by_row(
    name: str, rows, parameters: int, connections: int
):
    ladder = zoo[name].ladder
    assert [(r.name, r.output, r.parameters, r.connections) for r in ladder] == rows
    assert zoo[name].parameters == parameters
    assert sum(r.connections for r in ladder) == connections


def test_alexnet_is_the_papers_layer_by_layer():
    assert [(r.name, r.output, r.parameters) for r in zoo["alexnet"].ladder] == ALEXNET
    assert sum(r.multiply_adds for r in zoo["alexnet"].ladder) == 724_406_816


def test_alexnet_of_today_has_the_papers_layers_and_other_first_weights_and_pixels():
    assert zoo["alexnet-today"].ladder == zoo["alexnet"].ladder
    steps = [
        [replace(step, init=()) if hasattr(step, "init") else step for _, step, _ in zoo[name].walk()]
        for name in ("alexnet", "alexnet-today")
    ]
    assert steps[0] == steps[1]
    assert zoo["alexnet"].input == replace(zoo["alexnet-today"].input, centred=True)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_as_many_as_published(name: str):
    assert zoo[name].parameters == COUNTS[name]


def test_response_normalisation_is_the_papers_sum_over_neighbouring_maps():
    lrn = build(zoo["alexnet"].with_input((3, 67, 67))).conv1.lrn
    a = torch.randn(1, 9, 2, 2, generator=torch.Generator().manual_seed(0)).double()
    b = lrn(a)
    for i in range(9):
        around = a[0, max(0, i - 2) : i + 3].square().sum(0)
        assert torch.allclose(b[0, i], a[0, i] / (2 + 1e-4 * around) ** 0.75, rtol=1e-12)
    ones = build(parse("input 4x1x1; c conv 4 1x1 | lrn k=1 alpha=1 beta=1; o linear 2")).c.lrn(
        torch.ones(1, 4, 1, 1)
    )
    assert ones.flatten().tolist() == pytest.approx([1 / 4, 1 / 5, 1 / 5, 1 / 4])  # 3, 4, 4 and 3 maps around


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_response_normalisation_is_pytorchs_with_alpha_times_the_size(size: int):
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64, requires_grad=True)
    ours = ResponseNorm(size, 0.02, 0.75, 1.5)(x)
    theirs = F.local_response_norm(x, size, 0.02 * size, 0.75, 1.5)
    assert torch.allclose(ours, theirs, rtol=1e-12)
    weights = torch.randn_like(x)
    (a,), (b,) = (torch.autograd.grad((y * weights).sum(), x) for y in (ours, theirs))
    assert torch.allclose(a, b, rtol=1e-9)


def test_alexnets_numbers_begin_as_the_paper_has_it():
    net = build(narrow("alexnet"), 1)
    for line, step, _ in net.stack.walk():
        if step.kind not in ("conv", "linear"):
            continue
        module = getattr(getattr(net, line.name), step.kind)
        assert module.weight.std().item() == pytest.approx(0.01, rel=0.1), line.name
        one = line.name in ("conv2", "conv4", "conv5", "fc6", "fc7")
        assert module.bias.eq(float(one)).all(), line.name


def test_another_number_of_classes_leaves_the_steps_in_their_order():
    stack = parse("input 1x4x4; c conv 2 3x3; out dropout 0.5 | global | linear 10").with_classes(3)
    assert str(stack).splitlines()[-1] == "out   dropout 0.5 | global | linear 3"


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("cifar", (32, 40, 48, 64)),
        ("photos", (128, 150, 160, 223, 224)),
        ("resnet18", (64, 97)),
        ("alexnet", (96, 160, 224)),
    ],
)
def test_a_net_takes_the_users_pictures_and_classes(name: str, sizes: tuple[int, ...]):
    for size in sizes:
        stack = fitted_to(zoo[name], (3, size, size), 7)
        assert (stack.input.shape, stack.outputs) == ((3, size, size), 7)


def test_the_nets_for_colour_pictures_are_ones_that_the_native_engine_computes():
    assert zoo["cifar"].input.shape == (3, 32, 32)
    assert sum(r.multiply_adds for r in zoo["cifar"].ladder) < 35e6
    if native.available():
        assert not lacking(zoo["cifar"])
        assert not lacking(zoo["photos"])
        assert "lrn" in lacking(zoo["alexnet"])


def test_lenet4_follows_the_papers_connections_where_the_paper_contradicts_itself():
    assert sum(r.connections for r in zoo["lenet4"].ladder) == 262_306
    assert zoo["lenet4"].parameters == 50_698


def test_lenet5_reads_its_third_layer_by_the_papers_table():
    table = zoo["lenet5"].lines[2].steps[0].maps
    assert sum(map(len, table)) == 60
    assert table[0] == (0, 1, 2)
    assert table[14] == (0, 2, 3, 5)
    assert table[15] == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("name", list(zoo))
def test_the_built_net_has_the_parameters_and_shapes_of_its_stack(name: str):
    stack: Stack = narrow(name)
    net = build(stack).eval()
    assert sum(p.numel() for p in net.parameters()) == stack.parameters
    for line, x in net.through(torch.randn(2, *stack.input.shape)):
        assert x.reshape(2, -1).shape[1] == torch.Size(stack.shapes[line.name]).numel(), line.name
    assert net(torch.randn(2, *stack.input.shape)).shape == (2, stack.outputs)


@pytest.mark.parametrize("name", list(zoo))
def test_the_computed_receptive_field_is_the_one_that_gradients_measure(name: str):
    """With weights of one and no squashing, the pixels that reach the middle value are exactly those it sees."""
    stack = narrow(name)
    net = build(stack).double().eval()
    for module in net.modules():
        for parameter in module.parameters(recurse=False):
            nn.init.constant_(parameter, 1e-3)
    x = torch.rand(1, *stack.input.shape, dtype=torch.float64, requires_grad=True)
    rungs = stack.ladder
    for rung, (_, value) in zip(rungs, net.through(x), strict=True):
        flat = value.reshape(1, rung.output[0], -1)
        middle = (rung.output[1] // 2) * rung.output[2] + rung.output[2] // 2
        (gradient,) = torch.autograd.grad(flat[0, :, middle].sum(), x, retain_graph=True)
        seen = gradient[0].abs().sum(0).nonzero()
        extent = seen.max(0).values - seen.min(0).values + 1
        padded = any(r.padding and any(r.padding) for r in rungs)
        most = [min(f, s) for f, s in zip(rung.receptive_field, stack.input.shape[1:], strict=True)]
        if padded or "max" in {r.kind for r in rungs}:
            assert all(e <= m for e, m in zip(extent.tolist(), most, strict=True)), rung.name
        else:
            assert extent.tolist() == most, rung.name


def test_squash_goes_through_one_and_minus_one():
    squash = build(zoo["lenet5"]).C1.squash
    assert squash(torch.tensor([1.0, -1.0])).tolist() == pytest.approx([1.0, -1.0], abs=1e-4)


def test_subsampling_is_the_sum_times_the_coefficient_plus_the_bias():
    layer = build(zoo["lenet5"]).S2.subsample
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(3.0)
    x = torch.arange(6 * 28 * 28.0).view(1, 6, 28, 28)
    assert layer(x)[0, 0, 0, 0].item() == 0.5 * (0 + 1 + 28 + 29) + 3


def test_a_partly_connected_map_ignores_the_maps_it_does_not_list():
    layer = build(zoo["lenet5"]).C3.conv
    x = torch.randn(1, 6, 14, 14)
    changed = x.clone()
    changed[:, 5] += 1  # map 0 of C3 lists 0, 1 and 2
    assert torch.equal(layer(x)[:, 0], layer(changed)[:, 0])
    assert not torch.equal(layer(x)[:, 15], layer(changed)[:, 15])


def test_the_codes_are_the_papers_bitmaps():
    codes = torch.tensor(digit_codes())
    assert codes.shape == (10, 84)
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    one = codes[1].view(12, 7)
    assert [sum(2 ** (6 - i) for i, v in enumerate(row) if v > 0) for row in one.tolist()] == [
        12, 28, 60, 12, 12, 12, 12, 12, 12, 63, 0, 0,
    ]  # fmt: skip
    distances = torch.cdist(codes, codes).square()
    assert distances[6, 8].item() == pytest.approx(48, abs=1e-3)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (build(zoo["lenet5"], seed).state_dict()["C1.conv.weight"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_lenets_first_weights_lie_within_2_4_over_the_fan_in():
    net = build(zoo["lenet5"], 3)
    for name, fan in (("C1.conv.weight", 25), ("C5.conv.weight", 400), ("F6.linear.weight", 120)):
        weight = net.state_dict()[name]
        assert 0.9 * 2.4 / fan < weight.abs().max().item() <= 2.4 / fan


def test_a_net_takes_another_number_of_classes_only_where_its_answers_are_not_fixed():
    assert zoo["lenet5-modern"].with_classes(37).outputs == 37
    with pytest.raises(Exception, match="OUT, tells 10 classes apart, but there are 37 here"):
        zoo["lenet5"].with_classes(37)
