"""All randomness of a training is a function of (seed, what for, epoch, step).

So there is no state of a generator to save: a resumed run draws what the uninterrupted one would have
drawn, and the order of pictures does not depend on who else drew numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch

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


def numbers(seed: int, purpose: str, epoch: int = 0, step: int = 0) -> np.random.Generator:
    """The same of NumPy, which knows more distributions."""
    return np.random.default_rng(seed_for(seed, purpose, epoch, step))
