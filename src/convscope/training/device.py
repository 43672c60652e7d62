"""Which device computes, and how exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from convscope.errors import DeviceError, RecipeError
from convscope.nets.stack import Stack
from convscope.training.loss import loss_for
from convscope.training.recipe import Recipe

PART_FOR_PICTURES = 0.6
DEVICES = ("auto", "cpu", "cuda", "mps")
OF_BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""A processor's instructions that multiply in bfloat16 and add up in float32, as PyTorch names them."""
WORTH_IT = 10_000_000
"""A processor computes nets of at least so many products a picture in bfloat16; of smaller ones copying takes the time."""


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


def precision_of(recipe: Recipe, stack: Stack, device: str) -> str:
    """What `auto` means: bfloat16 where the device multiplies matrices in it, for nets that end in logits.

    Distances and squared errors keep float32: their answers are compared with targets, not with one another.

    >>> from convscope.nets.zoo import zoo
    >>> precision_of(Recipe(), zoo["lenet5-modern"], "cpu")
    'float32'
    """
    if recipe.precision != "auto":
        return recipe.precision
    fits = loss_for(stack, recipe) == "cross-entropy" and multiplies_bfloat16(device)
    if device == "cpu":
        fits = fits and sum(rung.multiply_adds for rung in stack.ladder) >= WORTH_IT
    return "bfloat16" if fits else "float32"


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has matrix products of bfloat16 of its own; without them it is far slower than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        here = torch.cpu.get_capabilities()
        return any(here.get(instructions) for instructions in OF_BFLOAT16)
    return False


@contextmanager
def exactly(wanted: bool) -> Iterator[None]:
    """Within the block, where it is wanted, PyTorch takes only what gives the same bits each time; afterwards as before.

    Raises:
        DeviceError: Something has no such way on this device.
    """
    if not wanted:
        yield
        return
    # Read by cuBLAS when it begins: sums in parts that depend on no other work.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise DeviceError(
            f"--deterministic: this net has something that {str(error).split(' does not')[0]} computes, which cannot "
            "give the same bits each time here; leave it out, or give --device cpu"
        ) from None
    finally:
        torch.use_deterministic_algorithms(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]


def computing(device: str, precision: str) -> AbstractContextManager[object]:
    """Within the block convolutions and matrix products are of this precision; the weights stay float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.split(":")[0], torch.bfloat16, cache_enabled=False)
