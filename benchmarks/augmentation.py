"""How many pictures a second each random change of a batch takes: convscope's beside torchvision's v2 transforms.

    python benchmarks/augmentation.py [--sides 32 128] [--batch 128] [--seconds 0.5] [--rounds 3] [--device cpu]

Ours is a training's whole way from the uint8 set to a normalised float batch, with an own random number for every picture.
torchvision is asked for the same: once for each picture (as its examples have it, each with numbers of its own), and once
for the whole batch, where all pictures of a batch get one and the same number. They take turns, round by round; the best
round counts. Without torchvision only ours is measured, and that is said.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from convscope.data.images import Pictures
from convscope.training.batches import Feeder
from convscope.training.moments import Normalisation, Principal
from convscope.training.recipe import Recipe, recipe_for

PICTURES = 1000
KNOBS: dict[str, dict[str, float]] = {
    "nothing": {},
    "flip": {"flip": 0.5},
    "pad": {"pad": 4},
    "crop": {"crop": 0.875},
    "area": {"area": 0.35},
    "rotate": {"rotate": 10.0},
    "brightness, contrast": {"brightness": 0.2, "contrast": 0.2},
    "all four jitters": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02},
    "lighting": {"lighting": 0.1},
    "erase": {"erase": 0.5},
    "cutout": {"cutout": 8},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
}
RECIPES = ("cifar", "photos", "alexnet")

Batch = Callable[[], object]


def ours(recipe: Recipe, side: int, options: argparse.Namespace) -> Batch:
    """A batch of a training by a recipe, as a function without arguments."""
    rng = np.random.default_rng(0)
    pictures = Pictures(
        rng.integers(0, 256, (PICTURES, 3, side, side), np.uint8), rng.integers(0, 10, PICTURES)
    )
    rule, principal = Normalisation((0.01,) * 3, (-1.0,) * 3), Principal.of(pictures.take(np.arange(50)))
    feeder = Feeder(pictures, recipe.seen(side, side), rule, recipe, 0, options.device, principal)
    order, steps = feeder.order(1), iter(range(10**9))

    def batch() -> Tensor:
        step = next(steps)
        place = step * options.batch % (PICTURES - options.batch)
        return feeder.batch(order[place : place + options.batch], 1, step)

    return batch


def theirs(name: str, side: int, options: argparse.Namespace, each: bool) -> Batch | None:
    """The same by torchvision, for every picture or for the batch at once; None where it has no such transform."""
    try:
        from torchvision.transforms import v2
    except ImportError:
        return None
    made = {
        "nothing": [],
        "flip": [v2.RandomHorizontalFlip(0.5)],
        "pad": [v2.RandomCrop(side, padding=4)],
        "crop": [v2.RandomCrop(round(0.875 * side))],
        "area": [v2.RandomResizedCrop(side, (0.35, 1.0), antialias=False)],
        "rotate": [v2.RandomRotation(10, v2.InterpolationMode.BILINEAR)],
        "brightness, contrast": [v2.ColorJitter(0.2, 0.2)],
        "all four jitters": [v2.ColorJitter(0.2, 0.2, 0.2, 0.02)],
        "cifar": [v2.RandomCrop(side, padding=4), v2.RandomHorizontalFlip(0.5)],
        "photos": [
            v2.RandomResizedCrop(side, (0.35, 1.0), antialias=False),
            v2.RandomHorizontalFlip(0.5),
            v2.ColorJitter(0.2, 0.2, 0.2, 0.02),
        ],
    }.get(name)
    last = {"erase": [v2.RandomErasing(0.5)]}.get(name)
    mixed = {
        "mixup": v2.MixUp(alpha=0.2, num_classes=10),
        "cutmix": v2.CutMix(alpha=1.0, num_classes=10),
    }.get(name)
    if made is None and last is None and (mixed is None or each):
        return None
    scaled = [v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.5,) * 3, (0.25,) * 3)]
    chain = v2.Compose([*(made or []), *scaled, *(last or [])])
    pixels = torch.randint(0, 256, (PICTURES, 3, side, side), dtype=torch.uint8, device=options.device)
    labels = torch.randint(0, 10, (options.batch,), device=options.device)

    def batch() -> object:
        some = pixels.index_select(0, torch.randint(0, PICTURES, (options.batch,), device=options.device))
        if each:
            return torch.stack([chain(picture) for picture in some])
        return chain(some) if mixed is None else mixed(chain(some), labels)

    return batch


def rate(batch: Batch, options: argparse.Namespace) -> float:
    """Pictures a second."""
    batch()
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < options.seconds:
        batch()
        count += 1
    if options.device.startswith("cuda"):
        torch.cuda.synchronize()
        spent = time.perf_counter() - start
    return count * options.batch / spent


def measured(name: str, recipe: Recipe, side: int, options: argparse.Namespace) -> dict[str, object]:
    """One line of the table: the best of some rounds of each, in turns."""
    ways = {
        "ours": ours(recipe, side, options),
        "torchvision, each": theirs(name, side, options, each=True),
        "torchvision, batch": theirs(name, side, options, each=False),
    }
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        for way, batch in ways.items():
            if batch is not None:
                best[way] = max(best.get(way, 0.0), rate(batch, options))
    return {"knob": name, "side": side, **{way: round(best[way]) if way in best else None for way in ways}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipes = {name: Recipe(**knobs) for name, knobs in KNOBS.items()}  # type: ignore[arg-type]
    recipes |= {name: recipe_for("any", name).recipe for name in RECIPES}
    rows = [
        measured(name, recipe, side, options) for side in options.sides for name, recipe in recipes.items()
    ]
    peer = "is not installed: only ours was measured"
    if any(row["torchvision, each"] for row in rows):
        import torchvision

        peer = torchvision.__version__
    machine = f"{platform.processor() or platform.machine()}, {options.threads} thread(s), {options.device}"
    about = {"machine": machine, "torch": torch.__version__, "torchvision": peer, "batch": options.batch}
    if options.json:
        print(json.dumps({**about, "rows": rows}))
        return
    print(", ".join(f"{k} {v}" for k, v in about.items()), file=sys.stderr)
    print(
        "| pictures a second | side | ours | torchvision, each picture by itself | torchvision, a batch alike |"
    )
    print("| --- | --- | --- | --- | --- |")
    for row in rows:
        numbers = (row[way] for way in ("ours", "torchvision, each", "torchvision, batch"))
        print(
            f"| {row['knob']} | {row['side']} | " + " | ".join(f"{n:,}" if n else "-" for n in numbers) + " |"
        )


if __name__ == "__main__":
    main()
