"""Tangent distance: how near two digits come when each may be moved, turned, sized, bent and thickened a little.

Simard, LeCun & Denker 1993; LeCun et al. 1998, C.2. To first order all small changes of a picture span a plane; the
distance is that of two planes' nearest points, in closed form for a block of pairs at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from convscope.comparison.features import flat
from convscope.comparison.neighbours import blocks, voted
from convscope.comparison.task import Task

WAYS = ("across", "down", "size", "turn", "stretch", "lean", "thickness")
PAIRS = 4096
"""Pairs of pictures whose distance is computed at a time."""
SLACK = 1e-4
"""Part of a plane's own metric that is added, so that planes that share a direction have a distance, too."""


def blurred(pixels: Float[np.ndarray, "n h w"], sigma: float) -> Float[np.ndarray, "n h w"]:
    """Pictures under a Gaussian of `sigma` pixels, black outside: tangents need a picture without steps."""
    if not sigma:
        return pixels
    down, across = (_gaussian(size, sigma) for size in pixels.shape[1:])
    return down @ pixels @ across.T


def _gaussian(size: int, sigma: float) -> Float[np.ndarray, "size size"]:
    far = np.arange(size)[:, None] - np.arange(size)
    reach = np.arange(-4 * size, 4 * size + 1)
    total = np.exp(-(reach**2) / (2 * sigma**2)).sum()
    return (np.exp(-(far**2) / (2 * sigma**2)) / total).astype(np.float32)


def tangents(pixels: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n 7 d"]:
    """What small changes of each picture add to it, in the order of `WAYS`.

    With f_x, f_y the slopes and x, y from the middle: f_x, f_y, x f_x + y f_y (size), y f_x - x f_y (turn),
    x f_x - y f_y (stretch), y f_x + x f_y (lean), and f_x^2 + f_y^2 (thickness).
    """
    n, height, width = pixels.shape
    page = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    across = (page[:, 1:-1, 2:] - page[:, 1:-1, :-2]) / 2
    down = (page[:, 2:, 1:-1] - page[:, :-2, 1:-1]) / 2
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2)[:, None] / (height / 2)
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / (width / 2)
    ways = (
        across,
        down,
        x * across + y * down,
        y * across - x * down,
        x * across - y * down,
        y * across + x * down,
        across**2 + down**2,
    )
    return np.stack(ways, axis=1).reshape(n, len(ways), height * width)


def planes(pixels: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n 7 d"]:
    """Orthonormal directions of each picture's tangent plane; zero where a direction says nothing new."""
    ways = tangents(pixels).astype(np.float64)
    metric = ways @ ways.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(metric)
    good = values > 1e-8 * np.maximum(values[:, -1:], 1e-12)
    scale = np.where(good, 1 / np.sqrt(np.where(good, values, 1)), 0)
    return ((vectors * scale[:, None, :]).transpose(0, 2, 1) @ ways).astype(np.float32)


def distances(
    first: Float[np.ndarray, "p d"],
    first_plane: Float[np.ndarray, "p 7 d"],
    second: Float[np.ndarray, "p d"],
    second_plane: Float[np.ndarray, "p 7 d"],
) -> Float[np.ndarray, " p"]:
    """Squared tangent distances of pairs, both pictures moving.

    With the difference d, u = P d, v = Q d and M = P Q^T: |d|^2 - |u|^2 - w^T ((1 + slack) 1 - M^T M)^-1 w, where
    w = v - M^T u.
    """
    apart = first - second
    u = np.einsum("pkd,pd->pk", first_plane, apart)
    v = np.einsum("pkd,pd->pk", second_plane, apart)
    both = first_plane @ second_plane.transpose(0, 2, 1)
    rest = v - np.einsum("pij,pi->pj", both, u)
    metric = (1 + SLACK) * np.eye(both.shape[2], dtype=np.float32) - both.transpose(0, 2, 1) @ both
    step = np.linalg.solve(metric, rest[:, :, None])[:, :, 0]
    square = np.einsum("pd,pd->p", apart, apart) - (u * u).sum(1) - (rest * step).sum(1)
    return np.maximum(square, 0)


@dataclass(frozen=True, eq=False)
class TangentNeighbours:
    """Nearest neighbours by tangent distance, among those that are nearest by a cheaper one.

    The cheaper one is the distance to the plane of each learned picture, which is a few matrix products for all; of those
    the `candidates` nearest are compared plane to plane.
    """

    known: Float[np.ndarray, "m d"]
    planes: Float[np.ndarray, "m 7 d"]
    labels: Int[np.ndarray, " m"]
    classes: int
    k: int
    candidates: int
    sigma: float

    @property
    def parameters(self) -> int:
        """The numbers of all pictures and planes that are kept."""
        return self.known.size + self.planes.size

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The votes of the nearest."""
        rows, tilted = prepared(pixels, self.sigma)
        said = np.empty((len(rows), self.classes), np.float32)
        wanted = min(self.candidates, len(self.known))
        own = np.einsum("mkd,md->mk", self.planes, self.known)
        for place, far in blocks(rows, self.known, block=100):
            for way in range(self.planes.shape[1]):
                along = rows[place] @ self.planes[:, way].T
                along -= own[:, way]
                far -= np.square(along, out=along)
            near = np.argpartition(far, wanted - 1, axis=1)[:, :wanted]
            exact = self._between(rows[place], tilted[place], near)
            said[place] = voted(exact, self.labels[near], self.k, self.classes)
        return said

    def _between(
        self, rows: Float[np.ndarray, "b d"], tilted: Float[np.ndarray, "b 7 d"], near: Int[np.ndarray, "b c"]
    ) -> Float[np.ndarray, "b c"]:
        asked = np.repeat(np.arange(len(rows)), near.shape[1])
        known = near.ravel()
        parts = [
            distances(rows[a], tilted[a], self.known[b], self.planes[b])
            for s in range(0, len(known), PAIRS)
            for a, b in [(asked[s : s + PAIRS], known[s : s + PAIRS])]
        ]
        return np.concatenate(parts).reshape(near.shape)


def prepared(
    pixels: UInt8[np.ndarray, "n c h w"], sigma: float
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n 7 d"]]:
    """Blurred pictures as rows, and their planes."""
    n, _, height, width = pixels.shape
    soft = blurred(flat(pixels).reshape(n, height, width), sigma)
    starts = range(0, n, PAIRS)
    tilted = [planes(soft[s : s + PAIRS]) for s in starts] or [
        np.zeros((0, len(WAYS), height * width), np.float32)
    ]
    return soft.reshape(n, -1), np.concatenate(tilted)


def tangent(task: Task, k: int, candidates: int, sigma: float) -> TangentNeighbours:
    """K nearest neighbours by tangent distance (Simard, LeCun & Denker 1993)."""
    rows, tilted = prepared(task.pixels, sigma)
    return TangentNeighbours(rows, tilted, task.labels, task.classes, k, candidates, sigma)
