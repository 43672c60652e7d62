"""Pages and scenes that are made: what a box says is there is there, alone."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.data.fit import resized
from convscope.data.images import Pictures
from convscope.finding.boxes import overlap
from convscope.finding.pages import scene


@pytest.fixture
def photographs():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 24, 32), np.uint8)
    return Pictures(pixels, np.array([0, 1, 2, 1, 0]))


def test_a_scene_has_each_photograph_where_its_box_says(photographs):
    made = scene(photographs, count=8, size=(300, 400), seed=4, names=("cat", "dog", "hen"))
    assert made.pixels.shape == (3, 300, 400) and len(made.boxes) == 8
    for box in made.boxes:
        x, y, wide, high = (int(side) for side in (box.x, box.y, box.width, box.height))
        there = made.pixels[:, y : y + high, x : x + wide]
        those = photographs.pixels[photographs.labels == ("cat", "dog", "hen").index(box.label)]
        assert any((resized(picture, (high, wide)) == there).all() for picture in those)
    edges = np.array([[b.x, b.y, b.x + b.width, b.y + b.height] for b in made.boxes])
    assert (overlap(edges, edges) - np.eye(8)).max() < 1e-9
    assert (scene(photographs, count=8, size=(300, 400), seed=4).pixels == made.pixels).all()


def test_too_many_for_the_page_is_said(photographs):
    with pytest.raises(ValueError, match="no room for all on a page of 70x70 pixels"):
        scene(photographs, count=40, size=(70, 70))
