"""Epochs until three quarters of CIFAR-10 are learned, with ReLU and with tanh: figure 1 of the paper on AlexNet.

    python benchmarks/relu_or_tanh.py cifar10-jpeg.zip [--rates 0.1 0.03 0.01] [--most 40] [--seeds 1]

The paper's net of four layers is not described any further: here three convolutions of 5x5 with pooling between, and one
fully connected layer, the same text but for the one word. For each of the two the rate is the one that gets there first, as
in the paper; no picture is changed, nothing is decayed. The paper: six times as many epochs with tanh.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean

from convscope.data.images import Images, images
from convscope.nets.grammar import parse
from convscope.training.account import machine
from convscope.training.loop import EpochDone, training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe

TEXT = """input 3x32x32
conv1 conv 32 5x5 padding=2 | {bend}
pool1 max 2x2
conv2 conv 32 5x5 padding=2 | {bend}
pool2 max 2x2
conv3 conv 64 5x5 padding=2 | {bend}
pool3 max 2x2
out   linear 10"""
WRONG = 0.25


def epochs_until(pictures: Images, bend: str, rate: float, most: int, seed: int) -> int | None:
    """The epochs that it took, or None where `most` were too few."""
    recipe = Recipe(
        epochs=most,
        batch=128,
        optimizer="sgd",
        schedule="constant",
        rate=rate,
        momentum=0.9,
        decay=0,
        shift=0,
    )
    plan = make_plan(pictures, parse(TEXT.format(bend=bend)), recipe, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        for event in training(plan, Path(folder) / "run"):
            if isinstance(event, EpochDone) and event.metrics["train_accuracy"] >= 1 - WRONG:
                return int(event.metrics["epoch"])
    return None


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("source", help="CIFAR-10 as a zip of class folders, or cifar10")
    asked.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.03, 0.01, 0.003])
    asked.add_argument("--most", type=int, default=40)
    asked.add_argument("--seeds", type=int, default=1)
    given = asked.parse_args()
    pictures = images(given.source, size=32)
    print(machine(), flush=True)
    best = {}
    for bend in ("relu", "tanh"):
        for rate in given.rates:
            taken = [epochs_until(pictures, bend, rate, given.most, seed) for seed in range(given.seeds)]
            print(
                f"{bend} rate {rate:g}: {', '.join(str(n or f'more than {given.most}') for n in taken)} epochs",
                flush=True,
            )
            reached = [n for n in taken if n is not None]
            if len(reached) == len(taken):
                best[bend] = min(best.get(bend, float("inf")), mean(reached))
    if len(best) == 2:
        print(
            f"ReLU {best['relu']:g}, tanh {best['tanh']:g} epochs: {best['tanh'] / best['relu']:.1f} times (the paper: 6)"
        )


if __name__ == "__main__":
    main()
