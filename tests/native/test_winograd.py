"""Convolutions in few multiplications: right at every size and padding, and precise enough to learn with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.native import Batch, Conv, Engine, Linear, Loss, Program, Squash, isa

from . import nets, oracle
from .test_engine import run

AROUND = (1, 1, 1, 1)


def error(got: np.ndarray, want: np.ndarray) -> float:
    """The root of the mean square of the difference, as a part of that of what is wanted."""
    return float(np.sqrt(np.square(got - want).mean() / np.square(want).mean()))


def answers(program: Program, count: int = 21) -> tuple[np.ndarray, np.ndarray]:
    params, (x, labels) = nets.vector(program), nets.pictures(program, count)
    engine, gradient = Engine(program), np.empty_like(params)
    engine.gradients(Batch.floats(x), labels, params, gradient)
    return engine.outputs(Batch.floats(x), params), gradient


def layer(below: int, above: int, size: tuple[int, int], padding: tuple[int, int, int, int]) -> Program:
    """A convolution by 3x3 between two others, so that it has gradients of weights and of inputs."""
    ops = (Conv(below, (1, 1)), Squash(), Conv(above, (3, 3), padding=padding), Squash(), Linear(5))
    return Program((2, *size), ops)


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), AROUND, (2, 0, 1, 3)])
@pytest.mark.parametrize("size", [(3, 3), (4, 5), (6, 7), (9, 8), (10, 12), (11, 14), (21, 6)])
def test_any_size_and_padding_is_right(size: tuple[int, int], padding: tuple[int, int, int, int]) -> None:
    program = layer(24, 37, size, padding)
    params, (x, labels) = nets.vector(program), nets.pictures(program, 21)
    out, gradient = answers(program)
    _, want_gradient, want_out = oracle.gradients(program, Loss(), params, x, labels)
    assert error(out, want_out) < 3e-6
    assert error(gradient, want_gradient) < 3e-6


@pytest.mark.parametrize("below, above", [(16, 16), (17, 33), (40, 31), (64, 5), (5, 64)])
def test_any_number_of_maps_is_right(below: int, above: int) -> None:
    program = layer(below, above, (10, 11), AROUND)
    params, (x, labels) = nets.vector(program), nets.pictures(program, 21)
    out, gradient = answers(program)
    _, want_gradient, want_out = oracle.gradients(program, Loss(), params, x, labels)
    assert error(out, want_out) < 3e-6
    assert error(gradient, want_gradient) < 3e-6


@pytest.mark.parametrize("size", [5, 12, 32])
def test_the_error_is_a_few_times_that_of_direct_convolution(size: int) -> None:
    conv = Conv(40, (3, 3), padding=AROUND)
    program = Program(
        (40, size, size), (conv, conv, Linear(10))
    )  # without a kink that rounding may step over
    params, (x, labels) = nets.vector(program), nets.pictures(program, 33)
    out, gradient = answers(program, 33)
    _, want_gradient, want_out = oracle.gradients(program, Loss(), params, x, labels)
    single = torch.tensor(params, requires_grad=True)
    direct = oracle.outputs(program, single, torch.tensor(x))
    (oracle.loss_sum(Loss(), direct, torch.tensor(labels)) / 33).backward()
    assert single.grad is not None
    assert error(out, want_out) < 4 * error(direct.detach().numpy(), want_out)
    assert error(gradient, want_gradient) < 4 * error(single.grad.numpy(), want_gradient)


def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    program = layer(24, 37, (12, 11), AROUND)
    assert run(program, 100, 1) == run(program, 100, 2) == run(program, 100, 3)


def test_a_picture_that_is_no_number_spoils_no_other() -> None:
    program = layer(24, 37, (10, 12), AROUND)
    params, (x, _) = nets.vector(program), nets.pictures(program, 3)
    engine = Engine(program)
    clean = engine.outputs(Batch.floats(x), params)
    x[1] = np.nan
    got = engine.outputs(Batch.floats(x), params)
    assert np.isnan(got[1]).all()
    assert got[[0, 2]].tobytes() == clean[[0, 2]].tobytes()


@pytest.mark.parametrize("wish", ["base", "avx2"])
def test_each_instruction_set_is_right(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_ISA", wish)
    if isa() != wish:
        pytest.skip(f"this processor has no {wish}")
    program = layer(24, 37, (10, 12), AROUND)
    params, (x, labels) = nets.vector(program), nets.pictures(program, 21)
    out, gradient = answers(program)
    _, want_gradient, want_out = oracle.gradients(program, Loss(), params, x, labels)
    assert error(out, want_out) < 3e-6
    assert error(gradient, want_gradient) < 3e-6
