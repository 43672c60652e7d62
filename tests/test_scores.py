"""Counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.scores import confusion, interval, mean_and_spread


def test_wilsons_interval_is_the_one_worked_out_by_hand():
    # 10 of 100: (0.1 + z^2/200 -+ z sqrt(0.09/100 + z^2/40000)) / (1 + z^2/100), z = 1.96
    low, high = interval(10, 100)
    assert (low, high) == (pytest.approx(0.05523, abs=1e-4), pytest.approx(0.17437, abs=1e-4))


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_rate_and_lies_in_0_to_1(errors: int, more: int):
    n = errors + more
    low, high = interval(errors, n)
    assert 0 <= low <= errors / n <= high <= 1


def test_no_pictures_say_nothing():
    assert interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="errors are from 0 to n=3, not 4"):
        interval(4, 3)


def test_confusion_counts_rows_of_truth_and_columns_of_answers():
    table = confusion(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 3)
    assert table.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_the_spread_is_the_samples():
    assert mean_and_spread([2, 4, 6]) == (4.0, 2.0)
    assert mean_and_spread([5]) == (5.0, 0.0)
