"""Which class is taken for which: the confusion matrix, the pairs that are confused most, the error of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from convscope.report.wording import percent, short
from convscope.runs import Run

MOST_DRAWN = 40
MOST_NUMBERED = 20
MOST_ROWS = 20
SHADES = 5


@dataclass(frozen=True)
class Cell:
    """How often a truth got a name; `look` is its class in the style: right, e1 .. e5, or nothing."""

    count: int
    look: str
    title: str


@dataclass(frozen=True)
class ClassError:
    """How one class fares; `width` is its error in percent of the longest bar."""

    name: str
    pictures: int
    wrong: int
    error: str
    width: float


@dataclass(frozen=True)
class Pair:
    """A truth that is taken for something else."""

    truth: str
    said: str
    times: int
    share: str


@dataclass(frozen=True)
class Confusion:
    """`rows` are empty where there are too many classes to draw; then `pairs` say the most."""

    classes: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbered: bool
    upright: bool
    pairs: tuple[Pair, ...]
    errors: tuple[ClassError, ...]
    total: int
    sentence: str


def confusion(run: Run) -> Confusion | None:
    """The Run's confusion matrix made readable, or None where it has not been tested."""
    scores = run.info.get("scores")
    if not scores:
        return None
    counts = np.asarray(scores["confusion"], dtype=np.int64)
    names = tuple(short(name, 32) for name in run.classes)
    pairs = _pairs(counts, names)
    drawn = len(names) <= MOST_DRAWN
    return Confusion(
        classes=names,
        rows=_rows(counts, names) if drawn else (),
        numbered=len(names) <= MOST_NUMBERED,
        upright=max(map(len, names)) > 3,
        pairs=pairs,
        errors=_errors(counts, names, everything=drawn),
        total=len(names),
        sentence=_sentence(pairs),
    )


def _rows(counts: Int[np.ndarray, "k k"], names: tuple[str, ...]) -> tuple[tuple[Cell, ...], ...]:
    wrong = counts - np.diag(np.diag(counts))
    most = int(wrong.max()) if wrong.size else 0

    def cell(truth: int, said: int) -> Cell:
        n = int(counts[truth, said])
        if truth == said:
            return Cell(n, "right", f"{names[truth]} named rightly {n:,} times")
        shade = f"e{1 + round((SHADES - 1) * ((n - 1) / max(most - 1, 1)) ** 0.5)}" if n else ""
        return Cell(n, shade, f"{names[truth]} taken for {names[said]} {n:,} times" if n else "")

    return tuple(tuple(cell(t, s) for s in range(len(names))) for t in range(len(names)))


def _pairs(counts: Int[np.ndarray, "k k"], names: tuple[str, ...]) -> tuple[Pair, ...]:
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_ROWS]
    places = [divmod(int(flat), len(names)) for flat in order]
    return tuple(
        Pair(names[t], names[s], int(wrong[t, s]), percent(100 * wrong[t, s] / counts[t].sum(), 1))
        for t, s in places
        if wrong[t, s]
    )


def _errors(
    counts: Int[np.ndarray, "k k"], names: tuple[str, ...], *, everything: bool
) -> tuple[ClassError, ...]:
    totals, right = counts.sum(1), np.diag(counts)
    rates = np.where(totals > 0, (totals - right) / np.maximum(totals, 1), 0.0)
    order = range(len(names)) if everything else np.argsort(-rates, kind="stable")[:MOST_ROWS]
    longest = float(rates.max()) or 1.0
    return tuple(
        ClassError(
            names[i],
            int(totals[i]),
            int(totals[i] - right[i]),
            percent(100 * float(rates[i])) if totals[i] else "none tested",
            round(100 * float(rates[i]) / longest, 2),
        )
        for i in order
    )


def _sentence(pairs: tuple[Pair, ...]) -> str:
    if not pairs:
        return "No class was ever taken for another."
    worst = pairs[0]
    times = "once" if worst.times == 1 else f"{worst.times:,} times"
    pair = f"\u2068{worst.truth}\u2069 is taken for \u2068{worst.said}\u2069"
    return f"Most often {pair}: {times}, {worst.share} of its pictures."
