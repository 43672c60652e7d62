"""A net's forward pass, step by step: what each step was given, and what its layer made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.errors import StackError, instead
from convscope.nets.build import Net
from convscope.nets.joins import From
from convscope.nets.layers import Add
from convscope.nets.steps import Areas, Linear, Rbf
from convscope.nets.windows import Line, Shape, Step, Window


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
    before, made = _shapes(net), []

    def run(line: Line, given: tuple[Tensor, ...]) -> Tensor:
        done, result = _pass(net, line, given, before[line.name])
        made.append(done)
        return result

    with torch.no_grad():
        for _ in net.through(picture[None], run):
            yield made.pop()


def _pass(net: Net, line: Line, given: tuple[Tensor, ...], before: Shape) -> tuple[Pass, Tensor]:
    """A line's part, and what it gives to the net; `before` is the shape before its working step."""
    step, (x, *others) = working_step(line), given
    kinds, after = iter(s.kind for s in line.steps[line.steps.index(step) :]), []
    left, taken, module = iter(others), None, None
    for name, part in getattr(net, line.name).named_children():
        if name == "flatten":
            taken = x[0].view(before)
        elif name.startswith("pad_"):
            taken = x[0]
        elif module is None and name == step.kind:
            taken, module = x[0] if taken is None else taken, part
        x = part(x, next(left)) if isinstance(part, Add) else part(x)
        if module is not None:
            after.append((next(kinds), _maps(x)))
    assert taken is not None and module is not None
    return Pass(line, step, module, taken, _maps(x), tuple(after)), x


def pass_of(net: Net, picture: Float[Tensor, "c h w"], layer: str) -> Pass:
    """The part of one layer, by its name.

    Raises:
        StackError: The net has no such layer.
    """
    names = [line.name for line in net.stack.lines]
    if layer not in names:
        raise StackError(f"there is no layer {layer!r}: {instead(layer, names)}")
    return next(done for done in passes(net, picture) if done.line.name == layer)


def working_step(line: Line) -> Step:
    """The step that looks through a window or has weights, else the one that takes means; else a line's first step."""
    for kinds in (Window | Linear | Rbf, Areas):
        found = next((step for step in line.steps if isinstance(step, kinds)), None)
        if found is not None:
            return found
    return next(step for step in line.steps if not isinstance(step, From))


def _maps(x: Tensor) -> Float[Tensor, "k y x"]:
    return x[0] if x.dim() == 4 else x[0][:, None, None]


def _shapes(net: Net) -> dict[str, Shape]:
    """Line -> the shape before its working step."""
    before = {}
    for line, step, shape in net.stack.walk():
        if step is working_step(line):
            before.setdefault(line.name, shape)
    return before
