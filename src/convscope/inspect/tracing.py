"""Any value of any layer of a net, traced back to the window it came from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from convscope.conv.setup import setup
from convscope.conv.tracing import Trace, check_position, made_trace, trace_of
from convscope.errors import StackError, instead
from convscope.inspect.forward import Pass, pass_of
from convscope.inspect.weights import bias_of, kernel_of, numbers, shape_of
from convscope.nets import steps
from convscope.nets.build import Net
from convscope.nets.windows import Window, window_of


def trace_layer(
    net: Net, picture: Float[np.ndarray, "c h w"], unit: str, at: tuple[int, int] = (0, 0)
) -> Trace:
    """Everything that went into one value of a net: of unit "C3/5" (map 5 of layer C3), at row and column `at`.

    `picture` is what the net takes: normalised, of its size (`convscope.runs.Run.normalised`). A linear layer's
    unit has one position, and its window is the whole map below. Pooling has no weights: its kernel is what
    it does, one part of each value (avg, adaptive, global), one coefficient for all (subsample), or 1 at the largest (max).

    Raises:
        StackError: The net has no such layer or unit.
        GeometryError: The map has no such position.

    >>> import convscope as cs
    >>> from convscope.nets.build import build
    >>> seen = trace_layer(build(cs.zoo["lenet5"]), np.zeros((1, 32, 32), np.float32), "C3/5", at=(9, 9))
    >>> seen.channels, seen.window.shape, seen.activation
    ((0, 1, 5), (3, 5, 5), 'squash')
    """
    layer, number = unit_of(net, unit)
    done = pass_of(net, torch.as_tensor(picture, dtype=torch.float32), layer)
    return trace_pass(done, number, at)


def trace_pass(done: Pass, number: int, at: tuple[int, int] = (0, 0)) -> Trace:
    """As `trace_layer`, for a layer whose forward pass was made before."""
    check_position(at, (done.result.shape[1], done.result.shape[2]))
    made = _traced(done, number, at)
    return replace(made, activation=following(done), value=float(done.result[number, at[0], at[1]]))


def following(done: Pass) -> str:
    """What a layer does to its sums, in words: the steps after the working one, or "none"."""
    after = done.line.steps[done.line.steps.index(done.step) + 1 :]
    return ", ".join(step.kind for step in after if step.kind != "dropout") or "none"


def unit_of(net: Net, unit: str) -> tuple[str, int]:
    """A unit's layer and number, from text such as "C3/5".

    Raises:
        StackError: The net has no such layer or unit; the message lists what there is.
    """
    layer, slash, number = unit.partition("/")
    shapes = net.stack.shapes
    if layer not in shapes:
        raise StackError(f"there is no layer {layer!r}: {instead(layer, shapes)}")
    if not slash or not number.isdecimal() or not int(number) < shapes[layer][0]:
        raise StackError(
            f"{unit!r} is no unit of {layer}: it has {layer}/0 to {layer}/{shapes[layer][0] - 1}"
        )
    return layer, int(number)


def _traced(done: Pass, number: int, at: tuple[int, int]) -> Trace:
    given, step, name = done.given.numpy(), done.step, f"{done.line.name}/{number}"
    match step:
        case steps.Conv():
            return _conv(done, step, number, at, name)
        case steps.Linear():
            return _whole(name, given, numbers(done.module, "weight")[number], bias_of(done.module, number))
        case steps.Rbf():
            return _whole(name, given, numbers(done.module, "codes")[number], 0.0, "squared difference")
        case steps.Subsample():
            source, weight = (
                step.sources(shape_of(done))[number],
                float(numbers(done.module, "weight")[number]),
            )
            return _pooled(step, given, source, at, name, weight, bias_of(done.module, number))
        case steps.AveragePool():
            return _pooled(step, given, number, at, name, 1 / (step.kernel[0] * step.kernel[1]))
        case steps.MaxPool():
            return _largest(_pooled(step, given, number, at, name, 0.0))
        case steps.Areas():
            return _area(step, given, number, at, name)
        case _:
            raise StackError(
                f"{name}: a layer of {step.kind} alone changes single values; trace the one below"
            )


def _conv(done: Pass, step: steps.Conv, number: int, at: tuple[int, int], name: str) -> Trace:
    kernel, below, bias = kernel_of(done, step, number)
    made = setup(
        done.given.numpy()[list(below)], kernel, stride=step.stride, padding=step.sides(shape_of(done)),
        dilation=step.dilation, bias=bias,
    )  # fmt: skip
    return replace(trace_of(made, at, name=name), channels=below)


def _pooled(
    step: Window,
    given: np.ndarray,
    source: int,
    at: tuple[int, int],
    name: str,
    weight: float,
    bias: float = 0.0,
) -> Trace:
    size, stride, _, _ = window_of(step)
    sides = step.sides((len(given), given.shape[1], given.shape[2]))
    made = setup(given[source][None], np.full((1, *size), weight), stride=stride, padding=sides, bias=bias)
    return replace(trace_of(made, at, name=name), channels=(source,))


def _largest(found: Trace) -> Trace:
    chosen = np.zeros_like(found.kernel)
    chosen[0].flat[int(np.argmax(np.where(found.padded, -np.inf, found.window[0])))] = 1.0
    return made_trace(
        found.name, found.position, found.rows, found.columns, found.padded, found.channels, found.window, chosen,
        operation="largest",
    )  # fmt: skip


def _area(step: steps.Areas, given: np.ndarray, source: int, at: tuple[int, int], name: str) -> Trace:
    shape = (len(given), given.shape[1], given.shape[2])
    rows, columns = (np.arange(*step.spans(shape, axis)[at[axis]]) for axis in (0, 1))
    window = given[source][None, rows][:, :, columns].astype(np.float64)
    return made_trace(
        name, at, rows, columns, np.zeros(window.shape[1:], bool), (source,), window, np.full(window.shape, 1 / window.size),
    )  # fmt: skip


def _whole(name: str, given: np.ndarray, weights: np.ndarray, bias: float, operation: str = "times") -> Trace:
    channels, height, width = given.shape
    return made_trace(
        name, (0, 0), np.arange(height), np.arange(width), np.zeros((height, width), bool), tuple(range(channels)),
        given.astype(np.float64), weights.astype(np.float64).reshape(given.shape), bias, operation=operation,
    )  # fmt: skip
