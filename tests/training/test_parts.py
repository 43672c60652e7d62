"""Which part of a picture is shown: whole pixels are copied as they are, scaled ones are PyTorch's own arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convscope.training.augment import augmented
from convscope.training.chance import generator
from convscope.training.distort import looked_up
from convscope.training.parts import Parts, cut, parts
from convscope.training.recipe import Recipe


def pictures(n: int = 6, channels: int = 3, high: int = 7, wide: int = 9) -> torch.Tensor:
    shape = (n, channels, high, wide)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def draws(seed: int):
    return lambda purpose: generator(seed, purpose, 3, 4)


def drawn(recipe: Recipe, picture: tuple[int, int], size: tuple[int, int], n: int = 2000) -> Parts:
    return parts(n, recipe, picture, size, generator(0, "place"), generator(0, "side"))


@pytest.mark.parametrize("outside", ["black", "mirror"])
@pytest.mark.parametrize("size", [(7, 9), (5, 6), (7, 4)])
@pytest.mark.parametrize("pad", [0, 2])
def test_each_part_is_what_slicing_the_padded_picture_gives(outside: str, size: tuple[int, int], pad: int):
    seen = drawn(Recipe(pad=pad, flip=0.5), (7, 9), size, n=6)
    found = cut(pictures(), seen, size, outside)
    wide = 20
    mode = {"black": "constant", "mirror": "symmetric"}[outside]
    page = np.pad(pictures().numpy(), [(0, 0), (0, 0), (wide, wide), (wide, wide)], mode=mode)
    for i in range(6):
        top, left = int(seen.top[i]) + wide, int(seen.left[i]) + wide
        expected = page[i, :, top : top + size[0], left : left + size[1]]
        assert np.array_equal(found[i], expected[..., ::-1] if seen.mirrored[i] else expected)


def test_a_padded_crop_takes_every_place_equally_often_and_no_other():
    seen = drawn(Recipe(pad=2), (7, 9), (7, 9), n=5000)
    for corner in (seen.top, seen.left):
        values, counts = corner.unique(return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 850


def test_a_net_larger_than_the_pictures_has_them_in_its_middle_with_black_around_also_where_edges_are_mirrored():
    recipe = Recipe(flip=1.0, outside="mirror")
    found = augmented(pictures(), recipe, (11, 13), draws(0))
    assert torch.equal(found, F.pad(pictures().flip(3), (2, 2, 2, 2)))


def test_a_smaller_net_sees_all_places_of_a_larger_picture():
    seen = drawn(Recipe(), (8, 6), (5, 5))
    assert set(seen.top.tolist()) == {0, 1, 2, 3}
    assert set(seen.left.tolist()) == {0, 1}


@pytest.mark.parametrize(("part", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_so_many_pictures_are_mirrored(part: float, share: float):
    mirrored = drawn(Recipe(flip=part), (7, 9), (7, 9)).mirrored.float().mean().item()
    assert mirrored == pytest.approx(share, abs=0.04)


def test_random_resized_crops_lie_within_the_picture_and_have_the_areas_and_proportions_that_were_asked():
    seen = drawn(Recipe(area=0.1, ratio=2.0), (80, 100), (32, 32), n=20_000)
    assert (seen.top >= 0).all() and (seen.left >= 0).all()
    assert (seen.top + seen.height <= 80.001).all()
    assert (seen.left + seen.width <= 100.001).all()
    area, ratio = seen.width * seen.height / 8000, seen.width / seen.height
    assert area.min().item() == pytest.approx(0.1, abs=0.001)
    assert 0.95 < area.max() <= 1
    assert ratio.min().item() == pytest.approx(0.5, abs=0.01)
    assert ratio.max().item() == pytest.approx(2.0, abs=0.02)
    small = (
        area < 0.3
    )  # these fit whatever their proportions: the logarithms are uniform, so half are wider than high
    assert (ratio[small] > 1).float().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_resized_part_is_pytorchs_bilinear_interpolation_of_the_cut_part(mirrored: bool):
    picture = pictures(1, high=12, wide=14).double()
    place = (torch.tensor([v], dtype=torch.float64) for v in (2, 3, 6, 8))
    seen = Parts(*place, torch.tensor([mirrored]))
    theta = seen.maps((12, 14), (9, 16))[:, :2]
    found = looked_up(picture, theta, (9, 16), "border")
    whole = F.interpolate(picture[:, :, 2:8, 3:11], (9, 16), mode="bilinear", align_corners=False)
    expected = whole.flip(3) if mirrored else whole
    # At its edge PyTorch repeats the part's own pixels; here the picture goes on, so only the inside is the same.
    assert torch.allclose(found[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-9)


def test_the_whole_picture_as_a_resized_part_is_plain_interpolation_to_its_very_edge():
    picture = pictures(2, high=12, wide=14).double()
    seen = Parts(
        *(torch.full((2,), v, dtype=torch.float64) for v in (0, 0, 12, 14)), torch.tensor([False, False])
    )
    found = looked_up(picture, seen.maps((12, 14), (20, 30))[:, :2], (20, 30), "border")
    assert torch.allclose(found, F.interpolate(picture, (20, 30), mode="bilinear"), atol=1e-9)


def test_a_mirrored_whole_picture_by_its_map_is_the_flipped_picture():
    seen = drawn(Recipe(flip=1.0), (7, 9), (7, 9), n=6)
    theta = seen.maps((7, 9), (7, 9))[:, :2]
    assert torch.allclose(
        looked_up(pictures().float(), theta, (7, 9), "zeros"), pictures().flip(3).float(), atol=1e-3
    )


def test_rotation_and_mirroring_go_together_with_whole_pixels():
    recipe = Recipe(pad=2, flip=0.5)
    plain = augmented(pictures(), recipe, (7, 9), draws(0))
    turned = augmented(pictures(), recipe.changed(rotate=1e-6), (7, 9), draws(0))
    assert plain.dtype == torch.uint8
    assert torch.allclose(plain.float(), turned, atol=1e-2)


@pytest.mark.parametrize(
    "knobs", [{"flip": 0.5}, {"pad": 3}, {"area": 0.3}, {"pad": 2, "outside": "mirror"}], ids=str
)
def test_each_knob_changes_pictures_and_repeats_with_the_seed(knobs):
    recipe = Recipe(**knobs)
    first, again, other = (augmented(pictures(20), recipe, (7, 9), draws(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first.float(), pictures(20).float())
    assert first.min() >= 0
    assert first.max() <= 255


def test_one_knob_does_not_move_what_another_draws():
    some = drawn(Recipe(pad=2), (7, 9), (7, 9))
    more = drawn(Recipe(pad=2, flip=0.5), (7, 9), (7, 9))
    assert torch.equal(some.top, more.top)
    assert torch.equal(some.left, more.left)


def test_a_part_that_no_try_fits_is_cut_to_the_picture():
    seen = drawn(Recipe(area=0.99, ratio=10.0), (10, 10), (10, 10), n=50)
    assert (seen.height <= 10).all() and (seen.width <= 10).all()
    assert math.isclose(seen.width.max().item(), 10)
