"""Every layer of every net, traced: what the trace adds up to is what the net computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_zoo import small

import convscope as cs
from convscope.errors import GeometryError, StackError
from convscope.inspect.fields import effective_field, measured_field
from convscope.inspect.forward import passes
from convscope.inspect.tracing import trace_layer, trace_pass
from convscope.nets.build import Net, build
from convscope.nets.grammar import parse

ODD = (
    "input 3x19x23; a conv 6 4x3 padding=same groups=3 | batchnorm | relu; b conv 4 3x3 stride=2 dilation=2 | tanh; "
    "p avg 2x2 stride=1; m max 2x3; d linear 7 | sigmoid; out linear 3"
)

PADDED = (
    "input 2x13x17; n conv 3 3x3 padding=1 | lrn size=3 k=1; m max 3x3 stride=2 padding=1; a adaptive 3x4; "
    "b conv 4 1x1; g global; out linear 3"
)


def made(name: str) -> Net:
    return build(cs.zoo[name] if name in cs.zoo else parse(name), seed=3).eval()


def picture(net: Net) -> torch.Tensor:
    return torch.randn(net.stack.input.shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", [*cs.zoo, ODD, PADDED])
def test_each_layers_trace_adds_up_to_what_the_net_computed(name: str):
    net = build(small(name) if name in cs.zoo else parse(name), seed=3).eval()
    x = picture(net)
    for done in passes(net, x):
        maps, high, wide = done.result.shape
        after = done.line.steps[done.line.steps.index(done.step) + 1 :]
        for number, at in (
            (0, (0, 0)),
            (maps - 1, (high - 1, wide - 1)),
            (maps // 2, (high // 2, wide // 3)),
        ):
            seen = trace_pass(done, number, at)
            assert seen.products.sum((1, 2)) == pytest.approx(seen.channel_sums)
            assert seen.sum == pytest.approx(seen.channel_sums.sum() + seen.bias)
            y = done.after[0][1][None]
            assert seen.sum == pytest.approx(float(y[0, number, at[0], at[1]]), abs=1e-4, rel=1e-4)
            for step in (s for s in after if not done.line.added):
                y = getattr(getattr(net, done.line.name), step.kind)(y)
            y = done.result[None] if done.line.added else y
            assert seen.value == pytest.approx(float(y[0, number, at[0], at[1]]), abs=1e-4), done.line.name


@pytest.mark.parametrize("name", list(cs.zoo))
def test_computed_and_measured_receptive_fields_agree(name: str):
    net = build(small(name)).eval()
    channels, *sides = net.stack.input.shape
    ladder = net.stack.ladder
    at = {rung.name: (rung.output[1] // 2, rung.output[2] - 1) for rung in ladder}
    measured = {rung.name: (np.zeros(sides[0], bool), np.zeros(sides[1], bool)) for rung in ladder}
    for axis, size in enumerate(sides):
        for place in range(size):
            picture = torch.zeros(channels, *sides)
            picture.select(1 + axis, place).fill_(torch.nan)
            for done in passes(net, picture):
                row, column = at[done.line.name]
                measured[done.line.name][axis][place] = bool(done.result[:, row, column].isnan().any())
    for rung in ladder:
        for axis, size in enumerate(sides):
            first, after = rung.fields[axis].span(at[rung.name][axis])
            expected = (np.arange(size) >= first) & (np.arange(size) < after)
            assert not (measured[rung.name][axis] & ~expected).any(), (rung.name, axis)
            inside = first >= 0 and after <= size  # else strides leave places out that the field counts
            if rung.kind != "adaptive" and (inside or net.stack == cs.zoo[name]):
                assert np.array_equal(measured[rung.name][axis], expected), (rung.name, axis)


def test_a_measured_field_is_the_rows_and_columns_that_reach_a_value():
    rows, columns = measured_field(made("lenet5-modern"), "pool1", (1, 3))
    assert rows.nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert columns.nonzero()[0].tolist() == [4, 5, 6, 7, 8, 9]


def test_the_effective_field_lies_inside_of_the_receptive_field_and_leaves_the_net_as_it_was():
    net = made("lenet5-modern")
    before = [p.requires_grad for p in net.parameters()]
    layer = net.stack.ladder[2]
    pictures = np.random.default_rng(0).standard_normal((4, *net.stack.input.shape))
    heat = effective_field(net, pictures, f"{layer.name}/1", (3, 4))
    rows, columns = (field.span(place) for field, place in zip(layer.fields, (3, 4), strict=True))
    inside = heat[max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]]
    assert inside.sum() == pytest.approx(1) == heat.sum()
    assert [p.requires_grad for p in net.parameters()] == before
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    ("unit", "at", "error", "message"),
    [
        ("C9/0", (0, 0), StackError, "there is no layer 'C9': there are C1, S2, C3, S4, C5, F6, OUT"),
        ("C1/6", (0, 0), StackError, "'C1/6' is no unit of C1: it has C1/0 to C1/5"),
        ("C1", (0, 0), StackError, "'C1' is no unit of C1: it has C1/0 to C1/5"),
        ("C1/x", (0, 0), StackError, "'C1/x' is no unit of C1: it has C1/0 to C1/5"),
        ("C1/0", (28, 0), GeometryError, "there is no position 28, 0 in a map of 28x28: rows go from 0 to 27, columns from 0 to 27"),
    ],
)  # fmt: skip
def test_a_wrong_unit_or_position_is_told(unit: str, at: tuple[int, int], error: type, message: str):
    with pytest.raises(error) as told:
        trace_layer(made("lenet5"), np.zeros((1, 32, 32), np.float32), unit, at)
    assert str(told.value) == message
