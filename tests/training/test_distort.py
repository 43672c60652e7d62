"""The distortions: nothing asked changes nothing, a known map does what it says, and chance is repeatable."""

from __future__ import annotations

import pytest
import torch

from convscope.training.chance import generator
from convscope.training.distort import affine, distort, elastic_field
from convscope.training.recipe import Recipe


def picture(n: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 9, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_no_distortion_gives_the_picture_itself():
    assert torch.allclose(
        distort(picture(3), Recipe(), (9, 9), torch.Generator()), picture(3).float(), atol=1e-3
    )


def test_a_larger_size_adds_black_around_the_picture():
    drawn = distort(picture(), Recipe(), (13, 13), torch.Generator())
    assert torch.allclose(drawn[:, :, 2:11, 2:11], picture().float(), atol=1e-3)
    assert drawn.sum().item() == pytest.approx(picture().sum().item(), rel=1e-4)


@pytest.mark.parametrize(
    ("knob", "value"),
    [("shift", 2.0), ("rotate", 20.0), ("scale", 0.2), ("squeeze", 0.2), ("shear", 0.3), ("elastic", 1.0)],
)
def test_each_knob_changes_pictures_and_repeats_with_the_seed(knob: str, value: float):
    recipe = Recipe(**{knob: value})
    first, again, other = (distort(picture(4), recipe, (9, 9), generator(s, "distort")) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, picture(4).float())
    assert first.min() >= 0
    assert first.max() <= 255


def test_the_affine_maps_stay_within_what_the_recipe_says():
    recipe = Recipe(shift=3.0, rotate=90.0, scale=0.1)
    theta = affine(2000, recipe, generator(0, "distort"))
    assert theta[:, :, 2].abs().max() <= 3
    sizes = torch.linalg.det(theta[:, :, :2]).sqrt()
    assert 1 / 1.1 - 1e-3 <= sizes.min() < 0.92
    assert 1.09 < sizes.max() <= 1 / 0.9 + 1e-3


def test_a_rotation_turns_about_the_centre_and_keeps_lengths():
    theta = affine(500, Recipe(rotate=45.0), generator(0, "distort"))[:, :, :2]
    assert torch.allclose(theta @ theta.transpose(1, 2), torch.eye(2).expand(500, 2, 2), atol=1e-5)


def test_elastic_displacements_have_the_strength_that_was_asked():
    field = elastic_field(500, (28, 28), 1.5, generator(0, "distort"))
    assert field.shape == (500, 28, 28, 2)
    assert field.square().mean().sqrt().item() == pytest.approx(1.5, rel=0.05)


def test_elastic_displacements_are_smooth():
    field = elastic_field(100, (28, 28), 1.0, generator(0, "distort"))
    step = (field[:, 1:] - field[:, :-1]).square().mean().sqrt()
    assert step < 0.4
