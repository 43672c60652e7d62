"""How much a contest may cost: how many pictures are learned from, and how long a method may compute.

The limit is of processor time, summed over cores: so what is stopped does not depend on who else uses the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.comparison.method import Method


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


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("quick", "10,000 training pictures, two minutes of processor time a method", 10_000, 120),
        Budget("default", "60,000 training pictures, 20 minutes of processor time a method", 60_000, 1200),
        Budget("full", "all training pictures, no limit", None, None),
    )
}
"""Every budget by name."""
