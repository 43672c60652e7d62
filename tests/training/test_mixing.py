"""Erasing and mixing: boxes by hand, shares that are the areas, soft labels whose loss is the mixture of the losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convscope.training.chance import generator, numbers
from convscope.training.loss import loss_sum
from convscope.training.mixing import Mixing, erased, mixing
from convscope.training.recipe import Recipe

SIZE = (20, 30)


def batch(n: int = 400) -> torch.Tensor:
    return torch.rand(n, 2, *SIZE, generator=torch.Generator().manual_seed(0)) + 1


def boxes(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What was set to 0: how many pixels of each picture, and the height and width of the least box around them."""
    gone = x[:, 0] == 0
    assert torch.equal(gone, x[:, 1] == 0)
    return gone.sum((1, 2)), gone.any(2).sum(1), gone.any(1).sum(1)


def test_erasing_sets_one_whole_rectangle_to_the_mean_in_so_many_pictures():
    found = erased(batch(2000), Recipe(erase=0.4), generator(0, "erase"))
    count, height, width = boxes(found)
    assert torch.equal(count, height * width)
    some = count > 0
    assert some.float().mean().item() == pytest.approx(0.4, abs=0.03)
    area = count[some] / (SIZE[0] * SIZE[1])
    assert 0.01 < area.min() < 0.03
    assert 0.3 < area.max() < 0.36
    assert torch.equal(found[~some], batch(2000)[~some])


def test_cutout_is_a_square_that_may_reach_over_the_edge():
    count, height, width = boxes(erased(batch(2000), Recipe(cutout=8), generator(0, "erase")))
    assert torch.equal(count, height * width)
    assert height.max() == width.max() == 8
    assert height.min() == width.min() == 4
    assert (height == 8).float().mean().item() == pytest.approx(13 / 20, abs=0.04)


def test_erasing_repeats_with_its_seed():
    first, again, other = (
        erased(batch(), Recipe(erase=1.0, cutout=3), generator(s, "erase")) for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def mixed(seed: int = 0, n: int = 400, **knobs: float) -> Mixing:
    return mixing(n, Recipe(**knobs), SIZE, numbers(seed, "mix", 1, 2))


def test_mixup_lays_two_pictures_over_each_other_by_their_shares():
    found, x = mixed(mixup=0.4), batch().double()
    seen = found.pictures(x)
    for i in (0, 7, 399):
        share = found.share[i].double()
        assert torch.allclose(seen[i], share * x[i] + (1 - share) * x[found.partner[i]], atol=1e-6)
    assert sorted(found.partner.tolist()) == list(range(400))
    assert found.share.mean().item() == pytest.approx(0.5, abs=0.06)
    assert ((found.share < 0.1) | (found.share > 0.9)).float().mean() > 0.3


def test_cutmix_puts_a_rectangle_in_and_the_share_is_the_area_that_is_left():
    found, x = mixed(cutmix=1.0), batch()
    seen = found.pictures(x)
    assert found.box is not None
    for i in range(50):
        theirs = found.box[i]
        assert torch.equal(seen[i], torch.where(theirs, x[found.partner[i]], x[i]))
        assert found.share[i].item() == pytest.approx(1 - theirs.float().mean().item())
        assert theirs.sum() == theirs.any(1).sum() * theirs.any(0).sum()
    assert 0.5 < found.share.mean() < 0.72


def test_where_both_are_asked_half_of_the_pictures_are_mixed_by_each():
    found = mixed(mixup=1.0, cutmix=1.0, n=2000)
    assert (found.blended < 1).float().mean().item() == pytest.approx(0.5, abs=0.04)
    assert found.box is not None
    assert not (found.box.flatten(1).any(1) & (found.blended < 1)).any()


def test_mixing_repeats_with_its_seed():
    first, again, other = (mixed(s, cutmix=1.0).pictures(batch()) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared", "distance", "discriminative"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_soft_labels_of_one_class_give_the_loss_of_that_class(loss: str, smoothing: float):
    rng = np.random.default_rng(0)
    answers, labels = torch.from_numpy(rng.normal(size=(6, 4))), torch.from_numpy(rng.integers(0, 4, 6))
    recipe = Recipe(smoothing=smoothing)
    soft = F.one_hot(labels, 4).double()
    assert torch.allclose(loss_sum(loss, recipe, answers, soft), loss_sum(loss, recipe, answers, labels))


@pytest.mark.parametrize("loss", ["cross-entropy", "distance", "discriminative"])
def test_the_loss_of_mixed_labels_is_the_mixture_of_the_losses(loss: str):
    rng = np.random.default_rng(0)
    answers, labels = torch.from_numpy(rng.normal(size=(400, 4))), torch.from_numpy(rng.integers(0, 4, 400))
    found, recipe = mixed(mixup=0.5), Recipe(smoothing=0.1)
    soft = found.labels(labels, 4).double()
    own, theirs = (
        torch.stack(
            [loss_sum(loss, recipe, a[None], label[None]) for a, label in zip(answers, which, strict=True)]
        )
        for which in (labels, labels[found.partner])
    )
    share = found.share.double()
    expected = (share * own + (1 - share) * theirs).sum()
    assert loss_sum(loss, recipe, answers, soft).item() == pytest.approx(expected.item(), rel=1e-6)
