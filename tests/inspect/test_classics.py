"""Which classic kernels a kernel resembles."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.conv import kernels
from convscope.inspect.classics import cosine, nearest_classics


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
