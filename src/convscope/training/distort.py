"""Random distortions of a whole batch at once: the ones of 1998 and today's.

Each picture of the batch gets an affine map of its own and, if asked, an elastic one (Simard, Steinkraus & Platt 2003); both
are one look-up with bilinear interpolation, from the source pictures straight to the net's input size.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from convscope.training.chance import normal, uniform
from convscope.training.parts import Parts
from convscope.training.recipe import Recipe


def distort(
    pixels: UInt8[Tensor, "n c h w"],
    recipe: Recipe,
    size: tuple[int, int],
    generator: torch.Generator,
    seen: Parts | None = None,
) -> Float[Tensor, "n c y x"]:
    """Distorted pictures of `size` (rows, columns), still 0..255; where parts of them are `seen`, only those.

    What lies outside of a picture is black or mirrored, as the recipe says.

    >>> still = distort(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), Recipe(), (4, 4), torch.Generator())
    >>> still[0, 0].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 255.0, 255.0, 0.0], [0.0, 255.0, 255.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    n, _, height, width = pixels.shape
    theta = affine(n, recipe, generator)
    if seen is not None:
        theta = theta @ seen.maps((height, width), size)
    bent = elastic_field(n, size, recipe.elastic, generator, pixels.device) if recipe.elastic else None
    # A part that reaches no further than the picture has nothing outside but the half pixel around the outermost centres.
    within = seen is not None and not recipe.distorts and recipe.area < 1
    mode = "border" if within else "reflection" if recipe.outside == "mirror" else "zeros"
    return looked_up(pixels.float(), theta, size, mode, bent)


def looked_up(
    source: Float[Tensor, "n c h w"],
    theta: Float[Tensor, "n 2 3"],
    size: tuple[int, int],
    mode: str,
    bent: Float[Tensor, "n y x 2"] | None = None,
) -> Float[Tensor, "n c y x"]:
    """Each value of the result, bilinear between the pixels around the place where its map leads, plus `bent`.

    Places are in pixels from the centres; `mode` is what `torch.nn.functional.grid_sample` takes for what lies outside.
    """
    n, _, height, width = source.shape
    half = torch.tensor([width / 2, height / 2], dtype=theta.dtype)
    # Scaled while they are six numbers a picture; bent places are few enough to be scaled by themselves.
    theta = (theta / half[:, None]).to(source)
    places = torch.einsum("nij,pj->npi", theta, _grid(*size).to(source)).view(n, *size, 2)
    if bent is not None:
        places = places + bent / half.to(bent)
    return F.grid_sample(source, places, "bilinear", mode, align_corners=False)


def affine(n: int, recipe: Recipe, generator: torch.Generator) -> Float[Tensor, "n 2 3"]:
    """For each picture, the map from a place of the result to the place of the source it shows.

    In pixels from the centre, (x, y, 1) -> (x, y): scaled, squeezed, sheared, rotated, then shifted.
    """

    def draw(reach: float) -> Tensor:
        return (uniform(n, generator=generator) * 2 - 1) * reach

    scale, squeeze, shear = 1 + draw(recipe.scale), 1 + draw(recipe.squeeze), draw(recipe.shear)
    angle, x, y = draw(recipe.rotate) * torch.pi / 180, draw(recipe.shift), draw(recipe.shift)
    wide, high = 1 / (scale * squeeze), squeeze / scale
    cos, sin = torch.cos(angle), torch.sin(angle)
    row_x = torch.stack([wide * cos + shear * sin, -wide * sin + shear * cos, x], 1)
    row_y = torch.stack([high * sin, high * cos, y], 1)
    return torch.stack([row_x, row_y], 1)


def elastic_field(
    n: int,
    size: tuple[int, int],
    strength: float,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "n h w 2"]:
    """Smooth random displacements, whose typical size (root of the mean square) is `strength` pixels.

    Random numbers on a grid of about 7 pixels, made smooth by bicubic interpolation: as smooth as filtering
    noise with a Gaussian of about 4 pixels, at the price of two small matrix products.
    """
    down, across = _smoother(size[0]).to(device), _smoother(size[1]).to(device)
    noise = normal(n, 2, down.shape[1], across.shape[1], generator=generator).to(device)
    return (down @ noise @ across.T).permute(0, 2, 3, 1) * strength


@lru_cache(maxsize=8)
def _smoother(size: int) -> Float[Tensor, "size knots"]:
    """Bicubic interpolation from knots to pixels as a matrix, scaled so that unit noise keeps its variance."""
    knots = max(3, round(size / 7) + 1)
    rows = F.interpolate(
        torch.eye(knots)[None, :, :, None], size=(size, 1), mode="bicubic", align_corners=True
    )
    matrix = rows[0, :, :, 0].T
    return matrix / matrix.square().sum(1).mean().sqrt()


@lru_cache(maxsize=8)
def _grid(rows: int, columns: int) -> Tensor:
    """Places of the result in pixels from its centre: [rows x columns, (x, y, 1)]."""
    y, x = torch.meshgrid(
        torch.arange(rows) - (rows - 1) / 2, torch.arange(columns) - (columns - 1) / 2, indexing="ij"
    )
    return torch.stack([x, y, torch.ones_like(x)], -1).flatten(0, 1)
