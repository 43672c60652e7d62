"""Nets drawn by hypothesis, and the real ones, for the tests of the native engine."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from convscope.native import (
    AveragePool,
    Conv,
    Linear,
    MaxPool,
    Op,
    Program,
    Rbf,
    Relu,
    Sigmoid,
    Squash,
    Subsample,
)

SQUASH = Squash(1.7159, 2 / 3)
# The table of LeCun et al. 1998: which maps of S2 each map of C3 sees.
C3 = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


def lenet5(*last: Op) -> Program:
    """LeNet-5 of 1998, up to F6 and then what is given."""
    half = Subsample((2, 2), (2, 2))
    return Program(
        (1, 32, 32),
        (
            Conv(6, (5, 5)),
            SQUASH,
            half,
            SQUASH,
            Conv(16, (5, 5), table=C3),
            SQUASH,
            half,
            SQUASH,
            Conv(120, (5, 5)),
            SQUASH,
            Linear(84),
            SQUASH,
            *last,
        ),
    )


def small() -> Program:
    """A net with everything that is fast, for tests that are about something else."""
    return Program(
        (2, 12, 11),
        (
            Conv(7, (3, 3), padding=(1, 1, 1, 1)),
            Relu(),
            MaxPool((2, 2), (2, 2)),
            Conv(9, (3, 3)),
            Squash(),
            AveragePool((2, 2), (2, 2)),
            Linear(13),
            Sigmoid(),
            Linear(5),
        ),
    )


def vector(program: Program, seed: int = 0) -> np.ndarray:
    """Parameters of a size that keeps activations alive."""
    params = np.zeros(program.parameters, np.float32)
    generator = np.random.default_rng(seed)
    for op, shape, offset in zip(program.ops, program.shapes, program.offsets, strict=False):
        count = op.parameters(shape)
        params[offset : offset + count] = generator.normal(0, 1 / np.sqrt(1 + count / 8), count)
    return params


def pictures(program: Program, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise and random labels."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, *program.input)).astype(np.float32)
    return x, generator.integers(0, program.outputs, count)


activations = st.sampled_from([(), (Relu(),), (Sigmoid(),), (Squash(),), (SQUASH,), (Squash(), Relu())])


@st.composite
def windows(draw: st.DrawFn, shape: tuple[int, int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    kernel = tuple(draw(st.integers(1, min(3, side))) for side in shape[1:])
    tiled = draw(st.booleans())
    stride = kernel if tiled else tuple(draw(st.integers(1, 4)) for _ in "yx")
    return kernel, stride  # type: ignore[return-value]


@st.composite
def convolutions(draw: st.DrawFn, shape: tuple[int, int, int]) -> Conv:
    padding = draw(st.sampled_from([(0, 0, 0, 0), (1, 1, 1, 1), (2, 0, 1, 3), (0, 1, 0, 0)]))
    room = (shape[1] + padding[0] + padding[2], shape[2] + padding[1] + padding[3])
    kernel = tuple(draw(st.integers(1, min(5, side))) for side in room)
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3)]))
    maps = draw(st.integers(1, 14))
    rows = st.lists(st.integers(0, shape[0] - 1), min_size=1, unique=True).map(tuple)
    table = draw(st.none() | st.lists(rows, min_size=maps, max_size=maps).map(tuple))
    return Conv(maps, kernel, stride, padding, draw(st.booleans()), table)


@st.composite
def layers(draw: st.DrawFn, shape: tuple[int, int, int]) -> Op:
    kind = draw(st.sampled_from(["conv", "conv", "max", "average", "subsample", "linear"]))
    if kind == "conv":
        return draw(convolutions(shape))
    if kind == "linear":
        return Linear(draw(st.integers(1, 40)), draw(st.booleans()))
    kernel, stride = draw(windows(shape))
    if kind == "subsample":
        sources = st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=5).map(tuple)
        return Subsample(kernel, stride, draw(st.none() | sources))
    return (MaxPool if kind == "max" else AveragePool)(kernel, stride)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A net of up to four layers, each perhaps with an activation, which ends in 2 to 12 outputs."""
    shape = first = (draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    ops: list[Op] = []
    for _ in range(draw(st.integers(0, 4))):
        ops += [draw(layers(shape)), *draw(activations)]
        shape = Program(first, tuple(ops)).shapes[-1]
    ops += [Linear(draw(st.integers(2, 12)))]
    if draw(st.booleans()):
        codes = np.random.default_rng(0).choice([-1.0, 1.0], (draw(st.integers(2, 12)), ops[-1].units))
        ops += [Squash(), Rbf(tuple(map(tuple, codes.tolist())))]
    return Program(first, tuple(ops))
