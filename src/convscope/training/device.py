"""Which device computes."""

from __future__ import annotations

import torch

from convscope.errors import RecipeError

PART_FOR_PICTURES = 0.6
DEVICES = ("auto", "cpu", "cuda", "mps")


def choose(device: str) -> str:
    """The device that `auto` means on this machine, or the asked one if it is there.

    Raises:
        RecipeError: It is not there.
    """
    here = ["cpu"]
    if torch.cuda.is_available():
        here.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        here.insert(0, "mps")
    if device == "auto":
        return here[0]
    if device.split(":")[0] not in here:
        raise RecipeError(f"device {device!r} is not here; this machine has {', '.join(here)}")
    return device


def room(device: str) -> int | None:
    """Bytes that pictures may take on a device, of what is free there; None where they need not be brought anywhere.

    >>> room("cpu")
    """
    if not device.startswith("cuda"):
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return int(PART_FOR_PICTURES * free)
