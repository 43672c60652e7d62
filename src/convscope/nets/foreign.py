"""Models of timm (Wightman, PyTorch image models) as a step of a net: named, measured without numbers, made, and filled.

timm is an extra (`pip install 'convscope[zoo]'`) and is imported only where a net names one of its models.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from convscope.errors import StackError
from convscope.nets import words
from convscope.nets.windows import Fields, Shape, Step


@dataclass(frozen=True)
class Timm(Step):
    """All of a model of timm up to its pooled features (Wightman, PyTorch image models), by its name there."""

    kind: ClassVar[str] = "timm"
    model: str = words.word(words.model)

    def output(self, shape: Shape) -> Shape:
        return measured(self.model, shape).width, 1, 1

    def parameters(self, shape: Shape) -> int:
        return measured(self.model, shape).parameters

    def connections(self, shape: Shape) -> int:
        return measured(self.model, shape).multiply_adds

    def multiply_adds(self, shape: Shape) -> int:
        return measured(self.model, shape).multiply_adds

    def sees(self, fields: Fields, shape: Shape) -> Fields:
        return fields[0].through(shape[1]), fields[1].through(shape[2])


@dataclass(frozen=True)
class Measured:
    """What a model makes of pictures of a shape: its pooled features, and what they cost."""

    width: int
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Pretrained:
    """How the pictures were that a model was taught: their side, and the means and deviations of 0..1 values."""

    side: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@cache
def measured(model: str, shape: Shape) -> Measured:
    """A model's features for pictures of a shape, worked out on numbers that are nowhere.

    Raises:
        StackError: timm is not here, has no such model, or the model takes no such pictures.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        module = made(model, shape[0]).eval()
        where = next(module.parameters()).device
        try:
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                features = module(torch.zeros(1, *shape, device=where))
        except (AssertionError, RuntimeError, ValueError) as error:
            side = pretrained(model).side
            reason = (str(error) or "of another size").splitlines()[0]
            raise StackError(
                f"timm's {model} takes no pictures of {shape[2]} x {shape[1]} ({reason}): --size {side} is its own"
            ) from None
    if features.dim() != 2:
        raise StackError(f"timm's {model} gives no features of one row a picture: take another model")
    return Measured(
        features.shape[1], sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2
    )


def made(model: str, channels: int, **how: Any) -> Any:
    """A model up to its pooled features, without its own last layer.

    Raises:
        StackError: timm is not here, or has no such model.
    """
    timm = _timm()
    if not timm.is_model(model.split(".")[0]):
        near = difflib.get_close_matches(model, timm.list_models(), n=1)
        raise StackError(f"timm has no model {model!r}{f': did you mean {near[0]}?' if near else ''}")
    try:
        return timm.create_model(model, num_classes=0, in_chans=channels, **how)
    except RuntimeError:  # some cannot be made of numbers that are nowhere
        import torch

        with torch.device("cpu"):
            return timm.create_model(model, num_classes=0, in_chans=channels, **how)


def filled(model: str, channels: int, file: str | Path | None) -> Any:
    """The model with what it was taught: from a .safetensors file, or by download. Nothing is unpickled.

    Raises:
        StackError: The file is none, or the numbers cannot be had.
    """
    found = Path(_downloaded(model) if file is None else file)
    if found.suffix != ".safetensors" or not found.is_file():
        raise StackError(f"{found}: not a .safetensors file of timm's {model}")
    try:
        return made(model, channels, pretrained=True, pretrained_cfg_overlay={"file": str(found)})
    except StackError:
        raise
    except (
        Exception
    ) as error:  # safetensors, timm and PyTorch each say in their own way that numbers do not fit
        raise StackError(f"{found}: not the numbers of timm's {model} ({_first_line(error)})") from None


def _downloaded(model: str) -> str:
    known = _known(model)
    try:
        return import_module("huggingface_hub").hf_hub_download(known["hf_hub_id"], "model.safetensors")
    except (
        Exception
    ) as error:  # the hub's library is absent, or the network, the name, the right to it: all is one to us
        raise StackError(
            f"the pretrained numbers of timm's {model} need a download, which failed ({_first_line(error)}); "
            f"with a file of them: --from timm:{model}:FILE.safetensors"
        ) from None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def pretrained(model: str) -> Pretrained:
    """What timm says of the pictures that a model was taught.

    Raises:
        StackError: timm is not here, or has no such model.
    """
    known = _known(model)
    return Pretrained(int(known["input_size"][1]), tuple(known["mean"]), tuple(known["std"]))


def _known(model: str) -> dict[str, Any]:
    import torch

    with torch.device("meta"):
        return made(model, 3).pretrained_cfg


def _timm() -> Any:
    try:
        return import_module("timm")
    except (ImportError, RuntimeError) as error:  # the latter where torchvision was made for another PyTorch
        raise StackError(
            f"models of timm need timm, which cannot be used here ({error}): pip install 'convscope[zoo]'"
        ) from None
