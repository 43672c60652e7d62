"""Stack -> nn.Module: one child module a line, under the line's own name.

`net.C1` is layer C1 with its activation; `net.C1.conv` is the bare convolution inside. The order of the
parameters is the order of the text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from math import prod, sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.nets import foreign, layers, steps
from convscope.nets.foreign import Timm
from convscope.nets.joins import Add, From, Place
from convscope.nets.stack import Stack
from convscope.nets.windows import Line, Shape, Step, window_of


class Net(nn.Module):
    """A Stack made to run: pictures [n, channels, height, width] in, answers [n, classes] out.

    The answers are logits, larger for the likelier class; for a net that ends in `rbf` they are
    distances, smaller for the likelier class (`convscope.nets.answers` knows which).
    """

    def __init__(self, stack: Stack):
        super().__init__()
        self.stack = stack
        for name, places in groupby(stack.places, key=lambda place: place.line.name):
            self.add_module(name, layers.Steps(_parts(places)))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        for _, made in self.through(x):
            x = made
        return x.flatten(1)

    def through(
        self, x: Tensor, run: Callable[[Line, tuple[Tensor, ...]], Tensor] | None = None
    ) -> Iterator[tuple[Line, Tensor]]:
        """Each line in order, with what it gives.

        `run` stands in for the lines' modules: of a line and what it takes in (its input, then what it adds) it makes
        what the line gives.
        """
        return self.stack.through(x, run or self._run)

    def _run(self, line: Line, given: tuple[Tensor, ...]) -> Tensor:
        return getattr(self, line.name)(*given)


def build(stack: Stack, seed: int = 0) -> Net:
    """A fresh net with random weights; the same seed gives the same weights, whatever ran before.

    A step's own `init` says how its numbers begin. Else weights before `squash` are uniform within 2.4 / fan-in, as
    the paper of 1998 sets them (appendix A); before everything else normal with standard deviation sqrt(2 / fan-in)
    (He et al. 2015), or sqrt(1 / fan-in) where no ReLU follows. Of subsampling's coefficients the paper says nothing:
    they start as those of a mean. Biases start at 0.

    >>> from convscope.nets.grammar import parse
    >>> build(parse("input 1x28x28; conv1 conv 8 5x5 | relu; out linear 10")).conv1.conv.weight.shape
    torch.Size([8, 1, 5, 5])
    """
    with torch.random.fork_rng([]):  # a model that is not ours draws from PyTorch's own generator
        torch.manual_seed(seed)
        net = Net(stack)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for line, step, shape in stack.walk():
            module = getattr(getattr(net, line.name), step.kind, None)
            if isinstance(step, steps.Conv | steps.Linear | steps.Subsample):
                assert isinstance(module, nn.Module)
                _initialise(module, step, shape, line, generator)
    return net


def _parts(places: Iterable[Place]) -> OrderedDict[str, nn.Module]:
    """A line's modules, by the kinds of their steps; `from` has none."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for step, shape in ((place.step, place.before) for place in places):
        if isinstance(step, From):
            continue
        if isinstance(step, steps.Linear | steps.Rbf) and "flatten" not in parts:
            parts["flatten"] = nn.Flatten()
        if isinstance(step, steps.Conv) and len(set(_pairs(step, shape))) == 2:
            parts[f"pad_{step.kind}"] = layers.UnevenPad(step.sides(shape))
        name = step.kind if step.kind not in parts else f"{step.kind}{len(parts)}"
        parts[name] = _module(step, shape)
    return parts


def _pairs(step: steps.Conv, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    top, left, bottom, right = step.sides(shape)
    return (top, left), (bottom, right)


def _module(step: Step, shape: Shape) -> nn.Module:
    match step:
        case steps.Conv():
            return _conv(step, shape)
        case steps.Subsample():
            return layers.Subsample(step.sources(shape), *window_of(step)[:2])
        case steps.MaxPool():
            kernel, stride, _, _ = window_of(step)
            return nn.MaxPool2d(kernel, stride, step.sides(shape)[:2])
        case steps.AveragePool():
            return nn.AvgPool2d(*window_of(step)[:2])
        case Add():
            return layers.Add()
        case Timm():
            return foreign.made(step.model, shape[0])
        case steps.Adaptive() | steps.Global():
            return nn.AdaptiveAvgPool2d(step.parts())
        case steps.Linear():
            return nn.Linear(prod(shape), step.width, bias=step.bias)
        case steps.Rbf():
            return layers.Rbf()
        case steps.BatchNorm():
            return nn.BatchNorm2d(shape[0])
        case steps.Lrn():
            return layers.ResponseNorm(step.size, step.alpha, step.beta, step.k)
        case steps.Dropout():
            return nn.Dropout(step.probability)
        case steps.Squash():
            return layers.Squash()
        case steps.Tanh():
            return nn.Tanh()
        case steps.Relu():
            return nn.ReLU()
        case steps.Sigmoid():
            return nn.Sigmoid()
        case _:
            raise AssertionError(f"no module is registered for the step {step.kind}")


def _conv(step: steps.Conv, shape: Shape) -> nn.Module:
    before, after = _pairs(step, shape)
    padding = before if before == after else (0, 0)
    if step.maps:
        how = {"stride": step.stride, "padding": padding, "dilation": step.dilation}
        return layers.TableConv(step.table(shape), shape[0], step.kernel, step.bias, **how)
    return nn.Conv2d(
        shape[0],
        step.width,
        step.kernel,
        stride=step.stride,
        padding=padding,
        dilation=step.dilation,
        groups=step.groups,
        bias=step.bias,
    )


def _initialise(
    module: nn.Module,
    step: steps.Conv | steps.Linear | steps.Subsample,
    shape: Shape,
    line: Line,
    generator: torch.Generator,
) -> None:
    weight, bias = module.weight, getattr(module, "bias", None)
    assert isinstance(weight, Tensor)
    if bias is not None:
        bias.zero_()
    if isinstance(step, steps.Subsample):
        weight.fill_(1 / prod(step.kernel))
        return
    if step.init:
        weight.normal_(0, step.init[0], generator=generator)
        if bias is not None:
            bias.fill_(step.init[1])
        return
    fans = torch.tensor(_fan_ins(step, shape, weight), dtype=weight.dtype).view(-1, *[1] * (weight.dim() - 1))
    if any(isinstance(s, steps.Squash) for s in line.steps):
        weight.uniform_(-2.4, 2.4, generator=generator).div_(fans)
    else:
        gain = 2.0 if any(isinstance(s, steps.Relu) for s in line.steps) else 1.0
        weight.normal_(0, sqrt(gain), generator=generator).div_(fans.sqrt())


def _fan_ins(step: steps.Conv | steps.Linear, shape: Shape, weight: Tensor) -> list[int]:
    """How many values feed the unit that each row of a weight belongs to."""
    if not isinstance(step, steps.Conv):
        return [prod(shape)] * weight.shape[0]
    fans = step.fan_ins(shape)
    return [fan for fan in fans for _ in range(fan // prod(step.kernel))] if step.maps else list(fans)
