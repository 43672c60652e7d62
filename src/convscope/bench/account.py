"""All of it, one thing after the other, and what it comes to."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from convscope.bench.figures import Figure
from convscope.bench.limits import PRECISIONS, copies, products
from convscope.bench.speeds import NETS, PAPER_DAYS, PAPER_EPOCHS, PAPER_PICTURES, Speed, teaching
from convscope.errors import RecipeError, instead
from convscope.training.account import machine
from convscope.training.device import choose

PARTS = ("products", "copy", *NETS)


@dataclass(frozen=True)
class Limit:
    """What the machine can do at most: of a kind, in floating-point operations or bytes a second."""

    name: str
    precision: str
    figure: Figure


@dataclass(frozen=True)
class Bench:
    """What was measured on which device."""

    device: str
    name: str
    limits: tuple[Limit, ...]
    speeds: tuple[Speed, ...]

    def reached(self, speed: Speed) -> float | None:
        """The part of the limit of its precision that a net's training reaches; None where that was not measured."""
        found = [one for one in self.limits if one.name == "products" and one.precision == speed.precision]
        return speed.figure.median * speed.flops / found[0].figure.median if found else None

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        alexnet = next((speed.days_of_the_paper for speed in self.speeds if speed.net == "alexnet"), None)
        paper = {"pictures": PAPER_PICTURES, "epochs": PAPER_EPOCHS, "days_then": list(PAPER_DAYS)}
        return {
            "device": self.device,
            "name": self.name,
            "machine": machine("torch"),
            "limits": [
                {"what": one.name, "precision": one.precision, "a_second": one.figure.median, **_spread(one.figure)}
                for one in self.limits
            ],
            "nets": [
                {"net": one.net, "input": list(one.shape), "batch": one.batch, "engine": one.engine,
                 "precision": one.precision, "pictures_a_second": one.figure.median, **_spread(one.figure),
                 "flops_a_picture": one.flops, "part_of_limit": self.reached(one)}
                for one in self.speeds
            ],
            "paper": {**paper, "days_here": alexnet},
        }  # fmt: skip


def bench(
    device: str = "auto", *, quick: bool = False, only: Sequence[str] = ()
) -> Iterator[tuple[str, Bench]]:
    """Measure part after part; before each, and at the end (""), its name and what is known so far.

    Raises:
        RecipeError: There is no such part, or no such device.
    """
    for name in only:
        if name not in PARTS:
            raise RecipeError(f"no part {name!r}: {instead(name, PARTS)}")
    device = choose(device)
    rounds, seconds = (3, 0.15) if quick else (5, 1.0)
    found: Bench = Bench(device, device_name(device), (), ())
    for part in PARTS:
        if only and part not in only:
            continue
        yield part, found
        limits, speeds = _measure(part, device, rounds, seconds)
        found = Bench(device, found.name, (*found.limits, *limits), (*found.speeds, *speeds))
    yield "", found


def _measure(part: str, device: str, rounds: int, seconds: float) -> tuple[Sequence[Limit], Sequence[Speed]]:
    how: dict[str, Any] = {"rounds": rounds, "seconds": seconds}
    if part == "products":
        return [Limit(part, p, products(device, p, **how)) for p in PRECISIONS], ()
    if part == "copy":
        return [Limit(part, "", copies(device, **how))], ()
    return (), [teaching(part, device, **how)]


def _spread(figure: Figure) -> dict[str, Any]:
    return {"spread": figure.spread, "rounds": list(figure.rounds)}


def device_name(device: str) -> str:
    """What the maker calls it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return str(machine()["processor"]) if device == "cpu" else platform.machine()
