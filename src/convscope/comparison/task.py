"""What a method is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8


@dataclass(frozen=True, eq=False)
class Task:
    """Pictures to learn from as a method's preprocessing shows them, and a folder of its own for what it keeps.

    Labels go from 0 to `classes - 1`; all that is random is a function of `seed`.
    """

    pixels: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " n"]
    classes: int
    seed: int
    folder: Path

    def take(self, index: slice) -> Task:
        """The same task with only some of its pictures."""
        return Task(self.pixels[index], self.labels[index], self.classes, self.seed, self.folder)


class Classifier(Protocol):
    """What has learned: how many numbers it keeps, and what it answers."""

    @property
    def parameters(self) -> int:
        """Numbers that are kept."""
        ...

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """A number for each class of each picture; the largest is the class that is named."""
        ...


Teach = Callable[..., Classifier]
"""`teach(task, **settings)`: a classifier that has learned a task."""
