"""How long from the command to 99.0 % on MNIST's test digits: convscope beside the PyTorch example's recipe.

    python benchmarks/mnist_to_99.py [--seeds 5] [--peer-epochs 4]

The peer is the recipe of pytorch/examples/mnist as it is published, written anew here: two convolutions (32 and 64
kernels of 3x3), dropout, Adadelta at 1.0 times 0.7 an epoch, batch 64, each picture through PIL and a DataLoader,
tested after each epoch. Both are timed as whole processes, imports and test included, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

TARGET = 99.0
PEER = "--peer"


def peer(epochs: int, seed: int) -> None:
    """The PyTorch example's recipe; prints the test accuracy after each epoch."""
    import torch
    import torch.nn.functional as F
    from PIL import Image
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    from convscope.data.images import Pictures, images

    class Digits(Dataset):
        def __init__(self, pictures: Pictures):
            self.pictures = pictures

        def __len__(self) -> int:
            return len(self.pictures)

        def __getitem__(self, i: int):
            picture = Image.fromarray(self.pictures.pixels[i, 0])
            values = (
                torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(1, 28, 28).float()
                / 255
            )
            return (values - 0.1307) / 0.3081, int(self.pictures.labels[i])

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
            self.drop1, self.drop2 = nn.Dropout(0.25), nn.Dropout(0.5)
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

        def forward(self, x):
            x = self.drop1(F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2))
            return F.log_softmax(self.fc2(self.drop2(F.relu(self.fc1(torch.flatten(x, 1))))), dim=1)

    torch.manual_seed(seed)
    digits = images("mnist")
    learning = DataLoader(Digits(digits.train), batch_size=64, shuffle=True)
    testing = DataLoader(Digits(digits.test), batch_size=1000)
    net = Net()
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(epochs):
        net.train()
        for x, y in learning:
            optimizer.zero_grad()
            F.nll_loss(net(x), y).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum(int((net(x).argmax(1) == y).sum()) for x, y in testing)
        print(json.dumps({"test_accuracy": right / 10_000}), flush=True)
        schedule.step()


def timed(command: list[str]) -> tuple[float, list[dict]]:
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    return seconds, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-epochs", type=int, default=4)
    parser.add_argument(PEER, type=int, default=None, metavar="SEED", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer is not None:
        return peer(args.peer_epochs, args.peer)
    import tempfile

    import torch

    program = str(Path(sys.executable).with_name("convscope"))
    ours, accuracies = [], []
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            command = [
                program,
                "train",
                "mnist",
                "--target",
                str(TARGET),
                "--seed",
                str(seed),
                "--json",
                "--no-report",
            ]
            seconds, lines = timed([*command, "--out", f"{folder}/run"])
        ours.append(seconds)
        accuracies.append(100 * lines[-1]["test_accuracy"])
        print(f"convscope --target {TARGET}, seed {seed}: {seconds:6.2f} s, {accuracies[-1]:.2f} %")
    seconds, lines = timed([sys.executable, __file__, PEER, "0", "--peer-epochs", str(args.peer_epochs)])
    reached = ", ".join(f"{100 * line['test_accuracy']:.2f}" for line in lines)
    print(f"PyTorch example, {args.peer_epochs} epochs: {seconds:6.1f} s, test accuracy by epoch {reached} %")
    mean, spread = statistics.mean(ours), statistics.stdev(ours) if len(ours) > 1 else 0.0
    right = sum(a >= TARGET for a in accuracies)
    print(
        f"\nconvscope: {mean:.2f} s (sd {spread:.2f}, n={len(ours)}), {right} of {len(ours)} seeds at {TARGET} % or above"
    )
    print(f"ratio: {seconds / mean:.1f} ({seconds / max(ours):.1f} for the slowest seed)")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    return None


if __name__ == "__main__":
    main()
