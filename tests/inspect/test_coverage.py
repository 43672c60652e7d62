"""What a layer sees of the picture is what autograd's graph of the real net says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.errors import StackError
from convscope.inspect.coverage import coverage
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.nets.zoo import zoo

TEXTS = [
    "input 1x9x12; a conv 1 3x3; b conv 1 3x3 dilation=2; p avg 2x2; out linear 2",
    "input 1x11x7; a conv 1 3x2 stride=2 padding=1; b conv 1 2x2 padding=same; out linear 2",
    "input 1x9x13; a conv 1 3x3; m adaptive 3x4; out linear 2",
    "input 1x10x10; a conv 1 3x3 stride=3 dilation=2 padding=2; out linear 2",
    "input 1x9x10; a conv 1 3x3 padding=1; p from input | conv 1 1x1; b from a | conv 1 3x3 padding=1 | add p; c avg 2x2 stride=1; "
    "out linear 2",
]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_what_the_gradients_of_a_net_of_ones_say(text):
    stack = parse(text)
    net = build(stack)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(1)
    names = [line.name for line in stack.lines]
    for layer in names:
        picture = torch.ones(1, *stack.input.shape, requires_grad=True)
        said = next(made for line, made in net.through(picture) if line.name == layer)
        values = said[0, 0].reshape(-1)
        counts = torch.zeros(stack.input.shape[1:])
        for value in values:
            counts += torch.autograd.grad(value, picture, retain_graph=True)[0][0, 0] != 0
        np.testing.assert_array_equal(coverage(stack, layer), counts.numpy())


@pytest.mark.parametrize("layer", zoo["lenet5"].shapes)
def test_without_holes_it_is_the_stacks_own(layer):
    rows, columns = zoo["lenet5"].coverage(layer)
    np.testing.assert_array_equal(coverage(zoo["lenet5"], layer), np.outer(rows, columns))


def test_a_layer_that_is_not_there_is_said():
    with pytest.raises(StackError, match="there is no layer 'C9'"):
        coverage(zoo["lenet5"], "C9")
