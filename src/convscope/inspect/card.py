"""A card: all there is to say about one unit, put together from what the other modules compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope.data.images import Pictures
from convscope.inspect.caption import habits, pattern
from convscope.inspect.layers import Layer, kernels_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject
from convscope.inspect.units import Patches, Units
from convscope.inspect.wiring import Link, feeds, hears
from convscope.prediction import padded


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of a picture, cut to a unit's receptive field: its pixels, the unit's sum there, where it is from."""

    pixels: UInt8[np.ndarray, "c y x"]
    value: float
    picture: int
    label: str


@dataclass(frozen=True, eq=False)
class Card:
    """One unit, such as "conv1/3".

    `kernel` [channels, rows, columns] is as it works, a batch norm's factor included; `map` are its sums on the picture
    that is looked at, or None. `best` and `least` are the patches of the set with its highest and lowest sums. `muted` is
    the accuracy (0..1) of the net as it is, and without the unit. `missing` says what could not be had,
    and why; `classes` are the names of the set's classes.
    """

    unit: str
    layer: Layer
    number: int
    pattern: str
    habits: str
    kernel: Float[np.ndarray, "c h w"]
    hears: tuple[Link, ...]
    feeds: tuple[Link, ...]
    map: Float[np.ndarray, "y x"] | None
    seen: Units | None
    best: tuple[Patch, ...]
    least: tuple[Patch, ...]
    muted: tuple[float, float] | None
    missing: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """What the unit is, in one sentence: `pattern` is what its kernel looks like, `habits` when it fires."""
        return "; ".join(part for part in (self.pattern, self.habits) if part)


def cards(
    subject: Subject,
    layer: Layer,
    numbers: Sequence[int],
    *,
    maps: Float[np.ndarray, "k y x"] | None = None,
    seen: Units | None = None,
    pictures: Pictures | None = None,
    muted: tuple[float, Mapping[int, float]] | None = None,
) -> tuple[Card, ...]:
    """The cards of some units of a layer, from what is known: `seen` of the set `pictures`, `maps` of a picture.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layer_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> cards(subject, layer_of(subject, "C3"), [5])[0].unit
    'C3/5'
    """
    kernels = kernels_of(subject, layer)
    missing = _missing(seen, pictures)
    return tuple(
        Card(
            f"{layer.name}/{k}", layer, k, pattern(subject, layer, k), habits(subject, seen, k) if seen else "", kernels[k],
            hears(subject, layer, k), feeds(subject, layer, k),
            None if maps is None else maps[k], seen,
            _cut(subject, layer, k, pictures, seen.best if seen else None),
            _cut(subject, layer, k, pictures, seen.least if seen else None),
            (muted[0], muted[1][k]) if muted and k in muted[1] else None, missing, subject.classes,
        )
        for k in numbers
    )  # fmt: skip


def sums_of(
    subject: Subject, layers: Sequence[Layer], picture: UInt8[np.ndarray, "c h w"]
) -> dict[str, Float[np.ndarray, "k y x"]]:
    """The sums of all units of some layers on one picture: layer name -> maps."""
    heeds = {layer.heard: lambda sums: sums[0].float().cpu().numpy() for layer in layers}
    with untouched(subject.net), torch.no_grad(), listening(subject.net, heeds) as said:
        subject.net(subject.given(picture[None]))
    return {layer.name: said[layer.heard] for layer in layers}


def cut(picture: UInt8[np.ndarray, "c h w"], layer: Layer, place: int) -> UInt8[np.ndarray, "c y x"]:
    """What the value at a place of a layer's maps sees of a picture; what lies outside of it is left out."""
    rows, columns = layer.window(place, (picture.shape[0], picture.shape[1], picture.shape[2]))
    return picture[:, max(0, rows.start) : rows.stop, max(0, columns.start) : columns.stop]


def _cut(
    subject: Subject, layer: Layer, unit: int, pictures: Pictures | None, found: Patches | None
) -> tuple[Patch, ...]:
    if pictures is None or found is None:
        return ()
    patches = []
    for value, number, place in zip(
        found.values[unit], found.pictures[unit], found.places[unit], strict=True
    ):
        whole = padded(pictures.pixels[number], subject.shape[1:])
        label = int(pictures.labels[number])
        name = subject.classes[label] if label < len(subject.classes) else str(label)
        patches.append(Patch(cut(whole, layer, int(place)), float(value), int(number), name))
    return tuple(patches)


def _missing(seen: Units | None, pictures: Pictures | None) -> tuple[str, ...]:
    said = []
    if seen is None:
        said.append("how often it fires, and for which classes: no set of pictures was given, or it is gone")
    if pictures is None:
        said.append("the patches it likes best: no set of pictures was given, or it is gone")
    return tuple(said)
