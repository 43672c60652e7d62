"""A contest as one self-contained HTML file: every method beside the others, published figures beside measured ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from markupsafe import Markup

from convscope.comparison.advice import advice
from convscope.comparison.elsewhere import ELSEWHERE
from convscope.comparison.experiments import EXPERIMENTS
from convscope.comparison.method import Method
from convscope.comparison.rows import Comparison, Row, between, lone, ranked
from convscope.comparison.telling import SHOWN
from convscope.data.images import Images
from convscope.data.whole import write_whole
from convscope.report.curves import log_ticks, tick_text
from convscope.report.film import picture
from convscope.report.lines import Line, chart
from convscope.report.page import environment
from convscope.report.wording import SPACE, duration, percent, short

LOOKS = ("one", "two", "three", "four", "five", "six")
SURE = 0.05


@dataclass(frozen=True)
class Bar:
    """A row of the error chart; places in percent of its width, None where there is nothing to mark."""

    name: str
    preprocessing: str
    value: str
    at: float | None
    low: float | None
    high: float | None
    published: float | None
    published_text: str
    convolutional: bool


@dataclass(frozen=True)
class Cell:
    """A cell of a sortable table: what is read, and the number by which rows are put in order."""

    text: str
    key: float | str


@dataclass(frozen=True)
class Told:
    """A row of the table of all methods; `missing` says why there are no figures."""

    name: str
    about: str
    preprocessing: str
    convolutional: bool
    cells: tuple[Cell, ...]
    missing: str
    remark: str


@dataclass(frozen=True)
class Lone:
    """What only one method names wrongly: how many pictures, and the first of them with truth and answer."""

    name: str
    total: int
    shown: tuple[tuple[str, str, str, int], ...]


@dataclass(frozen=True)
class Question:
    """An experiment: its question, a chart where there are steps to draw, and a table."""

    name: str
    title: str
    about: str
    svg: Markup
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_comparison(done: Comparison, images: Images) -> Path:
    """Write report.html into the contest's folder and return its path."""
    path = done.path / "report.html"
    write_whole(path, page(done, images).encode("utf-8"))
    return path


def page(done: Comparison, images: Images) -> str:
    """The report as HTML."""
    order = ranked(done.table)
    bars, ticks = error_chart(done)
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            style=_style(),
            source=short(Path(done.source).name),
            done=done,
            bars=bars,
            ticks=ticks,
            table=[told(row, done.published) for row in done.table],
            published=done.published,
            tests=[
                (t, titles(done)[t.better], titles(done)[t.worse], p_text(t.p), t.p < SURE)
                for t in done.tests
            ],
            against=against_others(order),
            lone=lone_errors(order, images),
            questions=questions(done),
            measured=len(order),
            advice=advice(done.table),
            elsewhere=tuple(ELSEWHERE.values())
            if any(of_photographs(row.method) for row in done.table)
            else (),
            left=[row for row in done.table if not row.measured],
            seconds=duration(sum(seconds(row) for row in order)),
            peak=f"{max((row.record['memory_bytes'] or 0 for row in order), default=0) / 1e9:.1f}{SPACE}GB",
        )
    )


def of_photographs(method: Method) -> bool:
    """Whether a method is for photographs alone, as those of the contests of 2010 and 2012 were."""
    return bool(method.photographs) and not method.cost[0]


@cache
def _style() -> Markup:
    files = resources.files("convscope.report")
    return Markup(
        "\n".join(
            files.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "comparison.css")
        )
    )


def titles(done: Comparison) -> dict[str, str]:
    """The methods' titles by name."""
    return {row.method.name: row.method.title for row in done.rows}


def seconds(row: Row) -> float:
    """All that a method took."""
    return sum(row.record.get(f"{part}_seconds") or 0.0 for part in ("fit", "choose", "predict"))


def p_text(p: float) -> str:
    """A p-value as a paper prints it.

    >>> p_text(0.031), p_text(1e-9)
    ('0.031', '< 0.0001')
    """
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def error_chart(done: Comparison) -> tuple[list[Bar], list[tuple[float, str]]]:
    """The error of each method on a logarithmic axis, the best first, and the axis's ticks."""
    rows = ranked(done.table)
    known = [r.method.published.error_percent for r in rows if done.published and r.method.published]
    values = [max(r.error_percent or 0, 0.05) for r in rows] + known
    if not values:
        return [], []
    ticks = log_ticks(min(values) * 0.9, max(values) * 1.02)
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def place(value: float | None) -> float | None:
        if value is None:
            return None
        return round(100 * min(max((math.log(max(value, 1e-6)) - low) / (high - low), 0), 1), 2)

    bars = []
    for row in rows:
        paper = row.method.published if done.published else None
        limits = row.interval_percent or [0, 0]
        error = row.error_percent or 0.0
        bars.append(
            Bar(
                row.method.title,
                unsaid(row.method.title, row.preprocessing),
                percent(error),
                place(error),
                place(limits[0]),
                place(limits[1]),
                place(paper.error_percent if paper else None),
                f"{paper.error_percent:g}{SPACE}%" if paper else "",
                row.method.convolutional,
            )
        )
    return bars, [(place(t) or 0.0, tick_text(t, "%")) for t in ticks]


def unsaid(title: str, preprocessing: str) -> str:
    """A preprocessing, where the title does not say it already.

    >>> unsaid("LeNet-5, distorted", "distorted"), unsaid("Tangent distance", "16x16")
    ('', '16x16')
    """
    return "" if preprocessing == "none" or preprocessing.split()[0] in title else preprocessing


def told(row: Row, published: bool) -> Told:
    """A row of the table of all methods."""
    method, record, paper = row.method, row.record, row.method.published if published else None
    plain = (method.title, method.about, row.preprocessing, method.convolutional)
    if not row.measured:
        return Told(*plain, (), row.status, "")
    low, high = row.interval_percent or [0, 0]
    rejected = row.rejection_percent
    memory = record["memory_bytes"] or 0
    cells = (
        *((_cell(paper and paper.error_percent, "{:g}" + SPACE + "%"),) if published else ()),
        _cell(row.error_percent, "{:.2f}" + SPACE + "%"),
        Cell(f"{low:.2f} to {high:.2f}", low),
        _cell(rejected, "{:.1f}" + SPACE + "%"),
        *((_cell(paper and paper.rejection_percent, "{:g}" + SPACE + "%"),) if published else ()),
        Cell(duration(record["fit_seconds"]), record["fit_seconds"]),
        Cell(duration(record["predict_seconds"]), record["predict_seconds"]),
        Cell(f"{record['parameters']:,}", record["parameters"]),
        Cell(f"{memory / 1e9:.2f}{SPACE}GB", memory),
    )
    return Told(*plain, cells, "", method.remark if published else "")


def _cell(value: float | None, form: str) -> Cell:
    return Cell("", 1e9) if value is None else Cell(form.format(value), value)


def against_others(order: list[Row]) -> list[tuple[str, str, int, int, str, bool]]:
    """The best convolutional net against every method without convolutions: McNemar's test, the net's lone errors first."""
    nets = [row for row in order if row.method.convolutional]
    if not nets:
        return []
    tests = [(row, between(nets[0], row)) for row in order if not row.method.convolutional]
    return [
        (nets[0].method.title, row.method.title, t.better_only, t.worse_only, p_text(t.p), t.p < SURE)
        for row, t in tests
    ]


def lone_errors(order: list[Row], images: Images) -> list[Lone]:
    """The errors that only one method makes, for each that makes any, the best methods first."""
    names = [short(name, 24) for name in images.classes]
    found = []
    for row, index in lone(order):
        assert row.said is not None and row.truth is not None
        shown = tuple(
            (picture(np.asarray(images.test.pixels[i])), names[row.truth[i]], names[row.said[i]], int(i))
            for i in index[:SHOWN]
        )
        found.append(Lone(row.method.title, len(index), shown))
    return found


def questions(done: Comparison) -> list[Question]:
    """The experiments that were run."""
    made = []
    for experiment in EXPERIMENTS.values():
        rows = [row for row in done.rows if row.experiment == experiment.name and row.measured]
        if rows:
            conditions = list(dict.fromkeys(row.condition for row in rows))
            made.append(
                Question(
                    experiment.name,
                    experiment.title,
                    experiment.about,
                    _lines(experiment.name, rows),
                    ("method", *conditions),
                    _grid(rows, conditions),
                )
            )
    return made


def _grid(rows: list[Row], conditions: list[str]) -> tuple[tuple[str, ...], ...]:
    by_name: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_name.setdefault(row.method.title, {})[row.condition] = row
    return tuple(
        (title, *(percent(found[c].error_percent or 0.0) if c in found else "" for c in conditions))
        for title, found in by_name.items()
    )


def _lines(name: str, rows: list[Row]) -> Markup:
    """A chart where the experiment has steps: pictures learned from, or pixels moved."""
    if name not in ("learning-curves", "shifts"):
        return Markup("")
    curves = name == "learning-curves"
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        at = row.learned if curves else int("".join(filter(str.isdigit, row.condition)) or 0)
        points.setdefault(row.method.title, []).append((at, max(row.error_percent or 0.0, 0.01)))
    looks = {row.method.title: "conv" if row.method.convolutional else "" for row in rows}
    drawn = [
        Line(short(title, 26), f"{LOOKS[i % len(LOOKS)]} {looks[title]}", tuple(sorted(found)))
        for i, (title, found) in enumerate(points.items())
    ]
    if max(len(line.points) for line in drawn) < 2:
        return Markup("")
    across = "pictures learned from" if curves else "pixels moved"
    said = "; ".join(
        f"{t}: {', '.join(f'{e:.3g} % at {a:g}' for a, e in sorted(p))}" for t, p in points.items()
    )
    return chart(drawn, across, f"Error by {across}. {said}", log=curves)
