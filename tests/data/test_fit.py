"""Whatever picture comes, the net sees what it learned from: its size, its channels, light on dark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from convscope.data import mnist
from convscope.data.fit import fit, like_mnist
from convscope.data.strokes import bounding_box, centre_of_mass, is_dark_on_light, is_like_mnist, lighting

NET = (1, 28, 28)
INVERTED = "inverted: the net knows light on dark, this is dark on light"


@pytest.fixture(scope="module")
def test_digits() -> np.ndarray:
    """The first 1,000 test digits, [1000, 28, 28]."""
    content = np.frombuffer(mnist.decode("t10k-images-idx3-ubyte"), np.uint8)
    return content[16 : 16 + 1000 * 784].reshape(-1, 28, 28)


def page(digit: np.ndarray, side: int, at: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """A digit enlarged to side x side, light on a dark page of (height, width)."""
    canvas = Image.new("L", size[::-1], 0)
    canvas.paste(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), at[::-1])
    return np.asarray(canvas)[None]


def on_paper(light: np.ndarray) -> np.ndarray:
    return np.repeat(255 - light, 3, 0)


def photographed(light: np.ndarray) -> np.ndarray:
    """Pencil on a page lit from one corner, with the noise of a camera."""
    rng = np.random.default_rng(1)
    height, width = light.shape[1:]
    lamp = np.add.outer(np.linspace(0.6, 0.9, height), np.linspace(0, 0.3, width)) * 200
    seen = lamp * (1 - 0.75 * light[0] / 255) + rng.normal(0, 4, (height, width))
    return np.repeat(np.clip(seen, 0, 255).astype(np.uint8)[None], 3, 0)


WAYS = {"white on black": lambda light: light, "black on white": on_paper, "photographed": photographed}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_digit_that_was_enlarged_moved_and_put_on_a_page_comes_back_as_itself(way, test_digits):
    rng = np.random.default_rng(0)
    labels = np.frombuffer(mnist.decode("t10k-labels-idx1-ubyte"), np.uint8)[8:1008]
    known = test_digits.reshape(1000, -1).astype(np.float32)
    itself, same = 0, 0
    for number in range(40):
        side = int(rng.integers(60, 300))
        height, width = (int(rng.integers(side, 2 * side)) for _ in range(2))
        at = (int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1)))
        seen = like_mnist(way(page(test_digits[number], side, at, (height, width)))).pixels
        nearest = int(np.square(known - seen.reshape(-1)).sum(1).argmin())
        itself += nearest == number
        same += labels[nearest] == labels[number]
    # A shift by one pixel, after rounding, may make another picture of the same digit the nearest of the thousand.
    assert same == 40 and itself >= 34


@pytest.mark.parametrize("dark", [True, False], ids=["black on white", "white on black"])
@pytest.mark.parametrize("size", [20, 60, 150, 300])
def test_a_drawn_digit_fills_the_box_around_its_centre_of_mass(size, dark):
    for digit in range(10):
        image = Image.new("L", (500, 400), 255 if dark else 0)
        font = ImageFont.load_default(size)
        ImageDraw.Draw(image).text((10 + 13 * digit, 8 * digit), str(digit), 0 if dark else 255, font)
        fitted = like_mnist(np.asarray(image)[None])
        seen = fitted.pixels[0]
        top, bottom, left, right = bounding_box(seen > 0)
        assert 19 <= max(bottom - top, right - left) <= 22
        assert np.abs(np.subtract(centre_of_mass(seen), 14)).max() <= 1
        assert (seen.max(), np.median(seen)) == (255, 0)
        assert (INVERTED in fitted.steps) == dark


def test_a_thin_line_is_widened_rather_than_faded():
    image = Image.new("L", (600, 600), 255)
    ImageDraw.Draw(image).line([(300, 60), (310, 540)], fill=0, width=2)
    fitted = like_mnist(np.asarray(image)[None])
    assert "strokes widened: thin ones would fade when scaled down" in fitted.steps
    assert np.median(fitted.pixels[0, 6:22].max(1)) > 200


@pytest.mark.parametrize("inverted", [False, True])
def test_a_digit_that_already_is_as_MNIST_has_it_is_not_touched(inverted, test_digits):
    for digit in test_digits[:200]:
        fitted = like_mnist((255 - digit if inverted else digit)[None])
        assert (fitted.pixels[0] == digit).all()
        assert fitted.steps == ((INVERTED,) if inverted else ())
    assert np.mean([is_like_mnist(digit) for digit in test_digits]) > 0.99


@pytest.mark.parametrize("ground", [0, 30, 100])
def test_the_ground_of_a_drawing_is_its_one_value_and_a_photographs_is_fitted(ground, test_digits):
    drawn = np.maximum(page(test_digits[0], 80, (10, 20), (112, 112)), ground)
    found, noise = lighting(drawn[0])
    assert noise == 0 and (found == ground).all()
    assert np.ptp(lighting(photographed(drawn)[0])[0]) > 16


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_an_empty_page_stays_empty_and_says_so(grey):
    fitted = like_mnist(np.full((3, 50, 70), grey, np.uint8))
    assert fitted.pixels.max() == 0 and fitted.steps[-1] == "nothing drawn on it was found"


STEPS = {
    # mode, picture [c, h, w], net, background -> steps
    "same": (("pad", (1, 28, 28), NET, None), ()),
    "landscape": (("pad", (1, 480, 640), NET, None), ("scaled 640x480 -> 28x21 and padded to 28x28",)),
    "portrait": (("crop", (1, 64, 32), NET, None), ("scaled 32x64 -> 28x56 and cut to 28x28",)),
    "stretch": (("stretch", (1, 64, 32), NET, None), ("scaled 32x64 -> 28x28",)),
    "only padded": (("pad", (1, 28, 20), NET, None), ("padded to 28x28",)),
    "to colour": (("pad", (1, 8, 8), (3, 8, 8), None), ("3 equal channels from grey",)),
    "to grey": (("pad", (3, 28, 28), NET, None), ("grey from colour",)),
    "all": (
        ("pad", (3, 56, 56), NET, 255),
        ("grey from colour", "inverted: the net knows dark on light, this is light on dark", "scaled 56x56 -> 28x28"),
    ),
    "a long line": (
        ("crop", (1, 1, 5_000_000), NET, None), ("scaled 5000000x1 -> 140000000x28 and cut to 28x28",),
    ),
    "a line": (("pad", (1, 1, 1000), NET, None), ("scaled 1000x1 -> 28x1 and padded to 28x28",)),
    "a pixel": (("pad", (1, 1, 1), NET, None), ("scaled 1x1 -> 28x28",)),
}  # fmt: skip


@pytest.mark.parametrize(("how", "steps"), STEPS.values(), ids=STEPS.keys())
def test_the_steps_say_what_was_done(how, steps):
    mode, size, net, background = how
    fitted = fit(np.zeros(size, np.uint8), net, background=background, mode=mode)
    assert (fitted.steps, fitted.pixels.shape) == (steps, net)


@settings(max_examples=100, deadline=None)
@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    net=st.tuples(st.sampled_from([1, 3]), st.integers(1, 40), st.integers(1, 40)),
    background=st.sampled_from([None, 0, 255]),
    mode=st.sampled_from(["pad", "crop", "stretch"]),
    centre=st.booleans(),
    seed=st.integers(0, 9),
)
def test_every_picture_comes_out_in_the_nets_shape(
    channels, height, width, net, background, mode, centre, seed
):
    picture = np.random.default_rng(seed).integers(0, 256, (channels, height, width), np.uint8)
    before = picture.copy()
    pixels = fit(picture, net, background=background, mode=mode, centre=centre).pixels
    assert pixels.shape == net and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert (picture == before).all()


def test_shrinking_averages_where_skipping_would_alias():
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 56, 28))
    assert np.abs(fit(stripes, NET).pixels[..., 2:-2].astype(int) - 127).max() <= 6


def test_a_border_is_padded_with_the_background_or_the_pictures_own_colour():
    picture = np.zeros((3, 10, 20), np.uint8) + np.array([10, 20, 30], np.uint8)[:, None, None]
    assert fit(picture, (3, 20, 20)).pixels[:, 0, 0].tolist() == [10, 20, 30]
    assert fit(picture[:1], (1, 20, 20), background=0).pixels[0, 0, 0] == 0


@pytest.mark.parametrize("ground", [0, 40, 100, 127, 160, 255])
def test_strokes_are_seen_as_darker_or_lighter_than_any_ground(ground):
    drawing = np.full((40, 40), ground, np.uint8)
    for ink in (max(0, ground - 60), min(255, ground + 60)):
        drawing[10:30, 18:22] = ink
        if ink != ground:
            assert is_dark_on_light(drawing, strokes=True) == (ink < ground)


WRONG = {
    "a picture is uint8, 0 to 255, not float64": (np.zeros((1, 2, 2)), "pad"),
    "a picture is [1 or 3 channels, height, width], not [28, 28]": (np.zeros((28, 28), np.uint8), "pad"),
    "a picture is [1 or 3 channels, height, width], not [4, 2, 2]": (np.zeros((4, 2, 2), np.uint8), "pad"),
    "a picture is [1 or 3 channels, height, width], not [1, 0, 2]": (np.zeros((1, 0, 2), np.uint8), "pad"),
    "mode is pad, crop or stretch, not 'squeeze'": (np.zeros((1, 2, 2), np.uint8), "squeeze"),
}


@pytest.mark.parametrize(("message", "given_"), WRONG.items())
def test_what_is_no_picture_or_mode_is_refused(message, given_):
    with pytest.raises(ValueError) as error:
        fit(given_[0], NET, mode=given_[1])
    assert str(error.value) == message
