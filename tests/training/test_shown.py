"""Pictures shown by the native engine are those that PyTorch makes, but for rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.data.images import Pictures
from convscope.native import showing
from convscope.nets.grammar import parse
from convscope.training import batches, moments
from convscope.training.batches import Feeder
from convscope.training.moments import Normalisation, Principal, moments_of
from convscope.training.recipe import Recipe

pytestmark = pytest.mark.skipif(not showing.ready(), reason="the native engine is not compiled")

COLOURS = {"brightness": 0.3, "contrast": 0.4, "saturation": 0.5, "hue": 0.1}
CASES = {
    "parts": ((3, 21, 18), (21, 18), {}),
    "parts of smaller pictures": ((3, 21, 18), (9, 7), {}),
    "mirrored": ((3, 16, 16), (16, 16), {"flip": 1.0}),
    "grey": ((1, 16, 12), (16, 12), {"flip": 0.5}),
    "grey and brighter": ((1, 16, 12), (11, 5), {"brightness": 0.5, "contrast": 0.5}),
    "colours": ((3, 21, 18), (21, 18), COLOURS),
    "light": ((3, 21, 18), (20, 18), {"lighting": 0.3}),
    "all": ((3, 40, 33), (32, 32), {**COLOURS, "flip": 0.5, "lighting": 0.1}),
    "a line": ((3, 1, 30), (1, 30), COLOURS),
    "erased and mixed": ((3, 21, 18), (21, 18), {"erase": 0.5, "mixup": 0.2}),
}


def feeder(shape, size, knobs) -> Feeder:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (40, *shape), np.uint8)
    pictures = Pictures(pixels, np.zeros(40, np.int64))
    rule = Normalisation.of(parse(f"input {shape[0]}x{shape[1]}x{shape[2]}; out linear 2").input, pictures)
    principal = Principal.of(pictures) if "lighting" in knobs else None
    return Feeder(pictures, size, rule, Recipe(area=0.3, **knobs), 5, "cpu", principal)


@pytest.mark.parametrize("case", CASES)
def test_the_engine_shows_the_pictures_that_pytorch_makes(case):
    fed, index = feeder(*CASES[case]), torch.tensor([7, 0, 39, 7, 12, 25, 3])
    assert fed.by_engine
    seen = fed.batch(index, 2, 3)
    fed.by_engine = False
    wanted = fed.batch(index, 2, 3)
    assert seen.shape == wanted.shape and seen.dtype == wanted.dtype
    # In units of 0..255; PyTorch works out places in float32, and its sums go another way.
    assert ((seen - wanted).abs() / fed.scale).max() < 0.02


def test_the_bits_do_not_depend_on_the_number_of_threads():
    fed, index = feeder(*CASES["all"]), torch.arange(40)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(fed.batch(index, 1, 1))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found)


def test_a_part_of_whole_pixels_is_shown_as_it_lies():
    pixels = np.arange(2 * 12, dtype=np.uint8).reshape(2, 1, 3, 4)
    rows, columns = np.array([[1, 2]], np.float32), np.array([[3, 2, 1]], np.float32)
    normal = np.array([2], np.float32), np.array([-1], np.float32)
    seen = showing.show(pixels, np.array([1]), (rows, columns), normal)
    assert seen.tolist() == [[[[37, 35, 33], [45, 43, 41]]]]


ELSEWHERE = [
    Recipe(area=0.3, rotate=5),
    Recipe(area=1.0, flip=0.5),
]


@pytest.mark.parametrize("recipe", ELSEWHERE, ids=["turned", "whole pixels"])
def test_what_the_engine_lacks_is_left_to_pytorch(recipe):
    pictures = Pictures(np.zeros((4, 3, 9, 9), np.uint8), np.zeros(4, np.int64))
    fed = Feeder(pictures, (9, 9), Normalisation((1.0,) * 3, (0.0,) * 3), recipe, 0, "cpu")
    assert not fed.by_engine and fed.batch(torch.arange(4), 1, 0).shape == (4, 3, 9, 9)
    with_two = Pictures(np.zeros((4, 2, 9, 9), np.uint8), np.zeros(4, np.int64))
    rule = Normalisation((1.0,) * 2, (0.0,) * 2)
    assert not Feeder(with_two, (9, 9), rule, Recipe(area=0.3), 0, "cpu").by_engine


def test_without_the_engine_pytorch_shows_them(monkeypatch):
    monkeypatch.setattr(batches, "can_show", lambda *_: False)
    assert not feeder(*CASES["all"]).by_engine


@pytest.mark.parametrize("shape", [(5, 3, 7, 9), (130, 1, 3, 3), (2, 3, 200, 100), (3, 4, 2, 2)])
def test_moments_are_exact_and_the_same_by_either(shape, monkeypatch):
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    pixels[0] = 255
    found = moments_of(pixels)
    wide = pixels.astype(np.int64).transpose(1, 0, 2, 3).reshape(shape[1], -1)
    assert found.means.tolist() == (wide.sum(1) / wide.shape[1]).tolist()
    monkeypatch.setattr(moments, "ready", lambda: False)
    other = moments_of(pixels)
    assert np.array_equal(found.means, other.means) and np.array_equal(found.covariance, other.covariance)
    assert np.allclose(found.covariance, np.cov(wide, bias=True).reshape(shape[1], -1))


WRONG = {
    "an index outside": ({"index": np.array([2])}, "index names pictures outside of 0 to 1"),
    "a place outside": ({"rows": np.array([[0, 2.5]], np.float32)}, "places outside of 0 to 2"),
    "no number": ({"rows": np.array([[0, np.nan]], np.float32)}, "places outside of 0 to 2"),
    "two channels": (
        {"pixels": np.zeros((2, 2, 3, 4), np.uint8)},
        r"1 pictures of 2 x \[3, 4\] are not shown as \[2, 1\]",
    ),
    "floats": ({"pixels": np.zeros((2, 1, 3, 4), np.float32)}, "pixels: contiguous uint8 was expected"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_before_c_sees_it(case):
    changed, message = WRONG[case]
    given = {
        "pixels": np.zeros((2, 1, 3, 4), np.uint8),
        "index": np.array([1]),
        "rows": np.zeros((1, 2), np.float32),
    }
    given |= changed
    one = np.ones(1, np.float32)
    with pytest.raises(ValueError, match=message):
        showing.show(
            given["pixels"], given["index"], (given["rows"], np.zeros((1, 1), np.float32)), (one, one)
        )
