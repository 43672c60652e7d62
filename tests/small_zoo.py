"""The nets of the zoo for tests that walk all of them: the large ones narrowed, with small pictures, line by line the same."""

from __future__ import annotations

from dataclasses import replace

import convscope as cs
from convscope.nets import steps
from convscope.nets.stack import Line, Stack

LARGE = 1_000_000
"""A net of more parameters is narrowed."""


def small(name: str) -> Stack:
    """A net of the zoo; a large one with an eighth of its maps, 32 hidden units and 10 classes."""
    stack = cs.zoo[name]
    if stack.parameters <= LARGE:
        return stack
    lines = tuple(Line(line.name, tuple(map(_narrow, line.steps))) for line in stack.lines)
    side = 96 if name.startswith("alexnet") else min(64, stack.input.shape[1])
    return Stack(replace(stack.input, shape=(3, side, side)), lines).with_classes(10)


def _narrow(step: steps.Step) -> steps.Step:
    if isinstance(step, steps.Conv):
        return replace(step, width=step.width // 8)
    return replace(step, width=32) if isinstance(step, steps.Linear) else step
