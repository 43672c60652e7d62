"""Sheets on a picture: maps are those of `convolve` and `match`, places lie under the sheet's middle, errors are said."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.conv.kernel_text import parse_kernel
from convscope.errors import ConvscopeError
from convscope.inspect.layers import kernels_of, layers_of
from convscope.inspect.paper import in_words, paper_of
from convscope.inspect.subject import subject_of
from convscope.nets.build import build
from convscope.nets.grammar import parse


def net(channels):
    return subject_of(build(parse(f"input {channels}x16x16; a conv 4 3x3 | batchnorm | relu; out linear 3")))


GREY, COLOUR = net(1), net(3)
PICTURE = np.random.default_rng(0).integers(0, 256, (3, 16, 16), np.uint8)


@pytest.mark.parametrize(
    "sheet, kind", [("sobel_x", "classic"), ("gaussian(2)", "classic"), ("1 2; 3 -4", "painted")]
)
def test_a_sheet_lies_on_the_pictures_brightness(sheet, kind):
    laid = paper_of(GREY, PICTURE[:1], sheet)
    kernel = parse_kernel(sheet)[1]
    wanted = cs.convolve(
        PICTURE[:1].astype(np.float32) / 255, kernel.astype(np.float32), padding="same", mode="replicate"
    )[0]
    assert laid.kind == kind
    np.testing.assert_array_equal(laid.map, wanted)
    np.testing.assert_array_equal(laid.kernel[0], kernel)
    assert paper_of(COLOUR, PICTURE, sheet).map.shape == (16, 16)


def test_a_learned_sheet_lies_on_all_channels():
    laid = paper_of(COLOUR, PICTURE, "a/2")
    kernel = kernels_of(COLOUR, layers_of(COLOUR)[0])[2]
    wanted = cs.convolve(PICTURE.astype(np.float32) / 255, kernel[None], padding="same", mode="replicate")[0]
    np.testing.assert_array_equal(laid.map, wanted)
    assert laid.kernel.shape == (3, 3, 3)
    assert ":" in laid.about


def test_the_border_of_an_even_picture_is_no_edge():
    even = np.full((1, 16, 16), 200, np.uint8)
    for sheet in ("sobel_x", "laplacian", "1 0; 0 -1"):
        assert np.abs(paper_of(GREY, even, sheet).map).max() < 1e-5


def test_places_are_under_the_middle_of_the_sheet():
    spot = np.zeros((1, 16, 16), np.uint8)
    spot[0, 9, 4] = 255
    assert paper_of(GREY, spot, "gaussian(1)").places[0][:2] == (9, 4)
    assert paper_of(GREY, spot, "patch:8,2,3,5").places[0][:2] == (9, 4)
    assert paper_of(GREY, np.zeros_like(spot), "sobel_x").places == ()


def test_a_patch_finds_itself_and_an_even_one_nothing():
    laid = paper_of(GREY, PICTURE[:1], "patch:3,4,5,6")
    row, column, score = laid.places[0]
    assert (row, column) == (5, 6) and score == pytest.approx(1)
    even = paper_of(GREY, np.full((1, 16, 16), 80, np.uint8), "patch:3,4,5,6")
    assert not even.map.any() and even.like == () and "alike" in even.about


def test_what_resembles_a_sheet_is_said_both_ways():
    for sheet in ("sobel_x", "a/1", "0 1; -1 0", "patch:3,4,3,3"):
        like = paper_of(COLOUR, PICTURE, sheet).like
        assert like and all(-1 <= near.cosine <= 1 for near in like)
    for sheet in ("0 0; 0 0", "0 3; 0 0", "identity"):
        assert paper_of(GREY, PICTURE[:1], sheet).like == ()


@pytest.mark.parametrize(
    "sheet",
    ["", "nonsense", "1 2; 3", "out/1", "a/99", "patch:0,0,1,1", "patch:14,14,9,9", "nan", "box(500)", "1 | 2", "/etc/passwd", "a/1;2", "1e400", "1e308 1"],
)  # fmt: skip
def test_what_is_no_sheet_is_said_in_one_line(sheet):
    with pytest.raises(ConvscopeError) as error:
        paper_of(GREY, PICTURE[:1], sheet)
    assert len(str(error.value).splitlines()) == 1


def test_large_numbers_stay_numbers():
    assert np.isfinite(paper_of(GREY, PICTURE[:1], "1e30 1e30").map).all()


def test_kernels_in_words():
    assert "channels" in in_words(np.ones((2, 3, 3)))
    assert in_words(np.ones((3, 3, 3))).startswith("light")
