"""Colours at random: each knob by the textbook's formula in float64, greys stay grey, and light goes along the components."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from convscope.data.images import Pictures
from convscope.nets.grammar import parse
from convscope.training.augment import augmented
from convscope.training.chance import generator
from convscope.training.colours import LUMA, colour_maps, jittered, light, lit
from convscope.training.moments import Normalisation, Principal, moments_of
from convscope.training.recipe import Recipe

KNOBS = [{k: 0.4} for k in ("brightness", "contrast", "saturation", "hue")]


def middling(n: int = 5, channels: int = 3) -> torch.Tensor:
    """Pictures of 110..145, so that no change of up to 0.4 leads out of 0..255."""
    return torch.randint(110, 146, (n, channels, 4, 5), generator=torch.Generator().manual_seed(2)).double()


def factors(n: int) -> torch.Tensor:
    """The four numbers of -1..1 that are drawn for each picture."""
    return torch.rand(4, n, generator=generator(7, "colour"), dtype=torch.float64) * 2 - 1


def changed(recipe: Recipe, pixels: torch.Tensor) -> torch.Tensor:
    return jittered(pixels, recipe, generator(7, "colour"))


def brightness_of(pixels: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ncyx,c->nyx", pixels, torch.tensor(LUMA, dtype=torch.float64))[:, None]


def test_brightness_multiplies():
    factor = 1 + 0.4 * factors(5)[0][:, None, None, None]
    assert torch.allclose(changed(Recipe(brightness=0.4), middling()), middling() * factor, atol=1e-9)


def test_contrast_goes_towards_the_pictures_mean_brightness():
    factor = 1 + 0.4 * factors(5)[1][:, None, None, None]
    mean = brightness_of(middling()).mean((2, 3), keepdim=True)
    expected = factor * middling() + (1 - factor) * mean
    assert torch.allclose(changed(Recipe(contrast=0.4), middling()), expected, atol=1e-9)


def test_saturation_goes_towards_each_pixels_brightness():
    factor = 1 + 0.4 * factors(5)[2][:, None, None, None]
    expected = factor * middling() + (1 - factor) * brightness_of(middling())
    assert torch.allclose(changed(Recipe(saturation=0.4), middling()), expected, atol=1e-9)


def test_hue_keeps_brightness_and_greys_and_turns_the_colours():
    turned = changed(Recipe(hue=0.4), middling())
    assert torch.allclose(brightness_of(turned), brightness_of(middling()), atol=0.05)
    assert not torch.allclose(turned, middling(), atol=1)
    greys = middling()[:, :1].expand(-1, 3, -1, -1)
    assert torch.allclose(changed(Recipe(hue=0.4), greys.clone()), greys, atol=0.2)
    one = torch.ones(1, dtype=torch.float64)
    third = colour_maps(one, one, one / 3, 3)[0] @ torch.tensor([200.0, 80.0, 80.0], dtype=torch.float64)
    hue, *_ = colorsys.rgb_to_hsv(*(third / 255).tolist())
    assert abs(hue - 1 / 3) < 0.07 or abs(hue - 2 / 3) < 0.07
    whole = colour_maps(one, one, one, 3)[0]
    assert torch.allclose(whole, torch.eye(3, dtype=torch.float64), atol=1e-9)


def test_all_together_are_one_after_the_other():
    recipe = Recipe(brightness=0.2, contrast=0.3, saturation=0.1, hue=0.05)
    pixels = middling()
    for knob in ("brightness", "contrast", "saturation", "hue"):
        pixels = changed(Recipe(**{knob: getattr(recipe, knob)}), pixels)
    assert torch.allclose(changed(recipe, middling()), pixels, atol=0.05)


def test_the_result_stays_within_what_pixels_can_be():
    wild = torch.randint(0, 256, (50, 3, 4, 4), generator=torch.Generator().manual_seed(3)).float()
    found = changed(Recipe(brightness=1.0, contrast=1.0, saturation=1.0), wild)
    assert found.min() == 0
    assert found.max() == 255


@pytest.mark.parametrize("knobs", KNOBS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_knob_repeats_with_its_seed_and_grey_has_no_colour_to_change(knobs, channels: int):
    pixels = middling(channels=channels).to(torch.uint8)

    def seen(seed: int) -> torch.Tensor:
        return augmented(pixels, Recipe(**knobs), (4, 5), lambda purpose: generator(seed, purpose))

    assert torch.equal(seen(1), seen(1))
    coloured = channels == 3 or next(iter(knobs)) in ("brightness", "contrast")
    assert torch.allclose(seen(1), pixels.float(), atol=1e-3) is not coloured
    assert torch.equal(seen(1), seen(2)) is not coloured


def colourful(n: int = 300, shape: tuple[int, ...] = (3, 6, 5)) -> Pictures:
    rng = np.random.default_rng(5)
    mixed = np.array([[90, 0, 0], [60, 20, 0], [50, -10, 15]])
    values = 120 + np.einsum("cd,ndyx->ncyx", mixed, rng.normal(size=(n, *shape)) / 2)
    return Pictures(values.clip(0, 255).astype(np.uint8), np.zeros(n, np.int64))


def test_moments_are_numpys_and_exact():
    pixels = colourful().pixels
    flat = pixels.transpose(1, 0, 2, 3).reshape(3, -1).astype(np.float64)
    found = moments_of(pixels)
    assert np.array_equal(found.means, flat.sum(1) / flat.shape[1])
    np.testing.assert_allclose(found.covariance, np.cov(flat, bias=True), rtol=1e-12)
    rule = Normalisation.of(parse("input 3x6x5; out linear 2").input, colourful())
    normal = flat * np.array(rule.scale)[:, None] + np.array(rule.shift)[:, None]
    np.testing.assert_allclose(normal.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(normal.std(1), 1, atol=1e-12)


def test_pictures_of_one_value_are_only_shifted():
    same = Pictures(np.full((2, 1, 3, 3), 7, np.uint8), np.zeros(2, np.int64))
    assert Normalisation.of(parse("input 1x3x3; out linear 2").input, same) == Normalisation((1.0,), (-7.0,))


def test_principal_components_explain_the_covariance_and_are_in_order():
    principal = Principal.of(colourful())
    vectors, values = np.array(principal.components), np.array(principal.variances)
    np.testing.assert_allclose(
        vectors @ np.diag(values) @ vectors.T, moments_of(colourful().pixels).covariance / 255**2, atol=1e-12
    )
    assert list(values) == sorted(values, reverse=True)
    assert (vectors[np.abs(vectors).argmax(0), range(3)] > 0).all()


def test_light_is_the_papers_sum_over_the_components():
    principal = Principal.of(colourful())
    drawn = torch.randn(4, 3, generator=generator(1, "light"), dtype=torch.float64).numpy() * 0.1
    p, v = np.array(principal.components), np.array(principal.variances)
    expected = [sum(255 * p[:, i] * a[i] * v[i] for i in range(3)) for a in drawn]
    np.testing.assert_allclose(light(4, principal, 0.1, generator(1, "light")), expected, atol=1e-12)
    black = torch.zeros(4, 3, 2, 2, dtype=torch.float64)
    seen = lit(black, principal, 0.1, generator(1, "light"))
    np.testing.assert_allclose(seen, np.array(expected)[:, :, None, None] * np.ones((2, 2)), atol=1e-12)


def test_lights_strength_along_the_first_component_is_what_was_asked():
    principal = Principal((0.5, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    added = light(5000, principal, 0.1, generator(0, "light"))
    assert added[:, 0].std().item() == pytest.approx(255 * 0.1 * 0.5, rel=0.05)
    assert not added[:, 1:].any()


def test_a_centred_input_has_mean_nought_and_its_values_as_far_apart_as_they_were():
    pictures = colourful()
    rule = Normalisation.of(parse("input 3x6x5 centred; out linear 2").input, pictures)
    assert rule.scale == (1.0, 1.0, 1.0)
    means = np.asarray(pictures.pixels, np.float64).mean((0, 2, 3))
    assert rule.shift == pytest.approx(tuple(-means), rel=1e-6)
