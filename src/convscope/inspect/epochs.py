"""Anything there is to see, over the epochs that a Run kept: how it came about, and against its random start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float, UInt8

from convscope.errors import RunError
from convscope.inspect.card import sums_of
from convscope.inspect.layers import alike, kernels_of, unit_of
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.units import Progress
from convscope.runs import Run

T = TypeVar("T")


def over_epochs(
    run: Run,
    see: Callable[[Subject], T],
    *,
    epochs: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> dict[int, T]:
    """What `see` makes of the net after each kept epoch, by epoch; 0 is the random start.

    Any inspection fits, such as `lambda net: where(net, picture)` or `lambda net: sums_of(net, layers_of(net), picture)`.

    Raises:
        RunError: The Run kept no epochs, or not one that is asked for.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import kernels_of, layer_of
    >>> run = cs.train(cs.images("mnist").first(200), "lenet5-modern", cs.Recipe(epochs=2))
    >>> seen = over_epochs(run, lambda net: kernels_of(net, layer_of(net, "conv1")))
    >>> list(seen), bool((seen[0] == seen[2]).all())
    ([0, 1, 2], False)
    """
    chosen = run.epochs if epochs is None else tuple(epochs)
    if not chosen:
        raise RunError(f"{run.path}: no epochs were kept, so there is nothing to compare; train again")
    seen = {}
    for done, epoch in enumerate(chosen):
        seen[epoch] = see(subject_of(run, epoch=epoch))
        if progress:
            progress(done + 1, len(chosen))
    return seen


@dataclass(frozen=True, eq=False)
class Grown:
    """A unit over the kept epochs: its kernel after each, and its sums on a picture, or None without one."""

    epochs: tuple[int, ...]
    kernels: Float[np.ndarray, "e c h w"]
    maps: Float[np.ndarray, "e y x"] | None


def grown(run: Run, unit: str, picture: UInt8[np.ndarray, "c h w"] | None = None, *, most: int = 24) -> Grown:
    """A unit's kernel, and its sums on a picture, after up to `most` of the kept epochs, evenly chosen, the last among them.

    Raises:
        StackError: There is no such unit.
        RunError: The Run kept no epochs.

    >>> import convscope as cs
    >>> run = cs.train(cs.images("mnist").first(200), "lenet5-modern", cs.Recipe(epochs=2))
    >>> grown(run, "conv1/3").kernels.shape
    (3, 1, 5, 5)
    """
    end = subject_of(run)
    layer, number = unit_of(end, unit)
    every = run.epochs
    places = np.linspace(0, len(every) - 1, min(most, len(every)))
    kernels, maps = [], []

    def see(net: Subject) -> None:
        alike(net, end)
        kernels.append(kernels_of(net, layer)[number])
        if picture is not None:
            maps.append(sums_of(net, [layer], picture)[layer.name][number])

    seen = over_epochs(run, see, epochs=[every[round(place)] for place in places])
    return Grown(tuple(seen), np.stack(kernels), np.stack(maps) if maps else None)
