"""Runs made by hand: a finished folder without a training, so that a test can say exactly what happened."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from convscope.data.images import Images, Pictures
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.runs import FORMAT, Run, Writer
from convscope.training.account import score
from convscope.training.recipe import Recipe


def noise(classes: int, shape: tuple[int, int, int], n: int = 60, names: tuple[str, ...] = ()) -> Images:
    """Pictures of noise, the hardest to compress; labels go round."""
    rng = np.random.default_rng(0)
    pictures = Pictures(rng.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % classes)
    return Images(
        "noise", names or tuple(f"class {i}" for i in range(classes)), pictures, pictures, (), "noise-1"
    )


def made_run(
    path: Path,
    images: Images,
    text: str,
    *,
    said: np.ndarray | None = None,
    metrics: list[dict[str, Any]] | None = None,
    recipe: Recipe | None = None,
    **info: Any,
) -> Run:
    """A Run of a random net; `said` are the classes it named the test pictures, None where it was not tested."""
    stack = parse(text)
    classes, truth = len(images.classes), images.test.labels
    tested = None if said is None else score(truth, said, classes)
    rows = [{"epoch": 1, "loss": 1.5, "train_accuracy": 0.5, "seconds": 1.0}] if metrics is None else metrics
    with Writer(path) as writer:
        writer.text("stack.txt", str(stack) + "\n")
        writer.json("recipe.json", (recipe or Recipe()).as_dict())
        writer.lines("metrics.jsonl", rows)
        writer.lines("problems.jsonl", [asdict(p) for p in images.problems])
        writer.arrays("weights.safetensors", {k: v.numpy() for k, v in build(stack).state_dict().items()})
        if said is not None:
            writer.arrays("test.safetensors", {"answers": 9 * np.eye(classes, dtype=np.float32)[said]})
        writer.json("run.json", _info(images, stack, rows, tested) | info)
    return Run(path)


def _info(images: Images, stack: Any, rows: list[Any], tested: Any) -> dict[str, Any]:
    channels = images.shape[0]
    return {
        "format": FORMAT,
        "convscope": "0.1.0",
        "written": "2026-11-22T22:28:19+00:00",
        "status": "finished" if tested else "stopped",
        "net": "own",
        "parameters": stack.parameters,
        "source": images.name,
        "data_fingerprint": images.fingerprint,
        "pictures": {"train": len(images.train), "validation": 0, "test": len(images.test)},
        "classes": list(images.classes),
        "input": list(stack.input.shape),
        "picture_shape": list(images.shape),
        "normalisation": {"scale": [1 / 255] * channels, "shift": [-0.5] * channels},
        "background": None,
        "recipe": "plain",
        "loss": "cross-entropy",
        "seed": 7,
        "target_percent": None,
        "epochs": len(rows),
        "train_seconds": 12.345,
        "images_per_second": 1234.5,
        "device": "cpu",
        "engine": "native",
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "threads": 2,
            "system": "Linux",
            "python": "3.11",
            "torch": "2.13",
        },
        "scores": tested,
    }
