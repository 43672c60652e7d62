"""What a machine can do at most: products of large matrices, for each precision, and copies of memory."""

from __future__ import annotations

import torch

from convscope.bench.figures import Figure, measured
from convscope.training.device import multiplies_bfloat16

PRECISIONS = ("float32", "bfloat16")
SIDES = {"cpu": 1024, "cuda": 8192, "mps": 4096}
COPIED = {"cpu": 1 << 27, "cuda": 1 << 30, "mps": 1 << 28}
"""Bytes: far more than any cache holds."""
SMALL = 256
"""The side of matrices for what a processor has no instructions for, and takes long over."""


def products(device: str, precision: str, *, rounds: int, seconds: float) -> Figure:
    """Floating-point operations a second in a product of square matrices; an addition counts like a multiplication.

    float32 is as PyTorch computes it by default.
    """
    slow = device == "cpu" and precision == "bfloat16" and not multiplies_bfloat16(device)
    side = SMALL if slow else SIDES[device.split(":")[0]]
    one, other = (torch.ones(side, side, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    out = torch.empty_like(one)
    return measured(
        lambda: torch.mm(one, other, out=out), 2 * side**3, device, rounds=rounds, seconds=seconds
    )


def copies(device: str, *, rounds: int, seconds: float) -> Figure:
    """Bytes a second that are read and written, both counted, where a large array is copied on the device."""
    size = COPIED[device.split(":")[0]]
    one, other = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return measured(lambda: other.copy_(one), 2 * size, device, rounds=rounds, seconds=seconds)
