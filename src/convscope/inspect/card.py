"""A card: all there is to say about one unit, put together from what the other modules compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope.data.images import Pictures
from convscope.inspect.backward import guided
from convscope.inspect.caption import habits, pattern
from convscope.inspect.display import block, film_image, picture_image
from convscope.inspect.layers import Layer, kernels_of
from convscope.inspect.maximise import Favourite
from convscope.inspect.memory import liked_by
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject
from convscope.inspect.units import Patches, Units
from convscope.inspect.wiring import Link, feeds, hears
from convscope.nets.views import shown


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of a picture, cut to a unit's receptive field: its pixels, the unit's sum there, where it is from."""

    pixels: UInt8[np.ndarray, "c y x"]
    value: float
    picture: int
    label: str


@dataclass(frozen=True, eq=False)
class Pictured:
    """Pictures made for a unit: the one it likes best, or None, and what its best patches owe to each of their pixels.

    `owed` is by guided backpropagation, and `rule` says what that met; `deconvolved` is by deconvolution, empty where the
    way to the unit has no ReLU, at which alone the two differ.
    """

    favourite: Favourite | None = None
    owed: tuple[Float[np.ndarray, "c y x"], ...] = ()
    rule: str = ""
    deconvolved: tuple[Float[np.ndarray, "c y x"], ...] = ()


@dataclass(frozen=True, eq=False)
class Card:
    """One unit, such as "conv1/3".

    `kernel` [channels, rows, columns] is as it works, a batch norm's factor included; `map` are its sums on the picture
    that is looked at, or None. `best` and `least` are the patches of the set with its highest and lowest sums. `muted` is
    the accuracy (0..1) of the net as it is, without the unit, and of how many pictures. `missing` says what could not be
    had, and why; `classes` are the names of the set's classes; `history` is the kernel after some epochs, 0 being its
    random start.
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
    muted: tuple[float, float, int] | None
    missing: tuple[str, ...]
    classes: tuple[str, ...]
    pictured: Pictured
    history: tuple[tuple[int, Float[np.ndarray, "c h w"]], ...]

    @property
    def caption(self) -> str:
        """What the unit is, in one sentence: `pattern` is what its kernel looks like, `habits` when it fires."""
        return "; ".join(part for part in (self.pattern, self.habits) if part)

    def _repr_html_(self) -> str:
        parts = [(film_image(self.hears[0].weights if len(self.hears) > 1 else self.kernel[0]), "its kernel")]
        if self.map is not None:
            parts.append((film_image(self.map), "its sums on the picture"))
        parts += [(picture_image(p.pixels, p.label, 48), f"{p.label}, {p.value:.2g}") for p in self.best]
        return block(f"{self.unit}: {self.caption}", parts)


def cards(
    subject: Subject,
    layer: Layer,
    numbers: Sequence[int],
    *,
    maps: Float[np.ndarray, "k y x"] | None = None,
    seen: Units | None = None,
    pictures: Pictures | None = None,
    muted: tuple[float, Mapping[int, float], int] | None = None,
    pictured: Mapping[int, Pictured] | None = None,
    history: Mapping[int, Float[np.ndarray, "k c h w"]] | None = None,
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
    missing = _missing(seen, pictures, muted is not None)
    return tuple(
        Card(
            f"{layer.name}/{k}", layer, k, pattern(subject, layer, k), habits(subject, seen, k) if seen else "", kernels[k],
            hears(subject, layer, k), feeds(subject, layer, k),
            None if maps is None else maps[k], seen,
            _cut(subject, layer, k, pictures, seen.best if seen else None),
            _cut(subject, layer, k, pictures, seen.least if seen else None),
            (muted[0], muted[1][k], muted[2]) if muted and k in muted[1] else None, missing, subject.classes,
            (pictured or {}).get(k, Pictured()), tuple((epoch, all_[k]) for epoch, all_ in (history or {}).items()),
        )
        for k in numbers
    )  # fmt: skip


def picture_unit(
    subject: Subject, layer: Layer, number: int, seen: Units | None, pictures: Pictures | None
) -> Pictured:
    """The picture that a unit likes best, and what its best patches owe to their pixels (of the first layer the kernel
    itself, so there is none)."""
    unit = f"{layer.name}/{number}"
    liked = liked_by(subject, unit, best_seen=None if seen is None else float(seen.highest[number]))
    owed = owed_by_best(subject, layer, number, seen, pictures)
    return Pictured(liked, owed.owed, owed.rule, owed.deconvolved)


def owed_by_best(
    subject: Subject, layer: Layer, number: int, seen: Units | None, pictures: Pictures | None
) -> Pictured:
    """What a unit's best patches owe to their pixels; nothing for the first layer, of which that is the kernel itself."""
    if seen is None or pictures is None or not layer.below:
        return Pictured()
    unit = f"{layer.name}/{number}"
    numbers, places = seen.best.pictures[number], seen.best.places[number]
    wholes = np.stack([shown(pictures.pixels[n], subject.shape[1:]) for n in numbers])
    back = guided(subject, wholes, unit, places.tolist())
    other = guided(subject, wholes, unit, places.tolist(), "deconvolution").values if back.relus else ()
    owed, deconvolved = (
        tuple(_window(v, layer, int(p)) for v, p in zip(values, places, strict=False))
        for values in (back.values, other)
    )
    return Pictured(None, owed, back.says, deconvolved)


def sums_of(
    subject: Subject, layers: Sequence[Layer], picture: UInt8[np.ndarray, "c h w"]
) -> dict[str, Float[np.ndarray, "k y x"]]:
    """The sums of all units of some layers on one picture: layer name -> maps."""
    return {name: sums[0] for name, sums in sums_of_many(subject, layers, picture[None]).items()}


def sums_of_many(
    subject: Subject, layers: Sequence[Layer], pictures: UInt8[np.ndarray, "n c h w"]
) -> dict[str, Float[np.ndarray, "n k y x"]]:
    """The sums of all units of some layers on some pictures: layer name -> maps."""
    heeds = {layer.heard: lambda sums: sums.float().cpu().numpy().copy() for layer in layers}
    with untouched(subject.net), torch.no_grad(), listening(subject.net, heeds) as said:
        subject.net(subject.given(pictures))
    return {layer.name: said[layer.heard] for layer in layers}


def cut(picture: UInt8[np.ndarray, "c h w"], layer: Layer, place: int) -> UInt8[np.ndarray, "c y x"]:
    """What the value at a place of a layer's maps sees of a picture; what lies outside of it is left out."""
    return _window(picture, layer, place)


def _window(values: np.ndarray, layer: Layer, place: int) -> np.ndarray:
    rows, columns = layer.window(place, (values.shape[0], values.shape[1], values.shape[2]))
    return values[:, max(0, rows.start) : rows.stop, max(0, columns.start) : columns.stop]


def _cut(
    subject: Subject, layer: Layer, unit: int, pictures: Pictures | None, found: Patches | None
) -> tuple[Patch, ...]:
    if pictures is None or found is None:
        return ()
    patches = []
    for value, number, place in zip(
        found.values[unit], found.pictures[unit], found.places[unit], strict=True
    ):
        whole = shown(pictures.pixels[number], subject.shape[1:])
        label = int(pictures.labels[number])
        name = subject.classes[label] if label < len(subject.classes) else str(label)
        patches.append(Patch(cut(whole, layer, int(place)), float(value), int(number), name))
    return tuple(patches)


def _missing(seen: Units | None, pictures: Pictures | None, muted: bool) -> tuple[str, ...]:
    said = []
    if seen is None:
        said.append("how often it fires, and for which classes: no set of pictures was given, or it is gone")
    if pictures is None:
        said.append("the patches it likes best: no set of pictures was given, or it is gone")
    elif not muted:
        said.append("the accuracy when it is muted: it would take long; ask for this unit alone")
    return tuple(said)
