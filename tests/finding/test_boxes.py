"""Boxes, strokes and the measures they are judged by, by hand."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from convscope.finding.boxes import NEAR, Box, apart, overlap, read, suppressed
from convscope.finding.judging import average_precision, mean_average_precision, right
from convscope.finding.pages import line, page
from convscope.finding.strokes import OWN, Strokes, parts


def test_a_smaller_box_in_the_middle_of_a_better_one_is_suppressed_though_they_hardly_overlap():
    edges = np.array([[0.0, 0, 30, 30], [12, 12, 18, 18], [30, 0, 60, 30]])
    assert suppressed(edges, np.array([0.9, 0.8, 0.7]), 0.5) == [0, 2]
    assert suppressed(np.zeros((0, 4)), np.zeros(0), 0.5) == []


def test_strokes_are_those_of_a_plain_flood():
    rng = np.random.default_rng(0)
    for density in (0.1, 0.4, 0.6):
        ink = rng.random((23, 31)) < density
        labels, seen, number = parts(ink), np.zeros(ink.shape, int), 0
        for y, x in zip(*np.nonzero(ink), strict=True):
            if seen[y, x]:
                continue
            number += 1
            front = [(y, x)]
            while front:
                v, u = front.pop()
                if 0 <= v < 23 and 0 <= u < 31 and ink[v, u] and not seen[v, u]:
                    seen[v, u] = number
                    front += [(v + dv, u + du) for dv in (-1, 0, 1) for du in (-1, 0, 1)]
        assert len(np.unique(labels)) == len(np.unique(seen))
        pairs = {(a, b) for a, b in zip(labels.ravel(), seen.ravel(), strict=True)}
        assert len(pairs) == len(np.unique(seen))


def test_ink_is_given_once_and_a_box_is_drawn_around_the_frames_own():
    ink = np.zeros((20, 60), bool)
    ink[4:16, 8:12] = ink[4:16, 20:24] = True
    strokes = Strokes(np.uint8(255) * ink[None], 0)
    assert strokes.give((0, 0, 20, 20)) == (8, 4, 12, 16)
    assert strokes.give((0, 0, 20, 20)) is None, "the ink is another's"
    assert strokes.give((12, 0, 32, 20)) == (20, 4, 24, 16)
    assert strokes.give((40, 0, 60, 20)) is None, "there is no ink"


def lines_and_specks(seed: int) -> np.ndarray:
    """Ink of all lengths: long lines that cross, and specks."""
    rng = np.random.default_rng(seed)
    ink = rng.random((90, 120)) < 0.03 * seed
    for _ in range(12):
        y, x, length = int(rng.integers(0, 88)), int(rng.integers(0, 118)), int(rng.integers(5, 100))
        ink[
            (slice(y, y + length), slice(x, x + 2))
            if rng.random() < 0.5
            else (slice(y, y + 2), slice(x, x + length))
        ] = 1
    return ink


@pytest.mark.parametrize("seed", range(4))
def test_what_is_a_frames_own_is_told_from_its_neighbourhood_as_from_the_whole_page(seed):
    ink, rng = lines_and_specks(seed), np.random.default_rng(seed)
    whole, strokes = parts(ink), Strokes(np.uint8(255) * ink[None], 0)
    sizes, owned = np.bincount(whole.ravel()), 0
    for _ in range(150):
        left, top = int(rng.integers(0, 110)), int(rng.integers(0, 80))
        right, bottom = min(120, left + int(rng.integers(4, 50))), min(90, top + int(rng.integers(4, 50)))
        seen = whole[top:bottom, left:right]
        names, inside = np.unique(seen[seen > 0], return_counts=True)
        own = np.isin(seen, names[inside >= OWN * sizes[names]])
        labels, numbers = strokes._own((left, top, right, bottom))
        assert (np.isin(labels, numbers) == own).all()
        owned += own.any() and not own[seen > 0].all()
    assert owned > 20, "frames with ink of their own and others'"


def test_what_is_held_to_tell_strokes_grows_with_the_frame_not_with_the_page():
    def held(side: int, frame: int) -> int:
        ink = np.add.outer(np.arange(side), np.arange(side)) % 5 == 0
        page = np.uint8(255) * ink[None]
        tracemalloc.start()
        strokes = Strokes(page, 0)
        for n in range(20):
            strokes.give((10 * n, 5 * n, 10 * n + frame, 5 * n + frame))
        most = tracemalloc.get_traced_memory()[1] - strokes.given.nbytes
        tracemalloc.stop()
        return most

    assert held(1600, 20) < 1.5 * held(400, 20) < held(400, 60)


def test_parts_of_a_better_find_of_the_class_are_none_of_their_own():
    edges = np.array([[0.0, 0, 40, 40], [4, 4, 20, 20], [4, 4, 20, 20], [-30, -30, 50, 50], [30, 0, 70, 40]])
    assert apart(edges, np.array([0.0, 0, 1, 0, 0]), [0, 1, 2, 3, 4]) == [0, 2, 4]
    assert apart(edges, np.array([0.0, 0, 1, 0, 0]), [1, 3, 4]) == [1, 4]
    assert apart(edges, np.zeros(5), []) == []


def test_average_precision_by_hand():
    assert average_precision([(0.9, True), (0.8, True)], 2) == 1
    assert average_precision([(0.9, True)], 2) == 0.5
    assert average_precision([(0.9, False), (0.8, True)], 1) == 0.5
    assert average_precision([], 3) == 0
    assert average_precision([], 0) == 1


def test_a_find_of_another_class_or_beside_is_wrong_and_hurts_only_its_class():
    there = [Box("1", 1, 0, 0, 10, 10), Box("2", 1, 50, 0, 10, 10)]
    found = [Box("1", 0.9, 1, 0, 10, 10), Box("1", 0.8, 50, 0, 10, 10), Box("2", 0.7, 57, 0, 10, 10)]
    assert right(found, there) == [True, False, False]
    assert mean_average_precision([(found, there)]) == pytest.approx(0.5)


def test_lines_are_read_from_the_left():
    boxes = [Box(str(n), 1, x, y, 8, 20) for n, (x, y) in enumerate([(40, 3), (0, 0), (20, 6), (0, 60)])]
    assert [[box.label for box in row] for row in read(boxes)] == [["1", "2", "0"], ["3"]]


def test_pages_know_what_is_on_them(bar_images):
    made = page(bar_images.test, count=9, size=(300, 200), seed=3)
    assert made.pixels.shape == (1, 300, 200)
    assert len(made.boxes) == 9
    for box in made.boxes:
        x, y, w, h = (int(v) for v in (box.x, box.y, box.width, box.height))
        assert made.pixels[0, y : y + h, x : x + w].min() < 195
    assert (page(bar_images.test, count=9, size=(300, 200), seed=3).pixels == made.pixels).all()
    assert page(bar_images.test, count=0, size=(30, 40)).pixels.min() == 255
    with pytest.raises(ValueError, match="no room for all on a page of 100x100 pixels"):
        page(bar_images.test, count=300, size=(100, 100))


def test_a_lines_text_is_that_of_its_digits(bar_images):
    made = line(bar_images.test, 5, seed=1, touching=1.0)
    assert len(made.text) == 5
    assert made.pixels.shape[2] > made.boxes[-1].x + made.boxes[-1].width


@pytest.mark.parametrize(
    ("n", "spread", "most"), [(0, 9, 0.5), (1, 9, 0.5), (60, 40, 0.0), (300, 300, 0.3), (300, 60, 0.5)]
)
def test_what_is_kept_is_what_each_box_against_each_better_one_leaves(n, spread, most):
    rng = np.random.default_rng(n + spread)
    corner, size = rng.uniform(0, spread, (n, 2)), rng.uniform(1, 60, (n, 2))
    edges, scores = np.concatenate([corner, corner + size], axis=1), np.round(rng.random(n), 1)
    wanted: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        middle, own = edges[i, :2] + size[i] / 2, size[i]
        near = [
            np.all(abs(middle - edges[k, :2] - size[k] / 2) <= NEAR / 2 * (own + size[k])) for k in wanted
        ]
        if not any(near) and all(overlap(edges[k : k + 1], edges[i : i + 1])[0, 0] <= most for k in wanted):
            wanted.append(int(i))
    assert suppressed(edges, scores, most) == wanted
