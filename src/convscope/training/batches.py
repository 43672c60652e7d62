"""Pictures on the device as uint8, and batches made of them there: no work for a single picture."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from convscope.data.images import Pictures
from convscope.nets.stack import Input
from convscope.nets.views import VIEWS, shifted
from convscope.training.chance import generator
from convscope.training.distort import distort
from convscope.training.recipe import Recipe


@dataclass(frozen=True)
class Normalisation:
    """x = scale u + shift for each channel, where u is a pixel of 0..255."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @staticmethod
    def of(picture: Input, training: Pictures) -> Normalisation:
        """What the net fixes, or mean 0 and standard deviation 1 over the training pictures."""
        channels = picture.shape[0]
        if picture.limits is not None:
            low, high = picture.limits
            return Normalisation((float((high - low) / 255),) * channels, (float(low),) * channels)
        means, deviations = channel_statistics(training.pixels)
        return Normalisation(
            tuple(float(1 / d) for d in deviations),
            tuple(float(-m / d) for m, d in zip(means, deviations, strict=True)),
        )


def channel_statistics(pixels: UInt8[np.ndarray, "n c h w"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, in units of 0..255, exact: from counts of the 256 values."""
    counts = np.zeros((pixels.shape[1], 256), np.int64)
    for start in range(0, len(pixels), 1000):  # counting widens each value to eight bytes
        some = pixels[start : start + 1000]
        counts += [np.bincount(some[:, c].ravel(), minlength=256) for c in range(len(counts))]
    values, total = np.arange(256.0), counts.sum(1)
    means = counts @ values / total
    spread = np.sqrt(np.maximum(counts @ values**2 / total - means**2, 0))
    return means, np.where(spread > 0, spread, 1.0)


class Feeder:
    """Gives the training's batches: pictures of the net's size, distorted if the recipe asks, normalised."""

    def __init__(
        self,
        pictures: Pictures,
        size: tuple[int, int],
        rule: Normalisation,
        recipe: Recipe,
        seed: int,
        device: str,
    ):
        self.pixels = torch.as_tensor(np.asarray(pictures.pixels), device=device)
        self.labels = torch.as_tensor(np.asarray(pictures.labels), device=device)
        self.size, self.rule, self.recipe, self.seed = size, rule, recipe, seed
        self.scale, self.shift = (
            torch.tensor(v, device=device)[:, None, None] for v in (rule.scale, rule.shift)
        )

    def __len__(self) -> int:
        return len(self.labels)

    def views(self) -> Iterator[Feeder]:
        """The same pictures, once for each view that the recipe shows to a trained net."""
        for down, right in VIEWS[self.recipe.views]:
            seen = copy(self)
            if down or right:
                moved = shifted(self.pixels.cpu().numpy(), down, right)
                seen.pixels = torch.as_tensor(moved, device=self.pixels.device)
            yield seen

    def order(self, epoch: int) -> Int[Tensor, " n"]:
        """The order in which an epoch shows the pictures."""
        return torch.randperm(len(self), generator=generator(self.seed, "order", epoch))

    def batch(self, index: Int[Tensor, " n"], epoch: int, step: int) -> Float[Tensor, "n c h w"]:
        """The pictures of one step."""
        pixels = self.pixels[index.to(self.pixels.device)]
        if self.recipe.distorts(epoch):
            drawn = distort(pixels, self.recipe, self.size, generator(self.seed, "distort", epoch, step))
        else:
            drawn = centred(pixels, self.size).float()
        return drawn * self.scale + self.shift

    def plain(self, start: int, stop: int) -> Float[Tensor, "n c h w"]:
        """Pictures start to stop, undistorted, as an evaluation takes them."""
        return centred(self.pixels[start:stop], self.size).float() * self.scale + self.shift


def centred(pixels: UInt8[Tensor, "n c h w"], size: tuple[int, int]) -> UInt8[Tensor, "n c y x"]:
    """Pictures with black added around them, or cut off, until they have `size`."""
    more = [size[axis] - pixels.shape[2 + axis] for axis in (0, 1)]
    top, left = more[0] // 2, more[1] // 2
    if not any(more):
        return pixels
    return F.pad(pixels, (left, more[1] - left, top, more[0] - top))
