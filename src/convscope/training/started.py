"""What torchrun told this process of its place among the workers, and which device is its own."""

from __future__ import annotations

import os

import torch

from convscope.errors import WorkersError


def job() -> str:
    """The name that torchrun has for the workers, however often they are started again; empty where it has none."""
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return "" if name == "none" else name


def attempt() -> int:
    """How often torchrun has started the workers again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def is_worker() -> bool:
    """Whether this process was started as one of several.

    Raises:
        WorkersError: It was told so, but not how to find the others.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size == "1":
        return False
    needed = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
    missing = [name for name in needed if name not in os.environ]
    if missing:
        raise WorkersError(
            f"WORLD_SIZE={size} says that {size} workers train together, but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set: start them with torchrun, or unset WORLD_SIZE"
        )
    return True


def device_of(device: str, local: int, here: int) -> str:
    """The device of the worker with this number among those of its machine."""
    if device.startswith("mps"):
        raise WorkersError(
            "several workers train on cpu or cuda, not on mps: leave out --workers, or give --device cpu"
        )
    cards = torch.cuda.device_count() if device in ("auto", "cuda") and torch.cuda.is_available() else 0
    if cards:
        enough(cards, here)
        torch.cuda.set_device(local)
        return f"cuda:{local}"
    return "cpu" if device == "auto" else device


def enough(cards: int, workers: int) -> None:
    """Check that each worker has a CUDA device of its own.

    Raises:
        WorkersError: It has not.
    """
    if cards < workers:
        fewer = f"give --workers {cards}, or --device cpu" if cards else "give --device cpu"
        raise WorkersError(
            f"{workers} workers on a machine with {cards} CUDA device{'s' * (cards != 1)}: each wants one of its own; "
            f"{fewer}"
        )
