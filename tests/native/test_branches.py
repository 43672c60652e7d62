"""Values that several read: sums, branches and their gradients, against PyTorch in float64."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.native import (
    Add,
    AveragePool,
    Batch,
    BatchNorm,
    Conv,
    Dropout,
    Engine,
    Linear,
    MaxPool,
    Op,
    Program,
    Relu,
    Sigmoid,
    Squash,
    Take,
)
from convscope.nets.lowered import lacking, lowered
from convscope.nets.zoo import zoo

from .test_batchnorm import compare, learn

AROUND = (1, 1, 1, 1)
THIRD = ((3, 3), (2, 2))


def conv(maps: int, stride: int = 1) -> Conv:
    return Conv(maps, (3, 3), (stride, stride), AROUND, bias=False)


NETS: dict[str, tuple[Op, ...]] = {
    "residual": (
        conv(6), BatchNorm(), Relu(), conv(6), BatchNorm(), Relu(), conv(6), BatchNorm(), Add(3), Relu(), Linear(5),
    ),
    "projection": (
        conv(6), BatchNorm(), Relu(), Conv(8, (1, 1), (2, 2), bias=False), BatchNorm(), Take(3), conv(8, 2), BatchNorm(),
        Relu(), conv(8), BatchNorm(), Add(5), Relu(), AveragePool((6, 6), (6, 6)), Linear(5),
    ),
    "a padded pool that is added later": (
        conv(6), BatchNorm(), Relu(), MaxPool(*THIRD, AROUND), conv(6), BatchNorm(), Add(4), Relu(), conv(6), Add(8),
        Relu(), Linear(5),
    ),
    "a pool whose values are below zero": (conv(6), MaxPool(*THIRD, AROUND), conv(4), BatchNorm(), Linear(5)),
    "the sum of a value and itself": (conv(6), Relu(), Add(2), Add(2), conv(4), Relu(), Add(5), Linear(5)),
    "the picture, three times": (Conv(2, (1, 1)), Add(0), Take(0), Conv(2, (3, 3), padding=AROUND), Add(2), Linear(5)),
    "of activated values": (conv(4), Squash(), conv(4), Sigmoid(), Add(2), Squash(), Add(4), Linear(5)),
    "taken before its activation": (conv(4), BatchNorm(), Relu(), conv(4), Add(2), Add(3), Linear(5)),
    "a branch without parameters": (
        Take(0), MaxPool(*THIRD, AROUND), Take(0), Conv(2, (3, 3), (2, 2), AROUND), Add(2), Relu(), Linear(5),
    ),
    "of answers": (conv(4), Linear(7), Relu(), Linear(7), Add(3), Take(5), Linear(7), Add(5)),
}  # fmt: skip


@pytest.mark.parametrize("count", [2, 37])
@pytest.mark.parametrize("ops", NETS.values(), ids=NETS)
def test_gradients_running_numbers_and_outputs_are_those_of_torch(ops: tuple[Op, ...], count: int) -> None:
    compare(Program((2, 12, 11), ops), count, most=1e-5)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    program = Program((2, 12, 11), (*NETS["projection"][:-1], Dropout(0.3), Linear(5)))
    loss, gradient, running = learn(program, 200, 1)
    again = learn(program, 200, 3)
    assert (again[0], again[1].tobytes(), again[2].tobytes()) == (loss, gradient.tobytes(), running.tobytes())


@pytest.mark.parametrize("name", ["photos", "resnet18"])
def test_residual_nets_of_the_zoo_are_computed(name: str) -> None:
    stack = zoo[name].with_input((3, 33, 40)).with_classes(4)
    assert not lacking(stack)
    program = lowered(stack)
    assert program.parameters == stack.parameters


def test_a_padded_pool_by_hand() -> None:
    program = Program((1, 3, 3), (MaxPool((3, 3), (2, 2), AROUND), Linear(1, bias=False)))
    x = -np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
    # Of -1 to -9 the corners of the four windows hold -1, -2, -4 and -5; the padding is none of them.
    weights = np.array([1, 10, 100, 1000], np.float32)
    assert Engine(program).outputs(Batch.floats(x), weights)[0, 0] == -(1 + 20 + 400 + 5000)


@pytest.mark.parametrize(
    "ops, said",
    [
        ((Conv(3, (3, 3)), Add(0), Linear(2)), r"Add\(value=0\): a value of shape \(3, 10, 9\) was expected"),
        ((Take(1), Linear(2)), r"Take\(value=1\): a value from 0 to 0 was expected"),
        ((Linear(2), Take(0), Linear(2)), "value 1 of the net leads nowhere"),
        ((Linear(2), Take(1)), "a program ends with what an op gives"),
        ((MaxPool((2, 2), (2, 2), (2, 0, 0, 0)),), "padding of at most half a window was expected"),
    ],
)
def test_what_does_not_fit_is_refused(ops: tuple[Op, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Program((2, 12, 11), ops)
