"""Linear support vector machines over rows that an encoder makes of pictures, a block of pictures at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from convscope.comparison import words
from convscope.comparison.linear import targets
from convscope.comparison.task import Task
from convscope.native.runner import available_processors

BLOCK = 16
"""Pictures that are encoded at once: descriptors of more would not fit the cache, nor, of all, the memory."""
ROUNDS = 300
_rows: dict[bytes, np.ndarray] = {}
"""What this process has encoded of training pictures, by encoder and content: choosing and learning ask for the same."""
_encoders: dict[bytes, words.Encoder] = {}


@dataclass(frozen=True, eq=False)
class Machine:
    """An encoder, and a weighted sum of its rows for each class."""

    encoder: words.Encoder
    weights: Float[np.ndarray, "d k"]
    offsets: Float[np.ndarray, " k"]

    @property
    def parameters(self) -> int:
        """Weights and offsets, and the encoder's dictionary."""
        kept = (v for v in vars(self.encoder).values() if isinstance(v, np.ndarray))
        return self.weights.size + self.offsets.size + sum(part.size for part in kept)

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The sums."""
        parts = [rows @ self.weights for rows in in_blocks(self.encoder, pixels)]
        return np.concatenate(parts) + self.offsets


def in_blocks(
    encoder: words.Encoder, pixels: UInt8[np.ndarray, "n c h w"]
) -> Iterator[Float[np.ndarray, "b d"]]:
    """The rows of pictures, a block at a time, a block a core: products of small matrices gain nothing from threads."""
    from threadpoolctl import threadpool_limits

    cores = available_processors()
    starts = range(0, len(pixels), BLOCK)
    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for start in starts:
            waiting.append(pool.submit(encoder, pixels[start : start + BLOCK]))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def machine(way: str) -> Callable[..., Machine]:
    """`teach` for an encoder: one that is learned by a function of `words`, or needs no learning and is a class there."""

    def teach(task: Task, cost: float, **settings: Any) -> Machine:
        encoder = _encoder(way, task, settings)
        rows = encoded(encoder, task.pixels)
        scale = 1 / max(float(np.linalg.norm(rows, axis=1).mean()), words.TINY)
        weights, offsets = separated(rows, task.labels, task.classes, cost, scale)
        return Machine(encoder, weights, offsets)

    return teach


def _encoder(way: str, task: Task, settings: dict[str, Any]) -> words.Encoder:
    made = getattr(words, way)
    if isinstance(made, type):
        return made(**settings)
    sample = np.ascontiguousarray(task.pixels[: words.SAMPLE_PICTURES])
    name = hashlib.sha256(sample.tobytes() + repr((way, settings, task.seed)).encode()).digest()
    if name not in _encoders:
        _encoders[name] = made(sample, task.seed, **settings)
    return _encoders[name]


def encoded(encoder: words.Encoder, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n d"]:
    """The rows of training pictures, those taken from memory that were asked for before."""
    who = words.key(encoder)
    names = [hashlib.sha256(who + np.ascontiguousarray(one).tobytes()).digest() for one in pixels]
    missing = [i for i, name in enumerate(names) if name not in _rows]
    made = in_blocks(encoder, pixels[missing]) if missing else ()
    for i, row in zip(missing, (row for rows in made for row in rows), strict=True):
        _rows[names[i]] = row
    return np.stack([_rows[name] for name in names])


def separated(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    classes: int,
    cost: float,
    scale: float = 1.0,
) -> tuple[Float[np.ndarray, "d k"], Float[np.ndarray, " k"]]:
    """Weights and offsets of a linear machine a class against the rest: |w|^2 / 2 + cost * sum of max(0, 1 - margin)^2.

    What LIBLINEAR minimises (Fan et al. 2008), with offsets that are not shrunk, for all classes at once by L-BFGS: products
    with the rows as they are, in place of copies with twice as many bytes. Rows count as multiplied by `scale`.
    """
    from scipy.optimize import minimize

    wanted, width = targets(labels, classes), rows.shape[1]

    def both(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(width + 1, classes)
        part = table[:-1].astype(np.float32)
        short = np.maximum(0, 1 - wanted * (scale * (rows @ part) + table[-1]))
        value = float((table[:-1] ** 2).sum() / 2 + cost * (short.astype(np.float64) ** 2).sum())
        back = -2 * cost * wanted * short
        slope = np.concatenate(
            [table[:-1] + scale * (rows.T @ back.astype(np.float32)), back.sum(0, keepdims=True)]
        )
        return value, slope.ravel().astype(np.float64)

    options = {"maxiter": ROUNDS, "maxcor": 10, "ftol": 1e-6}
    found = minimize(both, np.zeros((width + 1) * classes), jac=True, method="L-BFGS-B", options=options)
    table = found.x.reshape(width + 1, classes)
    return (scale * table[:-1]).astype(np.float32), table[-1].astype(np.float32)
