"""The recipe, knob by knob, and the command line that repeats the training."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import Any

from convscope.errors import RecipeError
from convscope.nets.zoo import zoo
from convscope.report.wording import number
from convscope.runs import Run
from convscope.training.recipe import KNOBS, Recipe, default_of
from convscope.training.recipes import recipe_for

WATCHED_FOR_TARGET = 1 / 12


@dataclass(frozen=True)
class Knob:
    """A knob as it was set; `default` is empty where it was left alone."""

    name: str
    value: str
    default: str
    help: str


def knobs(run: Run) -> tuple[Knob, ...]:
    """Every knob of the Run's recipe, also those that this version does not know."""
    kept = run.recipe
    rows = []
    for field in fields(Recipe):
        if field.name not in kept:
            continue
        value, default, unit = kept[field.name], default_of(field.name), field.metadata["unit"]
        rows.append(
            Knob(
                field.name,
                f"{number(value)} {unit}".strip() if unit != "pictures" else number(value),
                "" if value == default else number(default),
                field.metadata["help"],
            )
        )
    rows += [Knob(str(n), str(v), "", "unknown to this version") for n, v in kept.items() if n not in KNOBS]
    return tuple(rows)


def command(run: Run) -> tuple[str, ...]:
    """The command line that trains the same net on the same pictures with the same knobs and seed.

    In parts, to be joined by spaces: a flag is not torn from its value.
    """
    info = run.info
    net = info["net"] if info["net"] in zoo else str(run.path / "stack.txt")
    parts = [shlex.join(["convscope", "train", str(info["source"])])]
    words = ["--net", net, *_prepared(info.get("prepared", {}))]
    name, base = _base(net, info["recipe"], min(info["picture_shape"][1:]))
    if name:
        words += ["--recipe", name]
    target = info.get("target_percent")
    for knob, value in run.recipe.items():
        implied = knob == "validation" and target is not None and value == WATCHED_FOR_TARGET
        if knob in KNOBS and value != getattr(base, knob) and not implied:
            words += [f"--{knob}", _flag(value)]
    if "from" in info:
        words += ["--from", str(info["from"]["source"])]
    if target is not None:
        words += ["--target", _flag(target)]
    words += ["--seed", str(info["seed"]), "--device", str(info["device"])]
    parts += [shlex.join(words[i : i + 2]) for i in range(0, len(words), 2)]
    return tuple(parts)


def _prepared(prepared: dict[str, Any]) -> list[str]:
    """How pictures of the user's own were brought to one size; one that is not square can only be their own."""
    height, width = prepared.get("size", (0, 1))
    size = ["--size", str(height)] if height == width else []
    rest = [
        word
        for name in ("fit", "background")
        if name in prepared
        for word in (f"--{name}", str(prepared[name]))
    ]
    return [*size, *rest]


def _base(net: str, name: str, side: int) -> tuple[str, Recipe]:
    """The recipe that the flags change, and its name where `--recipe` is needed to choose it."""
    usual = recipe_for(net, side=side)
    if name in ("own", usual.name):
        return "", usual.recipe
    try:
        return name, recipe_for(net, name).recipe
    except RecipeError:
        return "", usual.recipe


def _flag(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
