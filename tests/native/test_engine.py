"""What an engine promises besides right numbers: the same bits, nothing from empty lanes, clear refusals."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from collections.abc import Callable

import numpy as np
import pytest

from convscope.native import Batch, Conv, Dropout, Engine, Linear, Loss, Op, Program, Relu, isa, library

from . import nets


def run(program: Program, count: int, threads: int, seed: int = 0) -> tuple[float, int, bytes]:
    params, (x, labels) = nets.vector(program), nets.pictures(program, count)
    gradient, engine = np.empty_like(params), Engine(program, threads)
    results = {
        (*engine.gradients(Batch.floats(x), labels, params, gradient, seed=seed), gradient.tobytes())
        for _ in "12"
    }
    assert len(results) == 1, "two calls differ"
    return results.pop()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100, 600])
def test_bits_do_not_depend_on_the_number_of_threads(count: int) -> None:
    program = Program((2, 12, 11), (*nets.small().ops[:-1], Dropout(0.3), Linear(5)))
    assert run(program, count, 1) == run(program, count, 2) == run(program, count, 3)


def test_an_uneven_batch_is_the_mean_of_its_pictures() -> None:
    program = nets.small()
    params, (x, labels) = nets.vector(program), nets.pictures(program, 19)
    engine, whole, single = Engine(program), np.empty_like(params), np.empty_like(params)
    engine.gradients(Batch.floats(x), labels, params, whole)
    mean = np.zeros(len(params))
    for n in range(19):
        engine.gradients(Batch.floats(x[n : n + 1]), labels[n : n + 1], params, single)
        mean += single / 19
    np.testing.assert_allclose(whole, mean, rtol=1e-4, atol=1e-6)


def test_gathered_pixels_are_scaled_shifted_and_centred() -> None:
    program = Program((2, 7, 8), (Conv(3, (3, 3), padding=(1, 0, 1, 2)), Relu(), Linear(4)))
    generator = np.random.default_rng(0)
    pixels, index = generator.integers(0, 256, (9, 2, 4, 5), np.uint8), generator.integers(0, 9, 21)
    scale, shift = np.array([0.01, 0.02], np.float32), np.array([-1, 0.5], np.float32)
    floats = np.broadcast_to(shift[:, None, None], (21, 2, 7, 8)).copy()
    floats[:, :, 1:5, 1:6] += scale[:, None, None] * pixels[index]
    params, engine = nets.vector(program), Engine(program)
    got = engine.outputs(Batch.gather(pixels, index, scale, shift), params)
    np.testing.assert_allclose(got, engine.outputs(Batch.floats(floats), params), rtol=1e-5, atol=1e-5)


def test_dropout_zeroes_its_share_and_is_left_away_in_inference() -> None:
    program = Program((1, 1, 1), (Linear(1000), Dropout(0.4), Linear(2, bias=False)))
    params = np.zeros(program.parameters, np.float32)
    params[1000:2000] = 1  # each unit's bias: 1 goes into the dropout
    x, labels, gradient = (
        np.zeros((2000, 1, 1, 1), np.float32),
        np.zeros(2000, np.int64),
        np.empty_like(params),
    )
    engine = Engine(program)
    engine.gradients(Batch.floats(x), labels, params, gradient, seed=7)
    # The loss's slope is -1/2 at the label; a unit's mean output is 1, with deviation sqrt(0.4 / 0.6 / 2000).
    kept = gradient[2000:3000] / -0.5
    assert abs(kept.mean() - 1) < 0.003
    assert 0.012 < kept.std() < 0.025
    params[2000:3000] = 0.001
    np.testing.assert_allclose(engine.outputs(Batch.floats(x[:1]), params), [[1, 0]], rtol=1e-5, atol=1e-6)
    before = gradient.copy()
    engine.gradients(Batch.floats(x), labels, params, gradient, seed=8)
    assert (before != gradient).any()


def test_dropouts_gradient_passes_only_where_it_kept_the_value() -> None:
    program = Program((1, 1, 1), (Linear(64), Dropout(0.5), Linear(2, bias=False)))
    params = nets.vector(program)
    x, labels, gradient = np.ones((1, 1, 1, 1), np.float32), np.array([1]), np.empty_like(params)
    Engine(program).gradients(Batch.floats(x), labels, params, gradient, seed=3)
    kept = gradient[128:192] != 0
    assert 16 < kept.sum() < 48
    assert ((gradient[:64] != 0) == kept).all()


def test_tanh_is_right_to_3e7_with_fused_multiply_adds() -> None:
    x = np.linspace(-12, 12, 2_000_000 // 64 * 64, dtype=np.float32)
    got = x.copy()
    library.library().engine_tanh(got.ctypes.data, len(got))
    most = 4e-7 if isa() == "base" else 3e-7
    assert np.abs(got - np.tanh(x.astype(np.float64))).max() < most


def test_several_python_threads_may_use_one_engine() -> None:
    program = nets.small()
    params, (x, labels) = nets.vector(program), nets.pictures(program, 64)
    engine, gradients = Engine(program, 2), [np.empty_like(params) for _ in range(4)]

    def work(gradient: np.ndarray) -> None:
        for _ in range(20):
            engine.gradients(Batch.floats(x), labels, params, gradient)

    threads = [threading.Thread(target=work, args=(g,)) for g in gradients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({g.tobytes() for g in gradients}) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_gets_threads_of_its_own() -> None:
    program = nets.small()
    params, (x, _) = nets.vector(program), nets.pictures(program, 64)
    engine = Engine(program, 2)
    want = engine.outputs(Batch.floats(x), params)
    context = multiprocessing.get_context("fork")
    result = context.Array(ctypes.c_float, want.size)

    def child() -> None:
        result[:] = engine.outputs(Batch.floats(x), params).ravel().tolist()

    process = context.Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert np.array(result, np.float32).tobytes() == want.tobytes()


PROGRAM = Program((1, 6, 6), (Conv(2, (3, 3)), Linear(3)))
REFUSED: dict[str, Callable[[Engine, dict], dict]] = {
    "pictures: an array of shape": lambda _, a: (
        a | {"batch": Batch.floats(np.zeros((2, 1, 5, 6), np.float32))}
    ),
    "pictures: contiguous float32": lambda _, a: a | {"batch": Batch.floats(np.zeros((2, 1, 6, 6)))},
    "strides": lambda _, a: a | {"batch": Batch.floats(np.zeros((4, 1, 6, 6), np.float32)[::2])},
    "labels: numbers from 0 to 2": lambda _, a: a | {"labels": np.array([0, 3])},
    "labels: an array of shape": lambda _, a: a | {"labels": np.array([0])},
    "labels: contiguous int64": lambda _, a: a | {"labels": np.array([0, 1], np.int32)},
    "params: an array of shape": lambda _, a: a | {"params": np.zeros(5, np.float32)},
    "grads_out: an array of shape": lambda _, a: a | {"grads_out": np.zeros(5, np.float32)},
    "loss: one of": lambda _, a: a | {"loss": Loss("hinge")},
    "smoothing": lambda _, a: a | {"loss": Loss(smoothing=1.0)},
    "needs targets": lambda _, a: a | {"loss": Loss("squared")},
    "targets: an array": lambda _, a: a | {"loss": Loss("squared", targets=np.zeros((3, 2), np.float32))},
    "index: numbers from 0 to 4": lambda _, a: a | {"batch": _gather(index=[0, 5])},
    "do not fit an input": lambda _, a: a | {"batch": _gather(size=7)},
    "pixels: contiguous uint8": lambda _, a: a | {"batch": _gather(dtype="int8")},
    "at least one picture": lambda _, a: a | {"batch": _gather(index=[]), "labels": np.zeros(0, np.int64)},
    "closed": lambda e, a: (e.close(), a)[1],
}


def _gather(index: list[int] | None = None, size: int = 6, dtype: str = "uint8") -> Batch:
    return Batch.gather(
        np.zeros((5, 1, size, size), dtype), np.array(index or [0, 1][: index is None and 2], np.int64), 1, 0
    )


@pytest.mark.parametrize("message", REFUSED)
def test_what_c_must_not_read_is_refused(message: str) -> None:
    engine, params = Engine(PROGRAM), nets.vector(PROGRAM)
    arguments = {
        "batch": Batch.floats(np.zeros((2, 1, 6, 6), np.float32)),
        "labels": np.array([0, 1]),
        "params": params,
        "grads_out": np.zeros_like(params),
    }
    engine.gradients(**arguments)
    with pytest.raises(ValueError, match=message):
        engine.gradients(**REFUSED[message](engine, arguments))


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((), "at least one op"),
        (("conv",), "no such op"),
        ((Conv(1, (9, 9)),), "does not fit"),
        ((Conv(1, (3, 3), padding=(-1, 0, 0, 0)),), "padding at least 0"),
        ((Conv(2, (3, 3), table=((0,),)),), "1 rows for 2 maps"),
        ((Conv(1, (3, 3), table=((1,),)),), "from 0 to 0"),
        ((Conv(1, (3, 3), table=((0, 0),)),), "different maps"),
        ((Dropout(1.0),), "below 1"),
        ((Linear(0),), "at least one unit"),
        ((Linear(2**26),), "too large"),
    ],
)
def test_a_program_that_cannot_run_is_refused(ops: tuple[Op, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program((1, 8, 8), ops)


def test_a_library_of_other_sources_is_not_used(monkeypatch):
    from convscope.native import library

    monkeypatch.setattr(library, "_open", library._open.__wrapped__)
    assert not library.missing()
    monkeypatch.setattr(library, "layout", lambda: 0)
    assert (
        library.missing() == "engine.so was compiled from other sources than these: install convscope again"
    )
