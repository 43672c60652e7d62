"""The classic kernels: the laws that make each what it is."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.conv import kernels
from convscope.conv.kernel_text import parse_kernel
from convscope.conv.kernels import CLASSICS

SLOPES = [f"{name}_{axis}" for name in ("sobel", "prewitt", "scharr", "roberts") for axis in "xy"]
BLIND_TO_BRIGHTNESS = [*SLOPES, "laplacian", "laplacian8", "log", "dog", "gabor", "line"]
KEEP_BRIGHTNESS = ["identity", "box", "gaussian", "sharpen", "unsharp", "emboss", "motion"]
EVERY = sorted(CLASSICS)

FIXED = {
    "identity": "0 0 0; 0 1 0; 0 0 0",
    "sharpen": "0 -1 0; -1 5 -1; 0 -1 0",
    "emboss": "-2 -1 0; -1 1 1; 0 1 2",
    "sobel_x": "-1 0 1; -2 0 2; -1 0 1",
    "sobel_y": "-1 -2 -1; 0 0 0; 1 2 1",
    "prewitt_x": "-1 0 1; -1 0 1; -1 0 1",
    "prewitt_y": "-1 -1 -1; 0 0 0; 1 1 1",
    "scharr_x": "-3 0 3; -10 0 10; -3 0 3",
    "scharr_y": "-3 -10 -3; 0 0 0; 3 10 3",
    "roberts_x": "-1 0; 0 1",
    "roberts_y": "0 -1; 1 0",
    "laplacian": "0 1 0; 1 -4 1; 0 1 0",
    "laplacian8": "1 1 1; 1 -8 1; 1 1 1",
}

sigmas = st.floats(0.2, 20)
angles = st.floats(-720, 720)


def slope(angle: float, size: int = 7) -> np.ndarray:
    """A picture that gets brighter by one a pixel in the direction of the angle."""
    turn = np.deg2rad(angle)
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    return x * np.cos(turn) - y * np.sin(turn)


def spread(kernel: np.ndarray) -> float:
    """The mean square distance from the centre, in square pixels."""
    y, x = (np.arange(size) - (size - 1) / 2 for size in kernel.shape)
    return float(np.sum(kernel * (x[None, :] ** 2 + y[:, None] ** 2)) / kernel.sum())


@pytest.mark.parametrize("name", EVERY)
def test_every_classic_says_its_formula_source_and_knobs(name: str):
    classic = CLASSICS[name]
    assert classic.name == name
    assert classic.formula and classic.about
    assert re.search(r"[A-Z][a-z]+ .*\b(18|19|20)\d\d\b", classic.source), "an author and a year"
    said = {parameter.name for parameter in classic.parameters}
    assert said == set(inspect.signature(classic.make).parameters)
    assert all(parameter.about and parameter.limits for parameter in classic.parameters)
    assert classic.name in kernels.__dict__


@pytest.mark.parametrize("name", EVERY)
def test_every_classic_is_a_plane_of_finite_float64_numbers(name: str):
    kernel = CLASSICS[name].make()
    assert kernel.dtype == np.float64
    assert kernel.ndim == 2
    assert np.isfinite(kernel).all()


def test_every_classic_either_keeps_brightness_or_is_blind_to_it():
    assert sorted(BLIND_TO_BRIGHTNESS + KEEP_BRIGHTNESS) == EVERY


@pytest.mark.parametrize("name", BLIND_TO_BRIGHTNESS)
def test_a_detector_sums_to_zero(name: str):
    kernel = CLASSICS[name].make()
    assert abs(kernel.sum()) < 1e-12 * np.abs(kernel).sum()


@pytest.mark.parametrize("name", KEEP_BRIGHTNESS)
def test_a_blur_or_a_sharpener_sums_to_one(name: str):
    assert CLASSICS[name].make().sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("name", FIXED)
def test_a_constant_has_the_published_numbers(name: str):
    assert getattr(kernels, name).tolist() == parse_kernel(FIXED[name])[1].tolist()


@pytest.mark.parametrize("name", FIXED)
def test_a_constant_cannot_be_written_to(name: str):
    with pytest.raises(ValueError, match="read-only"):
        getattr(kernels, name)[0, 0] = 7
    assert CLASSICS[name].make() is getattr(kernels, name)


@pytest.mark.parametrize(
    ("name", "smooth"), [("sobel", [1, 2, 1]), ("prewitt", [1, 1, 1]), ("scharr", [3, 10, 3])]
)
def test_a_gradient_kernel_is_a_smoother_times_a_difference(name: str, smooth: list[int]):
    assert (getattr(kernels, f"{name}_x") == np.outer(smooth, [-1, 0, 1])).all()
    assert (getattr(kernels, f"{name}_y") == getattr(kernels, f"{name}_x").T).all()


@pytest.mark.parametrize(
    ("name", "uphill"),
    [(name, 0 if name.endswith("x") else -90) for name in SLOPES[:6]]
    + [("roberts_x", -45), ("roberts_y", -135)],
)
def test_a_gradient_kernel_answers_most_where_the_picture_gets_brighter_its_way(name: str, uphill: int):
    kernel = getattr(kernels, name)
    rows, columns = kernel.shape
    answers = {angle: float(np.sum(kernel * slope(angle)[:rows, :columns])) for angle in range(-180, 180, 45)}
    assert max(answers, key=lambda angle: answers[angle]) == uphill
    assert answers[uphill] > 0


@given(sigmas)
def test_a_gaussian_is_one_bell_times_another_and_as_wide_as_it_says(sigma: float):
    kernel = kernels.gaussian(sigma)
    assert np.allclose(kernel, np.outer(kernel.sum(1), kernel.sum(0)), atol=1e-15)
    assert kernel.sum() == pytest.approx(1, abs=1e-13)
    if sigma >= 1:
        assert spread(kernel) == pytest.approx(2 * sigma**2, rel=0.05)


@given(sigmas)
def test_the_laplacian_of_a_gaussian_is_isotropic_and_dark_in_the_middle(sigma: float):
    kernel = kernels.log(sigma)
    assert (kernel == kernel.T).all()
    assert np.allclose(kernel, np.rot90(kernel), atol=1e-13 * np.abs(kernel).max())
    assert kernel.argmin() == kernel.size // 2
    assert abs(kernel.sum()) <= 1e-12 * np.abs(kernel).sum()


def test_the_laplacian_of_a_gaussian_depends_on_the_radius_only():
    kernel = kernels.log(3)
    centre = kernel.shape[0] // 2
    assert kernel[centre, centre + 5] == pytest.approx(kernel[centre + 3, centre + 4], rel=1e-9)


def test_the_laplacian_of_a_gaussian_is_the_laplacian_laid_on_a_wide_gaussian():
    bell = np.pad(kernels.gaussian(4), 1)
    size = bell.shape[0]
    sums = sum(
        kernels.laplacian[i, j] * bell[i : size - 2 + i, j : size - 2 + j] for i in range(3) for j in range(3)
    )
    inside = slice(2, -2)
    difference = (sums - kernels.log(4))[inside, inside]
    assert np.abs(difference).max() < 0.06 * np.abs(kernels.log(4)).max()


def test_a_difference_of_gaussians_is_nearly_a_laplacian_of_a_gaussian_turned_over():
    narrow = kernels.dog(3, ratio=1.01)
    log = kernels.log(3)
    margin = (narrow.shape[0] - log.shape[0]) // 2
    narrow = narrow[margin : margin + log.shape[0], margin : margin + log.shape[0]]
    assert np.corrcoef(narrow.ravel(), -log.ravel())[0, 1] > 0.995


@given(st.floats(2, 12), angles, st.floats(0.5, 2))
def test_an_even_gabor_turned_by_half_a_turn_is_itself(wavelength: float, angle: float, aspect: float):
    kernel = kernels.gabor(wavelength, angle, aspect=aspect)
    assert np.array_equal(kernel, np.rot90(kernel, 2))
    assert abs(kernel.sum()) < 1e-11 * np.abs(kernel).sum()


def test_an_odd_gabor_turned_by_half_a_turn_is_its_negative():
    kernel = kernels.gabor(6, angle=30, phase=90)
    assert np.allclose(kernel, -np.rot90(kernel, 2), atol=1e-14)


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_a_gabor_answers_most_to_stripes_of_its_own_direction(angle: int):
    stripes = np.cos(2 * np.pi * (slope(angle, 31) - slope(angle, 31)[15, 15]) / 6)
    answers = [float(np.sum(kernel * stripes)) for kernel in kernels.gabor_bank(4)]
    assert answers.index(max(answers)) == angle // 45


def test_a_gabor_bank_shares_half_a_turn():
    bank = kernels.gabor_bank(6, wavelength=4, phase=20)
    assert len(bank) == 6
    assert np.array_equal(bank[2], kernels.gabor(4, angle=60, phase=20))


@given(angles, st.sampled_from([3, 5, 9]))
def test_a_line_detector_prefers_a_line_of_its_own_direction_and_sums_to_zero(angle: float, length: int):
    kernel = kernels.line(angle, length)
    assert kernel.shape == (length, length)
    assert abs(kernel.sum()) < 1e-12 * np.abs(kernel).sum()
    own = np.sum(kernel * np.maximum(0, kernel))
    assert own > np.sum(kernel * np.maximum(0, np.rot90(kernel)))


def test_a_line_that_rises_to_the_right_is_at_45_degrees():
    kernel = kernels.line(45, 3)
    assert kernel[0, 2] == kernel[2, 0] == kernel[1, 1] == kernel.max()
    assert kernel[0, 0] == kernel[2, 2] == kernel.min()


@given(angles, st.integers(0, 10).map(lambda n: 2 * n + 1))
def test_a_smear_sums_to_one_and_is_centred(angle: float, length: int):
    kernel = kernels.motion(length, angle)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert (kernel >= 0).all()
    assert np.allclose(kernel, np.rot90(kernel, 2), atol=1e-12)


def test_a_smear_upwards_to_the_right_lies_on_that_diagonal():
    kernel = kernels.motion(9, angle=45)
    assert np.trace(kernel[:, ::-1]) > 0.5
    assert np.trace(kernel) < 0.2


@given(sigmas, st.floats(0, 10))
def test_unsharp_masking_adds_what_the_blur_takes_away(sigma: float, amount: float):
    blur = kernels.gaussian(sigma)
    point = np.zeros_like(blur)
    point[blur.shape[0] // 2, blur.shape[1] // 2] = 1
    assert np.allclose(kernels.unsharp(sigma, amount), point + amount * (point - blur), atol=1e-13)
