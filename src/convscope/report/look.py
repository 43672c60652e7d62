"""A look at one picture as one self-contained HTML file: the answer, where the net looked, layer by layer its units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from markupsafe import Markup

from convscope.data.whole import write_whole
from convscope.errors import PictureError
from convscope.inspect.card import Card, Patch
from convscope.inspect.display import under_film
from convscope.inspect.look import Asked, Look, Seen
from convscope.inspect.where import METHODS
from convscope.report import film
from convscope.report.film import Film
from convscope.report.page import environment
from convscope.report.wording import chance, percent, plural, short, signed, size

LARGEST = 5_000_000
"""Bytes that the page never exceeds."""
LONGEST = 96
STRIP = 64
ANSWERS = 5
MOST_NUMBERS = 150


@dataclass(frozen=True)
class Where:
    """One way of asking where the net looked: the picture under film, and what was found, in words."""

    title: str
    about: str
    shown: str
    says: str
    judged: tuple[str, ...]
    peak: str
    signed: bool


@dataclass(frozen=True)
class Parts:
    """What the units of a layer add to the score: name, width and side of a bar, and value in words; the rest, the score."""

    layer: str
    how: str
    bars: tuple[tuple[str, float, str, str], ...]
    others: str
    rest: str
    score: str


@dataclass(frozen=True)
class Unit:
    """A card as the page shows it."""

    anchor: str
    name: str
    pattern: str
    habits: str
    why: str
    kernel: tuple[Film, ...]
    colours: str | None
    kernel_peak: str
    numbers: str
    map: Film | None
    map_range: str
    best: tuple[tuple[str, str], ...]
    least: tuple[tuple[str, str], ...]
    favourite: tuple[str, str] | None
    owed: tuple[Film, ...]
    deconvolved: tuple[Film, ...]
    rule: str
    history: tuple[tuple[int, Film], ...]
    bars: tuple[tuple[str, float, str], ...]
    facts: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """A layer as the page shows it."""

    name: str
    about: str
    remarks: tuple[str, ...]
    units: tuple[Unit, ...]
    strip: tuple[tuple[str, Film], ...]
    left_out: int
    peak: str


def write_look(look: Look, path: Path) -> Path:
    """Write a look as one HTML file of at most 5 MB; from the deepest layers up, cards are left out where it would be more.

    Raises:
        PictureError: The path cannot be written.
    """
    text = page(look)
    try:
        write_whole(path, text.encode("utf-8"))
    except OSError as error:
        raise PictureError(
            f"{path}: the look cannot be written ({error.strerror or error}); give another -o"
        ) from None
    return path


def page(look: Look) -> str:
    """The look as HTML."""
    each = max((len(seen.cards) for seen in look.layers), default=0)
    while True:
        text = _page(look, each)
        if len(text.encode("utf-8")) <= LARGEST or not each:
            return text
        each -= 1


def _page(look: Look, each: int) -> str:
    return (
        environment()
        .get_template("look.html.j2")
        .render(
            style=_style(),
            name=short(Path(look.name).name) if look.name else "",
            net=look.subject.run.info["net"] if look.subject.run else type(look.subject.net).__name__,
            answer=next(iter(look.chances)),
            explained=look.explained,
            sure=chance(next(iter(look.chances.values()))),
            picture=_large(look.picture),
            pixelated=max(look.picture.shape[1:]) <= LONGEST,
            shape=size(look.picture.shape),
            steps=look.steps,
            bars=[(name, round(100 * p, 2), chance(p)) for name, p in list(look.chances.items())[:ANSWERS]],
            wheres=[_where(look, asked) for asked in look.asked],
            parts=_parts(look),
            levels=[_level(seen, each) for seen in look.layers],
            missing=look.missing,
            legend=film.legend(),
        )
    )


@cache
def _style() -> Markup:
    files = resources.files("convscope.report")
    return Markup("".join(files.joinpath(n).read_text(encoding="utf-8") for n in ("style.css", "look.css")))


def _where(look: Look, asked: Asked) -> Where:
    heat = asked.heat
    method = METHODS[heat.method]
    peak = float(np.abs(heat.values).max()) if heat.values.size else 0.0
    taken = f"{heat.layer}: {heat.why}" if heat.layer else heat.why[:1].upper() + heat.why[1:]
    says = heat.empty or (f"{taken}." if taken else "")
    return Where(
        method.title,
        method.about,
        film.picture(under_film(look.picture, heat.values).transpose(2, 0, 1), 320),
        says,
        _judged(asked),
        signed(peak),
        heat.signed,
    )


def _judged(asked: Asked) -> tuple[str, ...]:
    """How far to trust a map, in two sentences."""
    if asked.curves is None or asked.sanity is None:
        return ()
    a = asked.curves.areas
    ins, out = (f"{a[k]:.2f} against {a[f'random_{k}']:.2f}" for k in ("insertion", "deletion"))
    sooner, loses = a["insertion"] > a["random_insertion"], a["deletion"] < a["random_deletion"]
    verdict = (
        "Trust it" if sooner and loses else "Do not trust it" if not sooner and not loses else "Trust it half"
    )
    return (
        f"{verdict}: pixels put in by its order, hottest first, bring the class back {'sooner' if sooner else 'later'} than "
        f"in random order ({ins}); taken away, they lose it {'sooner' if loses else 'later'} ({out}).",
        f"Sanity check: {asked.sanity.says}.",
    )


def _parts(look: Look) -> Parts:
    """The ten largest parts of units in the score, the sum of the others, and what no unit has."""
    found = look.parts
    order = np.argsort(-np.abs(found.units), kind="stable")
    most = float(np.abs(found.units).max(initial=0)) or 1.0
    bars = [(f"{found.layer}/{k}", float(found.units[k])) for k in order[:10].tolist() if found.units[k]]
    rows = tuple(
        (n, round(100 * abs(v) / most, 1), "for" if v >= 0 else "against", signed(v)) for n, v in bars
    )
    others = signed(float(found.units[order[10:]].sum())) if len(order) > 10 else ""
    return Parts(found.layer, found.how, rows, others, signed(found.rest), signed(found.score))


def _level(seen: Seen, each: int) -> Level:
    layer = seen.layer
    kernel = seen.cards[0].kernel.shape if seen.cards else (0, 0, 0)
    peak = float(np.abs(seen.maps[np.isfinite(seen.maps)]).max(initial=0))
    reasons = {ranked.unit: ranked.why for ranked in seen.for_picture}
    shown = {card.number for card in seen.cards[:each]}
    others = [r.unit for r in seen.for_picture if r.unit not in shown]
    sees = f"{size([f.size for f in layer.fields])} pixels" if layer.fields else "the whole picture"
    below = plural(kernel[0], "map below", "maps below") if layer.below else plural(kernel[0], "channel")
    return Level(
        layer.name,
        f"{plural(layer.units, 'kernel')} of {size(kernel[1:])} over {below}, "
        f"maps of {size(layer.size)}; each value sees {sees}.",
        _remarks(seen),
        tuple(_unit(card, reasons[card.number], peak) for card in seen.cards[:each]),
        tuple((f"{layer.name}/{k}", film.film(film.shrunk(seen.maps[k], 28), peak)) for k in others[:STRIP]),
        max(0, len(others) - STRIP),
        signed(peak),
    )


def _remarks(seen: Seen) -> tuple[str, ...]:
    """What is wrong with the layer's units, and which ones matter over the whole set."""
    said = []
    if seen.for_set:
        first = [r for r in seen.for_set if not r.why.startswith("dead")][:3]
        said.append(
            "Over the whole set first: "
            + ", ".join(f"{seen.layer.name}/{r.unit} ({r.why})" for r in first)
            + "."
        )
    if seen.units is not None:
        dead = np.flatnonzero(seen.units.dead)
        if dead.size:
            said.append(f"Dead, saying the same of every picture: {_named(seen, dead.tolist())}.")
        pairs = [f"{seen.layer.name}/{i} and /{j} ({r:+.2f})" for i, j, r in seen.units.alike]
        if pairs:
            more = f" and {len(pairs) - 6} more pairs" if len(pairs) > 6 else ""
            said.append(f"Saying the same, or the opposite: {', '.join(pairs[:6])}{more}.")
    return tuple(said)


def _named(seen: Seen, numbers: list[int]) -> str:
    more = f" and {len(numbers) - 12} more" if len(numbers) > 12 else ""
    return ", ".join(f"{seen.layer.name}/{k}" for k in numbers[:12]) + more


def _unit(card: Card, why: str, peak: float) -> Unit:
    kernel = card.kernel
    strength = float(np.abs(kernel).max(initial=0))
    slices = [link.weights for link in card.hears[:4]] if len(kernel) > 4 else list(kernel)
    coloured = len(kernel) == 3 and not card.layer.below
    few = kernel[0].size * len(kernel) <= MOST_NUMBERS
    low, high = (0.0, 0.0) if card.map is None else (float(card.map.min()), float(card.map.max()))
    return Unit(
        anchor=card.unit.replace("/", "-").replace(".", "-"),
        name=card.unit,
        pattern=card.pattern,
        habits=card.habits,
        why=why,
        kernel=tuple(film.film(film.shrunk(s, 32), strength) for s in slices),
        colours=_coloured(kernel, strength) if coloured else None,
        kernel_peak=signed(strength),
        numbers="\n\n".join("\n".join("  ".join(f"{v:+.2f}" for v in row) for row in s) for s in kernel)
        if few
        else "",
        map=None if card.map is None else film.film(film.shrunk(card.map, LONGEST), peak),
        map_range=f"{signed(low)} to {signed(high)}",
        best=_patches(card.best),
        least=_patches(card.least),
        favourite=_favourite(card),
        owed=_owed(card.pictured.owed),
        deconvolved=_owed(card.pictured.deconvolved),
        rule=card.pictured.rule,
        history=_history(card),
        bars=_bars(card),
        facts=_facts(card),
        missing=card.missing,
    )


def _favourite(card: Card) -> tuple[str, str] | None:
    liked = card.pictured.favourite
    return None if liked is None else (film.picture(liked.pixels, LONGEST), liked.says)


def _owed(found: tuple[Float[np.ndarray, "c y x"], ...]) -> tuple[Film, ...]:
    """What patches owe to their pixels, summed over channels, each on a scale of its own."""
    summed = [values.sum(0) for values in found]
    return tuple(film.film(film.shrunk(v, 64), float(np.abs(v).max(initial=0))) for v in summed)


def _history(card: Card) -> tuple[tuple[int, Film], ...]:
    """The kernel's strongest slice over the epochs, on the scale of its end."""
    if not card.history:
        return ()
    last = card.history[-1][1]
    slice_ = int(np.argmax(np.square(last).sum((1, 2))))
    peak = float(np.abs(last[slice_]).max(initial=0))
    return tuple((epoch, film.film(film.shrunk(kernel[slice_], 32), peak)) for epoch, kernel in card.history)


def _bars(card: Card) -> tuple[tuple[str, float, str], ...]:
    """For each class how many of its pictures the unit fires on: name, percentage, count in words."""
    if card.seen is None or len(card.seen.counts) > 20:
        return ()
    rows = zip(card.classes, card.seen.fires[card.number], card.seen.counts, strict=False)
    return tuple((name, 100 * int(f) / max(1, int(n)), f"{int(f):,} of {int(n):,}") for name, f, n in rows)


def _facts(card: Card) -> tuple[tuple[str, str], ...]:
    said: list[tuple[str, str]] = []
    if len(card.hears) > 1:
        said.append(("hears most", ", ".join(f"{x.unit} {signed(x.sum)}" for x in card.hears[:4])))
    if card.feeds:
        said.append(("feeds most", ", ".join(f"{x.unit} {signed(x.sum)}" for x in card.feeds[:4])))
    if card.muted:
        whole, without, n = card.muted
        said.append(
            (
                "muted",
                f"accuracy {percent(100 * without)} instead of {percent(100 * whole)}, of {n:,} pictures",
            )
        )
    if card.seen is not None:
        told = 100 * float(card.seen.told[card.number])
        said.append(("told by the class", f"{percent(told, 0)} of how its answers vary"))
    return tuple(said)


def _patches(found: tuple[Patch, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((film.picture(p.pixels, 64), f"{p.label}, {signed(p.value)}") for p in found)


def _coloured(kernel: Float[np.ndarray, "3 h w"], peak: float) -> str:
    scaled = kernel / peak if peak > 0 else kernel
    return film.picture((np.clip(scaled, -1, 1) * 127 + 128).round().astype(np.uint8), 64)


def _large(pixels: UInt8[np.ndarray, "c h w"]) -> str:
    return film.picture(pixels, 320)
