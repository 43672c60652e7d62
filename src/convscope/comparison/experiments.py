"""What convolution buys, by itself: named experiments of the same contest, by the same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convscope.errors import MethodError, instead

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 60_000)
SHIFTS = (1, 2, 3, 4)
LEAST_SHOWN = 300_000
"""Pictures that a net is shown in all, at least: of few, more epochs."""
MOST_EPOCHS = 200


@dataclass(frozen=True)
class Condition:
    """How an experiment differs from the table: fewer pictures, permuted pixels, shifted test pictures; and in words."""

    words: str
    learned: int | None = None
    permuted: bool = False
    shifts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """A question about what convolution buys: methods, each under all conditions."""

    name: str
    title: str
    about: str
    methods: tuple[str, ...]
    conditions: tuple[Condition, ...]


PLAIN = Condition("as they are")

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "learning-curves",
            "How many pictures it takes",
            "each method learns from 100 pictures to 60,000",
            ("linear", "knn", "svm-poly4", "same-size", "lenet5"),
            tuple(Condition(f"{size:,} pictures", learned=size) for size in SIZES),
        ),
        Experiment(
            "permutation",
            "The pixels in another order",
            "all pictures have their pixels permuted, the same way: neighbours are no longer neighbours, and what "
            "convolution knows of pictures is no longer true",
            ("knn", "same-size", "lenet5"),
            (PLAIN, Condition("permuted", permuted=True)),
        ),
        Experiment(
            "shifts",
            "Moved a little",
            "the test pictures are moved by 1 to 4 pixels, in turn right, down, left and up; nothing is learned anew",
            ("linear", "knn", "svm-poly4", "same-size", "lenet5", "lenet5-distorted"),
            (Condition("shifted", shifts=SHIFTS),),
        ),
        Experiment(
            "same-parameters",
            "The same number of parameters, fully connected",
            "LeNet-5's 60,000 parameters, and as many in one fully connected layer",
            ("same-size", "lenet5"),
            (PLAIN,),
        ),
    )
}
"""Every experiment by name."""


def named(names: tuple[str, ...]) -> tuple[Experiment, ...]:
    """The experiments of these names; `all` means all.

    Raises:
        MethodError: There is no such experiment.

    >>> [e.name for e in named(("permutation",))]
    ['permutation']
    """
    for name in names:
        if name not in (*EXPERIMENTS, "all"):
            raise MethodError(f"there is no experiment {name!r}: {instead(name, [*EXPERIMENTS, 'all'])}")
    return tuple(e for e in EXPERIMENTS.values() if "all" in names or e.name in names)


def longer(settings: Mapping[str, Any], learned: int) -> dict[str, Any]:
    """Settings under which a net learns from few pictures for more epochs; others as they are.

    >>> longer({"recipe": "squashed", "knobs": {}}, 3_000)["knobs"]
    {'epochs': 100}
    >>> longer({"k": 3}, 100)
    {'k': 3}
    """
    if "recipe" not in settings or learned >= SIZES[-3]:
        return dict(settings)
    return {**settings, "knobs": {**settings["knobs"], "epochs": min(MOST_EPOCHS, LEAST_SHOWN // learned)}}
