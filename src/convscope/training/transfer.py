"""A net that begins with what another one learned: the layers that agree are taken, the others are new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convscope.errors import RecipeError
from convscope.nets import foreign
from convscope.nets.build import Net
from convscope.nets.grammar import parse
from convscope.nets.stack import Stack
from convscope.runs import Run
from convscope.training.moments import Normalisation
from convscope.training.rates import learned_layers, skeleton

TIMM = "timm:"


@dataclass(frozen=True)
class Beginning:
    """What a training may begin with: numbers by name, the net they are of, and how its pictures were normalised."""

    source: str
    net: str
    stack: Stack
    weights: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    normalisation: Normalisation


@dataclass(frozen=True)
class Transfer:
    """Which layers came from where; `weights` are their numbers, which a resumed training no longer needs."""

    source: str
    taken: tuple[str, ...]
    new: tuple[str, ...]
    normalisation: Normalisation | None
    weights: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def into(self, net: Net) -> None:
        """Write the taken numbers into a net."""
        own = net.state_dict()
        with torch.no_grad():
            for name, value in self.weights.items():
                own[name].copy_(torch.from_numpy(value))

    def __str__(self) -> str:
        new = f"; new: {_listed(self.new)}" if self.new else ""
        return f"begins with {_listed(self.taken)} of {self.source}{new}"

    def as_dict(self) -> dict[str, Any]:
        """What run.json says of it."""
        return {"source": self.source, "taken": list(self.taken), "new": list(self.new)}

    @staticmethod
    def again(info: Mapping[str, Any]) -> Transfer | None:
        """That of a Run that is resumed; None where it began at random."""
        begun = info.get("from")
        if begun is None:
            return None
        rule = Normalisation(*(tuple(info["normalisation"][key]) for key in ("scale", "shift")))
        return Transfer(begun["source"], tuple(begun["taken"]), tuple(begun["new"]), rule)


def beginning(source: str | Path | Run, channels: int = 3) -> Beginning:
    """What `--from` names: a Run, or `timm:MODEL` with the numbers that it was taught, or `timm:MODEL:FILE`.

    `channels` is how many the pictures have; timm fits a model to them.

    Raises:
        RunError: There is no such Run, or it is damaged.
        StackError: timm or its numbers cannot be had.
    """
    if isinstance(source, str) and source.startswith(TIMM):
        return _of_timm(source, channels)
    run = source if isinstance(source, Run) else Run(source)
    rule = run.info["normalisation"]
    return Beginning(
        str(run.path),
        run.info["net"],
        run.stack,
        run.weights(),
        run.classes,
        Normalisation(tuple(rule["scale"]), tuple(rule["shift"])),
    )


def _of_timm(source: str, channels: int) -> Beginning:
    _, model, *file = source.split(":", 2)
    module = foreign.filled(model, channels, file[0] if file else None)
    known = foreign.pretrained(model)
    text = f"input {channels}x{known.side}x{known.side}; body timm {model}; out linear 1000"
    weights = {f"body.timm.{name}": value.numpy() for name, value in module.state_dict().items()}
    mean, deviation = (
        values if channels == len(values) else (sum(values) / len(values),) * channels
        for values in (known.mean, known.deviation)
    )
    rule = Normalisation(
        tuple(1 / (255 * d) for d in deviation),
        tuple(-m / d for m, d in zip(mean, deviation, strict=True)),
    )
    return Beginning(source, f"timm-{model}", parse(text), weights, (), rule)


def transfer(begun: Beginning, stack: Stack, classes: Iterable[str]) -> Transfer:
    """What of a beginning fits a net: each layer whose numbers all agree in name and shape.

    The last layer is new where the classes are others. Pictures are normalised as they were for the layers that are
    taken, where they have as many channels.

    Raises:
        RecipeError: No layer agrees.
    """
    net = skeleton(stack)
    layers = [*learned_layers(net)]
    taken: dict[str, dict[str, np.ndarray]] = {}
    for name in layers:
        own = {f"{name}.{key}": value for key, value in getattr(net, name).state_dict().items()}
        agree = all(key in begun.weights and begun.weights[key].shape == own[key].shape for key in own)
        if agree and (name != layers[-1] or tuple(classes) == begun.classes):
            taken[name] = {key: begun.weights[key] for key in own}
    if not taken:
        theirs = _listed(learned_layers(skeleton(begun.stack)))
        raise RecipeError(
            f"no layer of {begun.source} ({theirs}) has the name and shape of one of this net's ({_listed(layers)}), "
            "but the last, whose classes are its own: leave out --net to take over its net"
        )
    begins = begun.stack.input
    alike = (
        begins.shape[0] == stack.input.shape[0] and replace(begins, shape=stack.input.shape) == stack.input
    )
    return Transfer(
        begun.source,
        tuple(taken),
        tuple(name for name in layers if name not in taken),
        begun.normalisation if alike else None,
        {key: value for own in taken.values() for key, value in own.items()},
    )


def _listed(names: Iterable[str], most: int = 6) -> str:
    every = [*names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
