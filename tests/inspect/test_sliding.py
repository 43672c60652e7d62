"""Sliding a unit over all its places says of each, bit for bit, what its trace says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.errors import GeometryError, StackError
from convscope.inspect.forward import passes
from convscope.inspect.sliding import slide, sliding_of
from convscope.inspect.tracing import trace_pass
from convscope.nets.build import build
from convscope.nets.grammar import parse

NETS = [
    "input 1x32x32; C1 conv 6 5x5 | squash; S2 subsample 2x2 | squash; C3 conv 4 5x5 maps=0,1,2/1,2/0/3,4,5 | squash; "
    "F6 linear 84 | squash; OUT rbf 10",
    "input 3x19x23; a conv 6 4x3 padding=same groups=3 | batchnorm | relu; b conv 4 3x3 stride=2 dilation=2 | tanh; "
    "p avg 2x2 stride=1; m max 2x3; d dropout 0.5 | linear 7 | sigmoid; out linear 3",
    "input 2x13x17; n conv 3 3x3 padding=1 | lrn size=3 k=1; m max 3x3 stride=2 padding=1; a adaptive 7x3 | relu; g global; "
    "out linear 3",
    "input 1x6x6; a batchnorm | relu | conv 2 1x1 bias=no | batchnorm; out linear 2",
]


@pytest.mark.parametrize("text", NETS)
def test_each_place_is_what_its_trace_says_bit_for_bit(text):
    net = build(parse(text), seed=3).eval()
    x = torch.randn(net.stack.input.shape, generator=torch.Generator().manual_seed(5))
    for done in passes(net, x):
        number = done.result.shape[0] - 1
        sliding = sliding_of(done, number)
        rows, columns = sliding.size
        found = sliding.rows(0, rows)
        for y in {0, rows // 2, rows - 1}:
            for x_ in {0, columns // 3, columns - 1}:
                seen = trace_pass(done, number, (y, x_))
                assert np.array_equal(found.products[y, x_], seen.products)
                assert np.array_equal(found.channel_sums[y, x_], seen.channel_sums)
                assert found.sums[y, x_] == seen.sum
                assert float(sliding.stages[-1][1][y, x_]) == seen.value
                corner = [
                    p * s - side for p, s, side in zip((y, x_), sliding.stride, sliding.sides, strict=False)
                ]
                assert corner == [seen.rows[0], seen.columns[0]]
        assert np.allclose(sliding.stages[0][1], found.sums, atol=1e-4)


def test_the_stages_are_the_steps_from_the_sum_on():
    net = build(parse(NETS[1]), seed=3).eval()
    picture = np.random.default_rng(0).standard_normal((3, 19, 23)).astype(np.float32)
    kinds = {unit: [kind for kind, _ in slide(net, picture, unit).stages] for unit in ("a/0", "m/1", "d/2")}
    assert kinds == {"a/0": ["conv", "batchnorm", "relu"], "m/1": ["max"], "d/2": ["linear", "sigmoid"]}


def test_areas_that_differ_in_size_do_not_slide():
    net = build(parse("input 1x5x5; a adaptive 3x3; out linear 2")).eval()
    with pytest.raises(
        StackError, match="a takes the means of areas that differ in size: nothing slides there"
    ):
        slide(net, np.ones((1, 5, 5), np.float32), "a/0")


def test_padding_is_never_the_largest():
    net = build(parse("input 1x4x4; m max 3x3 stride=2 padding=1; out linear 2")).eval()
    found = slide(net, np.full((1, 4, 4), -2, np.float32), "m/0").rows(0, 2)
    assert found.sums.tolist() == [[-2, -2], [-2, -2]]
    assert found.products[0, 0, 0].tolist() == [[0, 0, 0], [0, -2, 0], [0, 0, 0]]


def test_the_largest_of_a_window_is_the_first_of_equal_ones():
    net = build(parse("input 1x4x4; m max 2x2; out linear 2")).eval()
    found = slide(net, np.ones((1, 4, 4), np.float32), "m/0").rows(0, 2)
    assert found.products[0, 0, 0].tolist() == [[1, 0], [0, 0]]


def test_rows_and_channels_are_had_in_parts():
    net = build(cs.zoo["lenet5"]).eval()
    picture = np.random.default_rng(0).standard_normal((1, 32, 32)).astype(np.float32)
    sliding = slide(net, picture, "C3/15")
    whole, part = sliding.rows(0, 10), sliding.rows(4, 3, slice(2, 5))
    assert np.array_equal(part.products, whole.products[4:7, :, 2:5])
    assert np.array_equal(part.channel_sums, whole.channel_sums[4:7])


@pytest.mark.parametrize("first, count", [(-1, 1), (10, 1), (8, 3), (0, 0)])
def test_rows_that_are_not_there_are_refused(first, count):
    sliding = slide(build(cs.zoo["lenet5"]), np.zeros((1, 32, 32), np.float32), "C3/5")
    with pytest.raises(GeometryError, match=r"there are no rows .* in a map of 10x10: rows go from 0 to 9"):
        sliding.rows(first, count)


def test_a_unit_that_is_not_there_is_refused():
    net = build(cs.zoo["lenet5"])
    with pytest.raises(StackError, match="'C3/16' is no unit of C3: it has C3/0 to C3/15"):
        slide(net, np.zeros((1, 32, 32), np.float32), "C3/16")
