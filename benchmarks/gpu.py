"""What one GPU gives: `cifar` as a whole process, AlexNet's pictures a second beside torchvision's, LeNet's shape to 99 %.

    python benchmarks/gpu.py [--cifar cifar10-jpeg.zip] [--seeds 3] [--batches 128 1024 2048] [--only alexnet]

The peer is torchvision's AlexNet (one column, no response normalisation) on one batch of noise that stays on the device,
without any changes of the pictures, by plain PyTorch: SGD with momentum, float32, bfloat16, bfloat16 channels-last.
Ours is the net of 2012 with its groups, response normalisation, random parts, mirroring and light. Each figure is the
median of five rounds. Without --cifar that row is left out; without torchvision the peer is.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM_CIFAR, AIM_DIGITS = 90.8, 99.0
ROUNDS = {"rounds": 5, "seconds": 1.0}
PRECISIONS = (("float32", False), ("bfloat16", False), ("bfloat16", True))


def main() -> int:
    """Print the table; 1 where there is no GPU."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--cifar", type=Path, help="the pictures of CIFAR-10, such as cifar10-jpeg.zip")
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--batches", type=int, nargs="+", default=[128, 1024, 2048])
    words.add_argument("--only", choices=["cifar", "alexnet", "digits"])
    asked = words.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("no GPU here: this benchmark needs one that PyTorch can use", file=sys.stderr)
        return 1
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}, "
        f"Python {platform.python_version()}\n"
    )
    if asked.only in (None, "cifar"):
        if asked.cifar is None:
            print("cifar: left out, since no --cifar was given\n")
        else:
            taught(["train", str(asked.cifar), "--net", "cifar"], AIM_CIFAR, asked.seeds)
    if asked.only in (None, "digits"):
        words = ["train", "mnist", "--net", "lenet5-modern", "--batch", "250", "--rate", "0.01"]
        taught(words, AIM_DIGITS, asked.seeds)
    if asked.only in (None, "alexnet"):
        alexnet(asked.batches)
    return 0


def taught(words: list[str], aim: float, seeds: int) -> None:
    """Whole processes, one after the other: what they reached, their training's time and all of their time."""
    print(f"convscope {' '.join(words)}, {seeds} seeds, aim {aim} %")
    rows = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            own = ["--device", "cuda", "--seed", str(seed), "--out", f"{folder}/run", "--no-report", "--json"]
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "convscope", *words, *own], capture_output=True, text=True
            )
            whole = time.perf_counter() - begun
        if done.returncode:
            print(f"  seed {seed}: failed: {done.stderr.strip().splitlines()[-1]}\n")
            return
        said = json.loads(done.stdout.splitlines()[-1])
        rows.append((100 * said["test_accuracy"], said["train_seconds"], whole))
        print(
            f"  seed {seed}: {rows[-1][0]:.2f} %, training {rows[-1][1]:.2f} s, whole process {whole:.2f} s"
        )
    right, training, whole = zip(*rows, strict=True)
    reached = sum(one >= aim for one in right)
    print(
        f"  mean {statistics.mean(right):.2f} %, {reached} of {seeds} reach {aim} %; "
        f"median training {statistics.median(training):.2f} s, whole process {statistics.median(whole):.2f} s\n"
    )


def alexnet(batches: list[int]) -> None:
    """Pictures a second, ours beside the peer's."""
    from convscope.bench.speeds import PAPER_EPOCHS, PAPER_PICTURES, teaching

    print("AlexNet, training, pictures a second (spread)")
    for batch in batches:
        for precision in ("float32", "bfloat16"):
            found = teaching("alexnet", "cuda", **ROUNDS, batch=batch, precision=precision)
            minutes = PAPER_EPOCHS * PAPER_PICTURES / found.figure.median / 60
            said(f"ours, {precision}, batch {batch}", found.figure)
            print(f"    the paper's training: {minutes:.0f} minutes")
        for precision, last in PRECISIONS:
            found = peer(batch, precision, last)
            if found is None:
                return
            said(f"torchvision's, {precision}{', channels-last' if last else ''}, batch {batch}", found)


def peer(batch: int, precision: str, last: bool):
    """torchvision's AlexNet, plainly taught; None where torchvision cannot be used."""
    import torch
    import torch.nn.functional as F

    from convscope.bench.figures import measured

    try:
        from torchvision.models import alexnet as theirs
    except (ImportError, RuntimeError) as error:  # the latter where it was made for another PyTorch
        print(f"  no peer: torchvision cannot be used ({error})")
        return None
    layout = torch.channels_last if last else torch.contiguous_format
    net = theirs(weights=None).cuda().to(memory_format=layout).train()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    pictures = torch.randn(batch, 3, 224, 224, device="cuda").contiguous(memory_format=layout)
    labels = torch.randint(0, 1000, (batch,), device="cuda")

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = F.cross_entropy(net(pictures), labels)
        loss.backward()
        optimiser.step()

    return measured(step, batch, "cuda", **ROUNDS)


def said(what: str, figure) -> None:
    """A row of the table."""
    print(f"  {what:<55} {figure.median:>10,.0f}  ({100 * figure.spread:.0f} %)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
