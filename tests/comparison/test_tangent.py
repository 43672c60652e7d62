"""Tangent distance against the plain formula in float64, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.comparison.tangent import (
    SLACK,
    WAYS,
    TangentNeighbours,
    blurred,
    distances,
    planes,
    prepared,
    tangents,
)
from convscope.data.images import images


def blobs(n: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures of 16x16."""
    noise = np.random.default_rng(seed).random((n, 16, 16), np.float32)
    return blurred(noise, 2.0)


def test_the_distance_is_that_of_least_squares_over_both_planes():
    a, b = blobs(12), blobs(12, seed=1)
    got = distances(a.reshape(12, -1), planes(a), b.reshape(12, -1), planes(b))
    for i in range(12):
        ways = np.concatenate([tangents(a[i : i + 1])[0], tangents(b[i : i + 1])[0]]).astype(np.float64).T
        apart = (b[i] - a[i]).ravel().astype(np.float64)
        steps = np.linalg.lstsq(ways, apart, rcond=None)[0]
        wanted = ((apart - ways @ steps) ** 2).sum()
        assert got[i] == pytest.approx(wanted, rel=20 * SLACK, abs=1e-4)
        assert got[i] <= (apart**2).sum()


def test_it_is_the_same_both_ways_and_nothing_to_oneself():
    a, b = blobs(5), blobs(5, seed=3)
    rows, other = a.reshape(5, -1), b.reshape(5, -1)
    there, back = distances(rows, planes(a), other, planes(b)), distances(other, planes(b), rows, planes(a))
    assert there == pytest.approx(back, rel=1e-2)
    assert distances(rows, planes(a), rows, planes(a)) == pytest.approx(np.zeros(5), abs=1e-6)


def test_planes_are_orthonormal_and_black_has_none():
    plane = planes(np.concatenate([blobs(3), np.zeros((1, 16, 16), np.float32)]))
    assert plane.shape == (4, len(WAYS), 256)
    for one in plane[:3]:
        assert one @ one.T == pytest.approx(np.eye(len(WAYS)), abs=1e-3)
    assert not plane[3].any()


@pytest.mark.parametrize(("way", "change"), [(0, (0, 1)), (1, (1, 0))])
def test_a_small_shift_is_what_its_tangent_says(way: int, change: tuple[int, int]):
    picture = blurred(np.pad(np.ones((1, 4, 4), np.float32), ((0, 0), (6, 6), (6, 6))), 1.5)
    moved = np.roll(picture, change, axis=(1, 2))
    said = -tangents(picture)[0, way]
    assert np.corrcoef((moved - picture).ravel(), said)[0, 1] > 0.95


def test_what_is_moved_is_nearer_than_what_is_another():
    picture = blurred(np.pad(np.ones((1, 5, 3), np.float32), ((0, 0), (5, 6), (6, 7))), 1.0)
    moved, other = np.roll(picture, 1, axis=2), np.roll(picture, 1, axis=2).transpose(0, 2, 1).copy()
    rows = picture.reshape(1, -1)
    near = distances(rows, planes(picture), moved.reshape(1, -1), planes(moved))
    far = distances(rows, planes(picture), other.reshape(1, -1), planes(other))
    plain = ((moved - picture) ** 2).sum()
    assert near[0] < 0.3 * plain
    assert near[0] < 0.3 * far[0]


def test_candidates_lose_little_against_comparing_with_all():
    pixels = np.asarray(images("mnist").train.pixels[:700])
    labels = np.asarray(images("mnist").train.labels[:700])
    rows, tilted = prepared(pixels[:500], 0.7)
    few, all_ = (
        TangentNeighbours(rows, tilted, labels[:500], 10, 1, candidates, 0.7).answers(pixels[500:]).argmax(1)
        for candidates in (30, 500)
    )
    assert (few == all_).mean() >= 0.995
