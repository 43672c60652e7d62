"""Preprocessings, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.comparison.features import FEATURES, areas, boxed, deslanted, resized
from convscope.data.images import images


def leaning(slope: float) -> np.ndarray:
    """A stroke through the middle of 21x21 pixels that leans by `slope` pixels a row, two pixels wide in all."""
    picture = np.zeros((1, 1, 21, 21), np.float32)
    for y in range(4, 17):
        x = 10 + slope * (y - 10)
        left, part = int(np.floor(x)), x - np.floor(x)
        picture[0, 0, y, left] += 200 * (1 - part)
        picture[0, 0, y, left + 1] += 200 * part
    return picture.round().astype(np.uint8)


@pytest.mark.parametrize("slope", [-0.5, 0.25, 0.5])
def test_a_leaning_stroke_is_made_upright(slope: float):
    upright = deslanted(leaning(slope))[0, 0].astype(float)
    x = np.arange(21)
    middles = upright[4:17] @ x / upright[4:17].sum(1)
    assert middles == pytest.approx([10.0] * 13, abs=0.05)
    assert upright.sum() == pytest.approx(13 * 200, rel=0.01)


def test_what_stands_upright_stays_as_it_is():
    picture = leaning(0)
    assert (deslanted(picture) == picture).all()


def test_a_black_picture_stays_black():
    black = np.zeros((2, 1, 28, 28), np.uint8)
    for name in ("deslanted", "deslanted 20x20", "16x16", "16x16 in 28x28"):
        assert not FEATURES[name](black).any()


def test_areas_keep_the_mean():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 30, 20)).astype(np.uint8)
    assert resized(pixels, (7, 8)).mean() == pytest.approx(pixels.mean(), abs=1)
    assert areas(28, 9).sum(1) == pytest.approx(np.ones(9))


def test_a_digit_is_cut_out_by_its_box():
    picture = np.zeros((1, 1, 28, 28), np.uint8)
    picture[0, 0, 1:21, 3:9] = 9
    cut = boxed(picture)
    assert cut.shape == (1, 1, 20, 20)
    assert (cut[0, 0, :, 7:13] == 9).all()
    assert cut.sum() == picture.sum()


@pytest.mark.parametrize("name", FEATURES)
def test_each_feature_does_the_same_to_many_as_to_one(name: str):
    pixels = np.asarray(images("mnist").test.pixels[:5])
    feature = FEATURES[name]
    many = feature(pixels)
    assert many.dtype == np.uint8
    assert many.ndim == 4
    for i in range(5):
        assert (feature(pixels[i : i + 1])[0] == many[i]).all()
    assert feature(pixels[:0]).shape == (0, *many.shape[1:])
