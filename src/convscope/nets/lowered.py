"""A Stack as a program of the native engine, where the engine has all of its steps."""

from __future__ import annotations

from torch import Tensor, nn

from convscope import native
from convscope.nets import steps
from convscope.nets.joins import PICTURE, Add, From, Join
from convscope.nets.layers import digit_codes
from convscope.nets.stack import Stack
from convscope.nets.windows import Shape, Step, window_of


def lacking(stack: Stack) -> str:
    """Why the native engine cannot compute this net, in words; empty if it can.

    >>> from convscope.nets.zoo import zoo
    >>> from convscope.nets.grammar import parse
    >>> lacking(zoo["lenet5"])
    ''
    >>> lacking(parse("input 1x9x9; c conv 4 3x3 dilation=2 | relu; out linear 3"))
    'the native engine has no dilation'
    """
    if not native.available():
        return native.missing()
    try:
        lowered(stack)
    except ValueError as error:
        return str(error)
    return ""


def lowered(stack: Stack) -> native.Program:
    """The engine's program for a Stack.

    Raises:
        ValueError: The engine has no such step.
    """
    ops: list[native.Op] = []
    given = {PICTURE: 0}
    for line, step, shape in stack.walk():
        if isinstance(step, steps.BatchNorm) and any(
            isinstance(op, native.Linear | native.Rbf) for op in ops
        ):
            raise ValueError(
                "the native engine has no batchnorm behind a linear layer"
            )  # nor has PyTorch's for maps
        ops.append(_joined(step, given) if isinstance(step, Join) else _op(step, shape))
        given[line.name] = len(ops)
    return native.Program(stack.input.shape, tuple(ops))


def norms_of(net: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch normalisations of a net, in the order of its program."""
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


def running_of(net: nn.Module) -> list[Tensor]:
    """What they keep running, as the program wants it lined up: of each its means, then its variances."""
    kept = (buffer for norm in norms_of(net) for buffer in (norm.running_mean, norm.running_var))
    return [buffer for buffer in kept if buffer is not None]


def _joined(step: Join, given: dict[str, int]) -> native.Op:
    if not isinstance(step, From | Add):
        raise ValueError(f"the native engine has no {step.kind}")
    return (native.Take if isinstance(step, From) else native.Add)(given[step.layer])


def _op(step: Step, shape: Shape) -> native.Op:
    match step:
        case steps.Conv():
            return _conv(step, shape)
        case steps.Subsample():
            plain = step.sources(shape) == tuple(range(shape[0]))
            return native.Subsample(*window_of(step)[:2], None if plain else step.sources(shape))
        case steps.MaxPool():
            return native.MaxPool(*window_of(step)[:2], step.sides(shape))
        case steps.AveragePool():
            return native.AveragePool(*window_of(step)[:2])
        case steps.Global():
            return native.AveragePool(shape[1:], shape[1:])
        case steps.Linear():
            return native.Linear(step.width, step.bias)
        case steps.Rbf():
            return native.Rbf(digit_codes())
        case steps.BatchNorm():
            return native.BatchNorm()
        case steps.Dropout():
            return native.Dropout(step.probability)
        case steps.Squash():
            return native.Squash(step.amplitude, step.slope)
        case steps.Tanh():
            return native.Squash()
        case steps.Relu():
            return native.Relu()
        case steps.Sigmoid():
            return native.Sigmoid()
        case _:
            raise ValueError(f"the native engine has no {step.kind}")


def _conv(step: steps.Conv, shape: Shape) -> native.Op:
    if step.dilation != (1, 1):
        raise ValueError("the native engine has no dilation")
    table = step.table(shape) if step.maps or step.groups > 1 else None
    return native.Conv(step.width, step.kernel, step.stride, step.sides(shape), step.bias, table)
