"""Random changes of a whole batch at once, in the order in which they happen: where it is seen, then how it looks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Num, UInt8
from torch import Tensor

from convscope.training.colours import jittered, lit
from convscope.training.distort import distort
from convscope.training.moments import Principal
from convscope.training.parts import Size, cut, parts, viewed
from convscope.training.recipe import Recipe

Draw = Callable[[str], torch.Generator]
"""Purpose -> the generator of its own that draws for it at this step."""


def augmented(
    pixels: UInt8[Tensor, "n c h w"],
    recipe: Recipe,
    size: Size,
    draw: Draw,
    principal: Principal | None = None,
) -> Num[Tensor, "n c y x"]:
    """Pictures of `size`, changed at random as a recipe asks, of 0..255; uint8 where only whole pixels were moved.

    `principal` is what `lighting` goes along; it alone may lead a little beyond 0..255.

    >>> still = torch.arange(4, dtype=torch.uint8).view(1, 1, 2, 2)
    >>> augmented(still, Recipe(flip=1.0), (2, 2), lambda purpose: torch.Generator()).tolist()
    [[[[1, 0], [3, 2]]]]
    """
    drawn = _placed(pixels, recipe, size, draw)
    if recipe.jitters:
        drawn = jittered(drawn.float(), recipe, draw("colour"))
    if recipe.lighting and principal is not None:
        drawn = lit(drawn.float(), principal, recipe.lighting, draw("light"))
    return drawn


def _placed(
    pixels: UInt8[Tensor, "n c h w"], recipe: Recipe, size: Size, draw: Draw
) -> Num[Tensor, "n c y x"]:
    height, width = (max(sides) for sides in zip(pixels.shape[2:], size, strict=True))
    pixels = viewed(pixels, (height, width))
    seen = parts(len(pixels), recipe, (height, width), size, draw("place"), draw("side"))
    if recipe.distorts or recipe.area < 1:
        return distort(pixels, recipe, size, draw("distort"), seen)
    return cut(pixels, seen, size, recipe.outside)
