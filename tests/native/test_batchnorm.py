"""Batch normalisation over the whole batch against PyTorch's in float64: gradients, running numbers, outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.native import (
    AveragePool,
    Batch,
    BatchNorm,
    Conv,
    Dropout,
    Engine,
    Linear,
    Loss,
    MaxPool,
    Program,
    Relu,
    Squash,
    isa,
)

from . import nets, oracle
from .test_winograd import error

AROUND = (1, 1, 1, 1)
HALF = ((2, 2), (2, 2))
NETS = {
    "as usual": (
        Conv(9, (3, 3), padding=AROUND), BatchNorm(), Relu(), MaxPool(*HALF), Conv(20, (3, 3)), BatchNorm(), Relu(),
        Linear(5),
    ),
    "without a bias, and few multiplications": (
        Conv(24, (3, 3), padding=AROUND, bias=False), BatchNorm(), Relu(),
        Conv(37, (3, 3), padding=AROUND, bias=False), BatchNorm(), Relu(), AveragePool((3, 3), (2, 2)), Linear(5),
    ),
    "on the pictures themselves": (BatchNorm(), Conv(4, (3, 3)), Relu(), Linear(5)),
    "behind the activation and a pool": (Conv(6, (3, 3)), Squash(), BatchNorm(), MaxPool(*HALF), BatchNorm(), Linear(5)),
    "twice in turn, and last of all": (Conv(5, (12, 11)), BatchNorm(), BatchNorm(momentum=0.3, epsilon=0.01)),
}  # fmt: skip


def start(program: Program) -> tuple[np.ndarray, np.ndarray]:
    """Parameters, and running numbers with variances above 0."""
    params = nets.vector(program)
    for op, shape, offset in zip(program.ops, program.shapes, program.offsets, strict=False):
        if isinstance(op, BatchNorm):
            params[offset : offset + shape[0]] += 1
    return params, np.random.default_rng(5).uniform(0.5, 2, program.running).astype(np.float32)


def learn(program: Program, count: int, threads: int = 2) -> tuple[float, np.ndarray, np.ndarray]:
    """One step: the loss's sum, the gradient and the running numbers after it."""
    (params, running), (x, labels) = start(program), nets.pictures(program, count)
    gradient = np.full_like(params, np.nan)
    engine = Engine(program, threads)
    loss, _ = engine.gradients(Batch.floats(3 * x + 2), labels, params, gradient, running=running)
    return loss, gradient, running


def compare(program: Program, count: int, most: float = 2e-6) -> None:
    (params, start_running), (x, labels) = start(program), nets.pictures(program, count)
    x = 3 * x + 2
    loss, gradient, running = learn(program, count)
    vector = torch.tensor(params, dtype=torch.float64, requires_grad=True)
    want_running = torch.tensor(start_running, dtype=torch.float64)
    out = oracle.outputs(program, vector, torch.tensor(x, dtype=torch.float64), want_running, training=True)
    total = oracle.loss_sum(Loss(), out, torch.tensor(labels))
    (total / count).backward()
    assert vector.grad is not None
    assert loss == pytest.approx(total.item(), rel=1e-5)
    np.testing.assert_allclose(running, want_running.numpy(), rtol=1e-5, atol=1e-5)
    assert error(gradient, vector.grad.numpy()) < (
        1e-4 if Squash() in program.ops else most
    )  # where tanh is nearly flat
    with torch.no_grad():
        said = oracle.outputs(program, vector, torch.tensor(x, dtype=torch.float64), want_running)
    got = Engine(program).outputs(Batch.floats(x), params, running)
    assert error(got, said.numpy()) < 1e-5


@pytest.mark.parametrize("count", [2, 16, 37, 100])
@pytest.mark.parametrize("ops", NETS.values(), ids=NETS)
def test_gradients_running_numbers_and_outputs_are_those_of_torch(ops: tuple, count: int) -> None:
    compare(Program((2, 12, 11), ops), count)


@pytest.mark.parametrize("wish", ["base", "avx2"])
def test_each_instruction_set_is_right(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_ISA", wish)
    if isa() != wish:
        pytest.skip(f"this processor has no {wish}")
    compare(Program((2, 12, 11), NETS["as usual"]), 37)


@pytest.mark.parametrize("count", [17, 200])
def test_bits_do_not_depend_on_the_number_of_threads(count: int) -> None:
    program = Program((2, 12, 11), (*NETS["as usual"][:-1], Dropout(0.3), Linear(5)))
    loss, gradient, running = learn(program, count, 1)
    for threads in (2, 3):
        again = learn(program, count, threads)
        assert again[0] == loss
        assert again[1].tobytes() == gradient.tobytes()
        assert again[2].tobytes() == running.tobytes()


def test_a_batch_is_normalised_as_a_whole_not_block_by_block() -> None:
    program = Program((1, 1, 1), (BatchNorm(momentum=1.0), Linear(2)))
    x = np.arange(64, dtype=np.float32).reshape(64, 1, 1, 1)
    params, running = np.array([1, 0, 1, 0, 0, 0], np.float32), np.zeros(2, np.float32)
    Engine(program).gradients(
        Batch.floats(x), np.zeros(64, np.int64), params, np.empty_like(params), running=running
    )
    # The mean of 0 to 63, and their variance with 63: 64 * 65 / 12.
    np.testing.assert_allclose(running, [31.5, 64 * 65 / 12], rtol=1e-6)


def test_values_far_from_zero_are_normalised_as_well() -> None:
    program = Program((1, 4, 4), (BatchNorm(momentum=1.0), Linear(2)))
    x = 1000 + np.random.default_rng(0).normal(size=(64, 1, 4, 4)).astype(np.float32)
    params, running = nets.vector(program), np.zeros(2, np.float32)
    Engine(program).gradients(
        Batch.floats(x), np.zeros(64, np.int64), params, np.empty_like(params), running=running
    )
    np.testing.assert_allclose(running, [x.mean(dtype=float), x.var(dtype=float, ddof=1)], rtol=1e-5)


def test_running_numbers_are_asked_for() -> None:
    program = Program((1, 4, 4), (BatchNorm(), Linear(2)))
    params, x = nets.vector(program), np.zeros((2, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match="running: an array of shape"):
        Engine(program).outputs(Batch.floats(x), params)
    with pytest.raises(ValueError, match="running: an array of shape"):
        Engine(program).gradients(Batch.floats(x), np.zeros(2, np.int64), params, np.empty_like(params))


def test_one_value_a_map_is_too_little_for_a_variance() -> None:
    program = Program((1, 1, 1), (BatchNorm(), Linear(2)))
    params, x, running = nets.vector(program), np.zeros((1, 1, 1, 1), np.float32), np.ones(2, np.float32)
    with pytest.raises(ValueError, match="at least two pictures were expected"):
        Engine(program).gradients(
            Batch.floats(x), np.zeros(1, np.int64), params, np.empty_like(params), running=running
        )
