"""What a method is: how it is registered, what it costs, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.comparison.features import FEATURES, LARGEST, Feature
from convscope.comparison.task import Teach

P98 = "LeCun, Bottou, Bengio & Haffner 1998, figure 9"


PHOTOGRAPHS = 9_469
"""Pictures that `Method.photographs` counts."""
DIGITS, COST_CORES = 60_000, 2
"""Those that `Method.cost` counts, and on how many cores."""


def strokes(shape: tuple[int, int, int], background: int | None) -> bool:
    """Whether pictures are strokes on black, in one channel, as MNIST's are.

    >>> strokes((1, 28, 28), 0), strokes((3, 160, 160), None)
    (True, False)
    """
    return shape[0] == 1 and background == 0 and max(shape[1:]) <= 64


@dataclass(frozen=True)
class Published:
    """An error in percent as a paper printed it, and the paper; rejection is what reaches 0.5 % error, in percent."""

    error_percent: float
    source: str = P98
    rejection_percent: float | None = None
    title: str = ""


@dataclass(frozen=True)
class Method:
    """A classifier of the contest.

    `settings` are the defaults; `quick` and `full` are what those budgets change; `choices` are settings that a
    validation part of the training pictures decides, at most `choose_on` of them. `cost` is seconds, with the default
    budget and the quick one, for MNIST on two idle cores; where it is none, the method is not of MNIST's table.
    `photographs` is processor seconds for the 9,469 of Imagenette at 160 pixels, with the default budget; none where it is
    not of theirs. `least` is the shortest side in pixels that it can use, `gpu` whether it takes one where there is one.
    `needs` is a library that is not always installed, `code` the modules that compute it besides `teach`'s own.
    `exact_classes` (0: any) and `grey` are what it was built for. `remark` says why a measured error is not the
    published one.
    """

    name: str
    title: str
    about: str
    feature: str
    teach: Teach
    cost: tuple[float, float] = (0.0, 0.0)
    photographs: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    full: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    choose_on: int = 12_000
    published: Published | None = None
    remark: str = ""
    convolutional: bool = False
    distorts: bool = False
    needs: str = ""
    code: tuple[str, ...] = ()
    most_classes: int = 1000
    exact_classes: int = 0
    grey: bool = False
    least: int = 0
    gpu: bool = False

    @property
    def preprocessing(self) -> str:
        """What the method is shown, in the table's words."""
        return self.preprocessing_of(0)

    def preprocessing_of(self, side: int) -> str:
        """The same for pictures with a longer side of so many pixels.

        >>> from convscope.comparison.catalogue import METHODS
        >>> METHODS["linear"].preprocessing_of(28), METHODS["linear"].preprocessing_of(160)
        ('none', 'up to 32')
        """
        shrunk = self.feature == "none" and side > LARGEST
        shown = f"up to {LARGEST}" if shrunk else "none" if self.feature == "picture" else self.feature
        return shown if not self.distorts else "distorted" if shown == "none" else f"{shown}, distorted"

    def unfit(self, shape: tuple[int, int, int], classes: int, background: int | None) -> str:
        """Why the method is not made for such pictures; empty where it is.

        >>> from convscope.comparison.catalogue import METHODS
        >>> METHODS["knn-deslanted"].unfit((3, 32, 32), 10, None)
        'deslanted is for strokes on black, one channel, up to 64 pixels'
        """
        if FEATURES[self.feature].strokes and not strokes(shape, background):
            return f"{self.feature} is for strokes on black, one channel, up to 64 pixels"
        if min(shape[1:]) < self.least:
            return f"it is for pictures of {self.least} pixels and more (--size)"
        if self.grey and shape[0] != 1:
            return "it is for grey pictures"
        if self.exact_classes and classes != self.exact_classes:
            return f"it is for {self.exact_classes} classes"
        if classes > self.most_classes:
            return f"it is for up to {self.most_classes} classes"
        return ""

    def seconds_for(self, pictures: int, photographs: bool) -> float:
        """Processor seconds to learn from so many photographs, or digits, by estimate; 0 where there is none."""
        if photographs or not self.cost[0]:
            return self.photographs * pictures / PHOTOGRAPHS
        return self.cost[0] * COST_CORES * pictures / DIGITS

    def shown(self) -> Feature:
        """The method's preprocessing."""
        return FEATURES[self.feature]
