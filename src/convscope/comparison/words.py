"""Pictures as one long row each: words of a dictionary counted, Fisher vectors, patches encoded sparsely."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, UInt8

from convscope.comparison.gradients import colours, hog, sift
from convscope.comparison.linear import principal

TINY = 1e-12
SAMPLE_PICTURES = 1_000
"""Dictionaries are learned from the first so many training pictures."""
SAMPLE_ROWS = 100_000


class Encoder(Protocol):
    """What makes a row of numbers of each picture."""

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures."""
        ...


def key(encoder: Any) -> bytes:
    """A checksum of what decides an encoder's rows."""
    told = hashlib.sha256(type(encoder).__name__.encode())
    for part in fields(encoder):
        value = getattr(encoder, part.name)
        told.update(
            np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        )
    return told.digest()


@dataclass(frozen=True, eq=False)
class Hog:
    """Histograms of oriented gradients."""

    cell: int

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures."""
        return hog(pixels, self.cell)


@dataclass(frozen=True, eq=False)
class Colours:
    """How often each colour occurs; roots are taken, so that dot products are Bhattacharyya's measure."""

    bins: int

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures."""
        return np.sqrt(colours(pixels, self.bins))


@dataclass(frozen=True, eq=False)
class Words:
    """How often each word, the mean of a group of descriptors, is the nearest: in the picture and in its quarters."""

    means: Float[np.ndarray, "k 128"]
    step: int

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures: counts of each part (Lazebnik, Schmid & Ponce 2006), their roots, length 1."""
        described, where = sift(pixels, step=self.step)
        half = (self.means**2).sum(1) / 2
        rows = [counted((one @ self.means.T - half).argmax(1), where, len(self.means)) for one in described]
        return unit(np.sqrt(np.stack(rows)))


def counted(words: np.ndarray, where: Float[np.ndarray, "m 2"], size: int) -> Float[np.ndarray, " d"]:
    """How often each word occurs in the picture and in its quarters.

    >>> counted(np.array([0, 1, 1]), np.array([[0.1, 0.1], [0.2, 0.1], [0.9, 0.9]]), 2).tolist()
    [1.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    """
    quarter = (where[:, 0] >= 0.5) * 2 + (where[:, 1] >= 0.5)
    parts = np.bincount(quarter * size + words, minlength=4 * size).astype(np.float32)
    return np.concatenate([parts.reshape(4, size).sum(0), parts])


@dataclass(frozen=True, eq=False)
class Fisher:
    """Fisher vectors of SIFT descriptors: how a mixture of Gaussians would have to change to fit a picture better.

    Descriptors lose their mean and are turned to their principal `axes` first.
    """

    mean: Float[np.ndarray, " 128"]
    axes: Float[np.ndarray, "128 p"]
    shares: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k p"]
    deviations: Float[np.ndarray, "k p"]
    step: int

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures, signed roots taken, of length 1 (Perronnin, Sanchez & Mensink 2010)."""
        described, _ = sift(pixels, step=self.step)
        rows = [
            fisher(one, self.shares, self.means, self.deviations)
            for one in (described - self.mean) @ self.axes
        ]
        return unit(rooted(np.stack(rows)))


def fisher(
    rows: Float[np.ndarray, "m p"],
    shares: Float[np.ndarray, " k"],
    means: Float[np.ndarray, "k p"],
    deviations: Float[np.ndarray, "k p"],
) -> Float[np.ndarray, " d"]:
    """The gradient of the mean log-likelihood in means and deviations, over the root of the Fisher information.

    With g(i, k) the probability that row i is of Gaussian k: 1 / (m sqrt(w_k)) sum of g (x - mu) / sigma, and
    1 / (m sqrt(2 w_k)) sum of g ((x - mu)^2 / sigma^2 - 1) (Perronnin, Sanchez & Mensink 2010, equations 5 and 6).
    """
    part = memberships(rows, shares, means, deviations)
    count, first, second = part.sum(0)[:, None], part.T @ rows, part.T @ rows**2
    of_means = (first - count * means) / deviations
    of_deviations = (second - 2 * means * first + count * means**2) / deviations**2 - count
    scale = 1 / (max(len(rows), 1) * np.sqrt(shares)[:, None])
    return np.concatenate([(of_means * scale).ravel(), (of_deviations * scale / np.sqrt(2)).ravel()])


def memberships(
    rows: Float[np.ndarray, "m p"],
    shares: Float[np.ndarray, " k"],
    means: Float[np.ndarray, "k p"],
    deviations: Float[np.ndarray, "k p"],
) -> Float[np.ndarray, "m k"]:
    """The probability that each row is of each Gaussian with a diagonal covariance."""
    precise = 1 / deviations**2
    fixed = np.log(shares) - np.log(deviations).sum(1) - (means**2 * precise).sum(1) / 2
    log = fixed + rows @ (means * precise).T - rows**2 @ precise.T / 2
    log -= log.max(1, keepdims=True)
    part = np.exp(log, out=log)
    return part / part.sum(1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of colour encoded by what an atom's sum has above a threshold, with either sign, added up in quarters.

    The soft threshold of Coates & Ng 2011, The importance of encoding versus training with sparse coding and vector
    quantization: nearly as good as codes that are solved for, and one product.
    """

    mean: Float[np.ndarray, " p"]
    whitening: Float[np.ndarray, "p p"]
    atoms: Float[np.ndarray, "k p"]
    side: int
    step: int
    threshold: float

    def __call__(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
        """The rows of some pictures."""
        rows, (down, across) = patches(pixels, self.side, self.step)
        flat = rows.reshape(-1, rows.shape[-1])
        said = (evened(flat) - self.mean) @ (self.whitening @ self.atoms.T)
        both = np.maximum(0, np.concatenate([said - self.threshold, -said - self.threshold], axis=1))
        grid = both.reshape(len(pixels), down, across, -1)
        halves = [(slice(0, (s + 1) // 2), slice(s // 2, s)) for s in (down, across)]
        parts = [grid[:, y, x].mean((1, 2)) for y in halves[0] for x in halves[1]]
        return unit(rooted(np.concatenate(parts, axis=1)))


def patches(
    pixels: UInt8[np.ndarray, "n c h w"], side: int, step: int
) -> tuple[Float[np.ndarray, "n m p"], tuple[int, int]]:
    """All squares of a picture, `step` apart, as rows; and how many there are down and across."""
    seen = np.lib.stride_tricks.sliding_window_view(pixels, (side, side), axis=(2, 3))[:, :, ::step, ::step]
    down, across = seen.shape[2:4]
    rows = seen.transpose(0, 2, 3, 1, 4, 5).reshape(len(pixels), down * across, -1)
    return rows.astype(np.float32), (down, across)


def evened(rows: Float[np.ndarray, "m p"]) -> Float[np.ndarray, "m p"]:
    """Patches of mean 0 and of the same contrast; 10 is added to the variance so that flat ones stay flat."""
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.sqrt(rows.var(1, keepdims=True) + 10)


def unit(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Rows of length 1; those of zeros stay zeros."""
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)).astype(np.float32)


def rooted(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Roots that keep their sign.

    >>> rooted(np.array([[4.0, -9.0]])).tolist()
    [[2.0, -3.0]]
    """
    return np.sign(rows) * np.sqrt(np.abs(rows))


def words(pixels: UInt8[np.ndarray, "n c h w"], seed: int, size: int, step: int) -> Words:
    """A dictionary of `size` words: the means of groups of descriptors (Csurka et al. 2004), by k-means in small batches."""
    from sklearn.cluster import MiniBatchKMeans

    rows = sampled(pixels, seed, step)
    how: dict[str, Any] = {"batch_size": 4096, "n_init": 1, "max_iter": 30, "random_state": seed}
    found = MiniBatchKMeans(min(size, len(rows)), **how).fit(rows)
    return Words(np.asarray(found.cluster_centers_, np.float32), step)


def mixture(pixels: UInt8[np.ndarray, "n c h w"], seed: int, size: int, components: int, step: int) -> Fisher:
    """The mixture of `size` Gaussians that Fisher vectors are gradients of, in so many principal components."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rows = sampled(pixels, seed, step)
    mean = rows.mean(0)
    axes = principal(rows, components)
    model = GaussianMixture(
        min(size, len(rows)), covariance_type="diag", reg_covar=1e-4, max_iter=25, tol=1e-2, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # after its rounds it is taken as it is
        model.fit((rows - mean) @ axes)
    weights, means, squares = (
        np.asarray(part, np.float32) for part in (model.weights_, model.means_, model.covariances_)
    )
    return Fisher(mean, axes, weights + np.float32(TINY), means, np.sqrt(squares), step)


def atoms(
    pixels: UInt8[np.ndarray, "n c h w"], seed: int, size: int, side: int, step: int, threshold: float
) -> Patches:
    """A dictionary of `size` whitened patches: means of directions, by k-means on the sphere (Coates & Ng 2012)."""
    rng = np.random.default_rng(seed)
    chosen = pixels[:SAMPLE_PICTURES]
    rows, _ = patches(chosen, side, side)
    flat = evened(_some(rows.reshape(-1, rows.shape[-1]), rng))
    mean = flat.mean(0)
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    whitening = ((vectors / np.sqrt(values + 0.1)) @ vectors.T).astype(np.float32)
    white = (flat - mean) @ whitening
    made = unit(rng.normal(size=(size, white.shape[1])))
    for _ in range(10):
        said = white @ made.T
        nearest = np.abs(said).argmax(1)
        codes = said[np.arange(len(white)), nearest]
        sums = np.zeros_like(made)
        np.add.at(sums, nearest, codes[:, None] * white)
        made = unit(sums + made)  # an atom that nobody chose stays
    return Patches(mean, whitening, made, side, step, threshold)


def sampled(pixels: UInt8[np.ndarray, "n c h w"], seed: int, step: int) -> Float[np.ndarray, "m 128"]:
    """Descriptors of the first training pictures, as many of each, at random; those of flat places are left out."""
    rng = np.random.default_rng(seed)
    chosen = pixels[:SAMPLE_PICTURES]
    each = max(1, SAMPLE_ROWS // max(len(chosen), 1))
    found = []
    for start in range(0, len(chosen), 16):
        for one in sift(chosen[start : start + 16], step=step)[0]:
            found.append(one[np.sort(rng.permutation(len(one))[:each])])
    rows = np.concatenate(found)
    return rows[rows.any(1)]


def _some(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows[np.sort(rng.permutation(len(rows))[:SAMPLE_ROWS])]
