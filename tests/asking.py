"""What the tests of where a net looked ask about: nets as subjects, and pictures of noise."""

from __future__ import annotations

import numpy as np
from foreign import FOREIGN, foreign
from small_zoo import small

import convscope as cs
from convscope.inspect.subject import Subject, subject_of
from convscope.nets.build import build

NETS = [*cs.zoo, *FOREIGN]


def subject(name: str) -> Subject:
    net = foreign(name) if name in FOREIGN else build(small(name), seed=2)
    return subject_of(net.eval(), shape=getattr(net, "shape", None), mean=0.1, std=0.9)


def picture(shape: tuple[int, ...], seed: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def close(came: np.ndarray, wanted: np.ndarray, part: float = 1e-4) -> bool:
    return bool(np.abs(came - wanted).max() <= part * max(1e-9, float(np.abs(wanted).max())))
