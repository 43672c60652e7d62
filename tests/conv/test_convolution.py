"""convolve against torch in float64 and against scipy, over everything hypothesis draws; and by hand."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

import convscope as cs
from convscope.conv import engines
from convscope.conv.convolution import convolve, convolve_transposed
from convscope.conv.padding import MODES, sides_of
from convscope.errors import GeometryError, KernelError

TORCHS = {
    "zeros": "constant",
    "constant": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}
small = st.integers(1, 4)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    groups, inside, outside = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = draw(st.tuples(st.integers(1, 30), st.integers(1, 600)))
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    mode = draw(st.sampled_from(MODES))
    padding = []
    for axis in (0, 1, 0, 1):
        lacking = max(0, dilation[axis] * (kernel[axis] - 1) + 1 - size[axis])
        most = size[axis] - 1 if mode == "reflect" else size[axis] if mode == "circular" else 9
        padding.append(min(draw(st.integers(-(-lacking // 2), max(9, lacking))), most))
    fits = all(
        n + padding[a] + padding[a + 2] >= dilation[a] * (kernel[a] - 1) + 1 for a, n in enumerate(size)
    )
    return {
        "shape": (groups * inside, *size),
        "kernel": (groups * outside, inside, *(kernel if fits else (1, 1))),
        "dtype": draw(st.sampled_from(["float64", "float32", "uint8"])),
        "seed": draw(st.integers(0, 99)),
        "bias": draw(st.booleans()),
        "how": {
            "stride": draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), "dilation": dilation, "groups": groups,
            "padding": tuple(padding), "mode": mode, "constant": 0.5, "flip": draw(st.booleans()),
        },
    }  # fmt: skip


def drawn(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    random = np.random.default_rng(case["seed"])
    picture = random.standard_normal(case["shape"])
    picture = random.integers(0, 256, case["shape"]) if case["dtype"] == "uint8" else picture
    bias = random.standard_normal(case["kernel"][0]) if case["bias"] else None
    return picture.astype(case["dtype"]), random.standard_normal(case["kernel"]), bias


def by_torch(
    picture: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, how: dict[str, Any]
) -> np.ndarray:
    top, left, bottom, right = how["padding"]
    constant = how["constant"] if how["mode"] == "constant" else 0.0
    filled = {"value": constant} if TORCHS[how["mode"]] == "constant" else {}
    padded = F.pad(
        torch.from_numpy(picture.astype(np.float64))[None],
        (left, right, top, bottom),
        TORCHS[how["mode"]],
        **filled,
    )
    weight = torch.from_numpy(kernel[:, :, ::-1, ::-1].copy() if how["flip"] else kernel)
    done = F.conv2d(
        padded,
        weight,
        None if bias is None else torch.from_numpy(bias),
        how["stride"],
        0,
        how["dilation"],
        how["groups"],
    )
    return done[0].numpy()


@settings(max_examples=150, deadline=None)
@given(cases())
def test_it_is_what_torch_computes_in_float64(case: dict[str, Any]):
    picture, kernel, bias = drawn(case)
    expected = by_torch(picture, kernel, bias, case["how"])
    result = convolve(picture, kernel, bias=bias, **case["how"])
    assert result.dtype == ("float64" if case["dtype"] == "float64" else "float32")
    within = {"float64": 1e-12, "float32": 2e-6, "uint8": 2e-6}[case["dtype"]]
    assert result == pytest.approx(
        expected, abs=within * max(1.0, np.abs(expected).max(initial=0)), rel=within
    )


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 90), st.integers(1, 200)), st.tuples(st.integers(1, 16), st.integers(1, 16)),
    st.sampled_from(["direct", "separable", "fourier", "torch"]), st.sampled_from(["uint8", "float32"]),
    st.sampled_from(MODES), st.integers(0, 99),
)  # fmt: skip
def test_every_method_gives_the_same_map(
    shape: tuple[int, int, int], size: tuple[int, int], method: Any, dtype: str, mode: str, seed: int
):
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, shape).astype(dtype)
    kernel = np.outer(random.standard_normal(size[0]), random.standard_normal(size[1])).astype(np.float32)
    padding = tuple(min(n - 1, k) for n, k in zip(shape[1:], size, strict=True))
    if any(n + 2 * p < k for n, k, p in zip(shape[1:], size, padding, strict=True)):
        return
    result = convolve(picture, kernel, padding=padding, mode=mode, method=method)
    expected = convolve(picture.astype(np.float64), kernel, padding=padding, mode=mode, method="torch")
    assert np.abs(result - expected).max() <= 3e-6 * 255 * np.abs(kernel).sum()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 2), small, small, st.tuples(st.integers(1, 9), st.integers(1, 9)), st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.tuples(st.integers(1, 2), st.integers(1, 3)), st.data(),
)  # fmt: skip
def test_the_transpose_is_what_torch_computes(
    groups: int,
    inside: int,
    outside: int,
    size: Any,
    kernel: Any,
    stride: Any,
    dilation: Any,
    data: st.DataObject,
):
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    out = [(n - 1) * s + r + 1 for n, s, r in zip(size, stride, reach, strict=True)]
    padding = tuple(data.draw(st.integers(0, (o - 1) // 2)) for o in out)
    more = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    random = np.random.default_rng(1)
    picture = random.standard_normal((groups * inside, *size))
    weight, bias = (
        random.standard_normal((groups * inside, outside, *kernel)),
        random.standard_normal(groups * outside),
    )
    how: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "output_padding": more,
        "groups": groups,
        "dilation": dilation,
    }
    expected = F.conv_transpose2d(
        torch.from_numpy(picture)[None], torch.from_numpy(weight), torch.from_numpy(bias), **how
    )
    assert convolve_transposed(picture, weight, bias=bias, **how) == pytest.approx(
        expected[0].numpy(), abs=1e-10
    )


@pytest.mark.parametrize(
    ("mode", "scipys"),
    [("zeros", "constant"), ("reflect", "mirror"), ("replicate", "nearest"), ("circular", "wrap")],
)
@pytest.mark.parametrize("size", [(3, 3), (5, 1), (7, 9)])
def test_it_is_what_scipy_computes(mode: str, scipys: str, size: tuple[int, int]):
    random = np.random.default_rng(2)
    picture, kernel = random.standard_normal((20, 31)), random.standard_normal(size)
    same = {"padding": "same", "mode": mode}
    assert convolve(picture, kernel, **same) == pytest.approx(ndimage.correlate(picture, kernel, mode=scipys))
    assert convolve(picture, kernel, flip=True, **same) == pytest.approx(
        ndimage.convolve(picture, kernel, mode=scipys)
    )


@pytest.mark.parametrize("padding", ["valid", "full", "same"])
def test_its_named_paddings_are_those_of_scipy_signal(padding: str):
    random = np.random.default_rng(3)
    picture, kernel = random.standard_normal((9, 12)), random.standard_normal((3, 5))
    expected = signal.correlate2d(picture, kernel, padding)
    assert convolve(picture, kernel, padding=padding) == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("kernel", [(2, 4), (3, 6), (5, 5)])
def test_same_is_torchs_same_for_even_kernels_too(kernel: tuple[int, int]):
    random = np.random.default_rng(4)
    picture, weight = random.standard_normal((2, 9, 12)), random.standard_normal((3, 2, *kernel))
    expected = F.conv2d(torch.from_numpy(picture)[None], torch.from_numpy(weight), padding="same")[0].numpy()
    assert convolve(picture, weight, padding="same") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "sides"),
    [((5, 5), (2, 2), (2, 2), (0, 0, 1, 1)), ((6, 6), (3, 3), (2, 2), (0, 0, 1, 1)), ((4, 7), (1, 4), (3, 2), (0, 1, 0, 2))],
)  # fmt: skip
def test_same_with_a_stride_is_onnxs_same_upper(size: Any, kernel: Any, stride: Any, sides: Any):
    assert sides_of("same", size, kernel, stride) == sides
    assert convolve(np.ones(size), np.ones(kernel), stride=stride, padding="same").shape == tuple(
        -(-n // s) for n, s in zip(size, stride, strict=True)
    )


def test_a_kernel_of_ones_adds_what_it_covers():
    assert convolve(np.arange(16).reshape(4, 4), np.ones((3, 3))).tolist() == [[45, 54], [81, 90]]


def test_a_flat_kernel_is_laid_on_each_channel_and_a_deep_one_sums_them():
    picture = np.stack([np.full((3, 3), v) for v in (1.0, 2.0, 3.0)])
    assert convolve(picture, np.ones((3, 3))).tolist() == [[[9]], [[18]], [[27]]]
    assert convolve(picture, np.ones((3, 3, 3))).tolist() == [[54]]
    assert convolve(picture, np.ones((2, 3, 1, 1))).shape == (2, 3, 3)
    assert convolve(picture, np.ones((3, 1, 3, 3)), groups=3).tolist() == [[[9]], [[18]], [[27]]]


@pytest.mark.parametrize("method", ["auto", "direct", "fourier", "separable"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spreads_to_the_windows_that_hold_it_and_no_further(method: Any, bad: float):
    picture = np.ones((90, 300), np.float32)
    picture[40, 50] = bad
    kernel = np.outer([1, 2, 0, 1], [1, 0, -1, 1, 2]).astype(np.float32)
    expected = by_torch(picture[None], kernel[None, None].astype(np.float64), None, {
        "padding": (0, 0, 0, 0), "stride": 1, "dilation": 1, "groups": 1, "mode": "zeros", "constant": 0.0, "flip": False,
    })[0]  # fmt: skip
    result = convolve(picture, kernel, method=method)
    assert np.array_equal(np.isfinite(result), np.isfinite(expected))
    assert np.array_equal(np.isnan(result), np.isnan(expected))
    assert result[np.isfinite(result)] == pytest.approx(expected[np.isfinite(expected)], abs=1e-4)


@pytest.mark.parametrize("method", ["fourier", "direct", "torch", "auto"])
def test_every_method_sums_the_channels_of_grouped_kernels_and_adds_the_bias(method: Any):
    random = np.random.default_rng(6)
    picture, kernel = random.random((4, 120, 150)), random.standard_normal((16, 2, 11, 9))
    bias = random.standard_normal(16)
    expected = F.conv2d(
        torch.from_numpy(picture)[None], torch.from_numpy(kernel), torch.from_numpy(bias), groups=2
    )[0].numpy()
    result = convolve(picture.astype(np.float32), kernel, groups=2, bias=bias, method=method)
    assert np.abs(result - expected).max() < 3e-6 * np.abs(expected).max()


def test_a_kernel_that_is_nearly_a_column_times_a_row_is_not_taken_for_one():
    kernel = np.outer([1, 2, 3, 4, 5, 4, 3], [2, 1, 1, 3, 1, 1, 2]).astype(np.float64)
    kernel[6, 6] += 0.001
    picture = np.random.default_rng(0).random((300, 400), np.float32)
    assert (
        np.abs(convolve(picture, kernel) - convolve(picture.astype(np.float64), kernel, method="torch")).max()
        < 1e-4
    )
    with pytest.raises(KernelError, match="wants one-channel kernels that are a column times a row"):
        convolve(picture, kernel, method="separable")


def test_without_a_compiler_pytorch_computes_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines.native, "available", lambda: False)
    monkeypatch.setattr(engines, "_native", lambda *_, **__: pytest.fail("the engine was used"))
    assert (
        convolve(np.ones((3, 4)), np.ones((3, 3)), padding="same", mode="replicate").tolist()
        == [[9.0] * 4] * 3
    )


def test_a_result_can_be_written_into_an_array():
    picture, out = np.random.default_rng(0).random((40, 500), np.float32), np.full((40, 500), 7.0, np.float32)
    assert convolve(picture, cs.kernels.sobel_x, padding="same", out=out) is not None
    assert np.array_equal(out, convolve(picture, cs.kernels.sobel_x, padding="same"))


@pytest.mark.parametrize("side", [64, 128, 256, 512])
def test_transforms_of_every_side_are_right_to_a_millionth_of_the_largest_value(side: int):
    random = np.random.default_rng(5)
    picture, kernel = (
        random.random((700, 801), np.float32),
        random.standard_normal((side // 4 + 1, side // 2)).astype(np.float32),
    )
    expected = signal.fftconvolve(picture.astype(np.float64), kernel[::-1, ::-1].astype(np.float64), "valid")
    result = convolve(picture, kernel, method="fourier")
    assert np.abs(result - expected).max() < 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("shape", "kernel", "how", "error", "message"),
    [
        ((3, 5), (4, 2), {}, GeometryError, "rows: a kernel of 4 does not fit into 3 pixels: use a kernel of at most 3, or add 1 of padding"),
        ((3, 5), (2, 9), {"padding": 1}, GeometryError, "columns: a kernel of 9 does not fit into 7 pixels: use a kernel of at most 7, or add 2 of padding"),
        ((3, 5), (3, 3), {"padding": 3, "mode": "reflect"}, GeometryError, "reflecting 3 pixels needs more than 3 rows: at most 2, or take mode replicate"),
        ((3, 5), (3, 3), {"stride": 0}, GeometryError, "stride is a whole number of at least 1, or one for rows and one for columns, not 0"),
        ((3, 5), (3, 3), {"dilation": (1, -1)}, GeometryError, "dilation is a whole number of at least 1, or one for rows and one for columns, not (1, -1)"),
        ((3, 5), (3, 3), {"padding": "some"}, GeometryError, "padding is valid, same, full or numbers, not 'some'"),
        ((3, 5), (3, 3), {"padding": -1}, GeometryError, "padding is valid, same, full, or 1, 2 (rows, columns) or 4 (top, left, bottom, right) whole numbers of at least 0, not -1"),
        ((3, 5), (3, 3), {"mode": "mirror"}, GeometryError, "the padding's mode is zeros, constant, reflect, replicate or circular, not 'mirror'"),
        ((3, 5), (3, 3), {"method": "fast"}, GeometryError, "method is auto, direct, separable, fourier or torch, not 'fast'"),
        ((4, 5, 5), (6, 3, 3, 3), {}, KernelError, "a kernel of 3 channels does not fit a picture of 4: it needs 4"),
        ((4, 5, 5), (6, 4, 3, 3), {"groups": 2}, KernelError, "a kernel of 4 channels does not fit a picture of 4 in 2 groups: it needs 2"),
        ((4, 5, 5), (6, 4, 3, 3), {"groups": 3}, KernelError, "groups=3 does not divide 4 channels and 6 maps: 1, 2 would"),
        ((4, 5, 5), (3, 3), {"groups": 4}, KernelError, "a kernel of rows and columns is laid on each channel by itself: leave groups out"),
        ((5,), (3, 3), {}, GeometryError, "a picture is [height, width] or [channels, height, width], not [5]"),
        ((0, 5), (3, 3), {}, GeometryError, "a picture is [height, width] or [channels, height, width], not [0, 5]"),
        ((5, 5), (3,), {}, KernelError, "a kernel is [rows, columns], [channels, rows, columns] or [maps, channels, rows, columns] of numbers, not [3] of float64"),
        ((5, 5), (3, 3), {"bias": [1.0, 2.0]}, KernelError, "bias is one number, or one for each of 1 maps, not float64 [2]"),
        ((5, 5), (3, 3), {"out": np.zeros((2, 2))}, GeometryError, "out must be contiguous float64 of shape [3, 3], not float64 [2, 2]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_what_would(
    shape: Any, kernel: Any, how: Any, error: type, message: str
):
    with pytest.raises(error) as told:
        convolve(np.ones(shape), np.ones(kernel), **how)
    assert str(told.value) == message


def test_calls_from_several_threads_and_after_a_fork_give_the_same_map():
    picture = np.random.default_rng(0).random((1200, 1300), np.float32)
    expected = convolve(picture, cs.kernels.sobel_x)
    results: list[bool] = []

    def work() -> None:
        results.extend(np.array_equal(convolve(picture, cs.kernels.sobel_x), expected) for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 30
    code = (
        "import os, sys, numpy as np; from convscope.conv.convolution import convolve; p = np.ones((1500, 1500), np.float32);"
        "k = np.ones((3, 3)); a = convolve(p, k); c = os.fork();"
        "ok = np.array_equal(convolve(p, k), a); os._exit(not ok) if c == 0 else sys.exit(os.waitpid(c, 0)[1] or not ok)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
