"""A patch is found again where it was cut out, and a corner is told from an edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from convscope.conv.matching import Match, best_matches, cut, harris, match
from convscope.errors import GeometryError, KernelError, PictureError


def slow_match(picture: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Lewis's formula, window by window."""
    picture, patch = (part if part.ndim == 3 else part[None] for part in (picture, patch))
    _, height, width = patch.shape
    scores = np.zeros((picture.shape[1] - height + 1, picture.shape[2] - width + 1))
    p = patch - patch.mean()
    for row, column in np.ndindex(*scores.shape):
        window = picture[:, row : row + height, column : column + width]
        if window.min() < window.max() and patch.min() < patch.max():
            w = window - window.mean()
            scores[row, column] = np.sum(w * p) / np.sqrt(np.sum(w * w) * np.sum(p * p))
    return scores


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A picture of whole numbers (many of them equal, so that flat windows occur) and a patch that fits."""
    channels = draw(st.sampled_from([(), (1,), (3,)]))
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    size = draw(st.integers(1, rows)), draw(st.integers(1, columns))
    values = st.integers(0, 2) | st.integers(-300, 300)
    picture = draw(arrays.arrays(np.int64, (*channels, rows, columns), elements=values))
    patch = draw(arrays.arrays(np.int64, (*channels, *size), elements=values))
    return picture.astype(np.float64), patch.astype(np.float64)


@settings(max_examples=300)
@given(cases())
def test_scores_are_those_of_the_formula_window_by_window(case: tuple[np.ndarray, np.ndarray]):
    picture, patch = case
    assert np.allclose(match(picture, patch), slow_match(picture, patch), rtol=0, atol=1e-9)


@given(cases(), st.sampled_from([1e6, -1e8]), st.sampled_from([0.5, 4.0, 1024.0]))
def test_brightness_and_contrast_do_not_count(
    case: tuple[np.ndarray, np.ndarray], offset: float, gain: float
):
    picture, patch = case
    assert np.allclose(match(gain * picture + offset, patch), match(picture, patch), rtol=0, atol=1e-9)
    assert np.allclose(match(picture, gain * patch + offset), match(picture, patch), rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-160, 1e160, 1e305])
def test_no_scale_is_too_small_or_too_large(scale: float):
    picture = np.random.default_rng(0).integers(0, 99, (12, 13)).astype(np.float64)
    patch = cut(picture, 3, 4, 4, 5)
    assert np.allclose(match(picture * scale, patch * scale), slow_match(picture, patch), rtol=0, atol=1e-9)


def test_faint_texture_beside_a_blinding_spot_is_still_matched():
    picture = noise(20, 20) * 1e-3
    picture[0, 0] = 1e6
    patch = cut(picture, 9, 8, 5, 5)
    scores = match(picture, patch)
    assert np.allclose(scores, slow_match(picture, patch), rtol=0, atol=1e-9)
    assert best_matches(scores, 1, 1)[0][:2] == (9, 8)


@pytest.mark.parametrize("shape", [(30, 41), (3, 30, 41)])
def test_a_patch_is_found_where_it_was_cut_out_with_score_one(shape: tuple[int, ...]):
    picture = noise(*shape)
    scores = match(picture, cut(picture, 11, 20, 6, 7))
    assert scores.shape == (25, 35)
    assert np.unravel_index(scores.argmax(), scores.shape) == (11, 20)
    assert scores.max() == pytest.approx(1, abs=1e-12)


def test_the_negative_of_a_patch_scores_minus_one():
    picture = noise(30, 30)
    assert match(picture, -cut(picture, 5, 6, 7, 8))[5, 6] == pytest.approx(-1, abs=1e-12)


@given(cases())
def test_no_score_is_beyond_one(case: tuple[np.ndarray, np.ndarray]):
    scores = match(*case)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() <= 1


@pytest.mark.parametrize("level", [0, 0.1, 1e9 + 0.1])
def test_a_window_without_variance_scores_zero(level: float):
    picture = noise(12, 20)
    picture[:, :10] = level
    scores = match(picture, noise(3, 4, seed=1))
    assert (scores[:, :7] == 0).all()
    assert (scores[:, 7:] != 0).all()


def test_a_patch_without_variance_scores_zero_everywhere():
    assert (match(noise(8, 9), np.full((2, 2), 0.1)) == 0).all()


def test_colours_count_although_brightness_does_not():
    red = np.zeros((3, 6, 6))
    red[0] = 1
    patch = cut(red, 0, 0, 2, 2)
    assert match(red, patch) == pytest.approx(np.ones((5, 5)))
    assert match(red[[2, 1, 0]], patch) == pytest.approx(np.full((5, 5), -0.5))


def test_matching_changes_neither_picture_nor_patch():
    picture, patch = noise(3, 9, 9), noise(3, 2, 2)
    before = picture.copy(), patch.copy()
    match(picture, patch)
    harris(picture)
    assert np.array_equal(picture, before[0])
    assert np.array_equal(patch, before[1])


def test_a_cut_is_a_copy():
    picture = noise(5, 5)
    patch = cut(picture, 1, 2, 2, 3)
    assert np.array_equal(patch, picture[1:3, 2:5])
    patch[:] = 0
    assert (picture != 0).all()


def flat(*shape: int) -> np.ndarray:
    return np.zeros(shape)


WRONG = [
    (lambda: cut(flat(5, 6), 0, 0, 0, 2), GeometryError, "a patch of 0 x 2 does not work: it has at least 1 x 1 pixels"),
    (lambda: cut(flat(5, 6), 4, 0, 2, 2), GeometryError,
     "a patch of 2 x 2 at row 4, column 0 leaves the picture of 5 x 6 pixels: move it inside, or make it smaller"),
    (lambda: cut(flat(5, 6), 0, -1, 2, 2), GeometryError,
     "a patch of 2 x 2 at row 0, column -1 leaves the picture of 5 x 6 pixels: move it inside, or make it smaller"),
    (lambda: cut(flat(5), 0, 0, 1, 1), KernelError,
     "a picture is [rows, columns] or [channels, rows, columns] with at least one pixel, not an array of shape (5,)"),
    (lambda: match(flat(5, 5), flat(0, 2)), KernelError,
     "a patch is [rows, columns] or [channels, rows, columns] with at least one pixel, not an array of shape (0, 2)"),
    (lambda: match(flat(3, 5, 5), flat(2, 2)), KernelError,
     "the patch has channels: 1, the picture: 3; cut the patch out of a picture like it"),
    (lambda: match(flat(5, 5), flat(2, 6)), GeometryError,
     "a patch of 2 x 6 does not fit into a picture of 5 x 5 pixels: take a smaller patch"),
    (lambda: match(flat(5, 5) + np.nan, flat(2, 2)), PictureError,
     "the picture has a value that is no finite number: replace nan and inf first"),
    (lambda: match(flat(5, 5), flat(2, 2) + np.inf), PictureError,
     "the patch has a value that is no finite number: replace nan and inf first"),
    (lambda: best_matches(flat(5, 5), 0, 1), GeometryError, "count of 0 does not work: it must be at least 1"),
    (lambda: best_matches(flat(5, 5), 1, 0), GeometryError, "apart of 0 does not work: it must be at least 1"),
    (lambda: harris(flat(5, 5), k=1), KernelError, "k (of the corner response) is a number from 0 to 0.25, not 1"),
    (lambda: harris(flat(5, 5), sigma=0), KernelError,
     "sigma (the bell's standard deviation, in pixels) is a number of at least 0.2, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), WRONG, ids=[w[2][:40] for w in WRONG])
def test_what_does_not_fit_says_what_to_do(call, kind: type[Exception], message: str):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == message


@given(
    arrays.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.floats(-1, 1)),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_the_best_matches_come_best_first_apart_and_leave_nothing_better(scores, count: int, apart: int):
    found = best_matches(scores, count, apart)
    assert found[0].score == scores.max()
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)
    assert all(scores[m.top, m.left] == m.score for m in found)

    def near(a: Match, top: int, left: int) -> bool:
        return max(abs(a.top - top), abs(a.left - left)) < apart

    for place, one in enumerate(found):
        assert not any(near(one, other.top, other.left) for other in found[:place])
    free = [
        value for at, value in np.ndenumerate(scores) if not any(near(one, at[0], at[1]) for one in found)
    ]
    assert len(found) == count or not free
    assert not free or max(free) <= found[-1].score


def test_scores_that_are_no_numbers_are_no_matches():
    scores = np.array([[np.nan, 0.5], [np.nan, -np.inf]])
    assert best_matches(scores, 4, 1) == [Match(0, 1, 0.5)]


@pytest.fixture
def square() -> np.ndarray:
    picture = np.zeros((30, 40))
    picture[10:20, 12:28] = 1
    return picture


def test_a_corner_is_positive_an_edge_negative_and_the_flat_zero(square: np.ndarray):
    answer = harris(square)
    assert answer.shape == square.shape
    assert all(answer[row, column] > 0 for row in (10, 19) for column in (12, 27))
    assert all(answer[at] < 0 for at in [(10, 20), (19, 20), (15, 12), (15, 27)])
    assert all(abs(answer[at]) < 1e-15 for at in [(15, 20), (2, 2), (27, 37)])


def test_the_four_best_corners_are_the_squares_own(square: np.ndarray):
    found = best_matches(harris(square), 4, 5)
    corners = [(row, column) for row in (10, 19) for column in (12, 27)]
    assert all(min(max(abs(m.top - r), abs(m.left - c)) for m in found) <= 1 for r, c in corners)


def test_the_border_of_the_picture_is_no_edge():
    assert np.abs(harris(np.full((9, 9), 7.0))).max() < 1e-20


def test_corners_turn_with_the_picture_and_do_not_mind_its_brightness(square: np.ndarray):
    assert np.allclose(harris(np.rot90(square)), np.rot90(harris(square)), atol=1e-12)
    assert np.allclose(harris(square + 5), harris(square), atol=1e-12)
    assert np.allclose(harris(2 * square), 16 * harris(square), atol=1e-12)


def test_a_slope_has_the_gradient_of_its_steepness():
    picture = np.tile(np.arange(30.0) * 3, (30, 1))
    assert harris(picture, k=0.05)[15, 15] == pytest.approx(-0.05 * 9**2)


def test_three_equal_channels_have_nine_times_the_answer_of_one(square: np.ndarray):
    assert np.allclose(harris(np.stack([square] * 3)), 9 * harris(square), atol=1e-12)
