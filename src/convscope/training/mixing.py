"""What is taken away from pictures and what is put in its place: erasing, and mixing two of a batch with their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from convscope.training.chance import uniform
from convscope.training.parts import Size
from convscope.training.recipe import Recipe

ERASED_AREA, ERASED_RATIO = (0.02, 0.33), 3.3
"""Part of the picture that is erased, and how much a rectangle is stretched at most (Zhong et al. 2020, section 4)."""


def erased(
    x: Float[Tensor, "n c h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "n c h w"]:
    """Normalised pictures with a random rectangle set to 0, which is the training pictures' mean colour.

    `erase` is random erasing (Zhong et al. 2020), with rectangles inside of the picture; `cutout` a square around a random
    pixel, of which a part may lie outside (DeVries & Taylor 2017).
    """
    n, _, high, wide = x.shape
    drawn = uniform(7, n, generator=generator, axis=1)
    if recipe.erase:
        least, most = ERASED_AREA
        area = (least + (most - least) * drawn[1]) * (high * wide)
        ratio = torch.exp((2 * drawn[2] - 1) * math.log(ERASED_RATIO))
        height, width = (
            (area / ratio).sqrt().round().clamp(1, high),
            (area * ratio).sqrt().round().clamp(1, wide),
        )
        top, left = (drawn[3] * (high - height + 1)).floor(), (drawn[4] * (wide - width + 1)).floor()
        height = torch.where(drawn[0] < recipe.erase, height, 0.0)
        x = x.masked_fill_(inside(top, left, height, width, (high, wide)).to(x.device)[:, None], 0)
    if recipe.cutout:
        top, left = (
            (at * side).floor() - recipe.cutout // 2 for at, side in ((drawn[5], high), (drawn[6], wide))
        )
        square = torch.full((n,), float(recipe.cutout))
        x = x.masked_fill_(inside(top, left, square, square, (high, wide)).to(x.device)[:, None], 0)
    return x


def inside(
    top: Float[Tensor, " n"],
    left: Float[Tensor, " n"],
    height: Float[Tensor, " n"],
    width: Float[Tensor, " n"],
    size: Size,
) -> Bool[Tensor, "n h w"]:
    """Which pixels lie in each picture's rectangle.

    >>> one = torch.ones(1)
    >>> inside(0 * one, one, one, 2 * one, (2, 3)).int().tolist()
    [[[0, 1, 1], [0, 0, 0]]]
    """
    down, across = torch.arange(size[0]), torch.arange(size[1])
    rows = (down >= top[:, None]) & (down < (top + height)[:, None])
    columns = (across >= left[:, None]) & (across < (left + width)[:, None])
    return rows[:, :, None] & columns[:, None, :]


@dataclass(frozen=True)
class Mixing:
    """For each picture of a batch another one, its `partner`, and the part of the label that stays its own, its `share`.

    Where there is a `box`, the partner is put in there; elsewhere both are laid over each other by their shares.
    """

    partner: Int[Tensor, " n"]
    share: Float[Tensor, " n"]
    blended: Float[Tensor, " n"]
    box: Bool[Tensor, "n h w"] | None

    def pictures(
        self, x: Float[Tensor, "n c h w"], others: Float[Tensor, "n c h w"] | None = None
    ) -> Float[Tensor, "n c h w"]:
        """The mixed pictures; `others` are their partners, where these are not among them."""
        if others is None:
            others = x.index_select(0, self.partner.to(x.device))
        mixed = torch.lerp(others, x, self.blended.to(x)[:, None, None, None])
        return mixed if self.box is None else torch.where(self.box.to(x.device)[:, None], others, mixed)

    def of(self, rows: Int[Tensor, " m"]) -> Mixing:
        """How some of the batch are mixed; a partner is still said by its place in the batch."""
        box = None if self.box is None else self.box[rows]
        return Mixing(self.partner[rows], self.share[rows], self.blended[rows], box)

    def labels(self, labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "n k"]:
        """Soft labels: each row says how much of each class is in the picture.

        >>> half = Mixing(torch.tensor([1, 0]), torch.tensor([0.75, 0.5]), torch.ones(2), None)
        >>> half.labels(torch.tensor([0, 2]), 3).tolist()
        [[0.75, 0.0, 0.25], [0.5, 0.0, 0.5]]
        """
        own = F.one_hot(labels, classes).to(self.share.dtype)
        return torch.lerp(
            own.index_select(0, self.partner.to(labels.device)), own, self.share.to(labels.device)[:, None]
        )


def mixing(n: int, recipe: Recipe, size: Size, random: np.random.Generator) -> Mixing:
    """Who is mixed with whom in a batch of `n`, and how.

    MixUp (Zhang et al. 2018): x = a x1 + (1 - a) x2 with a of Beta(mixup, mixup). CutMix (Yun et al. 2019): a rectangle of
    1 - a of the area, a of Beta(cutmix, cutmix), around a random place, as far as it lies in the picture. Where both are
    asked each picture is mixed by one of them, drawn with equal chances.
    """
    partner = torch.from_numpy(random.permutation(n))
    cuts = random.random(n) < (0.5 if recipe.mixup and recipe.cutmix else float(recipe.cutmix > 0))
    beta = np.where(cuts, recipe.cutmix, recipe.mixup)
    kept = torch.from_numpy(random.beta(beta, beta).astype(np.float32))
    places = torch.from_numpy(random.random((2, n)).astype(np.float32))
    if not recipe.cutmix:
        return Mixing(partner, kept, kept, None)
    cut = torch.from_numpy(cuts)
    ends = []
    for whole, at in zip(size, places, strict=True):
        side = (whole * (1 - kept).sqrt()).round() * cut
        first = (at * whole).floor() - (side / 2).floor()
        ends.append((first, side))
    (top, height), (left, width) = ends
    box = inside(top, left, height, width, size)
    share = torch.where(cut, 1 - box.float().mean((1, 2)), kept)
    return Mixing(partner, share, torch.where(cut, torch.ones(()), kept), box)
