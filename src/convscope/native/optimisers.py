"""Optimiser steps over flat float32 vectors, in place, with the arithmetic of torch.optim."""

from __future__ import annotations

import numpy as np

from convscope.native.library import library
from convscope.native.runner import checked, writable


def sgd(
    params: np.ndarray,
    grads: np.ndarray,
    momenta: np.ndarray | None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    decay_mask: np.ndarray | None = None,
    lr_scale: np.ndarray | None = None,
) -> None:
    """One step of torch.optim.SGD; `momenta` starts as zeros, or is None where momentum is 0.

    decay_mask and lr_scale: a factor for each parameter's weight decay and learning rate.

    Raises:
        ValueError: A vector of another length or type, or momentum without a place to keep it.
    """
    size = len(writable(params, "params", np.size(params)))
    checked(grads, "grads", "float32", (size,))
    if momentum and momenta is None:
        raise ValueError("sgd: momentum needs the vector momenta")
    library().optimise_sgd(
        params.ctypes.data,
        grads.ctypes.data,
        None if momenta is None else writable(momenta, "momenta", size).ctypes.data,
        size,
        lr,
        _factors(lr_scale, "lr_scale", size),
        momentum,
        nesterov,
        weight_decay,
        _factors(decay_mask, "decay_mask", size),
    )


def adamw(
    params: np.ndarray,
    grads: np.ndarray,
    means: np.ndarray,
    squares: np.ndarray,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decay_mask: np.ndarray | None = None,
    lr_scale: np.ndarray | None = None,
) -> None:
    """One step of torch.optim.AdamW; `means` and `squares` start as zeros, `step` counts from 1.

    Raises:
        ValueError: A vector of another length or type, or a step below 1.
    """
    size = len(writable(params, "params", np.size(params)))
    checked(grads, "grads", "float32", (size,))
    if step < 1:
        raise ValueError(f"adamw: steps count from 1, not {step}")
    library().optimise_adamw(
        params.ctypes.data,
        grads.ctypes.data,
        writable(means, "means", size).ctypes.data,
        writable(squares, "squares", size).ctypes.data,
        size,
        lr,
        _factors(lr_scale, "lr_scale", size),
        *betas,
        eps,
        weight_decay,
        _factors(decay_mask, "decay_mask", size),
        step,
    )


def _factors(factors: np.ndarray | None, name: str, size: int) -> int | None:
    return None if factors is None else checked(factors, name, "float32", (size,)).ctypes.data
