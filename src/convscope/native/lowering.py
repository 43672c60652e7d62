"""Program -> the structs that C plans from: activations join the op before them."""

from __future__ import annotations

from math import prod

import numpy as np

from convscope.native.library import OpSpec
from convscope.native.program import (
    AveragePool,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Op,
    Program,
    Rbf,
    Relu,
    Shape,
    Sigmoid,
    Squash,
    Subsample,
)

CONV, LINEAR, SUBSAMPLE, MAX_POOL, AVERAGE_POOL, ACTIVATION, DROPOUT, RBF, NORM = range(9)
IDENTITY, TANH, RELU, SIGMOID = range(4)


def lower(program: Program) -> tuple[list[OpSpec], list[np.ndarray]]:
    """The program's specs, and the arrays they point at, which must live until C has copied them."""
    specs: list[OpSpec] = []
    keep: list[np.ndarray] = []
    for op, shape, after, offset, running in zip(
        program.ops,
        program.shapes,
        program.shapes[1:],
        program.offsets,
        program.running_offsets,
        strict=False,
    ):
        if isinstance(op, Squash | Relu | Sigmoid):
            # A dropout's mask lies between its values and a following activation's.
            if not specs or specs[-1].act != IDENTITY or specs[-1].kind == DROPOUT:
                specs.append(_spec(ACTIVATION, shape, after))
            _activate(specs[-1], op)
        elif isinstance(op, BatchNorm):
            specs.append(_spec(NORM, shape, after))
            specs[-1].momentum, specs[-1].epsilon = op.momentum, op.epsilon
            specs[-1].weight, specs[-1].bias, specs[-1].running = offset, offset + shape[0], running
        else:
            specs.append(_lower(op, shape, after, offset, keep))
    if (
        tuple(specs[0].input) != program.input
    ):  # a first layer that flattens: the pictures still come as pictures
        specs.insert(0, _spec(ACTIVATION, program.input, program.input))
    return specs, keep


def _spec(kind: int, shape: Shape, after: Shape) -> OpSpec:
    return OpSpec(kind=kind, amplitude=1, slope=1, input=shape, output=after, weight=-1, bias=-1)


def _activate(spec: OpSpec, op: Op) -> None:
    match op:
        case Squash():
            spec.act, spec.amplitude, spec.slope = TANH, op.amplitude, op.slope
        case Relu():
            spec.act = RELU
        case Sigmoid():
            spec.act = SIGMOID


def _lower(op: Op, shape: Shape, after: Shape, offset: int, keep: list[np.ndarray]) -> OpSpec:
    match op:
        case Conv() if op.table is None and op.kernel == shape[1:] and not any(op.padding):
            return _linear(shape, after, offset, op.bias)  # one window: a linear layer with the same weights
        case Conv():
            spec = _spec(CONV, shape, after)
            spec.kernel, spec.stride, spec.sides = op.kernel, op.stride, op.padding
            spec.weight = offset
            spec.bias = offset + op.parameters(shape) - op.maps if op.bias else -1
            spec.links = _kept(op.links(shape), keep)
        case Linear():
            return _linear(shape, after, offset, op.bias)
        case Subsample():
            spec = _windows(SUBSAMPLE, op, shape, after)
            spec.weight, spec.bias = offset, offset + after[0]
            if op.sources is not None and op.sources != tuple(range(shape[0])):
                spec.links = _kept(np.array(op.sources, np.int32), keep)
        case MaxPool():
            spec = _windows(MAX_POOL, op, shape, after)
        case AveragePool():
            spec = _windows(AVERAGE_POOL, op, shape, after)
        case Dropout():
            spec = _spec(DROPOUT, shape, after)
            spec.rate = op.rate
        case Rbf():
            spec = _spec(RBF, (prod(shape), 1, 1), after)
            spec.codes = _kept(np.array(op.codes, np.float32), keep)
        case _:
            raise ValueError(f"{op!r}: the native engine has no such op")
    return spec


def _linear(shape: Shape, after: Shape, offset: int, bias: bool) -> OpSpec:
    spec = _spec(LINEAR, (prod(shape), 1, 1), after)
    spec.weight = offset
    spec.bias = offset + prod(shape) * after[0] if bias else -1
    return spec


def _windows(kind: int, op: Subsample | MaxPool | AveragePool, shape: Shape, after: Shape) -> OpSpec:
    spec = _spec(kind, shape, after)
    spec.kernel, spec.stride = op.kernel, op.stride
    return spec


def _kept(array: np.ndarray, keep: list[np.ndarray]) -> int:
    keep.append(np.ascontiguousarray(array))
    return keep[-1].ctypes.data
