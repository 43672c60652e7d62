"""A net without its fixed size: what answered for one window answers for all windows of a large picture at once.

LeCun et al. 1998, section VII: a fully connected layer over maps of some size is a convolution with a kernel of that size,
so a whole net is one large convolution ("space displacement network"), and windows that overlap share their work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

from convscope.errors import ConvscopeError, StackError
from convscope.nets import steps
from convscope.nets.build import Net, build
from convscope.nets.foreign import Timm
from convscope.nets.joins import Place
from convscope.nets.layers import digit_codes
from convscope.nets.stack import Stack
from convscope.nets.windows import Line, Step, Window
from convscope.nets.words import Size


@dataclass(frozen=True, eq=False)
class Dense:
    """A net that answers for each window of `window` (height, width) pixels, `jump` (down, right) pixels apart."""

    net: Net
    window: Size
    jump: Size
    distances: bool

    def answers(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k rows columns"]:
        """The net's answers to each window of normalised pictures, row by row from the top left one."""
        for _, made in self.net.through(x):
            x = made
        return self.named(x)

    def named(self, last: Float[Tensor, "n d rows columns"]) -> Float[Tensor, "n k rows columns"]:
        """The answers out of what the last layer gives: the same, or its distances to the classes' codes."""
        return _distances(last) if self.distances else last


def dense(net: Net) -> Dense:
    """The same net as one convolution, with the same weights.

    Raises:
        StackError: Its answers to a window inside of a larger picture would not be those to the window alone; the message
            says why.

    >>> from convscope.nets.grammar import parse
    >>> made = dense(build(parse("input 1x8x8; a conv 2 3x3 | relu; b max 2x2; out linear 3")))
    >>> made.window, made.jump, made.answers(torch.zeros(1, 1, 20, 11)).shape
    ((8, 8), (2, 2), torch.Size([1, 3, 7, 2]))
    """
    stack = net.stack
    text = dense_stack(stack)
    channels, height, width = stack.input.shape
    try:
        made = build(text.with_input((channels, 3 * height, 3 * width)))
    except ConvscopeError as error:
        raise StackError(f"the net fits its own size only ({error})") from None
    made.to(next(net.parameters()).dtype)
    with torch.no_grad():
        for value, there in zip(_numbers(net), _numbers(made), strict=True):
            there.copy_(value.reshape(there.shape))
    made.eval()
    down, right = text.ladder[-1].jump
    return Dense(made, (height, width), (down, right), isinstance(stack.last, steps.Rbf))


def _numbers(net: Net) -> list[Tensor]:
    """All that a net was taught, in the order of its text."""
    return [value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")]


def dense_stack(stack: Stack) -> Stack:
    """The text of the dense net: linear layers as convolutions, means of whole maps as windows; without distances to codes.

    Raises:
        StackError: A step knows where the picture ends.

    >>> from convscope.nets.grammar import parse
    >>> print(dense_stack(parse("input 1x8x8; a conv 2 3x3 | relu; mean global; out linear 3")))
    input 1x8x8
    a    conv 2 3x3 | relu
    mean avg 6x6 stride=1
    out  conv 3 1x1
    """
    lines = []
    for name, places in groupby(stack.places, key=lambda place: place.line.name):
        made = tuple(_movable(places))
        if made:
            lines.append(Line(name, made))
    return replace(stack, lines=tuple(lines))


def _movable(places: Iterator[Place]) -> Iterator[Step]:
    for place in places:
        step, size, name = place.step, place.before[1:], place.line.name
        match step:
            case Window() if any(step.sides(place.before)):
                raise StackError(f"{name} pads: beside a window lies more of the picture, not its padding")
            case steps.Adaptive() | Timm():
                raise StackError(f"{name} ({step.kind}) looks at a map as a whole, whatever its size")
            case steps.Global():
                yield steps.AveragePool(size, (1, 1))
            case steps.Linear():
                yield steps.Conv(step.width, size, bias=step.bias)
            case steps.Rbf() if size != (1, 1):
                raise StackError(f"{name} (rbf) is over more than one place of a map")
            case steps.Rbf() | steps.Dropout():
                pass
            case _:
                yield step


def _distances(x: Float[Tensor, "n d rows columns"]) -> Float[Tensor, "n k rows columns"]:
    """Squared distances to the digits' codes, at each place."""
    codes = torch.tensor(digit_codes(), dtype=x.dtype, device=x.device)
    both = conv2d(x, codes[:, :, None, None])
    return x.square().sum(1, keepdim=True) - 2 * both + codes.square().sum(1)[:, None, None]
