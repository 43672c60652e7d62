"""How much a contest may cost: how many pictures are learned from, and how long a method may compute.

The limit is of processor time, summed over cores: so what is stopped does not depend on who else uses the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from convscope.comparison.method import Method
from convscope.native.runner import available_processors


@dataclass(frozen=True)
class Budget:
    """A budget by name: at most so many training pictures, and seconds of processor time that a method has."""

    name: str
    about: str
    pictures: int | None
    limit_seconds: float | None

    def settings(self, method: Method) -> dict[str, Any]:
        """A method's settings within this budget."""
        changed: Mapping[str, Any] = {"quick": method.quick, "full": method.full}.get(self.name, {})
        return {**method.settings, **changed}

    def learned(self, available: int) -> int:
        """How many of the training pictures are learned from."""
        return min(available, self.pictures or available)

    def too_much(self, method: Method, available: int, photographs: bool) -> str:
        """Why a method would not end within the limit, by estimate; empty where it would.

        >>> from convscope.comparison.catalogue import METHODS
        >>> BUDGETS["full"].too_much(METHODS["alexnet"], 9_469, photographs=True)
        ''
        """
        seconds = method.seconds_for(self.learned(available), photographs)
        if self.limit_seconds is None or seconds <= self.limit_seconds or (method.gpu and has_gpu()):
            return ""
        hours = seconds / available_processors() / 3600
        return f"needs about {hours:.2g} hours here: --budget full{', or a GPU' if method.gpu else ''}"


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("quick", "10,000 training pictures, two minutes of processor time a method", 10_000, 120),
        Budget("default", "60,000 training pictures, 20 minutes of processor time a method", 60_000, 1200),
        Budget("full", "all training pictures, no limit", None, None),
    )
}
"""Every budget by name."""


@cache
def has_gpu() -> bool:
    """Whether there is one that `--device auto` would take."""
    from convscope.training.device import choose

    return choose("auto") != "cpu"
