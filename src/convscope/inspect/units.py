"""What the units of a layer answer to a whole set of pictures: the patches they like, how often they fire, for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from convscope.data.images import Pictures
from convscope.inspect.layers import Layer
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import BATCH, Subject

TOP = 9
ALIKE = 0.95
SAMPLES = 16384

Progress = Callable[[int, int], None]
"""Called with how many are done, and how many there are."""


@dataclass(frozen=True, eq=False)
class Patches:
    """For each unit its `TOP` pictures, one patch a picture: sums [k, top], the pictures' numbers, places in the map."""

    values: Float[np.ndarray, "k top"]
    pictures: Int[np.ndarray, "k top"]
    places: Int[np.ndarray, "k top"]


@dataclass(frozen=True, eq=False)
class Units:
    """What the units of one layer answered to `total` pictures.

    A unit's answer to a picture is its highest sum on it. It fires on a picture where that is more than half of its highest
    on any picture (and more than 0): `fires` counts such pictures by class [k, classes]. `highest` and `lowest` are over all
    sums of all pictures. `told` is the part of the variance of a unit's answers that the class explains (eta squared, 0..1).
    `dead` units give the same whatever the picture, or never pass their ReLU; `alike` are pairs (i, j, correlation of
    their sums).
    """

    layer: str
    total: int
    counts: Int[np.ndarray, " c"]
    best: Patches
    least: Patches
    highest: Float[np.ndarray, " k"]
    lowest: Float[np.ndarray, " k"]
    fires: Int[np.ndarray, "k c"]
    means: Float[np.ndarray, "k c"]
    told: Float[np.ndarray, " k"]
    dead: Bool[np.ndarray, " k"]
    alike: tuple[tuple[int, int, float], ...]

    def rate(self, unit: int) -> float:
        """The part of the pictures that a unit fires on, 0..1."""
        return float(self.fires[unit].sum() / max(1, self.total))

    def favourites(self, unit: int) -> list[tuple[int, float]]:
        """The classes that a unit fires on most, with the part of their pictures that it fires on."""
        rates = self.fires[unit] / np.maximum(1, self.counts)
        return [(int(c), float(rates[c])) for c in np.argsort(-rates, kind="stable") if rates[c] > 0]

    def twins(self, unit: int) -> list[tuple[int, float]]:
        """The units that say nearly the same as this one, or its negative, with the correlation."""
        return [(j if i == unit else i, r) for i, j, r in self.alike if unit in (i, j)]


def units(
    subject: Subject,
    layers: Iterable[Layer],
    pictures: Pictures,
    *,
    progress: Progress | None = None,
) -> dict[str, Units]:
    """One pass over a set of pictures, with the answers of all units of some layers.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layers_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> seen = units(subject, layers_of(subject)[:1], cs.images("mnist").test.take(np.arange(20)))
    >>> seen["C1"].total, seen["C1"].best.values.shape
    (20, (6, 9))
    """
    chosen = tuple(layers)
    watchers = {layer.heard: _Watcher(layer, len(pictures)) for layer in chosen}
    heeds: dict[str, Callable[[Tensor], None]] = {name: w.heed for name, w in watchers.items()}
    with untouched(subject.net), torch.no_grad():
        for start in range(0, len(pictures), BATCH):
            with listening(subject.net, heeds):
                subject.net(subject.given(pictures.pixels[start : start + BATCH]))
            if progress:
                progress(min(start + BATCH, len(pictures)), len(pictures))
    classes = max(len(subject.classes), int(pictures.labels.max(initial=0)) + 1)
    return {w.layer.name: w.units(pictures.labels, classes) for w in watchers.values()}


@dataclass
class _Watcher:
    """Gathers one layer's answers batch by batch."""

    layer: Layer
    total: int
    answers: list[Tensor] = field(default_factory=list)
    best: tuple[Tensor, Tensor, Tensor] | None = None
    least: tuple[Tensor, Tensor, Tensor] | None = None
    samples: list[Tensor] = field(default_factory=list)
    seen: int = 0

    def heed(self, sums: Tensor) -> None:
        """Take what the layer said about the next pictures: [n, k, y, x]."""
        flat = sums.detach().flatten(2)
        numbers = torch.arange(self.seen, self.seen + len(flat), device=flat.device)
        (high, high_at), (low, low_at) = flat.max(2), flat.min(2)
        self.best = _merged(self.best, high, numbers, high_at, largest=True)
        self.least = _merged(self.least, low, numbers, low_at, largest=False)
        self.answers.append(high.float().cpu())
        self.seen += len(flat)
        self._sample(flat)

    def units(self, labels: np.ndarray, classes: int) -> Units:
        """All of it, once the set is through."""
        assert self.best is not None and self.least is not None
        answers = torch.cat(self.answers).numpy()
        best, least = _patches(self.best), _patches(self.least)
        highest, lowest = best.values[:, 0], least.values[:, 0]
        counts = np.bincount(labels, minlength=classes)
        fired = (answers > np.maximum(highest / 2, 0)) & (highest > 0)
        still = highest - lowest <= 1e-6 * np.maximum(1e-12, np.abs(highest))
        dead = still | (highest <= 0) if self.layer.bends == "relu" else still
        return Units(
            self.layer.name, len(answers), counts, best, least, highest, lowest,
            _by_class(fired, labels, classes).round().astype(np.int64),
            (_by_class(answers, labels, classes) / np.maximum(1, counts)).astype(np.float32),
            _told(answers, labels, classes), dead, _alike(torch.cat(self.samples, 1), dead),
        )  # fmt: skip

    def _sample(self, flat: Tensor) -> None:
        """Some sums of each batch, the same places of all units: enough to see which units say the same."""
        wanted = max(1, SAMPLES * len(flat) // max(1, self.total))
        places = flat.transpose(0, 1).flatten(1)
        step = max(1, places.shape[1] // wanted)
        self.samples.append(places[:, ::step].float().cpu())


def _merged(
    before: tuple[Tensor, Tensor, Tensor] | None,
    values: Tensor,
    numbers: Tensor,
    places: Tensor,
    *,
    largest: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The `TOP` of those before and those of a batch [n, k]: values, pictures, places, each [k, top]."""
    new = (values.T.float(), numbers.expand(values.shape[1], -1), places.T)
    every = new if before is None else tuple(torch.cat(pair, 1) for pair in zip(before, new, strict=True))
    order = every[0].sort(stable=True, dim=1, descending=largest).indices[:, :TOP]
    return every[0].gather(1, order), every[1].gather(1, order), every[2].gather(1, order)


def _patches(found: tuple[Tensor, Tensor, Tensor]) -> Patches:
    values, pictures, places = (t.cpu().numpy() for t in found)
    return Patches(values, pictures, places)


def _by_class(values: np.ndarray, labels: np.ndarray, classes: int) -> Float[np.ndarray, "k c"]:
    """The sums over the pictures of each class, of values [n, k]."""
    member = np.zeros((len(labels), classes))
    member[np.arange(len(labels)), labels] = 1
    return values.T.astype(np.float64) @ member


def _told(answers: np.ndarray, labels: np.ndarray, classes: int) -> Float[np.ndarray, " k"]:
    """Between the classes' means, the part of the variance of answers [n, k] that lies there."""
    counts = np.maximum(1, np.bincount(labels, minlength=classes))
    values = answers.astype(np.float64)
    middle = values.mean(0)
    between = counts * (_by_class(values, labels, classes) / counts - middle[:, None]) ** 2
    present = np.bincount(labels, minlength=classes) > 0
    whole = ((values - middle) ** 2).sum(0)
    return np.divide(between[:, present].sum(1), whole, out=np.zeros_like(whole), where=whole > 0)


def _alike(samples: Tensor, dead: np.ndarray) -> tuple[tuple[int, int, float], ...]:
    """Pairs of units whose sums go together, or against each other: |correlation| of at least `ALIKE`."""
    centred = samples.double() - samples.double().mean(1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    unit = centred / torch.where(length > 0, length, 1)
    together = (unit @ unit.T).numpy()
    together[dead] = together[:, dead] = 0
    rows, columns = np.nonzero(np.triu(np.abs(together) >= ALIKE, 1))
    return tuple((int(i), int(j), float(together[i, j])) for i, j in zip(rows, columns, strict=True))
