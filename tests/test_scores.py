"""Counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convscope.scores import confusion, interval, mcnemar, mean_and_spread, rejected_for


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


def test_mcnemars_test_is_the_sum_worked_out_by_hand():
    # 1 against 5: n = 6, P(0) + P(1) / 2 = (1 + 3) / 64, twice that
    assert mcnemar(1, 5) == mcnemar(5, 1) == pytest.approx(2 * 4 / 64)
    assert mcnemar(0, 1) == 0.5
    assert mcnemar(7, 7) == 1.0
    assert mcnemar(0, 5000) < 1e-300


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemars_test_is_that_of_the_binomial_distribution(a: int, b: int):
    n, least = a + b, min(a, b)
    wanted = 1.0 if a == b else 2 * stats.binom.cdf(least, n, 0.5) - stats.binom.pmf(least, n, 0.5)
    assert mcnemar(a, b) == pytest.approx(min(1.0, wanted), rel=1e-9)


def test_mcnemars_test_takes_no_negative_counts():
    with pytest.raises(ValueError, match="counts are 0 and more, not -1 and 3"):
        mcnemar(-1, 3)


def test_rejecting_the_least_sure_brings_the_error_down():
    right = np.array([False, True, True, False, True])
    margin = np.array([0.1, 0.5, 0.6, 0.2, 0.9])
    assert rejected_for(right, margin, 0.0) == pytest.approx(0.4)
    assert rejected_for(right, margin, 0.25) == pytest.approx(0.2)
    assert rejected_for(right, margin, 0.4) == 0.0


def test_equal_margins_are_rejected_together():
    right, margin = np.array([True, False, True]), np.array([0.5, 0.5, 0.5])
    assert rejected_for(right, margin, 0.1) is None
    assert rejected_for(right, margin, 0.34) == 0.0
