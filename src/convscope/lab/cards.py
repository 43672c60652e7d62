"""What the page shows of units: what is at hand at once, and what takes long as questions of their own (`jobs`)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from convscope.data.images import Images
from convscope.inspect.card import cut, sums_of, sums_of_many
from convscope.inspect.layers import Layer, alike, kernels_of, layers_of
from convscope.inspect.memory import Lost, lost_without, recalled, recalled_lost, units_of
from convscope.inspect.rank import Ranked, rank_for_picture, rank_for_set
from convscope.inspect.subject import Subject
from convscope.inspect.units import Patches, Units
from convscope.inspect.wiring import hears
from convscope.lab.jobs import Jobs, Waiting
from convscope.lab.lens import MEASURED, Lens
from convscope.nets.views import shown

T = TypeVar("T")

NOTES = 400
PATCH, MAP = 96, 64
"""Pixels that a patch has a side at most on the page, and numbers that a map has on a tile."""
SLOW = 0.05
"""Seconds a picture from which on a net's pace is clear after few pictures."""
ALL_AT_ONCE = 1000
"""Units of all layers together, up to which one pass over the set is made for all of them."""

_notes: WeakKeyDictionary[Lens, OrderedDict[Hashable, Any]] = WeakKeyDictionary()
_names: WeakKeyDictionary[Lens, int] = WeakKeyDictionary()
_number = count()


def name_of(lens: Lens) -> int:
    """A number for a lens that no other ever has."""
    return _names.setdefault(lens, next(_number))


def once(lens: Lens, key: Hashable, make: Callable[[], T]) -> T:
    """Something small about a lens, made once."""
    found = _notes.get(lens, {}).get(key, _notes)
    return note(lens, key, make()) if found is _notes else found


def note(lens: Lens, key: Hashable, what: T) -> T:
    """Remember something small about a lens."""
    notes = _notes.setdefault(lens, OrderedDict())
    notes[key] = what
    while len(notes) > NOTES:
        notes.popitem(last=False)
    return what


@dataclass(frozen=True, eq=False)
class Bench:
    """A net on the bench: the `lens` that it is looked at through, and that of the same Run's `end`, whose scales hold.

    What is asked of it goes to `jobs` where that takes long, to `brief` where it takes a second or so.
    """

    lens: Lens
    end: Lens
    jobs: Jobs
    brief: Jobs

    @property
    def subject(self) -> Subject:
        """The net."""
        return self.lens.subject

    @property
    def images(self) -> Images | None:
        """What it learned, if it is here."""
        return self.lens.images

    @property
    def ended(self) -> bool:
        """Whether it is the net as it ended, unchanged: what is found out about it is kept."""
        return self.subject.run is not None and self.subject.epoch is None

    def apart(self) -> Subject:
        """A copy, to be asked long questions while others look at the net."""
        with self.lens.lock:  # or somebody's hooks would be copied too
            copy = self.subject.with_net(deepcopy(self.subject.net))
        alike(copy, self.subject)
        return copy

    def units(self, layer: Layer) -> Units | None:
        """What the units answered to the training pictures, if it is known."""
        if self.images is None:
            return None
        fingerprint = self.images.fingerprint
        kept = once(self.lens, ("units", layer.name), lambda: [recalled(self.subject, layer, fingerprint)])
        return kept[0]

    def find_units(self, layer: Layer) -> Units | Waiting:
        """The same, found out where it is not known; only where there are pictures."""
        known = self.units(layer)
        if known is not None:
            return known
        assert self.images is not None
        images, layers = self.images, layers_of(self.subject)
        chosen = layers if sum(one.units for one in layers) <= ALL_AT_ONCE else (layer,)
        doing = f"what the units answer to the {len(images.train):,} training pictures"
        key = (name_of(self.lens), "units", *(one.name for one in chosen))
        found = self.jobs.ask(
            key,
            doing,
            lambda say: units_of(self.apart(), chosen, images.train, images.fingerprint, progress=say),
        )
        if isinstance(found, Waiting):
            return found
        for name, units in found.items():
            note(self.lens, ("units", name), [units])
        return found[layer.name]

    def lost(self, layer: Layer) -> Lost | None:
        """The accuracy without each unit, as far as it is known."""
        if self.images is None:
            return None
        fingerprint, total = self.images.fingerprint, len(self.images.test)
        kept = once(
            self.lens,
            ("lost", layer.name),
            lambda: [recalled_lost(self.subject, layer, fingerprint, total)],
        )
        return kept[0]

    def find_lost(self, layer: Layer, number: int) -> Lost | Waiting:
        """The accuracy without a unit, found out where it is not known; only where there are pictures."""
        known = self.lost(layer)
        if known is not None and not np.isnan(known.without[number]):
            return known
        assert self.images is not None
        images = self.images
        doing = f"the {len(images.test):,} test pictures without {layer.name}/{number}"
        found = self.jobs.ask(
            (name_of(self.lens), "lost", layer.name, number),
            doing,
            lambda say: lost_without(
                self.apart(), layer, images.test, images.fingerprint, only=[number], progress=say
            ),
        )
        if isinstance(found, Lost) and self.ended:
            again = recalled_lost(self.subject, layer, images.fingerprint, len(images.test))
            note(self.lens, ("lost", layer.name), [again])
        return found

    @cached_property
    def pace(self) -> float:
        """Seconds that the net takes for a picture of many."""

        def measured() -> float:
            blank, first = np.zeros((MEASURED, *self.subject.shape), np.uint8), layers_of(self.subject)[:1]
            taken = []
            for some in (blank[:1], blank[: MEASURED // 2], blank):  # the first one warms up
                began = time.perf_counter()
                with self.lens.lock:
                    sums_of_many(self.subject, first, some)
                taken.append((time.perf_counter() - began) / len(some))
                if taken[-1] > SLOW:
                    break
            return min(taken)

        return once(self.end, "pace", measured)

    def ranked(
        self, layer: Layer, by: str, seen: UInt8[np.ndarray, "c h w"], name: str
    ) -> tuple[Ranked, ...]:
        """The units in order: for a picture, or for the set; in their own order where the set was not asked."""
        units, lost = self.units(layer), self.lost(layer)
        if by == "number" or (by == "set" and units is None):
            return tuple(Ranked(k, 0.0, "") for k in range(layer.units))
        if by == "set" and units is not None:
            whole = None if lost is None or np.isnan(lost.without).any() else lost.whole - lost.without
            return rank_for_set(units, whole)

        def rank() -> tuple[Ranked, ...]:
            with self.lens.lock:
                answers = self.subject.answers(self.subject.given(seen[None])).detach()
                target = self.subject.class_of(None, answers)
                return rank_for_picture(self.subject, layer, seen, target)

        return once(self.lens, ("rank", layer.name, name), rank)

    def sums(self, layer: Layer, seen: UInt8[np.ndarray, "c h w"]) -> Float[np.ndarray, "k y x"]:
        """The units' sums on a picture."""
        with self.lens.lock:
            return sums_of(self.subject, [layer], seen)[layer.name]

    def map_limit(self, layer: Layer) -> float:
        """The largest sum of a layer on some test pictures, of the net as it ended: the end of the scale of all its maps."""
        return once(self.end, "sums", lambda: _largest(self.end))[layer.name]

    def kernel_limit(self, layer: Layer) -> float:
        """The largest number in a layer's kernels, as they ended or are now."""
        ended = once(
            self.end, ("kernels", layer.name), lambda: _magnitude(kernels_of(self.end.subject, layer))
        )
        if self.lens is self.end:
            return ended
        now = once(self.lens, ("kernels", layer.name), lambda: _magnitude(kernels_of(self.subject, layer)))
        return max(ended, now)


def _largest(lens: Lens) -> dict[str, float]:
    shape = (MEASURED, *lens.run.info["picture_shape"])
    some = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    if lens.images is not None:
        some = np.asarray(lens.images.test.pixels[:MEASURED])
    with lens.lock:
        said = sums_of_many(lens.subject, layers_of(lens.subject), some)
    return {name: _magnitude(maps) for name, maps in said.items()}


def _magnitude(values: np.ndarray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0)) or 1.0


def foremost(subject: Subject, layer: Layer, number: int) -> Float[np.ndarray, "h w"]:
    """The slice of a unit's kernel that weighs most."""
    return hears(subject, layer, number)[0].weights


def told(subject: Subject, layer: Layer, units: Units, number: int) -> dict[str, Any]:
    """What a unit answered to the set, as the page says it."""
    counts = zip(units.fires[number].tolist(), units.counts.tolist(), strict=True)
    classes = [
        {"name": subject.classes[k] if k < len(subject.classes) else str(k), "fires": fires, "count": n}
        for k, (fires, n) in enumerate(counts)
    ]
    return {
        "total": units.total, "rate": units.rate(number), "told": float(units.told[number]),
        "dead": bool(units.dead[number]),
        "highest": float(units.highest[number]), "lowest": float(units.lowest[number]),
        "twins": [{"unit": f"{layer.name}/{k}", "correlation": r} for k, r in units.twins(number)], "classes": classes,
    }  # fmt: skip


def patches(
    subject: Subject, layer: Layer, images: Images, found: Patches, number: int, name: str
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The patches of a unit: what is said of each, and their pixels by `name.0`, `name.1`, ..."""
    lines, pixels = [], {}
    rows = zip(found.values[number], found.pictures[number], found.places[number], strict=True)
    for n, (value, picture, place) in enumerate(rows):
        whole = shown(np.asarray(images.train.pixels[picture]), subject.shape[1:])
        label = int(images.train.labels[picture])
        pixels[f"{name}.{n}"] = small(cut(whole, layer, int(place)))
        lines.append({
            "picture": f"train/{int(picture)}", "value": float(value),
            "label": subject.classes[label] if label < len(subject.classes) else str(label),
        })  # fmt: skip
    return lines, pixels


def small(pixels: UInt8[np.ndarray, "c y x"]) -> UInt8[np.ndarray, "c h w"]:
    """A picture of at most `PATCH` pixels a side."""
    if max(pixels.shape[1:]) <= PATCH:
        return np.ascontiguousarray(pixels)
    part = PATCH / max(pixels.shape[1:])
    size = max(1, round(part * pixels.shape[2])), max(1, round(part * pixels.shape[1]))
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in pixels])


def shrunk(maps: Float[np.ndarray, "k y x"], longest: int = MAP) -> Float[np.ndarray, "k v u"]:
    """Maps averaged over blocks until no side is longer than `longest`."""
    block = -(-max(maps.shape[1:]) // longest)
    if block <= 1:
        return maps
    more = [(0, 0), *((0, -side % block) for side in maps.shape[1:])]
    wide = np.pad(maps, more, mode="edge")
    count_, rows, columns = wide.shape
    return wide.reshape(count_, rows // block, block, columns // block, block).mean((2, 4)).astype(np.float32)


def numbers_of(text: str, layer: Layer, most: int) -> Sequence[int]:
    """The units of a layer that "0,3,5" names: those that it has."""
    found = [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 7]
    return [k for k in found[:most] if k < layer.units]
