"""Runs beside one another: in which parts of their nets, recipes and pictures they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convscope.runs import Run

MOST_LAYERS = 60
ACCOUNTS = {
    "net": "network", "parameters": "parameters", "source": "pictures", "recipe": "recipe", "seed": "seed",
    "loss": "loss", "target_percent": "stopped at, in percent", "device": "device", "engine": "engine",
    "convscope": "version of convscope",
}  # fmt: skip
KNOBS_SAID_ALREADY = ("loss", "engine")


@dataclass(frozen=True)
class Difference:
    """One thing in which Runs differ: of which `kind` it is, what it is, and what each Run has; "" where it has none."""

    kind: str
    what: str
    values: tuple[str, ...]


def differences(runs: Sequence[Run]) -> list[Difference]:
    """What is not the same in all of these Runs: of their accounts, recipes and nets.

    Raises:
        RunError: A file of a Run is damaged.
    """
    if len(runs) < 2:
        return []
    found = [_of("run", word, [run.info.get(key) for run in runs]) for key, word in ACCOUNTS.items()]
    found.append(_of("run", "size", ["x".join(map(str, run.info.get("input", []))) for run in runs]))
    recipes = [run.recipe for run in runs]
    for knob in dict.fromkeys(name for recipe in recipes for name in recipe):
        if knob not in KNOBS_SAID_ALREADY:
            found.append(_of("recipe", knob, [recipe.get(knob) for recipe in recipes]))
    nets = _aligned([_layers(run) for run in runs])
    for layer in list(dict.fromkeys(name for net in nets for name in net))[:MOST_LAYERS]:
        found.append(_of("net", layer, [net.get(layer) for net in nets]))
    return [one for one in found if len(set(one.values)) > 1]


def _of(kind: str, what: str, values: Sequence[Any]) -> Difference:
    return Difference(kind, what, tuple("" if value is None else _said(value) for value in values))


def _said(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _aligned(nets: Sequence[dict[str, str]]) -> Sequence[dict[str, str]]:
    """Layers by their names; by their places where the nets share few names, as those of different people do."""
    shared = set.intersection(*(set(net) for net in nets))
    if 2 * len(shared) >= min(len(net) for net in nets):
        return nets
    return [
        {str(place): f"{name}: {text}" for place, (name, text) in enumerate(net.items(), start=1)}
        for net in nets
    ]


def _layers(run: Run) -> dict[str, str]:
    """A net's layers, each as its text."""
    rows = str(run.stack).splitlines()[1:]
    return {line.name: " ".join(row.split()[1:]) for line, row in zip(run.stack.lines, rows, strict=True)}
