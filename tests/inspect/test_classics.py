"""Which classic kernels a kernel resembles."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.conv import kernels
from convscope.inspect.classics import cosine, nearest_classics, nearest_learned


@pytest.mark.parametrize("name", ["sobel_x", "sobel_y", "laplacian", "roberts_x", "sharpen", "prewitt_y"])
def test_a_classic_is_nearest_to_itself_whatever_its_size_and_sign(name):
    kernel = np.asarray(getattr(kernels, name))
    assert nearest_classics(3.5 * kernel, 1)[0].kernel == name
    assert nearest_classics(-kernel, 1)[0].cosine == pytest.approx(-1)
    wide = np.pad(kernel, ((2, 2), (2, 2)))
    assert nearest_classics(wide, 1)[0].cosine == pytest.approx(1)


def test_cosines_by_hand():
    assert cosine(np.array([[1.0, 0]]), np.array([[0, 1.0]])) == 0
    assert cosine(np.array([[3.0, 4]]), np.array([[3.0, 4]])) == pytest.approx(1)
    assert cosine(np.ones((1, 1)), np.ones((3, 3))) == pytest.approx(1 / 3)


@pytest.mark.parametrize("kernel", [np.zeros((3, 3)), np.full((3, 3), np.nan), np.zeros((1, 1))])
def test_nothing_is_near_to_nothing(kernel):
    assert nearest_classics(kernel) == ()


def test_only_classics_that_fit_are_named():
    for near in nearest_classics(np.random.default_rng(0).normal(size=(2, 2)), 10):
        assert near.kernel in ("roberts_x", "roberts_y", "box(2)")


def test_a_kernel_that_lies_elsewhere_is_the_same_pattern():
    moved = np.pad(kernels.sobel_x, ((2, 0), (0, 2)))
    assert nearest_classics(moved, 1)[0] == nearest_classics(kernels.sobel_x, 1)[0]


def test_the_cosine_is_the_same_both_ways_whatever_the_sizes():
    chance = np.random.default_rng(1)
    for one, other in (((3, 3), (5, 5)), ((1, 4), (3, 2)), ((2, 2), (2, 2)), ((7, 1), (1, 7))):
        a, b = chance.normal(size=one), chance.normal(size=other)
        assert cosine(a, b) == pytest.approx(cosine(b, a))
        assert abs(cosine(a, b)) <= 1


def test_the_nearest_learned_kernel_may_be_a_negative():
    learned = np.stack([np.eye(3), -2 * kernels.sobel_y, np.ones((3, 3))])
    assert nearest_learned(kernels.sobel_y, learned) == (1, -1.0)


def test_large_kernels_are_compared_too():
    assert nearest_classics(np.pad(kernels.laplacian, 30), 1)[0].kernel == "laplacian"
