"""Lines over a logarithmic or even axis, as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from convscope.report.curves import linear_ticks, log_ticks, spread, tick_text

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 52, 190, 16, 44
LABEL_GAP = 18


@dataclass(frozen=True)
class Line:
    """A line of a chart: (x, y) pairs by x, labelled at its end; `look` is its class in the style."""

    name: str
    look: str
    points: tuple[tuple[float, float], ...]


def chart(lines: Sequence[Line], across: str, about: str, log: bool) -> Markup:
    """The chart: errors in percent upwards, logarithmic; `across` names the other axis, logarithmic if `log`."""
    xs = sorted({a for line in lines for a, _ in line.points})
    values = [b for line in lines for _, b in line.points]
    ticks = log_ticks(max(min(values), 0.01), max(*values, 0.02))
    sides = (math.log(xs[0]), math.log(xs[-1])) if log else (xs[0], xs[-1])

    def x(value: float) -> float:
        at = math.log(value) if log else value
        return LEFT + (WIDTH - LEFT - RIGHT) * (
            (at - sides[0]) / (sides[1] - sides[0]) if sides[1] > sides[0] else 0.5
        )

    def y(value: float) -> float:
        low, high, at = (math.log(t) for t in (ticks[0], ticks[-1], max(value, ticks[0])))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (at - low) / ((high - low) or 1)

    parts = [
        _grid(ticks, y),
        _feet(log_ticks(xs[0], xs[-1]) if log else linear_ticks(xs[0], xs[-1]), xs, x, across),
    ]
    parts += [_drawn(line, x, y) for line in lines]
    places = spread([y(line.points[-1][1]) for line in lines], LABEL_GAP, TOP, HEIGHT - BOTTOM)
    parts += [_label(line, x, y, place) for line, place in zip(lines, places, strict=True)]
    svg = Markup('<svg class="chart wide" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(WIDTH, HEIGHT, about, Markup("").join(parts))


def _grid(ticks: Sequence[float], y: Callable[[float], float]) -> Markup:
    row = Markup('<path class="grid" d="M{} {:.1f}H{}"/><text class="tick end" x="{}" y="{:.1f}">{}</text>')
    return Markup("").join(
        row.format(LEFT, y(t), WIDTH - RIGHT + 4, LEFT - 8, y(t) + 4.5, tick_text(t, "%")) for t in ticks
    )


def _feet(ticks: Sequence[float], xs: Sequence[float], x: Callable[[float], float], across: str) -> Markup:
    row = Markup('<text class="tick mid" x="{:.1f}" y="{}">{}</text>')
    inside = [t for t in ticks if xs[0] <= t <= xs[-1]]
    texts = [row.format(x(t), HEIGHT - BOTTOM + 20, f"{t:,.0f}") for t in inside]
    texts.append(row.format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, across))
    return Markup("").join(texts)


def _drawn(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> Markup:
    path = "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line.points)
    dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"/>')
    dots = Markup("").join(dot.format(line.look, x(a), y(b)) for a, b in line.points)
    return Markup('<path class="line {}" d="{}"/>').format(line.look, path) + dots


def _label(line: Line, x: Callable[[float], float], y: Callable[[float], float], place: float) -> Markup:
    a, b = line.points[-1]
    lead = Markup('<path class="lead" d="M{:.1f} {:.1f}L{:.1f} {:.1f}"/>').format(
        x(a) + 6, y(b), x(a) + 14, place
    )
    text = Markup('<text class="name {}" x="{:.1f}" y="{:.1f}">{} <tspan class="value">{}</tspan></text>')
    return lead + text.format(line.look, x(a) + 18, place + 4.5, line.name, tick_text(float(f"{b:.3g}"), "%"))
