"""One kernel over a 4K picture: convscope beside OpenCV, SciPy and PyTorch, in turn in this process.

    python benchmarks/convolution.py [--rounds 7]

All keep the size, with the border reflected (torch and scipy.signal: zeros, which costs them less). Every library gets
the layout that it likes best (channels last for OpenCV), an output that is there already where it can take one, and both
cores where it can use them. Kernels are random, so that none is separable; the last rows are Gaussians, which are. Prints
medians over the rounds (one turn of each: a call to warm up, and the median of five), how many times faster than the
fastest peer, and how many times OpenCV's filter2D; exits with 1 where a peer was faster. torch in bfloat16 is shown, but
is no peer: it keeps 8 bits of each number.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage, signal

import convscope as cs
from convscope.conv.engines import aligned
from convscope.drawing.slide import Scene, frames, kept_colours
from convscope.drawing.writing import write_animation
from convscope.training.account import machine

HEIGHT, WIDTH = 2160, 3840
ONCE = 100.0  # milliseconds from which a peer is called once only
SLOW = 81  # cells from which scipy's direct ways take many seconds
MEMORY = """
import sys, numpy as np
from convscope.conv.convolution import convolve
picture = np.ones((int(sys.argv[1]), 2160, 3840), sys.argv[2])
kernel = np.random.default_rng(0).random((int(sys.argv[3]),) * 2, np.float32)
convolve(picture[:, :600, :600], kernel, padding="same", mode="reflect")
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
convolve(picture, kernel, padding="same", mode="reflect")
print((peak() - before) / picture.nbytes)
"""


@dataclass(frozen=True)
class Case:
    """A picture, a kernel, and what computes it: name -> call."""

    title: str
    calls: dict[str, Callable[[], object]]


def case(dtype: str, channels: int, size: int, separable: bool = False) -> Case:
    """Everybody's way to lay one kernel on each channel of a 4K picture."""
    random = np.random.default_rng(0)
    picture = (random.random((channels, HEIGHT, WIDTH)) * 255).astype(dtype)
    row = np.exp(-0.5 * ((np.arange(size) - size // 2) / (size / 6)) ** 2)
    kernel = np.outer(row, row) if separable else random.standard_normal((size, size))
    kernel = (kernel / np.abs(kernel).sum()).astype(np.float32)
    out = aligned(picture.shape, np.dtype("float32"))
    last = np.ascontiguousarray(picture.transpose(1, 2, 0)) if channels > 1 else picture[0]
    filled = np.empty_like(last)
    calls: dict[str, Callable[[], object]] = {
        "convscope": lambda: cs.convolve(picture, kernel, padding="same", mode="reflect", out=out),
        "cv2.filter2D": lambda: cv2.filter2D(last, -1, kernel, dst=filled),
        **_torch(picture, kernel),
        "scipy.signal fft": lambda: [
            signal.fftconvolve(c.astype(np.float32), kernel, "same") for c in picture
        ],
    }
    if separable:
        line = row.astype(np.float32) / np.float32(row.sum())
        calls["cv2.sepFilter2D"] = lambda: cv2.sepFilter2D(last, -1, line, line, dst=filled)
    if size**2 <= SLOW:
        calls["scipy.ndimage"] = lambda: [
            ndimage.correlate(c, kernel, np.float32, mode="mirror") for c in picture
        ]
        calls["scipy.signal"] = lambda: [
            signal.correlate2d(c.astype(np.float32), kernel, "same") for c in picture
        ]
    _agree(calls["convscope"], last, kernel, channels)
    kind = "separable " if separable else ""
    return Case(f"{dtype}, {channels} channel{'s' * (channels > 1)}, {kind}{size}x{size}", calls)


def _torch(picture: np.ndarray, kernel: np.ndarray) -> dict[str, Callable[[], object]]:
    values, channels = torch.from_numpy(picture)[None], len(picture)
    weight = torch.from_numpy(kernel)[None, None].repeat(channels, 1, 1, 1)
    ready = values if values.is_floating_point() else None
    halved, half_weight = values.bfloat16(), weight.bfloat16()

    def whole() -> object:
        return F.conv2d(
            values.float() if ready is None else ready, weight, padding=len(kernel) // 2, groups=channels
        )

    def half() -> object:
        return F.conv2d(halved, half_weight, padding=len(kernel) // 2, groups=channels)

    # Without AMX, PyTorch takes minutes for large kernels, and longer still in bfloat16.
    return (
        {} if len(kernel) > 11 else {"torch": whole} | ({"torch bfloat16": half} if len(kernel) <= 3 else {})
    )


def _agree(ours: Callable[[], object], last: np.ndarray, kernel: np.ndarray, channels: int) -> None:
    """The maps must be OpenCV's before their times are worth anything."""
    mine = np.asarray(ours())
    theirs = cv2.filter2D(last, cv2.CV_32F, kernel)
    theirs = theirs.transpose(2, 0, 1) if channels > 1 else theirs[None]
    worst = float(np.abs(mine - theirs).max())
    if worst > 2e-3:
        raise SystemExit(f"the maps differ by {worst}")


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def turn(call: Callable[[], object]) -> float:
    """One peer's turn: a call to warm up, since the peer before it left its own data in the caches and its threads
    spinning, then the median of five."""
    milliseconds(call)
    return statistics.median(milliseconds(call) for _ in range(5))


def measured(one: Case, rounds: int) -> bool:
    """Prints a case's medians; whether nobody was faster than convscope."""
    first = {name: milliseconds(call) for name, call in one.calls.items()}
    times: dict[str, list[float]] = {name: [value] for name, value in first.items() if value > ONCE}
    for _ in range(rounds):
        for name, call in one.calls.items():
            if first[name] <= ONCE:
                times.setdefault(name, []).append(turn(call))
    medians = {name: statistics.median(values) for name, values in times.items()}
    peers = {name: value for name, value in medians.items() if name not in ("convscope", "torch bfloat16")}
    best = min(peers, key=peers.__getitem__)
    ratios = [theirs / ours for ours, theirs in zip(times["convscope"], times["cv2.filter2D"], strict=False)]
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    print(
        f"{one.title:36}{medians['convscope']:7.1f} ms  {peers[best] / medians['convscope']:5.2f} times {best:17}"
        f"filter2D {statistics.median(ratios):5.2f} times (sd {spread:.2f})   "
        + "  ".join(f"{name} {value:.1f}" for name, value in medians.items() if name != "convscope"),
        flush=True,
    )
    return medians["convscope"] <= peers[best]


def memory(channels: int, dtype: str, size: int) -> float:
    """Peak memory that one call needs besides the picture, in pictures (the float32 maps included)."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(channels), dtype, str(size)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def animation() -> float:
    """Milliseconds that a kernel's way over a digit takes as a GIF of 120 frames."""
    seven = np.asarray(cs.images("mnist").test.pixels[0]) / 255
    kernel = cs.kernels.sobel_x
    scene = Scene(seven, kernel, cs.convolve(seven[0], kernel), "sobel_x")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.gif"
        return milliseconds(lambda: write_animation(frames(scene), path, kept_colours("light")))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(
        f"{machine()}; OpenCV {cv2.__version__}, numpy {np.__version__}; {WIDTH}x{HEIGHT}, {rounds} rounds\n"
    )
    fastest = True
    for dtype in ("float32", "uint8"):
        for channels in (1, 3):
            for size in (3, 5, 11, 31):
                fastest &= measured(case(dtype, channels, size), rounds)
    for size in (5, 11, 31):
        fastest &= measured(case("float32", 1, size, separable=True), rounds)
    picture, kernel = np.ones((28, 28)), np.ones((5, 5))
    one = statistics.median(milliseconds(lambda: cs.trace(picture, kernel, at=(3, 7))) for _ in range(200))
    print(f"\ntrace of one position: {one:.3f} ms (median of 200)")
    print(f"120-frame GIF of a 28x28 picture: {animation() / 1000:.1f} s")
    for dtype, size in (("float32", 3), ("float32", 31), ("uint8", 3)):
        print(f"extra memory, {dtype} {size}x{size}: {memory(1, dtype, size):.2f} times the picture")
    return int(not fastest)


if __name__ == "__main__":
    sys.exit(main())
