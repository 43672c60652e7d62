"""The curves of a training, as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from convscope.report.wording import SPACE, number, percent, plural
from convscope.runs import Run

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 150, 16, 36
MOST_POINTS = 400
LABEL_GAP = 17


@dataclass(frozen=True)
class Curve:
    """One line of a chart: (epoch, value) pairs, labelled at its end. `look` is its class in the style."""

    name: str
    look: str
    points: tuple[tuple[float, float], ...]
    last: str


@dataclass(frozen=True)
class Chart:
    """A drawn chart, its heading, and the sentence that says the same."""

    title: str
    svg: Markup
    sentence: str
    log: bool


def charts(run: Run) -> tuple[Chart, ...]:
    """The loss, and the error in percent, over the epochs; nothing where no epoch was finished."""
    rows = [row for row in run.metrics if isinstance(row.get("epoch"), int)]
    made = []
    loss = _curve(rows, "loss", "loss", "train", lambda v: v, number)
    if loss:
        made.append(_chart("Loss", [loss], ""))
    errors = [
        _curve(rows, key, name, look, lambda v: 100 * (1 - v), percent)
        for key, name, look in (
            ("train_accuracy", "learning", "train"),
            ("validation_accuracy", "kept aside", "watch"),
        )
    ]
    curves = [c for c in errors if c]
    scores = run.info.get("scores")
    if curves and scores:
        error, last = scores["test_error_percent"], curves[0].points[-1][0]
        curves.append(Curve("test", "test", ((last, error),), percent(error)))
    if curves:
        made.append(_chart("Error, in percent", curves, "%"))
    return tuple(made)


def _curve(
    rows: Sequence[dict[str, Any]], key: str, name: str, look: str, value: Any, say: Any
) -> Curve | None:
    found = [(float(row["epoch"]), value(row[key])) for row in rows if isinstance(row.get(key), int | float)]
    points = [(e, v) for e, v in found if math.isfinite(v)]
    if not points:
        return None
    stride = -(-len(points) // MOST_POINTS)
    kept = points[::stride] + ([points[-1]] if (len(points) - 1) % stride else [])
    return Curve(name, look, tuple(kept), say(points[-1][1]))


def _chart(title: str, curves: Sequence[Curve], unit: str) -> Chart:
    sentence = "; ".join(
        f"{c.name} {c.last}"
        if len(c.points) == 1
        else f"{c.name} from {percent(c.points[0][1]) if unit else number(c.points[0][1])} to {c.last}"
        for c in curves
    )
    epochs = [p[0] for c in curves for p in c.points]
    sentence += f", after {plural(int(max(epochs)), 'epoch')}."
    log = _spans_decades(curves)
    return Chart(title, _svg(curves, unit, f"{title}: {sentence}", log), sentence, log)


def _spans_decades(curves: Sequence[Curve]) -> bool:
    """Whether the values are so far apart that only a logarithmic scale shows them all."""
    positive = [v for c in curves for _, v in c.points if v > 0]
    return bool(positive) and max(positive) > 8 * min(positive)


def _svg(curves: Sequence[Curve], unit: str, description: str, log: bool) -> Markup:
    values = [v for c in curves for _, v in c.points]
    positive = [v for v in values if v > 0]
    ticks = log_ticks(min(positive), max(positive)) if log else linear_ticks(0.0, max(values, default=1.0))
    floor = ticks[0]
    curves = [replace(c, points=tuple((e, max(v, floor)) for e, v in c.points)) for c in curves]
    epochs = [e for c in curves for e, _ in c.points]
    first, last = min(epochs), max(epochs)

    def x(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((epoch - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        low, high, at = (math.log(t) if log else t for t in (ticks[0], ticks[-1], value))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (at - low) / ((high - low) or 1)

    parts = [_y_axis(ticks, y, unit), _x_axis(epoch_ticks(int(first), int(last)), x)]
    for curve in curves:
        parts.append(_line([(x(e), y(v)) for e, v in curve.points], curve.look))
    places = spread([y(c.points[-1][1]) for c in curves], LABEL_GAP, TOP, HEIGHT - BOTTOM)
    for curve, place in zip(curves, places, strict=True):
        parts.append(_label(x(curve.points[-1][0]), y(curve.points[-1][1]), place, curve))
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-label="{about}">{body}</svg>'
    ).format(w=WIDTH, h=HEIGHT, about=description, body=Markup("").join(parts))


def _line(points: Sequence[tuple[float, float]], look: str) -> Markup:
    end = points[-1]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    drawn = Markup('<path class="line {}" d="{}"/>').format(look, path) if len(points) > 1 else Markup("")
    if look == "test":
        a, b = end
        diamond = f"M{a:.1f} {b - 6:.1f}l6 6-6 6-6-6z"
        return Markup('<path class="dot {}" d="{}"/>').format(look, diamond)
    few = points if len(points) <= 24 else [end]
    dots = Markup("").join(
        Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(
            look, a, b, 4 if p is end else 2.5
        )
        for p in few
        for a, b in (p,)
    )
    return drawn + dots


def _label(x: float, y: float, place: float, curve: Curve) -> Markup:
    lead = Markup('<path class="lead" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(x + 8, y, x + 14, place)
    text = Markup('<text class="name {}" x="{:.1f}" y="{:.1f}">{} <tspan class="value">{}</tspan></text>')
    return lead + text.format(curve.look, x + 18, place + 4.5, curve.name, curve.last)


def _y_axis(ticks: Sequence[float], y: Any, unit: str) -> Markup:
    row = Markup('<path class="grid" d="M{} {:.1f}H{}"/><text class="tick end" x="{}" y="{:.1f}">{}</text>')
    return Markup("").join(
        row.format(LEFT, y(t), WIDTH - RIGHT + 4, LEFT - 8, y(t) + 4.5, tick_text(t, unit)) for t in ticks
    )


def _x_axis(ticks: Sequence[int], x: Any) -> Markup:
    row = Markup('<text class="tick mid" x="{:.1f}" y="{}">{}</text>')
    texts = [row.format(x(t), HEIGHT - BOTTOM + 22, f"{t:,}") for t in ticks]
    texts.append(row.format(x(ticks[-1]) + 34, HEIGHT - BOTTOM + 22, "epoch"))
    return Markup("").join(texts)


def tick_text(value: float, unit: str) -> str:
    """A tick's number: three figures, small ones as a power of ten."""
    text = f"{value:g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.0e}".replace("e-0", "e-")
    return f"{text}{SPACE}{unit}" if unit else text


def linear_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`.

    >>> linear_ticks(0, 1.9)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    span = (high - low) or 1.0
    raw = span / most
    base = 10 ** math.floor(math.log10(raw))
    step = next(base * m for m in (1, 2, 5, 10) if base * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers 1, 2, 5, 10 ... from at most `low` to at least `high`, or powers of ten where those are many.

    >>> log_ticks(1.2, 26)
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    marks = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [m * 10.0**d for d in range(first, last + 1) for m in marks]
    start = max((i for i, t in enumerate(ticks) if t <= low * 1.0001), default=0)
    stop = min((i for i, t in enumerate(ticks) if t >= high * 0.9999), default=len(ticks) - 1)
    chosen = ticks[start : max(stop, start + 1) + 1]
    stride = -(-(len(chosen) - 1) // 7)
    kept = chosen[::-1][::stride][::-1]
    return kept if kept[0] == chosen[0] else [chosen[0], *kept]


def epoch_ticks(first: int, last: int) -> list[int]:
    """A few whole epochs, the first and the last among them.

    >>> epoch_ticks(1, 20), epoch_ticks(1, 4), epoch_ticks(3, 3)
    ([1, 5, 10, 15, 20], [1, 2, 3, 4], [3])
    """
    if last - first < 6:
        return list(range(first, last + 1))
    raw = (last - first) / 4
    base = 10 ** math.floor(math.log10(raw))
    step = max(1, int(next(base * m for m in (1, 2, 5, 10) if base * m >= raw)))
    inner = [t for t in range(step, last, step) if t - first >= step / 2 and last - t >= step / 2]
    return [first, *inner, last]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places moved apart until they are `gap` from one another, in the same order, within low .. high if they fit.

    >>> spread([10, 12, 50], 10, 0, 100)
    [6.0, 16.0, 50.0]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [float(p) for p in places]
    for _ in range(100):
        for a, b in pairwise(order):
            short = gap - (moved[b] - moved[a])
            if short > 1e-9:
                moved[a] -= short / 2
                moved[b] += short / 2
    if order:
        shift = max(0.0, low - moved[order[0]]) - max(0.0, moved[order[-1]] - high)
        moved = [m + shift for m in moved]
    return moved
