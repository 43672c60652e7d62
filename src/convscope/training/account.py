"""What a Run says of itself: run.json, with the scores, the machine and all that a figure needs beside it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

import convscope
from convscope import scores as counting
from convscope.native.runner import available_processors, processor
from convscope.nets.answers import named
from convscope.nets.stack import Stack
from convscope.runs import FORMAT, now
from convscope.training.loss import loss_for
from convscope.training.moments import Normalisation, Principal
from convscope.training.plan import Plan


def account(
    plan: Plan,
    rule: Normalisation,
    *,
    status: str,
    engine: str,
    precision: str,
    remarks: Sequence[str],
    epochs: int,
    seconds: float,
    learned: tuple[int, int],
    seen: int,
    scores: dict[str, Any] | None,
    principal: Principal | None = None,
    workers: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """run.json: `learned` is how many pictures are learned from and kept aside, `seen` how many were shown so far."""
    return {
        "format": FORMAT,
        "convscope": convscope.__version__,
        "written": now(),
        "status": status,
        "net": plan.net,
        "parameters": plan.stack.parameters,
        "source": plan.images.name,
        "prepared": dict(plan.images.prepared),
        "data_fingerprint": plan.images.fingerprint,
        "pictures": {"train": learned[0], "validation": learned[1], "test": len(plan.images.test)},
        "classes": list(plan.images.classes),
        "input": list(plan.stack.input.shape),
        "picture_shape": list(plan.images.shape),
        "normalisation": asdict(rule),
        **({"principal": asdict(principal)} if principal else {}),
        **({"from": plan.start.as_dict()} if plan.start else {}),
        "background": plan.images.background,
        "recipe": plan.recipe_name,
        "loss": loss_for(plan.stack, plan.recipe),
        "seed": plan.seed,
        "deterministic": plan.deterministic,
        "target_percent": plan.target,
        "epochs": epochs,
        "train_seconds": round(seconds, 3),
        "images_per_second": round(seen / seconds, 1) if seconds else 0.0,
        "device": plan.device,
        "engine": engine,
        "precision": precision,
        **({"remarks": list(remarks)} if remarks else {}),
        **({"workers": workers} if workers else {}),
        "machine": machine(engine),
        "scores": scores,
    }


def accuracy(stack: Stack, answers: Tensor, labels: Tensor) -> float:
    """The part of the pictures that is named rightly."""
    return float((named(stack, answers) == labels.cpu()).double().mean())


def score(truth: np.ndarray, said: np.ndarray, classes: int) -> dict[str, Any]:
    """The scores of a Run on its test pictures; fractions, and percent where the name says so."""
    errors, n = int((truth != said).sum()), len(truth)
    low, high = counting.interval(errors, n)
    return {
        "test_pictures": n,
        "test_errors": errors,
        "test_accuracy": (n - errors) / n,
        "test_error_percent": 100 * errors / n,
        "test_interval_percent": [100 * low, 100 * high],
        "confusion": counting.confusion(truth, said, classes).tolist(),
    }


def machine(engine: str = "native") -> dict[str, Any]:
    """What a figure needs beside it: processor, cores, threads, versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": available_processors() if engine == "native" else torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
