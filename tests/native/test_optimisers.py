"""sgd and adamw against torch.optim."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.native import adamw, sgd

SIZE, STEPS = 1003, 30


def descend(
    optimiser: type[torch.optim.Optimizer], **how: object
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Start, the gradients of each step, and where torch arrives."""
    generator = np.random.default_rng(0)
    start = generator.normal(size=SIZE).astype(np.float32)
    gradients = [generator.normal(size=SIZE).astype(np.float32) for _ in range(STEPS)]
    params = torch.nn.Parameter(torch.tensor(start))
    torch_optimiser = optimiser([params], **how)
    for gradient in gradients:
        params.grad = torch.tensor(gradient)
        torch_optimiser.step()
    return start, gradients, params.detach().numpy()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_sgd_goes_where_torch_goes(momentum: float, nesterov: bool, weight_decay: float) -> None:
    how = {
        "lr": 0.05,
        "momentum": momentum,
        "nesterov": nesterov and momentum > 0,
        "weight_decay": weight_decay,
    }
    params, gradients, want = descend(torch.optim.SGD, **how)
    momenta = np.zeros_like(params) if momentum else None
    for gradient in gradients:
        sgd(params, gradient, momenta, **how)
    np.testing.assert_allclose(params, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_adamw_goes_where_torch_goes(weight_decay: float) -> None:
    how = {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-7, "weight_decay": weight_decay}
    params, gradients, want = descend(torch.optim.AdamW, **how)
    means, squares = np.zeros_like(params), np.zeros_like(params)
    for step, gradient in enumerate(gradients, 1):
        adamw(params, gradient, means, squares, step=step, **how)
    np.testing.assert_allclose(params, want, rtol=1e-6, atol=1e-6)


def test_factors_scale_the_rate_and_the_decay_of_each_parameter() -> None:
    scale, mask = np.array([1, 2, 1], np.float32), np.array([0, 0, 1], np.float32)
    for step in (
        lambda p: sgd(p, np.ones(3, np.float32), None, lr=0.5, weight_decay=0.1, decay_mask=mask, lr_scale=scale),
        lambda p: adamw(
            p, np.ones(3, np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32),
            step=1, lr=0.5, weight_decay=0.1, decay_mask=mask, lr_scale=scale,
        ),
    ):  # fmt: skip
        params = np.ones(3, np.float32)
        step(params)
        np.testing.assert_allclose(params, [0.5, 0, 0.45], atol=1e-6)


@pytest.mark.parametrize("bad", [np.zeros(4, np.float32), np.zeros(3), np.zeros((3, 1), np.float32)])
def test_vectors_that_do_not_fit_are_refused(bad: np.ndarray) -> None:
    good = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="expected"):
        sgd(good, bad, None, lr=0.1)
    with pytest.raises(ValueError, match="expected"):
        adamw(good, good.copy(), bad, good.copy(), step=1, lr=0.1)
    with pytest.raises(ValueError, match="momenta"):
        sgd(good, good.copy(), None, lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match="count from 1"):
        adamw(good, good.copy(), good.copy(), good.copy(), step=0, lr=0.1)
