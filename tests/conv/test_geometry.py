"""Sizes, coverage and fields, counted by brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from convscope.conv.geometry import (
    Field,
    coverage,
    lost_pixels,
    multiply_adds,
    padded_output_size,
    sizes_without_loss,
)


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_windows_cover_what_a_loop_counts(
    size: int, kernel: int, before: int, after: int, stride: int, dilation: int
):
    assume(size + before + after >= dilation * (kernel - 1) + 1)
    how = {"before": before, "after": after, "stride": stride, "dilation": dilation}
    positions = padded_output_size(size, kernel, **how)
    seen = np.zeros(size + before + after, int)
    for position in range(positions):
        seen[position * stride : position * stride + dilation * (kernel - 1) + 1 : dilation] += 1
    assert coverage(size, kernel, **how) == seen[before : before + size].tolist()
    last = (positions - 1) * stride + dilation * (kernel - 1)
    assert lost_pixels(size, kernel, **how) == len(seen) - 1 - last
    assert 0 <= lost_pixels(size, kernel, **how) < stride


def test_the_sizes_that_lose_nothing_are_those_whose_loss_is_zero():
    kept = sizes_without_loss(1, 60, 5, stride=3, padding=1, dilation=2)
    assert kept == [
        n for n in range(7, 61) if lost_pixels(n, 5, before=1, after=1, stride=3, dilation=2) == 0
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 2), st.integers(0, 3)), max_size=4
    ),
    st.integers(0, 5),
)
def test_a_field_is_the_union_of_what_its_layers_reach(
    layers: list[tuple[int, int, int, int]], position: int
):
    field = Field()
    for kernel, stride, dilation, before in layers:
        field = field.through(kernel, stride, dilation, before)
    low = high = position
    for kernel, stride, dilation, before in reversed(layers):
        low, high = low * stride - before, high * stride - before + dilation * (kernel - 1)
    assert field.span(position) == (low, high + 1)


def test_alexnets_first_layer_costs_what_its_paper_says():
    assert multiply_adds((11, 11), (55, 55), channels=3, maps=96) == 105_415_200
