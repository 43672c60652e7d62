"""`teach` of nets: PyTorch is imported by the process that needs it, not by the catalogue."""

from __future__ import annotations

from typing import Any

from convscope.comparison.task import Task

CODE = tuple(
    f"convscope.{name}" for name in ("comparison.nets", "comparison.neighbours", "training", "nets", "native")
)
"""Modules that decide what a taught net answers."""


def taught(way: str) -> Any:
    """`teach` by a function of `convscope.comparison.nets`."""

    def teach(task: Task, **settings: Any) -> Any:
        from convscope.comparison import nets

        return getattr(nets, way)(task, **settings)

    return teach
