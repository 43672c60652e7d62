"""Histograms of gradients against loops over pixels, by hand, and OpenCV."""

from __future__ import annotations

from math import atan2, exp, floor, hypot, pi

import cv2
import numpy as np
import pytest

from convscope.comparison.gradients import (
    blurring,
    centres,
    colours,
    hog,
    luma,
    normalised,
    planes,
    sift,
    tents,
)


def noise(size: int, channels: int, seed: int = 0, blur: float = 1.5) -> np.ndarray:
    """A soft random picture, one of a batch."""
    soft = blurring(size, blur)
    values = soft @ np.random.default_rng(seed).random((channels, size, size)) @ soft.T
    values = (values - values.min()) / (values.max() - values.min())
    return (255 * values).astype(np.uint8)[None]


def test_a_ramp_has_one_direction():
    ramp = np.tile(np.arange(6, dtype=np.float32), (5, 1))[None, None]
    made = planes(ramp, 4, signed=True)
    assert made[0, 0, :, 1:-1] == pytest.approx(np.ones((5, 4)))
    assert not made[0, 1:].any()
    down = planes(ramp.swapaxes(2, 3), 4, signed=True)
    assert down[0, 1, 1:-1] == pytest.approx(np.ones((4, 5)))
    up = planes(-ramp.swapaxes(2, 3), 4, signed=True)
    assert up[0, 3, 1:-1] == pytest.approx(np.ones((4, 5)))
    assert planes(-ramp, 4, signed=False)[0, 0, :, 1:-1] == pytest.approx(np.ones((5, 4))), "no sign"


def test_a_direction_between_two_bins_is_shared():
    slope = np.add.outer(np.arange(5), np.arange(5)).astype(np.float32)[None, None]  # an eighth of a turn
    made = planes(slope, 4, signed=True)[0, :, 2, 2]
    assert made == pytest.approx([2**0.5 / 2, 2**0.5 / 2, 0, 0])


def test_of_several_channels_the_largest_gradient_counts():
    one, two = np.zeros((2, 1, 1, 5, 5), np.float32)
    one[..., :] = np.arange(5)
    two[..., :, :] = 3 * np.arange(5)[:, None]
    made = planes(np.concatenate([one, two], axis=1), 4, signed=True)[0, :, 2, 2]
    assert made == pytest.approx([0, 3, 0, 0])


def test_cells_share_every_pixel_between_them_but_at_the_border():
    assert tents(32, 8)[:, 4:-4].sum(0) == pytest.approx(np.ones(24))


def slow_hog(picture: np.ndarray, cell: int, bins: int) -> np.ndarray:
    """HOG of one grey picture, pixel by pixel."""
    height, width = picture.shape
    rows, columns = height // cell, width // cell
    cells = np.zeros((rows, columns, bins))
    for y in range(height):
        for x in range(width):
            right = (picture[y, min(x + 1, width - 1)] - picture[y, max(x - 1, 0)]) / 2
            down = (picture[min(y + 1, height - 1), x] - picture[max(y - 1, 0), x]) / 2
            place = (atan2(down, right) % pi) / pi * bins
            for b, share in ((floor(place), 1 - place % 1), (floor(place) + 1, place % 1)):
                for i in range(rows):
                    for j in range(columns):
                        near_y = max(0, 1 - abs(y - ((i + 0.5) * cell - 0.5)) / cell)
                        near_x = max(0, 1 - abs(x - ((j + 0.5) * cell - 0.5)) / cell)
                        cells[i, j, b % bins] += hypot(down, right) * share * near_y * near_x
    made = []
    for i in range(rows - 1):
        for j in range(columns - 1):
            block = np.concatenate([cells[i + y, j + x] for y in (0, 1) for x in (0, 1)])
            block = np.minimum(block / np.linalg.norm(block), 0.2)
            made.append(block / np.linalg.norm(block))
    return np.concatenate(made)


def test_hog_is_that_of_the_loop_over_pixels():
    picture = noise(24, 1)
    assert hog(picture, cell=8)[0] == pytest.approx(slow_hog(picture[0, 0] / 255.0, 8, 9), abs=1e-4)
    assert hog(np.zeros((2, 3, 32, 32), np.uint8)).shape == (2, 3 * 3 * 36)


def slow_sift(picture: np.ndarray, y0: float, x0: float, size: int) -> np.ndarray:
    """One upright SIFT descriptor of a blurred grey picture, pixel by pixel (Lowe 2004, section 6.1)."""
    made = np.zeros((4, 4, 8))
    height, width = picture.shape
    for y in range(height):
        for x in range(width):
            right = (picture[y, min(x + 1, width - 1)] - picture[y, max(x - 1, 0)]) / 2
            down = (picture[min(y + 1, height - 1), x] - picture[max(y - 1, 0), x]) / 2
            place = (atan2(down, right) % (2 * pi)) / (2 * pi) * 8
            window = exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * (2 * size) ** 2))
            for i in range(4):
                for j in range(4):
                    near = max(0, 1 - abs(y - y0 - (i - 1.5) * size) / size)
                    near *= max(0, 1 - abs(x - x0 - (j - 1.5) * size) / size)
                    made[i, j, floor(place) % 8] += hypot(down, right) * window * near * (1 - place % 1)
                    made[i, j, (floor(place) + 1) % 8] += hypot(down, right) * window * near * (place % 1)
    return normalised(made.ravel())


def test_sift_is_that_of_the_loop_over_pixels():
    picture = noise(26, 3)
    described, where = sift(picture, sizes=(4,), step=5)
    assert described.shape == (1, 9, 128)
    soft = blurring(26, 4 / 6) @ luma(picture)[0, 0] @ blurring(26, 4 / 6).T
    for place in (0, 5, 8):
        y, x = where[place] * 26 - 0.5
        assert described[0, place] == pytest.approx(slow_sift(soft, y, x, 4), abs=1e-4)
    assert described[0].max() <= 0.5
    assert np.linalg.norm(described, axis=2) == pytest.approx(np.ones((1, 9)), abs=1e-4)


@pytest.mark.parametrize("size", [6, 8, 10])
def test_sift_is_nearly_opencvs(size: int):
    """OpenCV counts directions the other way round, has bins of 1.5 times a keypoint's size and another blur."""
    picture = noise(96, 1, seed=size, blur=2.5)
    described, where = sift(picture, sizes=(size,), step=4)
    middle = int(np.argmin(((where - 0.5) ** 2).sum(1)))
    y, x = (where[middle] * 96 - 0.5).tolist()
    _, found = cv2.SIFT_create().compute(picture[0, 0], [cv2.KeyPoint(x, y, size / 1.5, 0.0)])
    ours = np.roll(described[0, middle].reshape(4, 4, 8)[:, :, ::-1], 1, axis=2).ravel()
    assert np.corrcoef(ours, found[0])[0, 1] > 0.95


def test_descriptors_lie_whole_in_the_picture_around_its_middle():
    assert centres(16, 4, 4).tolist() == [7.5]
    assert len(centres(15, 4, 4)) == 0
    described, where = sift(noise(20, 1), sizes=(4, 6), step=2)
    assert described.shape[1] == len(where) == 9  # bins of 6 would need 24 pixels
    assert where.mean(0) == pytest.approx([0.5, 0.5])


def test_flat_pictures_have_descriptors_of_zeros():
    assert not sift(np.full((1, 3, 32, 32), 99, np.uint8))[0].any()
    assert not hog(np.full((1, 3, 32, 32), 99, np.uint8)).any()


def test_colours_are_counted_together():
    picture = np.zeros((1, 3, 2, 2), np.uint8)
    picture[0, 0, 0, :] = 255  # two red pixels, two black
    made = colours(picture, bins=2)[0]
    assert made.tolist() == [0.5, 0, 0, 0, 0.5, 0, 0, 0]
