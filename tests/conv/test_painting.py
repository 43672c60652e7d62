"""A kernel that is changed by hand: the laws of each change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convscope.conv.kernels import sobel_x, sobel_y
from convscope.conv.painting import CHANGES, levelled, mirrored, negative, normalised, resized, turned
from convscope.errors import KernelError

kernels = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(-9, 9))


@given(kernels)
def test_four_turns_two_mirrors_and_two_negatives_change_nothing(kernel):
    np.testing.assert_array_equal(turned(turned(turned(turned(kernel)))), kernel)
    np.testing.assert_array_equal(mirrored(mirrored(kernel)), kernel)
    np.testing.assert_array_equal(negative(negative(kernel)), kernel)


def test_a_turn_leads_light_from_the_right_to_the_top():
    np.testing.assert_array_equal(turned(sobel_x), negative(sobel_y))


@given(kernels)
def test_a_levelled_kernel_sums_to_nothing_and_a_normalised_one_to_one_in_magnitude(kernel):
    assert abs(levelled(kernel).sum()) < 1e-9
    assert np.abs(normalised(kernel)).sum() == pytest.approx(1 if kernel.any() else 0)


@given(kernels, st.integers(1, 9))
def test_more_cells_and_back_is_the_same_kernel(kernel, more):
    size = max(kernel.shape)
    square = resized(kernel, size)
    np.testing.assert_array_equal(resized(resized(square, size + 2 * more), size), square)


@pytest.mark.parametrize("size", [0, -1, 1024])
def test_no_kernel_has_such_a_size(size):
    with pytest.raises(KernelError, match="1 to 1023 rows and columns"):
        resized(np.ones((2, 2)), size)


@given(kernels, st.sampled_from(sorted(CHANGES)))
def test_the_kernel_itself_stays_as_it_is(kernel, change):
    before = kernel.copy()
    CHANGES[change](kernel)[...] = 7
    np.testing.assert_array_equal(kernel, before)
