"""The engine's gradients and outputs against torch's autograd in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.native import Batch, Conv, Engine, Linear, Loss, Program, Rbf, Squash, isa

from . import nets, oracle


def compare(program: Program, loss: Loss, count: int) -> None:
    params, (x, labels) = nets.vector(program), nets.pictures(program, count)
    engine, gradient = Engine(program, threads=2), np.full(program.parameters, np.nan, np.float32)
    total, correct = engine.gradients(Batch.floats(x), labels, params, gradient, loss)
    out = engine.outputs(Batch.floats(x), params)
    engine.close()
    want_total, want_gradient, want_out = oracle.gradients(program, loss, params, x, labels)
    np.testing.assert_allclose(out, want_out, rtol=3e-5, atol=1e-5 * max(1, np.abs(want_out).max()))
    assert total == pytest.approx(want_total, rel=3e-5, abs=1e-4)
    np.testing.assert_allclose(
        gradient, want_gradient, rtol=1e-3, atol=3e-5 * max(1, np.abs(want_gradient).max())
    )
    if loss.kind == "squared":
        named = np.square(want_out[:, None] - loss.targets).sum(2).argmin(1)
    else:
        named = (want_out if loss.kind == "cross_entropy" else -want_out).argmax(1)
    assert correct == (named == labels).sum()


@st.composite
def losses(draw: st.DrawFn, program: Program) -> Loss:
    if isinstance(program.ops[-1], Rbf):
        return draw(st.sampled_from([Loss("distance"), Loss("distance_map", constant=2.0)]))
    targets = np.random.default_rng(1).normal(size=(program.outputs, program.outputs)).astype(np.float32)
    return draw(st.sampled_from([Loss(), Loss(smoothing=0.1), Loss("squared", targets=targets)]))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_any_net_has_the_gradients_of_torch(data: st.DataObject) -> None:
    program = data.draw(nets.programs())
    compare(program, data.draw(losses(program)), data.draw(st.integers(1, 40)))


CODES = tuple(map(tuple, np.random.default_rng(3).choice([-1.0, 1.0], (10, 84)).tolist()))


@pytest.mark.parametrize(
    "loss", [Loss("distance"), Loss("distance_map", constant=10.0)], ids=lambda loss: loss.kind
)
def test_lenet5_of_1998_has_the_gradients_of_torch(loss: Loss) -> None:
    compare(nets.lenet5(Rbf(CODES)), loss, 50)


def test_codes_as_squared_error_targets_give_eq_8() -> None:
    targets = np.tile(np.array(CODES, np.float32), (9, 1))[:84]  # as many rows as outputs: any label is one
    compare(nets.lenet5(), Loss("squared", targets=targets), 5)


def test_a_wide_net_with_padding_has_the_gradients_of_torch() -> None:
    conv = Conv(40, (3, 3), padding=(1, 1, 1, 1))
    compare(Program((3, 16, 16), (conv, Squash(), conv, Squash(), Linear(10))), Loss(), 9)


def test_a_kernel_of_ones_over_counting_pixels_sums_each_window() -> None:
    program = Program((1, 3, 3), (Conv(1, (2, 2)), Linear(2)))
    params = np.array([1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0], np.float32)
    engine, picture = Engine(program), np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    # 0 1 2 / 3 4 5 / 6 7 8 has the window sums 8 12 / 20 24; the outputs pick the first and the last.
    assert engine.outputs(Batch.floats(picture), params).tolist() == [[8, 24]]
    gradient, targets = np.empty(15, np.float32), np.array([[7, 24], [0, 0]], np.float32)
    loss, correct = engine.gradients(
        Batch.floats(picture), np.array([0]), params, gradient, Loss("squared", targets=targets)
    )
    assert (loss, correct) == (1, 1)
    # The first output is 1 too large: its slope is 2, which meets the first window's pixels 0 1 3 4.
    assert gradient.tolist() == [0, 2, 6, 8, 2] + [16, 24, 40, 48] + [0] * 4 + [2, 0]


def test_a_loss_that_is_no_number_is_said_to_be_none() -> None:
    program = nets.small()
    params, (x, labels) = nets.vector(program), nets.pictures(program, 3)
    params[0] = np.nan
    total, _ = Engine(program).gradients(Batch.floats(x), labels, params, np.empty_like(params))
    assert np.isnan(total)


@pytest.mark.parametrize("wish", ["base", "avx2"])
def test_each_instruction_set_gives_the_same_gradients(wish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSCOPE_ISA", wish)
    if isa() != wish:
        pytest.skip(f"this processor has no {wish}")
    compare(nets.small(), Loss(), 21)
