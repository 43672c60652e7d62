"""What it costs to look at all units: a Record, LeNet-5's cards over 60,000 digits, AlexNet's patches, memory.

    python benchmarks/units.py [--photographs 9469] [--looks 1000]

The Record is timed in turn with the plain forward pass of the same net and digit, on one thread; what it adds is the median
of the differences. The cards are those of the 22 units of C1 and C3 of a LeNet-5 that has learned for an epoch: one pass
over the training digits for patches and rates, and one for each muted unit. AlexNet's shape (five convolutions, 1,152
units, 57 million weights, random) is asked for its units' nine best patches among photographs of 3x224x224, from
shared/data where that is, else noise, which costs the same. Memory is the process's own, over looks at one digit.
"""

from __future__ import annotations

import argparse
import io
import resource
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import convscope as cs
from convscope.data.images import Pictures
from convscope.inspect.card import cards
from convscope.inspect.layers import layer_of, layers_of
from convscope.inspect.look import look
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.units import units
from convscope.nets.build import build
from convscope.training.account import machine

ZIP = Path(__file__).parents[2] / "shared" / "data" / "imagenette-160.zip"
SIDE = 224


def record() -> bool:
    """What a Record adds to a forward pass, in ms."""
    torch.set_num_threads(1)
    net = build(cs.zoo["lenet5"]).eval()
    x = torch.randn(1, 1, 32, 32)
    plain, kept = [], []
    for _ in range(500):
        began = time.perf_counter()
        with torch.no_grad():
            net(x)
        middle = time.perf_counter()
        cs.record(net, x)
        plain.append(1000 * (middle - began))
        kept.append(1000 * (time.perf_counter() - middle))
    more = statistics.median(b - a for a, b in zip(plain, kept, strict=True))
    print(f"Record of LeNet-5: {statistics.median(plain):.2f} ms forward, {more:.2f} ms more for the Record")
    torch.set_num_threads(2)
    return more < 1


def lenet_cards(subject: Subject) -> bool:
    """The cards of C1 and C3, in seconds."""
    digits = cs.images("mnist").train
    layers = [layer_of(subject, "C1"), layer_of(subject, "C3")]
    began = time.perf_counter()
    seen = units(subject, layers, digits)
    passed = time.perf_counter()
    count = 0
    for layer in layers:
        whole, without = accuracies_muted(subject, layer, digits)
        lost = (whole, dict(enumerate(without.tolist())), len(digits))
        count += len(
            cards(subject, layer, range(layer.units), seen=seen[layer.name], pictures=digits, muted=lost)
        )
    ended = time.perf_counter()
    print(
        f"{count} cards over {len(digits):,} digits: {ended - began:.1f} s "
        f"({passed - began:.1f} s patches and rates, {ended - passed:.1f} s muting and captions)"
    )
    return ended - began < 30


def alexnet() -> nn.Module:
    """The shape of AlexNet in one column, with random weights."""
    torch.manual_seed(0)
    widths = [
        (3, 64, 11, 4, 2),
        (64, 192, 5, 1, 2),
        (192, 384, 3, 1, 1),
        (384, 256, 3, 1, 1),
        (256, 256, 3, 1, 1),
    ]
    rows: list[nn.Module] = []
    for number, (below, width, kernel, stride, padding) in enumerate(widths):
        rows += [nn.Conv2d(below, width, kernel, stride, padding), nn.ReLU(inplace=True)]
        rows += [nn.MaxPool2d(3, 2)] if number in (0, 1, 4) else []
    head = [
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 10),
    ]
    return nn.Sequential(*rows, *head).eval()


def photographs(count: int) -> tuple[Pictures, str]:
    """Photographs of 3x224x224, and where they are from."""
    if not ZIP.exists():
        noise = np.random.default_rng(0).integers(0, 256, (count, 3, SIDE, SIDE), np.uint8)
        return Pictures(noise, np.arange(count) % 10), "noise"
    pixels = np.empty((count, 3, SIDE, SIDE), np.uint8)
    with zipfile.ZipFile(ZIP) as archive:
        names = sorted(
            n for n in archive.namelist() if n.lower().endswith((".jpg", ".jpeg")) and "/train/" in f"/{n}"
        )
        classes = sorted({name.split("/")[-2] for name in names})
        for place, name in enumerate(names[:count]):
            with Image.open(io.BytesIO(archive.read(name))) as image:
                pixels[place] = np.asarray(image.convert("RGB").resize((SIDE, SIDE))).transpose(2, 0, 1)
    labels = np.array([classes.index(name.split("/")[-2]) for name in names[:count]])
    return Pictures(pixels[: len(labels)], labels), ZIP.name


def alexnet_patches(count: int) -> bool:
    """The nine best patches of all of AlexNet's units, in minutes."""
    subject = subject_of(alexnet(), shape=(3, SIDE, SIDE), mean=0.45, std=0.23)
    pictures, source = photographs(count)
    layers = layers_of(subject)
    began = time.perf_counter()
    found = units(subject, layers, pictures)
    minutes = (time.perf_counter() - began) / 60
    total = sum(layer.units for layer in layers)
    print(
        f"patches of {total:,} units of AlexNet's shape over {len(pictures):,} pictures ({source}): {minutes:.1f} min"
    )
    return minutes < 10 and all(seen.best.values.shape[1] == 9 for seen in found.values())


def memory(subject: Subject, looks: int) -> bool:
    """How much the process grew over looks at one digit, in MB, after the first fifth of them."""
    digit = cs.images("mnist").test.pixels[0]
    grown = []
    for number in range(looks):
        look(subject_of(subject.net), digit, layer="C1", top=2, methods=("grad-cam",))
        if number in (looks // 5, looks - 1):
            grown.append(_resident())
    print(f"memory over {looks} looks: {grown[0]:.0f} MB after a fifth of them, {grown[1]:.0f} MB at the end")
    return grown[1] - grown[0] < 20


def _resident() -> float:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photographs", type=int, default=9469)
    parser.add_argument("--looks", type=int, default=1000)
    options = parser.parse_args()
    print(f"{machine('torch')}\n")
    with tempfile.TemporaryDirectory() as folder:
        subject = subject_of(
            cs.train(cs.images("mnist"), "lenet5", cs.Recipe(epochs=1), out=Path(folder) / "run")
        )
        good = [
            record(),
            lenet_cards(subject),
            memory(subject, options.looks),
            alexnet_patches(options.photographs),
        ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
