"""Pictures on the device as uint8, and batches made of them there: no work for a single picture."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Num, UInt8
from torch import Tensor

from convscope.data.images import Pictures
from convscope.nets.stack import Input
from convscope.nets.views import VIEWS, shifted
from convscope.training.augment import augmented
from convscope.training.chance import generator
from convscope.training.parts import centred
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
    """Gives the training's batches: pictures of the net's size, changed at random as the recipe asks, normalised."""

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
        pixels = self.pixels.index_select(0, index.to(self.pixels.device))
        if self.recipe.changes(epoch):

            def draw(purpose: str) -> torch.Generator:
                return generator(self.seed, purpose, epoch, step)

            return self._normalised(augmented(pixels, self.recipe, self.size, draw))
        return self._normalised(centred(pixels, self.size))

    def plain(self, start: int, stop: int) -> Float[Tensor, "n c h w"]:
        """Pictures start to stop, unchanged, as an evaluation takes them."""
        return self._normalised(centred(self.pixels[start:stop], self.size))

    def _normalised(self, pixels: Num[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """scale x + shift, in place where the values are floats of our own."""
        return pixels.float().mul_(self.scale).add_(self.shift)
