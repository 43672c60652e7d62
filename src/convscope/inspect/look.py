"""A look at one picture through a net: the answer, where it looked, and the layers in order with their foremost units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn

from convscope.data.fit import fit
from convscope.data.images import Images
from convscope.data.pictures import read_picture
from convscope.errors import PictureError
from convscope.inspect.card import Card, sums_of
from convscope.inspect.contributions import Contributions, contributions
from convscope.inspect.display import block, heat_image, picture_image
from convscope.inspect.gather import Gatherer, Saying
from convscope.inspect.heat import Heat
from convscope.inspect.judging import Curves, Sanity, insertion_deletion, sanity
from convscope.inspect.layers import Layer, layer_of, layers_of, unit_of
from convscope.inspect.rank import Ranked, rank_for_picture, rank_for_set
from convscope.inspect.record import untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.units import Units
from convscope.inspect.where import where
from convscope.nets.views import shown
from convscope.prediction import as_seen
from convscope.runs import Run

METHODS = ("grad-cam", "occlusion", "integrated-gradients")
"""The ways of asking where it looked that a look takes unless it is told others."""
TOP = 8
PICTURED = 3
"""So many units of a layer have pictures made for them, where the net takes small ones; else one that is asked for."""
FEW = 32
"""In layers of so many units or fewer every unit is muted in turn, where that is quick; else the foremost."""
SMALL = 64 * 64


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
class Asked:
    """One way of asking where the net looked, and how far to trust it: `curves` and `sanity` are None for large nets."""

    heat: Heat
    curves: Curves | None
    sanity: Sanity | None


@dataclass(frozen=True, eq=False)
class Look:
    """What a net makes of a picture, uint8 [c, h, w] as the net takes it; `name` is its file, or "", and `steps` say how it
    was prepared.

    `chances` are class probabilities by name, the likeliest first; `target` is the class that is explained, `parts` are what
    the units of the last layer with kernels add to its score.
    """

    subject: Subject
    picture: UInt8[np.ndarray, "c h w"]
    name: str
    steps: tuple[str, ...]
    chances: dict[str, float]
    target: int
    asked: tuple[Asked, ...]
    parts: Contributions
    layers: tuple[Seen, ...]
    missing: tuple[str, ...]

    @property
    def explained(self) -> str:
        """The name of the class that is explained."""
        return self.subject.classes[self.target]

    def _repr_html_(self) -> str:
        label, chance = next(iter(self.chances.items()))
        parts = [(picture_image(self.picture, self.name), self.name or "the picture")]
        parts += [(heat_image(self.picture, a.heat.values), a.heat.method) for a in self.asked]
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

    >>> import convscope as cs
    >>> from convscope.nets.build import build
    >>> seen = look(build(cs.zoo["lenet5"]), cs.images("mnist").test.pixels[0], layer="C1", top=2, methods=["gradient"])
    >>> [(at.layer.name, len(at.cards)) for at in seen.layers], seen.asked[0].heat.values.shape
    ([('C1', 2)], (32, 32))
    """
    subject = subject_of(model)
    pixels, name, steps = _prepared(subject, picture)
    chosen, wanted = _chosen(subject, layer, unit)
    answers = _answers(subject, pixels)
    number = subject.class_of(target, answers)
    chances = subject.chances(answers)[0].tolist()
    order = sorted(range(len(chances)), key=lambda k: -chances[k])
    say = saying or _silent
    asked = tuple(_asked(subject, pixels, number, method, say) for method in methods)
    gather = Gatherer(subject, chosen, images, say)
    maps = sums_of(subject, chosen, pixels)
    seen = [
        _seen(gather, at, maps[at.name], rank_for_picture(subject, at, pixels, number), wanted, top)
        for at in chosen
    ]
    missing = "No pictures of the set are here, so there are no patches and no rates."
    return Look(
        subject, pixels, name, steps, {subject.classes[k]: chances[k] for k in order}, number, asked,
        contributions(subject, pixels, target=number), tuple(seen), () if images else (missing,),
    )  # fmt: skip


def card(
    model: Run | Subject | nn.Module,
    unit: str,
    images: Images | None = None,
    *,
    picture: UInt8[np.ndarray, "c h w"] | None = None,
    saying: Saying | None = None,
) -> Card:
    """All there is to say about one unit, such as "conv1/3": see `Card`. `images` are what the net learned; `picture`, of
    the net's size, is one whose map is wanted.

    Raises:
        StackError: There is no such unit.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> card(build(zoo["lenet5"]), "C3/0").unit
    'C3/0'
    """
    subject = subject_of(model)
    layer, number = unit_of(subject, unit)
    gather = Gatherer(subject, (layer,), images, saying or _silent)
    maps = None if picture is None else sums_of(subject, [layer], picture)[layer.name]
    muted = gather.muted(layer, [number])
    return gather.cards(layer, [number], pictured=[number], maps=maps, muted=muted)[0]


def _asked(subject: Subject, pixels: np.ndarray, target: int, method: str, say: Saying) -> Asked:
    """Where the net looked, by one method, and for nets that take small pictures how far to trust that."""
    heat = where(
        subject, pixels, target, method=method, progress=partial(say, f"where it looked, by {method}")
    )
    if not _small(subject) or heat.empty:
        return Asked(heat, None, None)
    saying = partial(say, f"how far to trust {method}")
    curves = insertion_deletion(subject, pixels, heat, steps=20, orders=2, progress=saying)
    checked = sanity(subject, pixels, method, target=target, cascade=False, draws=2, progress=saying)
    return Asked(heat, curves, checked)


def _small(subject: Subject) -> bool:
    """Whether the net takes pictures so small that many passes are no wait."""
    return subject.shape[1] * subject.shape[2] <= SMALL


def _seen(
    gather: Gatherer,
    layer: Layer,
    maps: np.ndarray,
    ranked: tuple[Ranked, ...],
    wanted: int | None,
    top: int,
) -> Seen:
    first = [wanted] if wanted is not None else [r.unit for r in ranked[:top]]
    every = wanted is None and gather.quick() and layer.units <= FEW
    muted = gather.muted(layer, range(layer.units) if every else first)
    pictured = first if wanted is not None else first[: PICTURED if _small(gather.subject) else 0]
    made = gather.cards(layer, first, pictured=pictured, maps=maps, muted=muted)
    units = gather.units.get(layer.name)
    lost = None
    if every and muted is not None:
        lost = muted.whole - np.array([muted.without[k] for k in range(layer.units)])
    return Seen(layer, maps, ranked, rank_for_set(units, lost) if units else None, units, made)


def _silent(_what: str, _done: int, _total: int) -> None:
    pass


def _prepared(subject: Subject, picture: Any) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """The picture as the net takes it, its name, and how it was prepared."""
    is_file = isinstance(picture, str | Path | bytes)
    name = str(picture) if isinstance(picture, str | Path) else ""
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
        return shown(pixels, (height, width)), name, ()
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
