"""The colours of a set of pictures: their means, how they vary together, and how pictures are normalised by that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope.data.images import Pictures
from convscope.native.showing import ready
from convscope.native.showing import sums as summed
from convscope.nets.stack import Input

SOME_VALUES = 300_000
"""So many are widened at once: they stay in the cache."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Means of the channels, and how far each two of them vary together; in units of 0..255."""

    means: Float[np.ndarray, " c"]
    covariance: Float[np.ndarray, "c c"]


def moments_of(pixels: UInt8[np.ndarray, "n c h w"]) -> Moments:
    """The exact moments of all pixels: their sums are whole numbers that float64 holds, in whatever order they are added.

    >>> found = moments_of(np.array([[[[0, 2]], [[4, 0]]]], np.uint8))
    >>> found.means.tolist(), found.covariance.tolist()
    ([1.0, 2.0], [[1.0, -2.0], [-2.0, 4.0]])
    """
    n, channels, height, width = pixels.shape
    total = n * height * width
    if ready():
        sums, products = summed(np.ascontiguousarray(pixels), torch.get_num_threads())
        return _moments(sums / total, products / total)
    sums, products = np.zeros(channels), np.zeros((channels, channels))
    step = max(1, SOME_VALUES // (channels * height * width))
    for start in range(0, n, step):
        some = torch.as_tensor(np.asarray(pixels[start : start + step])).flatten(2).double()
        sums += some.sum((0, 2)).numpy()
        products += (some @ some.transpose(1, 2)).sum(0).numpy()
    return _moments(sums / total, products / total)


def _moments(means: np.ndarray, products: np.ndarray) -> Moments:
    return Moments(means, products - np.outer(means, means))


@dataclass(frozen=True)
class Normalisation:
    """x = scale u + shift for each channel, where u is a pixel of 0..255."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @staticmethod
    def of(picture: Input, training: Pictures) -> Normalisation:
        """What the net fixes, or mean 0 over the training pictures and, if they are not only centred, deviation 1."""
        channels = picture.shape[0]
        if picture.limits is not None:
            low, high = picture.limits
            return Normalisation((float((high - low) / 255),) * channels, (float(low),) * channels)
        found = moments_of(training.pixels)
        if picture.centred:
            return Normalisation((1.0,) * channels, tuple(float(-m) for m in found.means))
        spread = np.sqrt(np.maximum(found.covariance.diagonal(), 0))
        deviations = np.where(spread > 0, spread, 1.0)
        return Normalisation(
            tuple(float(1 / d) for d in deviations),
            tuple(float(-m / d) for m, d in zip(found.means, deviations, strict=True)),
        )


@dataclass(frozen=True)
class Principal:
    """The principal components of the pixels' colours, of 0..1: variances along them, and the components, a column each."""

    variances: tuple[float, ...]
    components: tuple[tuple[float, ...], ...]

    @staticmethod
    def of(training: Pictures) -> Principal:
        """Those of all training pictures' pixels; of each column the largest number is positive.

        >>> one = np.array([[[[0, 255]], [[0, 255]], [[0, 255]]]], np.uint8)
        >>> [round(v, 3) for v in Principal.of(Pictures(one, np.array([0]))).variances]
        [0.75, 0.0, 0.0]
        """
        variances, components = np.linalg.eigh(moments_of(training.pixels).covariance / 255**2)
        signs = np.sign(np.take_along_axis(components, np.abs(components).argmax(0)[None], 0))
        variances, components = np.maximum(variances, 0)[::-1], (components * signs)[:, ::-1]
        return Principal(tuple(variances.tolist()), tuple(tuple(row) for row in components.tolist()))
