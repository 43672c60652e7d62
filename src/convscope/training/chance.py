"""All randomness of a training is a function of (seed, what for, epoch, step).

So there is no state of a generator to save: a resumed run draws what the uninterrupted one would have
drawn, and the order of pictures does not depend on who else drew numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

PURPOSES = (
    "split",
    "weights",
    "order",
    "dropout",
    "distort",
    "place",
    "side",
    "colour",
    "light",
    "erase",
    "mix",
)


def seed_for(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> int:
    """A 63-bit seed that is the same on every machine.

    >>> seed_for(0, "order", 1) == seed_for(0, "order", 2)
    False
    """
    assert purpose in PURPOSES
    digest = hashlib.blake2b(f"{seed}/{purpose}/{epoch}/{step}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> torch.Generator:
    """A CPU generator of its own for one purpose at one place of a run."""
    return torch.Generator().manual_seed(seed_for(seed, purpose, epoch, step))


class Sharing(torch.Generator):
    """Draws for a whole batch of `whole` pictures, of which only the numbers of some are wanted: those at the places `rows`.

    So whoever computes a part of a batch changes its pictures as whoever computes all of it does.
    """

    rows: Int[Tensor, " n"]
    whole: int

    @classmethod
    def of(cls, seed: int, whole: int, rows: Int[Tensor, " n"]) -> Sharing:
        """One that begins at a seed."""
        own = cls()
        own.manual_seed(seed)
        own.rows, own.whole = rows, whole
        return own


def uniform(
    *shape: int, generator: torch.Generator, axis: int = 0, dtype: torch.dtype | None = None
) -> Tensor:
    """`torch.rand`, of numbers for pictures along an axis; by a `Sharing` generator those of its pictures.

    >>> drawn = uniform(2, 4, generator=torch.Generator().manual_seed(7), axis=1)
    >>> rows = torch.tensor([3, 1])
    >>> torch.equal(uniform(2, 2, generator=Sharing.of(7, 4, rows), axis=1), drawn[:, rows])
    True
    """
    return _drawn(torch.rand, shape, generator, axis, dtype)


def normal(*shape: int, generator: torch.Generator, dtype: torch.dtype | None = None) -> Tensor:
    """The same of `torch.randn`, with the pictures along the first axis."""
    return _drawn(torch.randn, shape, generator, 0, dtype)


def _drawn(
    draw: Callable[..., Tensor],
    shape: tuple[int, ...],
    generator: torch.Generator,
    axis: int,
    dtype: torch.dtype | None,
) -> Tensor:
    if not isinstance(generator, Sharing):
        return draw(shape, generator=generator, dtype=dtype)
    whole = (*shape[:axis], generator.whole, *shape[axis + 1 :])
    return draw(whole, generator=generator, dtype=dtype).index_select(axis, generator.rows)


def numbers(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """The same of NumPy, which knows more distributions."""
    return np.random.default_rng(seed_for(seed, purpose, epoch, step))
