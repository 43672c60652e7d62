"""What a unit hears and what it feeds: its kernel's slices over the maps below, and the kernels above that lie on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from convscope.inspect.layers import Layer, below_of, kernels_of, layers_of
from convscope.inspect.likeness import COLOURS
from convscope.inspect.subject import Subject


@dataclass(frozen=True, eq=False)
class Link:
    """A kernel's slice between two units: `unit` at the other end, its weights [rows, columns], and their sum.

    A positive sum says "the more of this, the more of that"; `strength` is the slice's length, the root of the sum of
    squares.
    """

    unit: str
    weights: Float[np.ndarray, "h w"]

    @property
    def sum(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())

    @property
    def strength(self) -> float:
        """The length of the slice."""
        return float(np.linalg.norm(self.weights))


def hears(subject: Subject, layer: Layer, number: int) -> tuple[Link, ...]:
    """What a unit hears, strongest first: channels of the picture, or maps of the layer below.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layer_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> sorted(link.unit for link in hears(subject, layer_of(subject, "C3"), 0))
    ['C1/0', 'C1/1', 'C1/2']
    """
    kernel = kernels_of(subject, layer)[number]
    names = _names_below(subject, layer, len(kernel))
    links = [Link(names[c], kernel[c]) for c in below_of(subject, layer, number)]
    return tuple(sorted(links, key=lambda link: -link.strength))


def feeds(subject: Subject, layer: Layer, number: int) -> tuple[Link, ...]:
    """The units of the layers above that hear a unit, strongest first; none where the way to them mixes the maps."""
    links = []
    for above in layers_of(subject):
        if layer.name not in above.below:
            continue
        weights = kernels_of(subject, above)
        if weights.shape[1] == layer.units:
            heard = np.abs(weights[:, number]).max((1, 2)) > 0
            links += [Link(f"{above.name}/{k}", weights[k, number]) for k in np.flatnonzero(heard)]
    return tuple(sorted(links, key=lambda link: -link.strength))


def _names_below(subject: Subject, layer: Layer, channels: int) -> list[str]:
    """How the channels that a layer lies on are called: where maps were added, by the last layer that added to them."""
    sources = {x.name: x.units for x in layers_of(subject)}
    for name in reversed(layer.below):
        if sources[name] == channels:
            return [f"{name}/{c}" for c in range(channels)]
    if channels == subject.shape[0] and not layer.below:
        return (
            list(COLOURS)
            if channels == 3
            else ["picture"]
            if channels == 1
            else [f"channel {c}" for c in range(channels)]
        )
    return [f"map {c} below" for c in range(channels)]
