"""What the net really sees: some training pictures as they are, and beside each what the recipe makes of it at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from convscope.data.images import Images
from convscope.errors import RecipeError
from convscope.report.film import picture
from convscope.report.wording import short
from convscope.runs import Run
from convscope.training.batches import Feeder
from convscope.training.moments import Normalisation, Principal
from convscope.training.recipe import Recipe, from_dict

PICTURES, TIMES = 6, 3


@dataclass(frozen=True)
class Change:
    """A picture as the net saw one like it, as a data URI, and its label in words."""

    picture: str
    label: str


@dataclass(frozen=True)
class Row:
    """A training picture, untouched, what it is, its file's name where it has one, and some of its changed versions."""

    picture: str
    label: str
    file: str
    changed: tuple[Change, ...]


@dataclass(frozen=True)
class Sheet:
    """The rows, the knobs that change pictures, and the sizes (width x height) of pictures and of what the net sees."""

    rows: tuple[Row, ...]
    knobs: tuple[str, ...]
    whole: str
    seen: str
    small: bool


KNOBS = (
    "crop", "flip", "pad", "area", "shift", "rotate", "scale", "squeeze", "shear", "elastic", "brightness", "contrast",
    "saturation", "hue", "lighting", "erase", "cutout", "mixup", "cutmix",
)  # fmt: skip


def sheet(run: Run, images: Images | None) -> Sheet | None:
    """Training pictures and what the first epoch shows of them, drawn by the Run's seed; None without the pictures."""
    if images is None:
        return None
    try:
        recipe = from_dict(run.recipe)
    except RecipeError:
        return None
    count = min(PICTURES, len(images.train))
    some = images.train.take(np.arange(count) * len(images.train) // count)
    height, width = run.stack.input.shape[1:]
    rule = Normalisation(*(tuple(run.info["normalisation"][k]) for k in ("scale", "shift")))
    feeder = Feeder(some, (height, width), rule, recipe, run.info["seed"], "cpu", _principal(run))
    times = [_changed(run, feeder, step) for step in range(TIMES if recipe.changes(1) else 1)]
    names = [short(name, 32) for name in run.classes]
    rows = tuple(
        Row(
            picture(some.pixels[i]),
            names[some.labels[i]],
            short(some.names[i], 60) if some.names else "",
            tuple(time[i] for time in times),
        )
        for i in range(count)
    )
    plain = Recipe()
    knobs = [f"{k} {getattr(recipe, k):g}" for k in KNOBS if getattr(recipe, k) != getattr(plain, k)]
    whole = images.shape[1:]
    return Sheet(rows, tuple(knobs), f"{whole[1]} x {whole[0]}", f"{width} x {height}", max(whole) <= 64)


def _changed(run: Run, feeder: Feeder, step: int) -> list[Change]:
    """All pictures of the feeder as one step shows them."""
    n = len(feeder)
    batch = feeder.batch(torch.arange(n), 1, step)
    mixed = feeder.mixing(n, 1, step)
    names = [short(name, 32) for name in run.classes]
    if mixed is None:
        labels = [names[label] for label in feeder.labels]
    else:
        labels = [_shares(row, names) for row in mixed.labels(feeder.labels, len(names)).numpy()]
    return [Change(picture(p), label) for p, label in zip(_pixels(batch, feeder), labels, strict=True)]


def _pixels(batch: torch.Tensor, feeder: Feeder) -> UInt8[np.ndarray, "n c h w"]:
    """Normalised pictures as pixels again; what light has led beyond 0..255 is cut off."""
    return ((batch - feeder.shift) / feeder.scale).round().clamp(0, 255).to(torch.uint8).numpy()


def _shares(row: np.ndarray, names: list[str]) -> str:
    """A soft label in words."""
    order = [int(k) for k in np.argsort(-row, kind="stable")[:2] if row[k] >= 0.005]
    return (
        " and ".join(f"{100 * row[k]:.0f} % {names[k]}" for k in order) if len(order) > 1 else names[order[0]]
    )


def _principal(run: Run) -> Principal | None:
    said = run.info.get("principal")
    if not said:
        return None
    return Principal(tuple(said["variances"]), tuple(tuple(row) for row in said["components"]))
