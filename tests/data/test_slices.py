"""Parts cut out of rows: what holds a thing, and what holds none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from convscope.data import slices
from convscope.data.images import Pictures
from convscope.data.slices import NONE, Row, Slices

INSIDE = np.isin(np.arange(40), np.arange(6, 21))


def blocks(n: int, ground: int = 0) -> Pictures:
    """Blocks of 12 rows and 10 columns in the middle of 20x20, each of a brightness of its own."""
    pixels = np.full((n, 1, 20, 20), ground, np.uint8)
    for number, picture in enumerate(pixels[:, 0]):
        picture[4:16, 5:15] = abs(ground - 150 - number)
    return Pictures(pixels, np.zeros(n, np.int64))


def cutter(part: Pictures, ground: int = 0, seed: int = 0) -> Slices:
    return Slices(part, ground, np.random.default_rng(seed))


def extent(picture: np.ndarray, ground: int = 0) -> tuple[int, int]:
    """Rows and columns of ink."""
    ink = np.abs(picture[0].astype(int) - ground) > 60
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("ground", [0, 255])
def test_a_thing_that_is_cut_out_is_as_large_as_things_are_and_whole(ground, monkeypatch):
    monkeypatch.setattr(slices, "AMONG", 0.0)
    made = cutter(blocks(30, ground), ground).things(np.arange(30))
    assert made.shape == (30, 1, 20, 20) and made.dtype == np.uint8
    for picture in made:
        high, wide = extent(picture, ground)
        assert 10 <= high <= 13 and 7 <= wide <= 12


def test_a_thing_is_the_one_that_was_asked_for():
    made = cutter(blocks(60)).things(np.arange(0, 60, 20))
    assert [
        abs(int(picture[0, 10, 10]) - 150 - number) <= 3
        for picture, number in zip(made, (0, 20, 40), strict=True)
    ] == [True] * 3


def row(*columns: tuple[int, int]) -> Row:
    """Blocks of twelve rows between columns of a page, numbered from 0."""
    owner = np.full((20, 40), -1)
    for n, (left, right) in enumerate(columns):
        owner[4:16, left:right] = n
    page = np.where(owner >= 0, 200, 0).astype(np.uint8)[None]
    free = (False,) * len(columns)
    return Row(page, owner, tuple(range(len(columns))), columns, free, 12)


@pytest.mark.parametrize(
    ("between", "named"),
    [
        ((5, 15), 0),
        ((5, 16), 0),  # a tenth of the other
        ((6, 15), 0),  # without a tenth
        ((7, 15), None),  # without a fifth
        ((5, 17), None),
        ((8, 15), NONE),  # seven tenths
        ((5, 18), NONE),
        ((5, 25), NONE),
        ((10, 20), NONE),
        ((15, 25), 1),
    ],
)
def test_a_part_is_a_thing_as_far_as_it_holds_it_alone(between, named):
    held = np.zeros((20, 40), bool)
    held[4:16, slice(*between)] = True
    assert cutter(blocks(3))._name(row((5, 15), (15, 25)), held) == named


def test_a_part_of_a_stroke_is_a_stroke_and_what_is_low_is_read_by_nobody():
    held = np.zeros((20, 40), bool)
    held[4:16, 5:7] = True
    assert cutter(blocks(3))._name(row((5, 9), (15, 25)), held) is None
    held[:, :] = False
    held[4:9, 15:25] = True
    assert cutter(blocks(3))._name(row((5, 9), (15, 25)), held) is None


def test_a_thing_that_stands_free_is_not_cut_where_nearly_all_of_it_is_held():
    apart = row((5, 15), (20, 30))
    held = cutter(blocks(3))._held(apart, (6.0, 21.0))
    assert (held == (apart.owner == 0)).all()
    joined = replace(apart, touching=(True, False))
    assert (cutter(blocks(3))._held(joined, (6.0, 21.0)) == (apart.owner >= 0) & INSIDE).all()


def test_the_same_seed_gives_the_same_parts():
    one, again, other = (cutter(blocks(9), seed=seed).nothing(12) for seed in (3, 3, 4))
    assert (one == again).all() and not (one == other).all()


def test_pictures_without_ink_are_what_they_are(monkeypatch):
    monkeypatch.setattr(slices, "TRIES", 20)
    blank = Pictures(np.full((3, 1, 8, 8), 7, np.uint8), np.zeros(3, np.int64))
    cut = cutter(blank, 7)
    assert (cut.things(np.arange(3)) == 7).all() and (cut.nothing(2) == 7).all()
    assert cut.nothing(0).shape == (0, 1, 8, 8)
