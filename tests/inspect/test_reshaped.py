"""The same weights at other sizes give what PyTorch gives with those weights, and stop where a layer does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from convscope.conv.geometry import output_size
from convscope.errors import StackError
from convscope.inspect.record import record
from convscope.inspect.reshaped import Change, formula, mendings, parse_changes, reshaped, slides, written
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.steps import Conv, MaxPool
from convscope.nets.zoo import zoo

TEXT = "input 1x12x12; a conv 3 3x3 | relu; b conv 4 3x3 stride=2 | relu; p avg 2x2; out linear 5"


def test_nothing_changed_is_the_same_net():
    net = build(parse(TEXT))
    made = reshaped(net, {})
    x = torch.rand(2, 1, 12, 12)
    assert made.whole
    assert torch.equal(made.net(x), net(x))


def test_a_changed_layer_computes_what_pytorch_computes_with_its_weights():
    net = build(parse(TEXT))
    made = reshaped(net, {"a": Change(padding=1, dilation=2)})
    x = torch.rand(1, 1, 12, 12)
    wanted = F.relu(F.conv2d(x, net.a.conv.weight, net.a.conv.bias, padding=1, dilation=2))
    assert torch.allclose(torch.from_numpy(record(made.net, x)["a"]), wanted, atol=1e-6)


def test_it_comes_to_an_answer_where_the_sizes_meet_again():
    made = reshaped(build(parse(TEXT)), {"a": Change(padding=1), "b": Change(padding=0, stride=2)})
    assert made.net.stack.shapes["b"] == (4, 5, 5)
    assert made.whole
    assert made.net.stack.shapes["p"] == (4, 2, 2)


def test_it_stops_at_the_first_layer_that_does_not_fit_and_says_why():
    made = reshaped(build(zoo["lenet5"]), {"C1": Change(padding=2)})
    assert made.stops == (
        "F6", "its weights are for 120 values, and 480 values (120 x 2 x 2) come",
    )  # fmt: skip
    assert [*made.net.stack.shapes] == ["C1", "S2", "C3", "S4", "C5"]


def test_a_window_that_is_larger_than_its_map_stops_it_too():
    made = reshaped(build(zoo["lenet5"]), {"C1": Change(stride=3)})
    assert made.stops[0] == "C3" or made.stops[0] == "S4" or made.stops[0] == "C5"
    assert "does not fit" in made.stops[1]


def test_table_convolutions_and_uneven_padding_keep_their_weights():
    net = build(zoo["lenet5"])
    made = reshaped(net, {"C1": Change(padding="same"), "C3": Change(padding="same")})
    assert torch.equal(made.net.C3.conv.weight, net.C3.conv.weight)
    even = build(parse("input 1x8x8; a conv 2 2x2; out linear 3"))
    assert reshaped(even, {"a": Change(padding="same")}).net.stack.shapes["a"] == (2, 8, 8)


def test_the_net_itself_stays_as_it_is():
    net = build(parse(TEXT))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    reshaped(net, {"a": Change(padding=1)}).net.a.conv.weight.data.zero_()
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"nope": Change(padding=1)}, "there is no layer 'nope'"),
        ({"out": Change(padding=1)}, "out has no window that slides"),
        ({"p": Change(padding=1)}, "p is avg, which has no padding"),
        ({"a": Change(dilation=9)}, "a does not fit"),
    ],
)
def test_changes_that_cannot_be_are_refused(changes, says):
    with pytest.raises(StackError, match=says):
        reshaped(build(parse(TEXT)), changes)


@pytest.mark.parametrize("text", ["C1", "C1:", "C1:size=3", "C1:padding=-1", "C1:stride=0", "C1:padding=65", "C1:padding=2;C1:stride=2", ":", "C1:padding=²"])  # fmt: skip
def test_text_that_says_no_change_is_refused(text):
    with pytest.raises(StackError):
        parse_changes(text)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3), st.integers(1, 3))
def test_the_formula_ends_in_the_size(size, kernel, padding, stride, dilation):
    if dilation * (kernel - 1) + 1 > size + 2 * padding:
        return
    step = Conv(1, (kernel, kernel), (stride, stride), (padding, padding), (dilation, dilation))
    left, right = formula(step, (1, size, size)).split(" = ")
    assert left.startswith(f"({size} + 2 x {padding} - ") and left.endswith(f" / {stride} + 1")
    right, _, exact = right.partition(", rounded down from ")
    if exact:
        assert int(right) == int(float(exact)) != float(exact)
    assert int(right) == output_size(size, kernel, padding=padding, stride=stride, dilation=dilation)


def test_pictures_of_another_size_than_square_are_fine():
    made = reshaped(
        build(parse("input 3x9x14; a conv 2 3x3; out linear 2")), {"a": Change(padding=1, stride=2)}
    )
    assert made.net.stack.shapes == {"a": (2, 5, 7)}
    assert np.isfinite(record(made.net, torch.rand(1, 3, 9, 14))["a"]).all()


def test_a_window_without_padding_says_none_and_an_uneven_one_both_sides():
    assert formula(MaxPool((2, 2)), (1, 9, 9)) == "(9 - 2) / 2 + 1 = 4, rounded down from 4.5"
    assert formula(Conv(1, (2, 2), padding="same"), (1, 9, 9)) == "(9 + 0 + 1 - 2) / 1 + 1 = 9"


def test_how_windows_slide_and_what_can_be_changed():
    found = slides(parse(TEXT))
    assert list(found) == ["a", "b", "p"]
    assert found["b"].stride == (2, 2) and found["b"].can == ("padding", "stride", "dilation")
    assert found["p"].can == ("stride",)


@pytest.mark.parametrize(
    "text", ["C1:padding=2", "C1:padding=same;C3:stride=2", "S2:stride=1", "C1:dilation=2"]
)
def test_what_would_mend_a_net_does_and_keeps_what_is_wanted(text):
    wanted = parse_changes(text)
    found = mendings(zoo["lenet5"], wanted)
    assert found
    for changes in found:
        made = reshaped(build(zoo["lenet5"]), changes)
        assert made.whole
        assert made.net.stack.shapes["OUT"] == (10, 1, 1)
        for name, change in wanted.items():
            told = {key: value for key, value in vars(change).items() if value is not None}
            assert told.items() <= vars(changes[name]).items()


def test_nothing_mends_what_is_whole_or_cannot_be():
    assert mendings(zoo["lenet5"], {}) == ()
    assert mendings(zoo["lenet5"], {"C5": Change(padding=64)}) == ()


@pytest.mark.parametrize("text", ["", "C1:padding=2,stride=1;C3:padding=same,dilation=3"])
def test_changes_are_written_as_they_are_read(text):
    assert written(parse_changes(text)) == text
