"""What a look gathers about the units of a net, each part within an effort that keeps a person waiting for seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from convscope.data.images import Images
from convscope.inspect.card import Card, Pictured, cards, picture_unit
from convscope.inspect.epochs import over_epochs
from convscope.inspect.layers import Layer, kernels_of, layer_of, multiply_adds
from convscope.inspect.memory import units_of
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.subject import Subject
from convscope.inspect.units import Units
from convscope.nets.build import Net
from convscope.nets.lowered import lacking

STEPS = 6
"""So many epochs of a training are shown."""
EFFORT, LEAST = 3e11, 200
"""Multiply-adds that muting units may take in a look, and the fewest pictures that an accuracy is worth."""

Saying = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Muted:
    """The accuracy (0..1) of a net over `total` pictures: as it is, and without each of some units."""

    whole: float
    without: dict[int, float]
    total: int


@dataclass(frozen=True, eq=False)
class Gatherer:
    """Gathers what there is to know about some layers of a net, from the pictures it learned where they are here."""

    subject: Subject
    layers: tuple[Layer, ...]
    images: Images | None
    say: Saying

    @cached_property
    def units(self) -> dict[str, Units]:
        """What the units answered to the training pictures, by layer; nothing without them."""
        if self.images is None:
            return {}
        saying = partial(self.say, "what the units answer to the training pictures")
        return units_of(
            self.subject, self.layers, self.images.train, self.images.fingerprint, progress=saying
        )

    @cached_property
    def history(self) -> dict[str, dict[int, np.ndarray]]:
        """The kernels after some of the kept epochs: layer name -> epoch -> kernels."""
        run = self.subject.run
        if run is None or len(run.epochs) < 2:
            return {}
        every = run.epochs
        some = sorted({every[round(n * (len(every) - 1) / (STEPS - 1))] for n in range(STEPS)})
        names = [layer.name for layer in self.layers]
        seen = over_epochs(
            run, lambda net: {n: kernels_of(net, layer_of(net, n)) for n in names}, epochs=some
        )
        return {n: {epoch: kernels[n] for epoch, kernels in seen.items()} for n in names}

    def muted(self, layer: Layer, numbers: Sequence[int]) -> Muted | None:
        """What is lost when units of a layer are muted in turn, over the test pictures, or as many as take seconds; None
        where those would be too few to say.
        """
        if self.images is None:
            return None
        effort, each = EFFORT / len(self.layers), (len(numbers) + 1) * max(1, multiply_adds(self.subject))
        alone = len(self.layers) == len(numbers) == 1
        most, total = max(round(effort / each), LEAST if alone else 0), len(self.images.test)
        if most < min(LEAST, total):
            return None
        test = self.images.test
        if most < total:
            test = test.take(np.linspace(0, total - 1, most).astype(np.int64))
        saying = partial(self.say, f"{layer.name} without each unit")
        whole, without = accuracies_muted(self.subject, layer, test, only=numbers, progress=saying)
        return Muted(whole, {k: float(without[k]) for k in numbers}, len(test))

    def quick(self) -> bool:
        """Whether the native engine computes the net without a unit."""
        net = self.subject.net
        return isinstance(net, Net) and not lacking(net.stack)

    def cards(
        self,
        layer: Layer,
        numbers: Sequence[int],
        *,
        pictured: Sequence[int] = (),
        maps: np.ndarray | None = None,
        muted: Muted | None = None,
    ) -> tuple[Card, ...]:
        """The cards of some units; for those in `pictured` pictures are made too."""
        made: dict[int, Pictured] = {}
        train = self.images.train if self.images else None
        units = self.units.get(layer.name)
        for done, k in enumerate(pictured):
            self.say(f"what {layer.name}'s foremost units like best", done, len(pictured))
            made[k] = picture_unit(self.subject, layer, k, units, train)
        lost = None if muted is None else (muted.whole, muted.without, muted.total)
        return cards(
            self.subject, layer, numbers, maps=maps, seen=units, pictures=train, muted=lost, pictured=made,
            history=self.history.get(layer.name),
        )  # fmt: skip
