"""Anything there is to see, over the epochs that a Run kept: how it came about, and against its random start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from convscope.errors import RunError
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
