"""A training done again, and whether it came to the same numbers, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convscope.data.images import Images
from convscope.errors import RunError
from convscope.runs import Run
from convscope.training.account import machine
from convscope.training.plan import Plan, resumed_plan
from convscope.training.transfer import beginning, transfer


@dataclass(frozen=True)
class Repeated:
    """Two trainings by one plan: where they first differ, empty where nowhere, and what was other around them."""

    run: str
    again: str
    difference: str
    largest: float
    elsewhere: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every number is the same, to the last bit."""
        return not self.difference


def plan_again(run: Run, images: Images) -> Plan:
    """The plan of a finished Run, from its beginning, on the device that it had.

    Raises:
        RunError: It did not end, its pictures are others now, or what it began with is gone.
    """
    info = run.info
    if info["status"] != "finished":
        raise RunError(
            f"{run.path}: this Run is {info['status']}, so there is nothing to compare with: "
            f"convscope train --resume {run.path}"
        )
    plan = resumed_plan(run, images, info["device"])
    if "from" not in info:
        return plan
    begun = beginning(info["from"]["source"], images.shape[0])
    return replace(plan, start=transfer(begun, plan.stack, images.classes))


def compared(run: Run, again: Run) -> Repeated:
    """Two Runs by one plan, number by number: each kept epoch's weights, the epochs' figures, the weights at the end.

    Raises:
        RunError: A file of one of them is missing or damaged.
    """
    difference, largest = "", 0.0
    for epoch in [e for e in run.epochs if e in again.epochs]:
        name, most = _first(run.weights(epoch), again.weights(epoch))
        if name:
            difference, largest = f"{name} after epoch {epoch}", most
            break
    if not difference:
        difference = _lines(run.metrics, again.metrics)
    if not difference:
        name, largest = _first(run.weights(), again.weights())
        difference = f"{name} at the end" if name else ""
    if not difference and run.info["scores"] != again.info["scores"]:
        difference = "the scores of the test pictures"
    return Repeated(str(run.path), str(again.path), difference, largest, elsewhere(run.info))


def elsewhere(info: dict[str, Any]) -> tuple[str, ...]:
    """What is other on this machine than where a Run was taught, of all that can change its bits.

    >>> elsewhere({"engine": "native", "machine": {**machine(), "torch": "1.0"}})[0][:10]
    'torch: 1.0'
    """
    there, here = info.get("machine", {}), machine(info["engine"])
    return tuple(
        f"{name}: {there.get(name, 'unknown')}, now {here[name]}"
        for name in here
        if there.get(name) != here[name]
    )


def _first(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> tuple[str, float]:
    """The first array that differs in a bit, and by how much at most; none: empty."""
    for name in sorted(one.keys() | other.keys()):
        if name not in one or name not in other or one[name].shape != other[name].shape:
            return name, float("inf")
        if one[name].tobytes() != other[name].tobytes():
            return name, float(np.abs(one[name].astype(np.float64) - other[name]).max())
    return "", 0.0


def _lines(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> str:
    if len(one) != len(other):
        return f"the epochs: {len(one)}, then {len(other)}"
    for before, after in zip(one, other, strict=True):
        for name in before.keys() - {"seconds"}:
            if before[name] != after.get(name):
                return f"{name} of epoch {before['epoch']}: {before[name]}, then {after.get(name)}"
    return ""
