"""Which part of each picture a batch shows, and whether it is mirrored; whole pixels where nothing has to be scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from convscope.nets.views import PLAIN, Size, View
from convscope.training.chance import uniform
from convscope.training.recipe import Recipe

TRIES = 10
"""So many random parts are drawn, and the first that lies within the picture is taken."""


@dataclass(frozen=True)
class Parts:
    """A part of each picture, in its pixels: it may reach beyond the picture, and is seen mirrored where that is so."""

    top: Float[Tensor, " n"]
    left: Float[Tensor, " n"]
    height: Float[Tensor, " n"]
    width: Float[Tensor, " n"]
    mirrored: Bool[Tensor, " n"]

    def maps(self, picture: Size, size: Size) -> Float[Tensor, "n 3 3"]:
        """For each picture, the map from a place of the result to the place of the picture that it shows.

        In pixels from either's centre, (x, y, 1) -> (x, y, 1).
        """
        across = self.width / size[1]
        nought = torch.zeros_like(self.top)
        rows = (
            (torch.where(self.mirrored, -across, across), nought, self.left + (self.width - picture[1]) / 2),
            (nought, self.height / size[0], self.top + (self.height - picture[0]) / 2),
            (nought, nought, nought + 1),
        )
        return torch.stack([torch.stack(row, 1) for row in rows], 1)


def parts(
    n: int, recipe: Recipe, picture: Size, size: Size, places: torch.Generator, sides: torch.Generator
) -> Parts:
    """The part of each of `n` pictures, at least as large as `size`, that is shown: drawn at random as the recipe asks."""
    mirrored = uniform(n, generator=sides) < recipe.flip
    if recipe.area < 1:
        return Parts(*_resized(n, recipe, picture, places), mirrored)
    drawn = uniform(2, n, generator=places, axis=1)
    top, left = (
        (at * (room + 1)).floor().clamp(max=room) - recipe.pad
        for at, room in ((drawn[axis], picture[axis] - size[axis] + 2 * recipe.pad) for axis in (0, 1))
    )
    height, width = (torch.full((n,), float(seen)) for seen in size)
    return Parts(top, left, height, width, mirrored)


def _resized(
    n: int, recipe: Recipe, picture: Size, places: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Parts of random area and proportions (Szegedy et al. 2015, section 6): top, left, height, width.

    Where none of the tries lies within the picture the last one is cut to it.
    """
    high, wide = picture
    drawn = uniform(4, n, TRIES, generator=places, axis=1)
    area = (recipe.area + (1 - recipe.area) * drawn[0]) * (high * wide)
    ratio = torch.exp((2 * drawn[1] - 1) * math.log(recipe.ratio))
    widths, heights = (area * ratio).sqrt(), (area / ratio).sqrt()
    within = (widths <= wide) & (heights <= high)
    within[:, -1] = True
    first = within.int().argmax(1, keepdim=True)
    height, width, down, right = (
        v.gather(1, first)[:, 0]
        for v in (heights.clamp(max=high), widths.clamp(max=wide), drawn[2], drawn[3])
    )
    return (high - height) * down, (wide - width) * right, height, width


def cut(pixels: UInt8[Tensor, "n c h w"], seen: Parts, size: Size, outside: str) -> UInt8[Tensor, "n c y x"]:
    """Parts of whole pixels, cut out without any arithmetic: rows of bytes are copied.

    >>> two = torch.arange(8, dtype=torch.uint8).view(2, 1, 2, 2)
    >>> place = Parts(*torch.tensor([[0., -1.], [0., 0.], [2., 2.], [2., 2.]]), torch.tensor([True, False]))
    >>> cut(two, place, (2, 2), "black").tolist()
    [[[[1, 0], [3, 2]]], [[[0, 0], [4, 5]]]]
    """
    n, channels, high, wide = pixels.shape
    top, left = seen.top.long(), seen.left.long()
    mirrored = seen.mirrored
    if not mirrored.any() and not top.any() and not left.any() and size == (high, wide):
        return pixels
    above, before = max(0, -int(top.min())), max(0, -int(left.min()))
    below, behind = max(0, int(top.max()) + size[0] - high), max(0, int(left.max()) + size[1] - wide)
    page = bordered(pixels, (before, behind, above, below), outside)
    rows, columns = page.shape[2:]
    # A mirrored part is the part of the mirrored page: both pages lie one behind the other.
    pages = torch.cat([page, page.flip(3)]) if mirrored.any() else page
    top, left, mirrored = (at.to(pages.device, non_blocking=True) for at in (top, left, mirrored))
    left = torch.where(mirrored, columns - size[1] - (left + before), left + before)
    first = (torch.arange(n, device=pages.device) + n * mirrored) * channels
    row = (first[:, None] + torch.arange(channels, device=pages.device))[:, :, None] * rows + (
        (top + above)[:, None, None] + torch.arange(size[0], device=pages.device)
    )
    starts = (row * columns + left[:, None, None]).flatten()
    every = pages.reshape(-1).as_strided((pages.numel() - size[1] + 1, size[1]), (1, 1))
    return every.index_select(0, starts).view(n, channels, *size)


def bordered(pixels: Tensor, sides: tuple[int, int, int, int], outside: str) -> Tensor:
    """Pictures with a border (left, right, above, below): black, or what is inside of it, mirrored at the edge.

    >>> bordered(torch.tensor([[[[1, 2, 3]]]]), (2, 1, 0, 0), "mirror").tolist()
    [[[[2, 1, 1, 2, 3, 3]]]]
    """
    if not any(sides):
        return pixels
    if outside == "black":
        return F.pad(pixels, sides)
    for axis, before, behind in ((3, *sides[:2]), (2, *sides[2:])):
        size = pixels.shape[axis]
        first, last = pixels.narrow(axis, 0, before), pixels.narrow(axis, size - behind, behind)
        pixels = torch.cat([first.flip(axis), pixels, last.flip(axis)], axis)
    return pixels


def viewed(pixels: UInt8[Tensor, "n c h w"], size: Size, view: View = PLAIN) -> UInt8[Tensor, "n c y x"]:
    """Pictures as a net of `size` is shown them by a view, black where nothing is: `convscope.nets.views.shown` of a batch.

    >>> viewed(torch.tensor([[[[7]]]], dtype=torch.uint8), (2, 3)).tolist()
    [[[[0, 7, 0], [0, 0, 0]]]]
    """
    high, wide = pixels.shape[2:]
    top, left = view.corner((high, wide), size)
    # Negative borders cut: where the part begins later, or ends sooner, than the picture.
    sides = (-left, left + size[1] - wide, -top, top + size[0] - high)
    seen = F.pad(pixels, sides) if any(sides) else pixels
    return seen.flip(3) if view.mirrored else seen
