"""What it costs to ask where a net looked: Grad-CAM beside a training's pass and beside its peer, and occlusion's passes.

    python benchmarks/looking.py [--rounds 7] [--threads 1]

Grad-CAM is asked of a residual net of ResNet-18's size (11 million weights, random) for one picture of 3x224x224. It is
timed in turn with one forward and one backward pass of the same net and picture, as in training, and with
pytorch-grad-cam where that can be imported, at the same layer (both from the picture to the map at full size; the peer
is made once, outside of the time). `first` is the first time that a net is asked, when its layers are not known yet.

Occlusion, coarse to fine, is counted in forward passes beside the plain sweep over the same places, and how often both
find the same peak: for a LeNet-shaped net that has learned for an epoch, on digits that it has not seen, as they are and
enlarged to 224x224 (the net then begins with a mean over 8x8 pixels). Prints medians
over the rounds, and ratios taken within each; exits with 1 where Grad-CAM took twice a forward and backward pass, or
occlusion more than a fifth of the sweep's.
"""

from __future__ import annotations

import argparse
import importlib
import re
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import convscope as cs
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.where import where
from convscope.training.account import machine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from foreign import Residual

SHAPE = (3, 224, 224)
PICTURES = 50


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def turn(call: Callable[[], object]) -> float:
    """One peer's turn: a call to warm up, then the median of five."""
    milliseconds(call)
    return statistics.median(milliseconds(call) for _ in range(5))


def large() -> nn.Module:
    """A residual net as wide and as deep as ResNet-18, with random weights."""
    torch.manual_seed(0)
    return Residual(widths=(64, 128, 256, 512), blocks=2).eval()


def peer() -> tuple[Any, str]:
    """pytorch-grad-cam's GradCAM, or None and why it cannot be had.

    It imports torchvision, which refuses to be imported beside a PyTorch that it was not built for: then its own
    operators are missing. Grad-CAM needs none of them, so each that is asked for is declared, without being made to work.
    """
    while len(DECLARED) < 20:
        try:
            return importlib.import_module("pytorch_grad_cam").GradCAM, ""
        except ImportError as error:
            return None, f"{error} (pip install grad-cam ttach scikit-learn)"
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                return None, str(error).splitlines()[0]
            DECLARED.append(torch.library.Library("torchvision", "FRAGMENT"))
            DECLARED[-1].define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [
                n for n in sys.modules if n.partition(".")[0] in ("torchvision", "pytorch_grad_cam")
            ]:
                del sys.modules[name]
    return None, "torchvision lacks too many operators"


DECLARED: list[Any] = []
"""The operators that were declared; they are gone when their library is."""


def passes(net: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """One forward and one backward pass, for the gradients of all weights."""

    def once() -> None:
        net.zero_grad()
        net(x)[0, 1].backward()

    return once


def grad_cam(rounds: int) -> bool:
    """Prints Grad-CAM's times; whether it stayed below two passes."""
    net = large()
    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    began = time.perf_counter()
    subject = subject_of(net, shape=SHAPE)
    where(subject, pixels, 1)
    first = 1000 * (time.perf_counter() - began)
    x = subject.given(pixels[None])
    calls: dict[str, Callable[[], object]] = {
        "forward and backward": passes(net, x),
        "convscope": lambda: where(subject, pixels, 1),
        "convscope, first layer": lambda: where(subject, pixels, 1, layer="conv1"),
    }
    made, absent = peer()
    if made is None:
        print(f"pytorch-grad-cam is left out: {absent}")
    else:
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        theirs = made(model=net, target_layers=[net.get_submodule("blocks")])
        calls[f"pytorch-grad-cam {version('grad-cam')}"] = lambda: theirs(x, [ClassifierOutputTarget(1)])
        agree(subject, pixels, theirs(x, [ClassifierOutputTarget(1)])[0])
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(turn(call))
    base, ours = times["forward and backward"], times["convscope"]
    print(
        f"Grad-CAM, {sum(p.numel() for p in net.parameters()) / 1e6:.1f} million weights, {'x'.join(map(str, SHAPE))}"
    )
    for name, found in times.items():
        print(
            f"  {name:26}{statistics.median(found):8.1f} ms   "
            f"{ratio(found, base)} times forward and backward   {ratio(found, ours)} times convscope"
        )
    print(f"  first                     {first:8.1f} ms   {first / statistics.median(base):.2f} times")
    return statistics.median(ours) < 2 * statistics.median(base)


def agree(subject: Subject, pixels: np.ndarray, theirs: np.ndarray) -> None:
    """The maps must be the same, stretched and scaled to 0..1 as the peer does, before their times are worth anything."""
    ours = where(subject, pixels, 1, stretch=True).values
    scaled = (ours - ours.min()) / max(1e-9, float(ours.max() - ours.min()))
    worst = float(np.abs(scaled - theirs).max())
    print(f"largest difference between the two maps, each scaled to 0..1: {worst:.4f}")
    if worst > 1e-3:
        raise SystemExit("the maps differ: their times cannot be compared")


def ratio(times: list[float], base: list[float]) -> str:
    found = [a / b for a, b in zip(times, base, strict=True)]
    return f"{statistics.median(found):5.2f} ({min(found):.2f} to {max(found):.2f})"


def occlusion() -> bool:
    """Prints the passes of both sweeps; whether coarse to fine made five times fewer and found the same peaks."""
    digits = cs.images("mnist").test.pixels[:PICTURES]
    with tempfile.TemporaryDirectory() as folder:
        run = cs.train(cs.images("mnist"), "lenet5-modern", cs.Recipe(epochs=1), out=Path(folder) / "run")
        small, rule = subject_of(run), run.info["normalisation"]
    enlarged = digits.repeat(8, 2).repeat(8, 3)
    std = 1 / (255 * np.array(rule["scale"]))
    net = nn.Sequential(nn.AvgPool2d(8), small.net)
    large = subject_of(net, shape=(1, 224, 224), mean=-np.array(rule["shift"]) * std, std=std)
    good = [sweeps(small, digits, patch, 1) for patch in (4, 6, 8)]
    return all([*good, sweeps(large, enlarged[: PICTURES // 5], 32, 8)])


def sweeps(subject: Subject, pictures: np.ndarray, patch: int, stride: int) -> bool:
    """Both sweeps over some pictures; whether the fine one needed at most a fifth, and found each peak."""
    found = []
    for pixels in pictures:
        fine, plain = (
            where(subject, pixels, method="occlusion", patch=patch, stride=stride, whole=whole)
            for whole in (False, True)
        )
        found.append((fine.passes, plain.passes, fine.peak == plain.peak))
    ours, theirs, same = zip(*found, strict=True)
    times, size = min(theirs) / max(ours), "x".join(map(str, subject.shape))
    print(
        f"occlusion of {size} by {patch}x{patch}, {stride} apart: {max(ours)} passes instead of {min(theirs)}, "
        f"{times:.2f} times fewer, the same peak for {sum(same)} of {len(found)} pictures"
    )
    return 5 * max(ours) <= min(theirs) and all(same)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0 is as many as there are cores")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"{machine('torch')}; {options.rounds} rounds\n")
    warnings.simplefilter("ignore")
    return 0 if grad_cam(options.rounds) & occlusion() else 1


if __name__ == "__main__":
    sys.exit(main())
