"""A net's forward pass, step by step: what each step was given, and what its layer made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.errors import StackError
from convscope.inspect.names import nearest
from convscope.nets.build import Net
from convscope.nets.stack import Line
from convscope.nets.steps import Areas, Linear, Rbf
from convscope.nets.windows import Step, Window


@dataclass(frozen=True, eq=False)
class Pass:
    """One layer of a forward pass: the input of its weighted step [channels, h, w], and the layer's output.

    `after` has what each step made of the values from the weighted one on, by its kind; the last is the output.
    """

    line: Line
    step: Step
    module: nn.Module
    given: Float[Tensor, "c h w"]
    result: Float[Tensor, "k y x"]
    after: tuple[tuple[str, Float[Tensor, "k y x"]], ...]


def passes(net: Net, picture: Float[Tensor, "c h w"]) -> Iterator[Pass]:
    """Each layer's part of one picture's way through a net in evaluation mode, in order, without gradients."""
    x = picture[None]
    with torch.no_grad():
        for line, shape in _shapes(net):
            step = working_step(line)
            sequence, given, module = getattr(net, line.name), None, None
            kinds, after = iter(s.kind for s in line.steps[line.steps.index(step) :]), []
            for name, part in sequence.named_children():
                if name == "flatten":
                    given = x[0].view(shape)
                elif name.startswith("pad_"):
                    given = x[0]
                elif module is None and name == step.kind:
                    given, module = x[0] if given is None else given, part
                x = part(x)
                if module is not None:
                    after.append((next(kinds), _maps(x)))
            assert given is not None and module is not None
            yield Pass(line, step, module, given, _maps(x), tuple(after))


def pass_of(net: Net, picture: Float[Tensor, "c h w"], layer: str) -> Pass:
    """The part of one layer, by its name.

    Raises:
        StackError: The net has no such layer.
    """
    names = [line.name for line in net.stack.lines]
    if layer not in names:
        raise StackError(f"there is no layer {layer!r}{nearest(layer, names)}")
    return next(done for done in passes(net, picture) if done.line.name == layer)


def working_step(line: Line) -> Step:
    """The step that looks through a window or has weights, else the one that takes means; else a line's first step."""
    for kinds in (Window | Linear | Rbf, Areas):
        found = next((step for step in line.steps if isinstance(step, kinds)), None)
        if found is not None:
            return found
    return line.steps[0]


def _maps(x: Tensor) -> Float[Tensor, "k y x"]:
    return x[0] if x.dim() == 4 else x[0][:, None, None]


def _shapes(net: Net) -> Iterator[tuple[Line, tuple[int, int, int]]]:
    """Each line, with the shape before its working step."""
    before = {}
    for line, step, shape in net.stack.walk():
        if step is working_step(line):
            before.setdefault(line.name, shape)
    for line in net.stack.lines:
        yield line, before[line.name]
