"""The smallest sets of units without which a net says something else about a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from convscope.inspect.layers import Layer, layers_of, multiply_adds
from convscope.inspect.rank import EXACT, Ranked, rank_for_picture
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import BATCH, Subject

MOST = 3
"""So many units at most are muted together."""
TRIED = 16
"""Of larger layers only the first so many by rank are muted together."""


@dataclass(frozen=True)
class Tipping:
    """Sets of a layer's units, all of one size and the smallest there are, each with what the net says without it.

    `ranked` are the layer's units by what muting each does to the score of the answer. No sets: no so small one changes it.
    """

    layer: str
    answer: str
    sets: tuple[tuple[tuple[int, ...], str], ...]
    ranked: tuple[Ranked, ...]


def tipping(
    subject: Subject, picture: UInt8[np.ndarray, "c h w"], layers: Sequence[Layer] | None = None
) -> Tipping:
    """The smallest sets of units of one layer whose muting changes what the net says, at most `MOST` together.

    The layers are searched in order until one has such a set; without any, the last one searched is told.

    >>> import convscope as cs
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> found = tipping(subject, cs.images("mnist").test.pixels[0])
    >>> all(len(units) == len(found.sets[0][0]) for units, _ in found.sets)
    True
    """
    chosen = tuple(layers_of(subject) if layers is None else layers)
    x = subject.given(picture[None])
    with untouched(subject.net), torch.no_grad():
        target = subject.class_of(None, subject.answers(x))
    found = Tipping(chosen[0].name, subject.classes[target], (), ())
    for layer in chosen:
        ranked = rank_for_picture(subject, layer, picture, target)
        sets = next(filter(None, _sets(subject, layer, x, ranked, target)), ())
        found = Tipping(layer.name, subject.classes[target], sets, ranked)
        if sets:
            break
    return found


def _sets(
    subject: Subject, layer: Layer, x: Float[Tensor, "1 c h w"], ranked: Sequence[Ranked], target: int
) -> Iterator[tuple[tuple[tuple[int, ...], str], ...]]:
    """The sets of one unit that change the answer, of two, ...; as far as that is no long wait."""
    room = EXACT / max(1, multiply_adds(subject))
    for size in range(1, MOST + 1):
        units = [r.unit for r in ranked[: len(ranked) if size == 1 else TRIED]]
        every = list(combinations(units, size))
        if len(every) > room:
            every = every[: int(room)]
        said = _said_without(subject, layer, x, every)
        yield tuple((units, subject.classes[k]) for units, k in zip(every, said, strict=True) if k != target)


def _said_without(
    subject: Subject, layer: Layer, x: Float[Tensor, "1 c h w"], sets: Sequence[tuple[int, ...]]
) -> list[int]:
    """The class that the net names without each of some sets of units."""
    said: list[int] = []
    with untouched(subject.net), torch.no_grad():
        for first in range(0, len(sets), BATCH):
            part = sets[first : first + BATCH]
            with listening(subject.net, {layer.heard: partial(_silent, part)}, changed=True):
                answers = subject.answers(x.expand(len(part), *x.shape[1:]))
            said += subject.scores(answers).argmax(1).tolist()
    return said


def _silent(sets: Sequence[tuple[int, ...]], sums: Tensor) -> Tensor:
    """The sums of equal pictures, in each of which other units are silent."""
    changed = sums.clone()
    for row, units in enumerate(sets):
        changed[row, list(units)] = 0
    return changed
