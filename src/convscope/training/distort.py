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

from convscope.training.recipe import Recipe


def distort(
    pixels: UInt8[Tensor, "n c h w"], recipe: Recipe, size: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "n c y x"]:
    """Distorted pictures of `size` (rows, columns), still 0..255, black outside of the source picture.

    >>> still = distort(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), Recipe(), (4, 4), torch.Generator())
    >>> still[0, 0].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.0, 255.0, 255.0, 0.0], [0.0, 255.0, 255.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    n, _, height, width = pixels.shape
    theta = affine(n, recipe, generator)
    rows, columns = size
    base = _grid(rows, columns)
    places = torch.einsum("nij,pj->npi", theta, base)
    if recipe.elastic:
        places = places + elastic_field(n, size, recipe.elastic, generator).flatten(1, 2)
    places = places / torch.tensor([width / 2, height / 2])
    source = pixels.float()
    return F.grid_sample(
        source, places.view(n, rows, columns, 2).to(source.device), "bilinear", "zeros", align_corners=False
    )


def affine(n: int, recipe: Recipe, generator: torch.Generator) -> Float[Tensor, "n 2 3"]:
    """For each picture, the map from a place of the result to the place of the source it shows.

    In pixels from the centre, (x, y, 1) -> (x, y): scaled, squeezed, sheared, rotated, then shifted.
    """

    def draw(reach: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * reach

    scale, squeeze, shear = 1 + draw(recipe.scale), 1 + draw(recipe.squeeze), draw(recipe.shear)
    angle, x, y = draw(recipe.rotate) * torch.pi / 180, draw(recipe.shift), draw(recipe.shift)
    wide, high = 1 / (scale * squeeze), squeeze / scale
    cos, sin = torch.cos(angle), torch.sin(angle)
    row_x = torch.stack([wide * cos + shear * sin, -wide * sin + shear * cos, x], 1)
    row_y = torch.stack([high * sin, high * cos, y], 1)
    return torch.stack([row_x, row_y], 1)


def elastic_field(
    n: int, size: tuple[int, int], strength: float, generator: torch.Generator
) -> Float[Tensor, "n h w 2"]:
    """Smooth random displacements, whose typical size (root of the mean square) is `strength` pixels.

    Random numbers on a grid of about 7 pixels, made smooth by bicubic interpolation: as smooth as filtering
    noise with a Gaussian of about 4 pixels, at the price of two small matrix products.
    """
    down, across = _smoother(size[0]), _smoother(size[1])
    noise = torch.randn(n, 2, down.shape[1], across.shape[1], generator=generator)
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
