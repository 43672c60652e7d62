"""torchvision's weights in nets of the zoo: which of its names is which of ours. torchvision itself is not needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from convscope.errors import StackError
from convscope.nets import steps
from convscope.nets.build import Net
from convscope.nets.stack import Stack
from convscope.nets.windows import Line

SHOWN = 3
"""So many names an error lists."""


def load_torchvision(net: Net, weights: Mapping[str, Float[Tensor, "*shape"]] | str | Path) -> Net:
    """Give a net of the zoo the weights of torchvision's model of that shape; it then gives the same answers.

    `weights` is that model's state_dict, or a .safetensors file that holds one. The net may also be your own text with
    the same layers. Returns the net, whose numbers are overwritten only if all of them fit.

    Raises:
        StackError: The file cannot be read, or names or shapes do not fit.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.grammar import parse
    >>> net = build(parse("input 1x3x3; conv1 conv 2 3x3 | relu; areas adaptive 1x1; out linear 2"))
    >>> theirs = {"features.0.weight": torch.ones(2, 1, 3, 3), "features.0.bias": torch.zeros(2),
    ...           "classifier.0.weight": torch.ones(2, 2), "classifier.0.bias": torch.zeros(2)}
    >>> load_torchvision(net, theirs)(torch.ones(1, 1, 3, 3)).tolist()
    [[18.0, 18.0]]
    """
    came = dict(weights) if isinstance(weights, Mapping) else _read(Path(weights))
    own, names = net.state_dict(), torchvision_names(net.stack)
    _check(own, names, came)
    with torch.no_grad():
        for name, tensor in own.items():
            if names[name] in came:
                tensor.copy_(came[names[name]])
    return net


def torchvision_names(stack: Stack) -> dict[str, str]:
    """Our name -> torchvision's, for every number of a net.

    Its AlexNet and VGG count their steps: `features.N` up to the adaptive pool, `classifier.N` behind it. Its ResNets have
    blocks by name, and so have ours: conv3_1b is layer2.0.conv2.

    >>> from convscope.nets.zoo import zoo
    >>> torchvision_names(zoo["alexnet-owt"])["fc6.linear.weight"]
    'classifier.1.weight'
    """
    if any(line.added for line in stack.lines):
        return _of_blocks(stack)
    names, part, place = {}, "features", 0
    for line, step, _ in stack.walk():
        if isinstance(step, steps.Adaptive):
            part, place = "classifier", 0
            continue
        names |= _numbers(line, step, f"{part}.{place}")
        place += 1
    return names


BLOCK = re.compile(r"conv(\d+)_(\d+)([abcp])")
"""A convolution of a block of a ResNet: its stage, its block, and which one it is; p is the projection."""


def _of_blocks(stack: Stack) -> dict[str, str]:
    """Of a ResNet: conv3_1b is layer2.0.conv2 and layer2.0.bn2."""
    names = {}
    for line, step, _ in stack.walk():
        norm = step.kind == "batchnorm"
        theirs = line.name if step.kind == "linear" else "bn1" if norm else "conv1"
        if found := BLOCK.fullmatch(line.name):
            stage, block, which = found.groups()
            part = (
                f"downsample.{int(norm)}"
                if which == "p"
                else f"{'bn' if norm else 'conv'}{'abc'.index(which) + 1}"
            )
            theirs = f"layer{int(stage) - 1}.{int(block) - 1}.{part}"
        names |= _numbers(line, step, theirs)
    return names


def _numbers(line: Line, step: steps.Step, theirs: str) -> dict[str, str]:
    """What a step keeps, by our name and theirs."""
    return {f"{line.name}.{step.kind}.{kind}": f"{theirs}.{kind}" for kind in NUMBERS.get(step.kind, ())}


NUMBERS = {
    "conv": ("weight", "bias"),
    "linear": ("weight", "bias"),
    "batchnorm": ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"),
}
"""What a step keeps, by its kind."""


def _check(own: Mapping[str, Tensor], names: Mapping[str, str], came: Mapping[str, Tensor]) -> None:
    unnamed = [name for name in own if name not in names]
    if unnamed:
        raise StackError(f"torchvision has nothing like {_listed(unnamed)}: its weights do not fit this net")
    counted = {name for name in own if name.endswith("num_batches_tracked")}
    missing = [names[name] for name in own if names[name] not in came and name not in counted]
    unused = sorted(set(came) - {names[name] for name in own})
    if missing or unused:
        said = [f"there is no {_listed(missing)}"] if missing else []
        said += [f"nothing here takes {_listed(unused)}"] if unused else []
        raise StackError(f"these are not this net's weights from torchvision: {', and '.join(said)}")
    for name, tensor in own.items():
        theirs = came.get(names[name], tensor)
        if theirs.shape != tensor.shape:
            raise StackError(
                f"{names[name]} is {_shape(theirs)}, but {name} is {_shape(tensor)}: "
                "build the net with the same input size and classes"
            )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise StackError(
            f"{path}: no safetensors file ({reason}); of another file give the state_dict itself"
        ) from None
