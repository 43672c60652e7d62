"""A look at one picture through a net: the answer, where it looked, and the layers in order with their foremost units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn

from convscope.data.fit import fit
from convscope.data.images import Images, Pictures
from convscope.data.pictures import read_picture
from convscope.errors import PictureError
from convscope.inspect.card import Card, cards, picture_unit, sums_of
from convscope.inspect.display import block, heat_image, picture_image
from convscope.inspect.epochs import over_epochs
from convscope.inspect.heat import Heat
from convscope.inspect.layers import Layer, kernels_of, layer_of, layers_of, unit_of
from convscope.inspect.memory import units_of
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.rank import Ranked, rank_for_picture, rank_for_set
from convscope.inspect.record import untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.units import Units
from convscope.inspect.where import where
from convscope.nets.build import Net
from convscope.nets.lowered import lacking
from convscope.prediction import as_seen, padded
from convscope.runs import Run

METHODS = ("grad-cam", "occlusion", "integrated-gradients")
"""The ways of asking where it looked that a look takes unless it is told others."""
TOP = 8
PICTURED = 3
"""So many units of a layer have pictures made for them, where the net takes small ones; else one that is asked for."""
FEW = 32
"""In layers of so many units or fewer every unit is muted in turn, where that is quick; else the foremost."""
SMALL = 64 * 64
STEPS = 6
"""So many epochs of a training are shown."""
EFFORT, LEAST, SLOW = 3e11, 200, 20_000
"""Multiply-adds that muting the units of a layer may take, the fewest pictures that are asked, and a guess of the
multiply-adds a pixel of nets that cannot be counted."""

Saying = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One layer in a look: its units' sums on the picture [k, y, x], who comes first and why, and the cards of the foremost.

    `for_picture` ranks by what muting a unit does to the answer; `for_set` over the set, or None without one.
    """

    layer: Layer
    maps: Float[np.ndarray, "k y x"]
    for_picture: tuple[Ranked, ...]
    for_set: tuple[Ranked, ...] | None
    units: Units | None
    cards: tuple[Card, ...]


@dataclass(frozen=True, eq=False)
class Look:
    """What a net makes of a picture, uint8 [c, h, w] as the net takes it; `steps` say how it was prepared.

    `chances` are class probabilities by name, the likeliest first; `target` is the class that is explained.
    """

    subject: Subject
    picture: UInt8[np.ndarray, "c h w"]
    name: str
    steps: tuple[str, ...]
    chances: dict[str, float]
    target: int
    heats: tuple[Heat, ...]
    layers: tuple[Seen, ...]
    missing: tuple[str, ...]

    @property
    def explained(self) -> str:
        """The name of the class that is explained."""
        return self.subject.classes[self.target]

    def _repr_html_(self) -> str:
        label, chance = next(iter(self.chances.items()))
        parts = [(picture_image(self.picture, self.name), self.name)]
        parts += [(heat_image(self.picture, heat.values), heat.method) for heat in self.heats]
        rows = [card._repr_html_() for seen in self.layers for card in seen.cards[:2]]
        return block(f"{label}, {100 * chance:.1f} %", parts) + "".join(rows)


def look(
    model: Run | Subject | nn.Module,
    picture: Any,
    *,
    images: Images | None = None,
    target: int | str | None = None,
    layer: str | None = None,
    unit: str | None = None,
    top: int = TOP,
    methods: Sequence[str] = METHODS,
    saying: Saying | None = None,
) -> Look:
    """Look at a picture (a file, or uint8 [c, h, w]) through a net: a Run's, or any module's (see `subject_of`).

    `images` are what it learned: their training pictures are searched for patches, their test pictures asked without a
    unit. Without them those parts are missing, and the look says so. `layer` or `unit` narrow it to one.

    Raises:
        StackError: There is no such layer, unit, class or method.
        PictureError, RunError: The picture or the Run cannot be read.
    """
    subject = subject_of(model)
    pixels, name, steps = _prepared(subject, picture)
    chosen, wanted = _chosen(subject, layer, unit)
    answers = _answers(subject, pixels)
    number = subject.class_of(target, answers)
    chances = subject.chances(answers)[0].tolist()
    order = sorted(range(len(chances)), key=lambda k: -chances[k])
    say = saying or (lambda _what, _done, _total: None)
    heats = []
    for method in methods:
        asking = partial(say, f"where it looked, by {method}")
        heats.append(where(subject, pixels, number, method=method, progress=asking))
    known = None
    if images is not None:
        known = units_of(
            subject, chosen, images.train, images.fingerprint,
            progress=lambda done, total: say("what the units answer to the training pictures", done, total),
        )  # fmt: skip
    maps, history = sums_of(subject, chosen, pixels), _history(subject, chosen)
    seen = [
        _seen(subject, at, maps[at.name], pixels, number, known, images, wanted, top, history, say)
        for at in chosen
    ]
    return Look(
        subject, pixels, name, steps, {subject.classes[k]: chances[k] for k in order}, number, tuple(heats),
        tuple(seen), () if images else ("No pictures of the set are here, so there are no patches and no rates.",),
    )  # fmt: skip


def _seen(
    subject: Subject,
    layer: Layer,
    maps: np.ndarray,
    pixels: np.ndarray,
    target: int,
    known: dict[str, Units] | None,
    images: Images | None,
    wanted: int | None,
    top: int,
    history: dict[str, dict[int, np.ndarray]],
    say: Saying,
) -> Seen:
    ranked = rank_for_picture(subject, layer, pixels, target)
    units = known[layer.name] if known else None
    first = [wanted] if wanted is not None else [r.unit for r in ranked[:top]]
    muted, lost = None, None
    if images is not None:
        asked = (
            range(layer.units) if wanted is None and _quick(subject, layer) and layer.units <= FEW else first
        )
        test = _asked(subject, images.test, len(asked))
        whole, without = accuracies_muted(
            subject, layer, test, only=asked,
            progress=lambda done, total: say(f"{layer.name} without each unit", done, total),
        )  # fmt: skip
        muted = (whole, {k: float(without[k]) for k in asked}, len(test))
        lost = whole - without if len(asked) == layer.units else None
    train = images.train if images else None
    small = subject.shape[1] * subject.shape[2] <= SMALL
    for_these = first if wanted is not None else first[: PICTURED if small else 0]
    pictured = {}
    for done, k in enumerate(for_these):
        say(f"what {layer.name}'s foremost units like best", done, len(for_these))
        pictured[k] = picture_unit(subject, layer, k, units, train)
    made = cards(
        subject, layer, first, maps=maps, seen=units, pictures=train, muted=muted, pictured=pictured,
        history=history.get(layer.name),
    )  # fmt: skip
    return Seen(layer, maps, ranked, rank_for_set(units, lost) if units else None, units, made)


def _history(subject: Subject, layers: Sequence[Layer]) -> dict[str, dict[int, np.ndarray]]:
    """The kernels of some layers after some of the kept epochs: layer name -> epoch -> kernels."""
    run = subject.run
    if run is None or len(run.epochs) < 2:
        return {}
    every = run.epochs
    some = sorted({every[round(n * (len(every) - 1) / (STEPS - 1))] for n in range(STEPS)})
    names = [layer.name for layer in layers]
    seen = over_epochs(run, lambda net: {n: kernels_of(net, layer_of(net, n)) for n in names}, epochs=some)
    return {n: {epoch: kernels[n] for epoch, kernels in seen.items()} for n in names}


def _asked(subject: Subject, test: Pictures, units: int) -> Pictures:
    """The test pictures that are asked without each of some units: all, or as many, spread over all, as take seconds."""
    net = subject.net
    each = (
        sum(r.multiply_adds for r in net.stack.ladder)
        if isinstance(net, Net)
        else SLOW * subject.shape[1] * subject.shape[2]
    )
    most = max(LEAST, round(EFFORT / (units + 1) / max(1, each)))
    if most >= len(test):
        return test
    return test.take(np.linspace(0, len(test) - 1, most).astype(np.int64))


def _quick(subject: Subject, layer: Layer) -> bool:
    """Whether the native engine computes the net without a unit."""
    net = subject.net
    return isinstance(net, Net) and layer.heard == layer.module and not lacking(net.stack)


def _prepared(subject: Subject, picture: Any) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """The picture as the net takes it, its name, and how it was prepared."""
    is_file = isinstance(picture, str | Path | bytes)
    name = str(picture) if isinstance(picture, str | Path) else "picture"
    pixels = read_picture(picture) if is_file else np.asarray(picture)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise PictureError(
            f"a picture is uint8 [channels, height, width], not {pixels.dtype} {list(pixels.shape)}"
        )
    if subject.run is not None:
        seen, steps = as_seen(subject.run, pixels)
        return seen, name, steps
    channels, height, width = subject.shape
    if pixels.shape[0] == channels and pixels.shape[1] <= height and pixels.shape[2] <= width:
        return padded(pixels, (height, width)), name, ()
    fitted = fit(pixels, subject.shape)
    return fitted.pixels, name, fitted.steps


def _chosen(subject: Subject, layer: str | None, unit: str | None) -> tuple[tuple[Layer, ...], int | None]:
    if unit is not None:
        found, number = unit_of(subject, unit)
        return (found,), number
    return ((layer_of(subject, layer),) if layer is not None else layers_of(subject)), None


def _answers(subject: Subject, pixels: np.ndarray) -> torch.Tensor:
    with untouched(subject.net), torch.no_grad():
        return subject.answers(subject.given(pixels[None])).float().cpu()
