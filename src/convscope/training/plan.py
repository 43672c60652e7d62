"""A Plan is everything that decides how a training goes: pictures, net, recipe, seed, device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from convscope.data.background import NOTHING
from convscope.data.images import Images, Pictures
from convscope.data.listing import printable
from convscope.errors import RecipeError, RunError
from convscope.nets.stack import Stack
from convscope.nets.views import VIEWS
from convscope.nets.zoo import find
from convscope.runs import Run
from convscope.training.chance import generator
from convscope.training.device import choose
from convscope.training.loss import loss_for
from convscope.training.rates import skeleton, spans
from convscope.training.recipe import Recipe, from_dict
from convscope.training.recipes import recipe_for
from convscope.training.transfer import Beginning, Transfer, beginning, transfer

MOST_EPOCHS, LITTLE, LITTLE_PIXELS = 100, 100_000, 300_000_000
"""Few pictures are seen so many times at the most, until so many, of so many pixels in all, were seen."""
STEPS, LEAST_BATCH = 8, 16
"""So many steps an epoch few pictures are divided into, of so many pictures at least."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides how a training goes; the same plan gives the same bits on the same machine."""

    images: Images
    stack: Stack
    net: str
    recipe: Recipe
    recipe_name: str
    seed: int = 0
    device: str = "cpu"
    target: float | None = None
    start: Transfer | None = None
    deterministic: bool = False


def make_plan(
    images: Images,
    net: str | Stack | None = None,
    recipe: str | Recipe | None = None,
    *,
    start: str | Path | Run | Beginning | None = None,
    seed: int = 0,
    device: str = "auto",
    target: float | None = None,
) -> Plan:
    """Choose what was left open, and check that the parts fit one another.

    Raises:
        StackError, RecipeError, GeometryError: They do not.
        RunError: There is no Run to start from.
    """
    if start is not None and not isinstance(start, Beginning):
        start = beginning(start, images.shape[0])
    if net is None and start is not None:
        name, stack = start.net, start.stack
    else:
        net = net or "lenet5"
        name = net if isinstance(net, str) and "\n" not in net and ";" not in net else "own"
        stack = find(net) if isinstance(net, str) else net
    chosen = recipe_for(name, None if isinstance(recipe, Recipe) else recipe, min(images.shape[1:]))
    knobs = recipe if isinstance(recipe, Recipe) else chosen.recipe
    if target is not None and not knobs.validation:
        knobs = knobs.changed(validation=1 / 12)
    if knobs.schedule == "plateau" and not knobs.validation:
        raise RecipeError(
            "schedule=plateau needs pictures kept aside to see when it stalls: give validation, such as 0.05"
        )
    stack = fitted(stack, images, knobs)
    loss_for(stack, knobs)
    if knobs.freeze:
        spans(skeleton(stack), knobs)
    if knobs.pad > min(images.shape[1:]):
        height, width = images.shape[1:]
        raise RecipeError(
            f"pad={knobs.pad} is more than the pictures have, {width} x {height} pixels: take less"
        )
    title = "own" if isinstance(recipe, Recipe) and recipe != chosen.recipe else chosen.name
    taken = None if start is None else transfer(start, stack, images.classes)
    return Plan(images, stack, Path(name).stem, knobs, title, seed, choose(device), target, taken)


def net_for(images: Images, quick: bool = False) -> tuple[str, str]:
    """The net of the zoo to teach these pictures when none is named, and why it is another than LeNet-5 of 1998.

    >>> import numpy as np
    >>> two = Pictures(np.zeros((2, 3, 32, 32), np.uint8), np.array([0, 1]))
    >>> net_for(Images("two", ("a", "b"), two, two, (), ""))
    ('cifar', "since LeNet-5's ten codes are digits drawn in grey, and these are 2 classes, in colour")
    """
    channels, height, width = images.shape
    own = find("lenet5").input.shape
    if NOTHING in images.classes and channels == 1 and max(height, width) <= own[1]:
        return "finder", "since it learns what nothing is, to look for things in large pictures"
    says = [f"{len(images.classes)} classes"] if len(images.classes) != find("lenet5").outputs else []
    photographs = ["in colour"] if channels != own[0] else []
    photographs += [f"{width} x {height} pixels"] if height > own[1] or width > own[2] else []
    if says or photographs:
        return (
            "cifar" if photographs else "lenet5-modern",
            f"since LeNet-5's ten codes are digits drawn in grey, and these are {', '.join(says + photographs)}",
        )
    return ("lenet5-modern", "") if quick else ("lenet5", "")


def enough(recipe: Recipe, pictures: int, size: tuple[int, int]) -> tuple[Recipe, str]:
    """The recipe for few pictures of a size, seen more often, in smaller batches at a rate that fits; and why, in words.

    It asks no more of two processor cores than some minutes.

    >>> recipe, why = enough(Recipe(epochs=20, rate=0.1), 400, (64, 64))
    >>> recipe.epochs, recipe.batch, recipe.rate, why
    (100, 50, 0.0390625, '100 epochs of batches of 50, since there are only 400 pictures')
    >>> enough(Recipe(epochs=20), 50_000, (32, 32))
    (Recipe(epochs=20, ...), '')
    """
    most = min(MOST_EPOCHS, LITTLE // pictures, LITTLE_PIXELS // (pictures * size[0] * size[1]))
    if most <= recipe.epochs:
        return recipe, ""
    batch = min(recipe.batch, max(LEAST_BATCH, pictures // STEPS))
    fewer = recipe.changed(epochs=most, batch=batch, rate=recipe.rate * batch / recipe.batch)
    return fewer, f"{most} epochs of batches of {batch}, since there are only {pictures:,} pictures"


def fitted(stack: Stack, images: Images, recipe: Recipe) -> Stack:
    """The net for these pictures: as many answers as classes, as many channels; larger pictures widen the input.

    A net whose text fixes the values of black and white keeps its size: pictures are padded to it. A recipe that crops
    shows the net a part of each picture, and has it made for that.

    Raises:
        RecipeError: The recipe shows parts of pictures that the net sees whole.
    """
    channels, height, width = images.shape
    seen = recipe.seen(height, width)
    if VIEWS[recipe.views].parts and seen == (height, width):
        raise RecipeError(
            f"views={recipe.views} shows parts of pictures, but the net sees the whole {width} x {height} pixels: "
            "give crop, too, such as 0.875"
        )
    return fitted_to(stack, (channels, *seen), len(images.classes))


def fitted_to(stack: Stack, shape: tuple[int, int, int], classes: int) -> Stack:
    """The net for pictures of a shape, (channels, height, width), and so many classes: see `fitted`."""
    channels, height, width = shape
    own = stack.input.shape
    fixed = stack.input.limits is not None and own[0] == channels and own[1] >= height and own[2] >= width
    if not fixed and own != shape:
        stack = stack.with_input(shape)
    return stack.with_classes(classes)


def resumed_plan(run: Run, images: Images, device: str = "auto") -> Plan:
    """The plan that a Run was trained by.

    Raises:
        RunError: The pictures are not those the Run was trained on.
    """
    info = run.info
    if info["data_fingerprint"] != images.fingerprint:
        background = info.get("prepared", {}).get("background")
        what = f"{info['source']}, or its background {background}," if background else info["source"]
        raise RunError(f"{run.path}: {printable(what)} has changed since this Run began; train anew")
    return Plan(
        images,
        run.stack,
        info["net"],
        from_dict(run.recipe),
        info["recipe"],
        info["seed"],
        choose(device),
        info["target_percent"],
        Transfer.again(info),
        info.get("deterministic", False),
    )


def split(pictures: Pictures, part: float, seed: int) -> tuple[Pictures, Pictures]:
    """Training pictures, and a part of them kept aside: the same share of every class, drawn by the seed.

    >>> import numpy as np
    >>> ten = Pictures(np.zeros((10, 1, 2, 2), np.uint8), np.array([0, 1] * 5))
    >>> [len(p) for p in split(ten, 0.4, seed=0)]
    [6, 4]
    """
    if not part:
        return pictures, pictures.take(np.zeros(0, dtype=np.int64))
    labels = np.asarray(pictures.labels)
    order = torch.randperm(len(labels), generator=generator(seed, "split")).numpy()
    aside = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        aside[own[: round(part * len(own))]] = True
    if aside.all() or not aside.any():
        raise RecipeError(
            f"validation={part:g} leaves nothing on one side of {len(labels)} pictures: take another part"
        )
    return pictures.take(np.flatnonzero(~aside)), pictures.take(np.flatnonzero(aside))
