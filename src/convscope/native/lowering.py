"""Program -> the structs that C plans from: activations join the op before them."""

from __future__ import annotations

from math import prod

import numpy as np

from convscope.native.library import OpSpec
from convscope.native.program import (
    Add,
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
    Take,
)

CONV, LINEAR, SUBSAMPLE, MAX_POOL, AVERAGE_POOL, ACTIVATION, DROPOUT, RBF, NORM, ADD, FORK = range(11)
IDENTITY, TANH, RELU, SIGMOID = range(4)


def lower(program: Program) -> tuple[list[OpSpec], list[np.ndarray]]:
    """The program's specs, and the arrays they point at, which must live until C has copied them."""
    keep: list[np.ndarray] = []
    wires = Wires(program)
    offsets = zip(program.offsets, program.running_offsets, strict=True)
    for number, (op, (offset, running)) in enumerate(zip(program.ops, offsets, strict=True)):
        if type(op) is Take:
            continue
        shape, after = program.shapes[number : number + 2]
        if isinstance(op, Add):
            wires.add(number, op.value)
        elif isinstance(op, Squash | Relu | Sigmoid):
            wires.activate(number, op)
        elif isinstance(op, BatchNorm):
            spec = _spec(NORM, shape, after)
            spec.momentum, spec.epsilon = op.momentum, op.epsilon
            spec.weight, spec.bias, spec.running = offset, offset + shape[0], running
            wires.put(number, spec)
        else:
            wires.put(number, _lower(op, shape, after, offset, keep))
    return wires.specs, keep


class Wires:
    """Which map each op reads and writes. A gradient takes the place of what one op read: so of a value that several read
    each has a map of its own, but the first one, and a fork adds up their gradients."""

    def __init__(self, program: Program):
        self.program = program
        self.specs: list[OpSpec] = []
        self.shapes = [program.input]
        self.makers: list[OpSpec | None] = [None]
        self.maps: dict[int, list[int]] = {}
        self.first: dict[int, int] = {}
        self._made(0, 0)

    def put(self, number: int, spec: OpSpec) -> None:
        """An op that reads the value `number` and makes the next one."""
        source = self._read(number)
        if not source and tuple(spec.input) != self.program.input:
            source = self._copy(source)  # a first layer that flattens: the pictures still come as pictures
        self._write(spec, source, self._new(tuple(spec.output)))
        self._made(number + 1, spec.into)

    def activate(self, number: int, op: Op) -> None:
        """An activation joins the op before it where nobody else reads what that gives."""
        source, alone = self._read(number), self._alone(number)
        last = self.specs[-1] if self.specs else None
        # A dropout's mask lies between its values and a following activation's.
        joins = last and last.into == source and last.act == IDENTITY and last.kind not in (DROPOUT, FORK)
        if not (joins and alone):
            source = self._copy(source)
        _activate(self.specs[-1], op)
        self._made(number + 1, source)

    def add(self, number: int, other: int) -> None:
        """A sum takes the place of its first value, which therefore must be its own and not activated."""
        root = self.program.roots[other]
        values, source = self.first[root], self._read(number)
        maker = self.makers[source]
        if not (self._alone(number) and maker and maker.act == IDENTITY):
            source = self._copy(source)
        spec = _spec(ADD, self.shapes[source], self.shapes[source])
        spec.beside, spec.spare = values, self._read(other)
        self._write(spec, source, source)
        self._made(number + 1, source)

    def _alone(self, number: int) -> bool:
        return self.program.readers[self.program.roots[number]] == 1

    def _read(self, number: int) -> int:
        return self.maps[self.program.roots[number]].pop(0)

    def _new(self, shape: Shape) -> int:
        self.shapes.append(shape)
        self.makers.append(None)
        return len(self.shapes) - 1

    def _write(self, spec: OpSpec, source: int, into: int) -> None:
        spec.source, spec.into, self.makers[into] = source, into, spec
        self.specs.append(spec)

    def _copy(self, source: int) -> int:
        shape = self.shapes[source]
        self._write(_spec(ACTIVATION, shape, shape), source, self._new(shape))
        return self.specs[-1].into

    def _made(self, number: int, place: int) -> None:
        """A value is there, in the map `place`; all but its first reader get a map behind a fork."""
        shape, maker = self.shapes[place], self.makers[place]
        self.first[number] = place
        self.maps[number] = [place]
        for _ in range(self.program.readers[number] - 1):
            fork = _spec(FORK, shape, shape)
            if maker:
                fork.act, fork.amplitude, fork.slope = maker.act, maker.amplitude, maker.slope
            self._write(fork, place, self._new(shape))
            self.maps[number].append(fork.into)


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
            spec.sides = op.padding
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
