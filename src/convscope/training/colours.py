"""Random changes of colour, a batch at once: all that jitter does to a picture is one matrix over its channels."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from convscope.training.chance import normal, uniform
from convscope.training.moments import Principal
from convscope.training.recipe import Recipe

LUMA = (0.299, 0.587, 0.114)
"""What the eye sees of red, green and blue (ITU-R BT.601)."""
# The two colour differences of NTSC's YIQ, FCC 1953: a hue is an angle between them.
CHROMA = ((0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def jittered(
    pixels: Float[Tensor, "n c h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "n c h w"]:
    """Pictures with brightness, contrast, saturation and hue changed at random, in this order, at last cut to 0..255.

    Each is what torchvision's ColorJitter does, but the hue turns about the grey axis of YIQ, so that brightness stays.
    """
    n, channels, height, width = pixels.shape
    grey = weights(channels).to(pixels)
    matrices, kept = (values.to(pixels) for values in jitter(n, channels, recipe, generator))
    offset = (kept * (pixels.mean((2, 3)) @ grey))[:, None, None].expand(n, channels, 1)
    return torch.baddbmm(offset, matrices, pixels.flatten(2)).clamp_(0, 255).view(n, channels, height, width)


def jitter(
    n: int, channels: int, recipe: Recipe, generator: torch.Generator
) -> tuple[Float[Tensor, "n c c"], Float[Tensor, " n"]]:
    """What is drawn for each picture: the matrix over its channels, and how much of its mean brightness is added then."""
    drawn = uniform(4, n, generator=generator, axis=1, dtype=torch.float64) * 2 - 1
    reach = torch.tensor(
        [recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue], dtype=torch.float64
    )
    bright, contrast, saturation, hue = drawn * reach[:, None] + torch.tensor([[1.0], [1.0], [1.0], [0.0]])
    return colour_maps(bright * contrast, saturation, hue, channels), (1 - contrast) * bright


def colour_maps(
    gain: Float[Tensor, " n"], saturation: Float[Tensor, " n"], hue: Float[Tensor, " n"], channels: int
) -> Float[Tensor, "n c c"]:
    """For each picture the matrix over its channels: `gain` times, then saturated, then turned by `hue` of a full circle.

    Greys stay grey, and keep their brightness but for the gain. Of other than three channels only the gain is left.

    >>> one = torch.ones(1, dtype=torch.float64)
    >>> colour_maps(one, 0 * one, 0 * one, 3)[0, 0].numpy().round(3).tolist()  # without saturation
    [0.299, 0.587, 0.114]
    """
    eye = torch.eye(channels, dtype=torch.float64)
    if channels != 3:
        return gain[:, None, None] * eye
    rows = torch.tensor([LUMA, *CHROMA], dtype=torch.float64)
    cos, sin = torch.cos(2 * math.pi * hue), torch.sin(2 * math.pi * hue)
    turned = torch.zeros(len(hue), 3, 3, dtype=torch.float64)
    turned[:, 0, 0] = 1
    turned[:, 1, 1], turned[:, 1, 2] = cos, -sin
    turned[:, 2, 1], turned[:, 2, 2] = sin, cos
    turned = _times(_times(torch.linalg.inv(rows), turned), rows)
    s = saturation[:, None, None]
    return gain[:, None, None] * _times(turned, s * eye + (1 - s) * weights(3))


def _times(one: Float[Tensor, "... a b"], other: Float[Tensor, "... b c"]) -> Float[Tensor, "... a c"]:
    """Products of small matrices: a library for large ones wakes its threads, which takes longer."""
    return (one[..., :, :, None] * other[..., None, :, :]).sum(-2)


def lit(
    pixels: Float[Tensor, "n c h w"], principal: Principal, strength: float, generator: torch.Generator
) -> Float[Tensor, "n c h w"]:
    """Pictures of 0..255 under other light: along the colours' principal components (Krizhevsky et al. 2012, section 4.1).

    To each picture's pixels the sum of p_i a_i lambda_i is added, with a_i of a normal distribution of standard deviation
    `strength`. The paper does not say in which units; here, as is usual since, of pixels from 0 to 1. Nothing is cut off.
    """
    return pixels.add_(light(len(pixels), principal, strength, generator).to(pixels)[:, :, None, None])


def light(n: int, principal: Principal, strength: float, generator: torch.Generator) -> Float[Tensor, "n c"]:
    """What is added to each picture's channels, in units of 0..255."""
    drawn = normal(n, len(principal.variances), generator=generator, dtype=torch.float64)
    variances, components = (
        torch.tensor(v, dtype=torch.float64) for v in (principal.variances, principal.components)
    )
    return 255 * strength * (drawn * variances) @ components.T


def weights(channels: int) -> Float[Tensor, " c"]:
    """How much of a colour's brightness each channel is."""
    return torch.tensor(LUMA if channels == 3 else (1 / channels,) * channels, dtype=torch.float64)
