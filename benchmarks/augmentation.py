"""How many pictures a second each random change of a batch takes: convscope's beside kornia's augmentations.

    python benchmarks/augmentation.py [--sides 32 128] [--batch 128] [--seconds 0.5] [--rounds 3] [--device cpu] [--json]

Both go the whole way from a uint8 set to a normalised float batch, with random numbers of their own for every picture. They
take turns, round by round; the best round counts. On a CPU it is one thread, and the processor's own time that counts, so
that what others compute is not in it. Without kornia (pip install kornia) only ours is measured, and that is said.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convscope.data.images import Pictures
from convscope.training.batches import Feeder
from convscope.training.moments import Normalisation, Principal
from convscope.training.recipe import Recipe
from convscope.training.recipes import recipe_for

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
    pixels = rng.integers(0, 256, (PICTURES, 3, side, side), np.uint8)
    pictures = Pictures(pixels, rng.integers(0, 10, PICTURES))
    rule, principal = Normalisation((0.01,) * 3, (-1.0,) * 3), Principal.of(pictures.take(np.arange(50)))
    feeder = Feeder(pictures, recipe.seen(side, side), rule, recipe, 0, options.device, principal)
    order, steps = feeder.order(1), iter(range(10**9))

    def batch() -> Tensor:
        step = next(steps)
        place = step * options.batch % (PICTURES - options.batch)
        return feeder.batch(order[place : place + options.batch], 1, step)

    return batch


def theirs(name: str, side: int, options: argparse.Namespace) -> Batch | None:
    """The same by kornia; None where it is not installed or has no such change."""
    try:
        import kornia.augmentation as k
    except ImportError:
        return None
    chains: dict[str, list[Callable[[], Any]]] = {
        "nothing": [],
        "flip": [lambda: k.RandomHorizontalFlip(p=0.5)],
        "pad": [lambda: k.RandomCrop((side, side), padding=4)],
        "crop": [lambda: k.RandomCrop((round(0.875 * side),) * 2)],
        "area": [lambda: k.RandomResizedCrop((side, side), scale=(0.35, 1.0))],
        "rotate": [lambda: k.RandomRotation(10.0, p=1.0)],
        "brightness, contrast": [lambda: k.ColorJitter(0.2, 0.2, p=1.0)],
        "all four jitters": [lambda: k.ColorJitter(0.2, 0.2, 0.2, 0.02, p=1.0)],
        "erase": [lambda: k.RandomErasing(p=0.5)],
        "mixup": [lambda: k.RandomMixUpV2(p=1.0)],
        "cutmix": [lambda: k.RandomCutMixV2(p=1.0)],
    }
    chains["cifar"] = [*chains["pad"], *chains["flip"]]
    chains["photos"] = [*chains["area"], *chains["flip"], *chains["all four jitters"]]
    if name not in chains:
        return None
    made = [make() for make in chains[name]]
    scaled = k.Normalize(torch.full((3,), 0.5), torch.full((3,), 0.25))
    pixels = torch.randint(0, 256, (PICTURES, 3, side, side), dtype=torch.uint8, device=options.device)

    def batch() -> Tensor:
        which = torch.randint(0, PICTURES, (options.batch,), device=options.device)
        seen = pixels.index_select(0, which).float() / 255
        for change in made:
            seen = change(seen)
        return scaled(seen)

    return batch


def rate(batch: Batch, options: argparse.Namespace) -> float:
    """Pictures a second."""
    on_cpu = options.device == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    batch()
    count, start = 0, clock()
    while (spent := clock() - start) < options.seconds:
        batch()
        count += 1
    if not on_cpu:
        torch.cuda.synchronize()
        spent = clock() - start
    return count * options.batch / spent


def measured(name: str, recipe: Recipe, side: int, options: argparse.Namespace) -> dict[str, Any]:
    """One line of the table: the best of some rounds of each, in turns."""
    ways = {"ours": ours(recipe, side, options), "kornia": theirs(name, side, options)}
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
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipes = {name: Recipe(**knobs) for name, knobs in KNOBS.items()}  # type: ignore[arg-type]
    recipes |= {name: recipe_for("any", name).recipe for name in RECIPES}
    rows = [
        measured(name, recipe, side, options) for side in options.sides for name, recipe in recipes.items()
    ]
    peer = "is not installed: only ours was measured"
    if any(row["kornia"] for row in rows):
        import kornia

        peer = kornia.__version__
    machine = f"{platform.processor() or platform.machine()}, one thread, {options.device}"
    about = {"machine": machine, "torch": torch.__version__, "kornia": peer, "batch": options.batch}
    if options.json:
        print(json.dumps({**about, "rows": rows}))
        return
    print(", ".join(f"{k} {v}" for k, v in about.items()), file=sys.stderr)
    print("| pictures a second | side | ours | kornia |")
    print("| --- | --- | --- | --- |")
    for row in rows:
        numbers = (f"{row[way]:,}" if row[way] else "-" for way in ("ours", "kornia"))
        print(f"| {row['knob']} | {row['side']} | " + " | ".join(numbers) + " |")


if __name__ == "__main__":
    main()
