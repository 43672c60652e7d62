"""Film: honest colours for signed numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.drawing.colours import NAN, ZERO, film, grey, lightness, limit_of, signed

THEMES: Any = ["light", "dark"]


@pytest.mark.parametrize("theme", THEMES)
def test_zero_is_exactly_neutral_and_no_other_step_is(theme: Any):
    neutral = list(bytes.fromhex(ZERO[theme]))
    assert signed(np.zeros((1, 1)), 3.0, theme)[0, 0].tolist() == neutral
    assert sum(step.tolist() == neutral for step in film(theme)) == 1


@pytest.mark.parametrize("theme", THEMES)
def test_lightness_runs_one_way_from_zero_and_alike_on_both_sides(theme: Any):
    values = np.linspace(0, 1, 64)[None]
    above, below = (lightness(signed(sign * values, 1.0, theme))[0] for sign in (1, -1))
    steps = np.diff(above) * (-1 if theme == "light" else 1)
    assert (steps > -0.004).all() and abs(above[-1] - above[0]) > 0.4
    assert above == pytest.approx(below, abs=0.01)


@given(st.floats(-5, 5), st.lists(st.floats(-100, 100), max_size=5))
def test_a_number_has_the_same_colour_whatever_else_is_in_its_map(value: float, others: list[float]):
    alone = signed(np.array([[value]]), 2.0)[0, 0]
    assert np.array_equal(alone, signed(np.array([[value, *others]]), 2.0)[0, 0])


def test_green_is_above_zero_and_purple_below():
    up, down = signed(np.array([[0.6, -0.6]]), 1.0)[0].astype(int)
    assert up[1] > up[0] + 30 and up[1] > up[2] + 30
    assert down[0] > down[1] + 30 and down[2] > down[1] + 30


def test_what_is_not_finite_is_an_end_or_a_colour_of_its_own():
    drawn = signed(np.array([[np.inf, -np.inf, np.nan, 9.0]]), 1.0)[0]
    assert drawn[0].tolist() == film()[254].tolist() == drawn[3].tolist()
    assert drawn[1].tolist() == film()[0].tolist()
    assert drawn[2].tolist() == list(bytes.fromhex(NAN)) and NAN not in {bytes(c).hex() for c in film()[:255]}


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan, np.inf])
def test_a_limit_must_be_given_and_make_sense(limit: float):
    with pytest.raises(ValueError, match="limit"):
        signed(np.zeros((2, 2)), limit)


def test_a_picture_keeps_its_values():
    assert grey(np.array([[0.0, 0.2, 1.0]]))[0, :, 0].tolist() == [0, 51, 255]
    assert grey(np.full((3, 1, 1), 0.2)).tolist() == [[[51, 51, 51]]]


def test_the_limit_of_maps_is_their_largest_finite_magnitude():
    assert limit_of(np.array([1.0, -4.0]), np.array([np.nan, np.inf, 2.0])) == 4.0
