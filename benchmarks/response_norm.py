"""How fast responses are normalised, there and back: convscope on a processor beside PyTorch's own `local_response_norm`.

    python benchmarks/response_norm.py [--batch 64] [--rounds 5] [--threads N] [--json]

The maps are those of AlexNet's first two layers, values and gradients random. Both sides take turns, round by round, and the
ratio is taken within a round. PyTorch's has the mean over the window where the paper has the sum, so it gets five times the
alpha; that both give the same is checked first.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from convscope.native.library import isa
from convscope.native.runner import processor
from convscope.nets import native_lrn

MAPS = {"conv1": (96, 55, 55), "conv2": (256, 27, 27)}
SIZE, ALPHA, BETA, K = 5, 1e-4, 0.75, 2.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Local response normalisation beside PyTorch's.")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    found = {
        f"{name} {str(dtype).removeprefix('torch.')}": measured((asked.batch, *shape), dtype, asked.rounds)
        for name, shape in MAPS.items()
        for dtype in (torch.float32, torch.bfloat16)
    }
    machine = {
        "processor": processor(), "cores": os.cpu_count(), "threads": asked.threads, "isa": isa(),
        "load": round(os.getloadavg()[0], 2), "torch": torch.__version__, "batch": asked.batch,
        "rounds": asked.rounds,
    }  # fmt: skip
    if asked.json:
        print(json.dumps({"machine": machine, "found": found}))
        return
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    for name, row in found.items():
        print(
            f"{name}: {row['ours_ms']:.1f} ms, PyTorch {row['torch_ms']:.1f} ms, {row['times']:.1f} times "
            f"({min(row['rounds']):.1f} to {max(row['rounds']):.1f})"
        )


def ours(x: torch.Tensor) -> torch.Tensor:
    """convscope's."""
    return native_lrn.normalised(x, SIZE, ALPHA, BETA, K)


def theirs(x: torch.Tensor) -> torch.Tensor:
    """PyTorch's; of bfloat16 it has none on a processor, so there it is that of float32."""
    return F.local_response_norm(x.float(), SIZE, SIZE * ALPHA, BETA, K).to(x.dtype)


def measured(shape: tuple[int, ...], dtype: torch.dtype, rounds: int) -> dict:
    """Milliseconds of both, there and back, and how many times as long PyTorch takes in each round."""
    x = (torch.randn(shape) * 10).relu().to(dtype).requires_grad_()
    slope = torch.randn(shape).to(dtype)
    torch.testing.assert_close(ours(x).float(), theirs(x.float()), rtol=2**-7, atol=1e-5)
    took = [(timed(ours, x, slope), timed(theirs, x, slope)) for _ in range(rounds + 1)][1:]
    times = [other / own for own, other in took]
    return {
        "ours_ms": statistics.median(own for own, _ in took) * 1e3,
        "torch_ms": statistics.median(other for _, other in took) * 1e3,
        "times": statistics.median(times),
        "rounds": times,
    }


def timed(way: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, slope: torch.Tensor) -> float:
    """Seconds of one way there and back."""
    x.grad = None
    begun = time.perf_counter()
    way(x).backward(slope)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
