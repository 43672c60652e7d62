"""How fast small nets train on this machine: the native engine beside the plain PyTorch loop.

    python benchmarks/training_speed.py [--rounds 5] [--seconds 1.5] [--batch 512] [--threads 2] [--json]

Both train on the same pictures, as large as MNIST's or, in colour, CIFAR-10's, or as photographs, kept in memory as
uint8; a step is everything: picking the pictures, scaling, forward, loss, backward, SGD with momentum. PyTorch runs
contiguous and channels-last; the faster of the two counts. They take turns in one process, round by round, and the
ratio is taken within each round. The peak is what this machine's own float32 matrix product reaches in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convscope import native
from convscope.native import (
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Op,
    Program,
    Relu,
    Squash,
    Subsample,
    Take,
)
from convscope.nets.lowered import lowered
from convscope.nets.zoo import zoo

HALF = ((2, 2), (2, 2))
AROUND = (1, 1, 1, 1)
C3 = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip
LAST = (Squash(), Linear(84), Squash(), Linear(10))
NETS = {
    "lenet5-shape": Program(
        (1, 32, 32),
        (
            Conv(6, (5, 5)),
            Squash(),
            AveragePool(*HALF),
            Conv(16, (5, 5)),
            Squash(),
            AveragePool(*HALF),
            Conv(120, (5, 5)),
            *LAST,
        ),
    ),
    "lenet5-1998": Program(
        (1, 32, 32),
        (
            Conv(6, (5, 5)),
            Squash(),
            Subsample(*HALF),
            Squash(),
            Conv(16, (5, 5), table=C3),
            Squash(),
            Subsample(*HALF),
            Squash(),
            Conv(120, (5, 5)),
            *LAST,
        ),
    ),
    "wide-3x3": Program(
        (1, 28, 28),
        (
            Conv(32, (3, 3), padding=AROUND),
            Relu(),
            Conv(32, (3, 3), padding=AROUND),
            Relu(),
            MaxPool(*HALF),
            Conv(64, (3, 3)),
            Relu(),
            MaxPool(*HALF),
            Linear(10),
        ),
    ),
    "digits": lowered(zoo["digits"]),
    "colour-batchnorm": Program(
        (3, 32, 32),
        (
            *(Conv(32, (3, 3), padding=AROUND, bias=False), BatchNorm(), Relu(), MaxPool(*HALF)),
            *(Conv(64, (3, 3), padding=AROUND, bias=False), BatchNorm(), Relu(), MaxPool(*HALF)),
            *(Conv(128, (3, 3), padding=AROUND, bias=False), BatchNorm(), Relu(), MaxPool(*HALF)),
            Linear(10),
        ),
    ),
    "photos-96": lowered(zoo["photos"].with_input((3, 96, 96))),
    "photos-160": lowered(zoo["photos"].with_input((3, 160, 160))),
}
LARGE = 64
"""Pictures in a batch of nets for photographs, at the most."""


class Table(nn.Conv2d):
    """A convolution of which only the listed links exist: the others are held at zero by a mask."""

    def __init__(self, channels: int, op: Conv):
        super().__init__(channels, op.maps, op.kernel)
        links = op.links((channels, 1, 1)) >= 0
        self.register_buffer("mask", torch.tensor(links, dtype=torch.float32)[:, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias)


class Shrink(nn.Module):
    """LeNet's trained subsampling."""

    def __init__(self, channels: int, op: Subsample):
        super().__init__()
        self.op = op
        self.weight, self.bias = (
            nn.Parameter(torch.ones(channels, 1, 1)),
            nn.Parameter(torch.zeros(channels, 1, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.op.kernel, self.op.stride, divisor_override=1) * self.weight + self.bias


def module(op: Op, shape: tuple[int, int, int]) -> nn.Module:
    """The same op in PyTorch."""
    match op:
        case Conv():
            return (
                Table(shape[0], op)
                if op.table
                else nn.Conv2d(shape[0], op.maps, op.kernel, op.stride, op.padding[:2], bias=op.bias)
            )
        case Linear():
            return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), op.units))
        case Subsample():
            return Shrink(shape[0], op)
        case AveragePool():
            return nn.AvgPool2d(op.kernel, op.stride)
        case MaxPool():
            return nn.MaxPool2d(op.kernel, op.stride, op.padding[:2])
        case BatchNorm():
            return nn.BatchNorm2d(shape[0])
        case Dropout():
            return nn.Dropout(op.rate)
        case Squash():
            return nn.Tanh()
        case Take():
            return nn.Identity()
        case _:
            return nn.ReLU()


class Chain(nn.Sequential):
    """The program's modules, with its branches and sums."""

    def __init__(self, program: Program):
        super().__init__(*(module(op, shape) for op, shape in zip(program.ops, program.shapes, strict=False)))
        self.ops = program.ops

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for op, part in zip(self.ops, self, strict=True):
            x = values[-1]
            if isinstance(op, Take):
                x = x + values[op.value] if isinstance(op, Add) else values[op.value]
            values.append(part(x))
        return values[-1].flatten(1)


def operations(program: Program) -> int:
    """Floating-point operations of one picture's step: two a multiply-add, forward, and backward twice that,
    less the gradient of the pictures, which nobody wants. A table counts the links it has. All are counted, also where
    fewer give the same result: so there can be more than a matrix product's peak."""
    total, first = 0, True
    for op, shape, after in zip(program.ops, program.shapes, program.shapes[1:], strict=False):
        if isinstance(op, Conv | Linear):
            places = after[1] * after[2]
            weights = op.parameters(shape) - after[0] * op.bias
            total += 2 * weights * places * (2 if first else 3)
            first = False
    return total


@dataclass
class Data:
    """Pictures of noise with MNIST's or CIFAR-10's sizes: speed does not depend on what they show."""

    pixels: np.ndarray
    labels: np.ndarray

    @classmethod
    def fit_for(cls, program: Program) -> Data:
        generator = np.random.default_rng(0)
        bytes_each = prod(program.input)
        shape = (60000, 1, 28, 28) if program.input[0] == 1 else (50000 * 3072 // bytes_each, *program.input)
        return cls(generator.integers(0, 256, shape, np.uint8), generator.integers(0, 10, shape[0]))

    def batches(self, size: int) -> Iterator[np.ndarray]:
        generator = np.random.default_rng(0)
        while True:
            order = generator.permutation(len(self.pixels))
            for start in range(0, len(order) - size + 1, size):
                yield order[start : start + size]


def native_step(program: Program, data: Data, size: int, threads: int) -> Callable[[], None]:
    """One whole training step with the native engine."""
    engine, batches = native.Engine(program, threads), data.batches(size)
    params = np.random.default_rng(0).normal(0, 0.05, program.parameters).astype(np.float32)
    grads, momenta, running = (
        np.empty_like(params),
        np.zeros_like(params),
        np.ones(program.running, np.float32),
    )

    def step() -> None:
        index = next(batches)
        batch = native.Batch.gather(data.pixels, index, 1 / 255, 0)
        engine.gradients(batch, data.labels[index], params, grads, running=running)
        native.sgd(params, grads, momenta, lr=0.01, momentum=0.9)

    return step


def torch_step(program: Program, data: Data, size: int, layout: torch.memory_format) -> Callable[[], None]:
    """One whole training step with PyTorch."""
    net = Chain(program).to(memory_format=layout)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    pixels, labels, batches = torch.tensor(data.pixels), torch.tensor(data.labels), data.batches(size)
    border = (program.input[1] - data.pixels.shape[2]) // 2

    def step() -> None:
        index = torch.from_numpy(next(batches))
        x = F.pad(pixels[index].float() / 255, (border,) * 4).contiguous(memory_format=layout)
        optimiser.zero_grad()
        F.cross_entropy(net(x), labels[index]).backward()
        optimiser.step()

    return step


def rate(step: Callable[[], None], seconds: float) -> float:
    """Steps a second, over at least `seconds`."""
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        step()
        count += 1
    return count / passed


def matrix_peak() -> float:
    """GFLOP/s of a float32 matrix product of 1024, the best of 10."""
    a, best = torch.randn(1024, 1024), 0.0
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        best = max(best, 2 * 1024**3 / (time.perf_counter() - start) / 1e9)
    return best


def measure(name: str, options: argparse.Namespace) -> dict[str, object]:
    """All rounds of one net."""
    program = NETS[name]
    size = min(options.batch, LARGE) if prod(program.input) > 10_000 else options.batch
    data = Data.fit_for(program)
    steps = {
        "native": native_step(program, data, size, options.threads),
        "contiguous": torch_step(program, data, size, torch.contiguous_format),
        "channels_last": torch_step(program, data, size, torch.channels_last),
    }
    for step in steps.values():
        step()
    rounds = [
        {way: size * rate(step, options.seconds) for way, step in steps.items()}
        for _ in range(options.rounds)
    ]
    peak = max(matrix_peak() for _ in range(3))
    ratios = [r["native"] / max(r["contiguous"], r["channels_last"]) for r in rounds]
    means = {way: statistics.mean(r[way] for r in rounds) for way in steps}
    gflops = means["native"] * operations(program) / 1e9
    return {
        "net": name,
        "pictures_per_second": means["native"],
        "best_round": max(r["native"] for r in rounds),
        "torch_contiguous": means["contiguous"],
        "torch_channels_last": means["channels_last"],
        "ratio": statistics.mean(ratios),
        "ratio_spread": statistics.stdev(ratios) if len(ratios) > 1 else 0.0,
        "gflops": gflops,
        "peak_gflops": peak,
        "fraction_of_peak": gflops / peak,
    }


def processor() -> str:
    """The processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nets", nargs="*", help=f"of {', '.join(NETS)}; all without one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{processor()}, {options.threads} threads, {native.isa()}, batch {options.batch}, torch {torch.__version__}, "
        f"Python {platform.python_version()}, {options.rounds} rounds of {options.seconds} s",
        file=sys.stderr,
    )
    results = []
    for name in options.nets or NETS:
        r = measure(name, options)
        results.append(r)
        print(
            f"{name:16} {r['pictures_per_second']:8,.0f} pictures/s (best round {r['best_round']:,.0f}), "
            f"{r['gflops']:.0f} GFLOP/s, {r['fraction_of_peak']:.0%} of matrix products' {r['peak_gflops']:.0f}; "
            f"PyTorch {r['torch_contiguous']:,.0f} contiguous, {r['torch_channels_last']:,.0f} channels-last; "
            f"{r['ratio']:.1f} ± {r['ratio_spread']:.1f} times",
            file=sys.stderr,
        )
    if options.json:
        print(json.dumps({"nets": results, "batch": options.batch, "threads": options.threads}))


if __name__ == "__main__":
    main()
