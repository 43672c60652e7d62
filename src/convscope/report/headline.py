"""The headline: what was taught, how well, and what that number is worth."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from convscope.report.curves import linear_ticks, tick_text
from convscope.report.wording import SPACE, date, duration, number, percent, plural, short
from convscope.runs import Run

PAPERS = {("lenet5", "mnist"): ("LeCun et al. 1998", 0.95)}
"""(net, source) -> who published a test error for that pair, and the error in percent, without distortions."""


@dataclass(frozen=True)
class Bar:
    """A row of the interval's graphic: places are percent of its width; a row without an interval has only a mark."""

    name: str
    value: str
    at: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Headline:
    """What stands at the page's top; `error` is None where the training has not ended."""

    net: str
    source: str
    sentence: str
    error: str | None
    interval: str | None
    wrong: str | None
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    comparison: str
    warning: str
    resume: str
    facts: tuple[tuple[str, str], ...]


def headline(run: Run) -> Headline:
    """The Run's result in words and numbers, as run.json has them."""
    info, scores = run.info, run.info.get("scores")
    net = "own net" if info["net"] == "own" else short(info["net"])
    source = short(info["source"])
    bars, ticks = _graphic(info, scores) if scores else ((), ())
    resume = (
        f"convscope train --resume {shlex.quote(str(run.path))}"
        if info["status"] in ("stopped", "running")
        else ""
    )
    return Headline(
        net=net,
        source=source,
        sentence=_sentence(info, scores),
        error=percent(scores["test_error_percent"]) if scores else None,
        interval=_range(scores) if scores else None,
        wrong=f"{scores['test_errors']:,} of {scores['test_pictures']:,}" if scores else None,
        bars=bars,
        ticks=ticks,
        comparison=_comparison(info, scores) if scores else "",
        warning=_warning(info, run.recipe),
        resume=resume,
        facts=_facts(info),
    )


def _range(scores: dict[str, Any]) -> str:
    low, high = scores["test_interval_percent"]
    return f"{low:.2f} to {percent(high)}"


def _sentence(info: dict[str, Any], scores: dict[str, Any] | None) -> str:
    pictures, classes = info["pictures"], plural(len(info["classes"]), "class", "classes")
    if scores is None:
        return (
            f"This net of {plural(info['parameters'], 'parameter')} was being taught {classes} from "
            f"{plural(pictures['train'], 'picture')}; it has not been tested."
        )
    right = scores["test_pictures"] - scores["test_errors"]
    return (
        f"Taught {classes} from {plural(pictures['train'], 'picture')} in {duration(info['train_seconds'])}, the net "
        f"rightly names {right:,} of {plural(scores['test_pictures'], 'picture')} that it had never seen."
    )


def _warning(info: dict[str, Any], recipe: dict[str, Any]) -> str:
    done, planned = info["epochs"], recipe.get("epochs", "?")
    if info["status"] == "diverged":
        return (
            f"The training broke off in epoch {done + 1}: the loss was no longer a number. What is shown is the last "
            "state that was kept. A lower learning rate usually helps."
        )
    if info["status"] == "stopped":
        return f"The training was stopped after {done} of {plural(planned, 'epoch')}. It can go on where it stopped:"
    if info["status"] == "running":
        return (
            "The training was still going on, or was cut off, when this report was written. "
            "If it is no longer running it can go on from what it saved:"
        )
    return ""


def _comparison(info: dict[str, Any], scores: dict[str, Any]) -> str:
    words = (
        f"Another {plural(scores['test_pictures'], 'picture')} would give a slightly different number: "
        f"the interval (95{SPACE}%, Wilson’s) says how different."
    )
    paper = PAPERS.get((info["net"], info["source"]))
    if paper is None:
        return words
    who, error = paper
    low, high = scores["test_interval_percent"]
    place = "below" if error < low else "above" if error > high else "inside"
    return f"{words} The {percent(error)} that {who} published lies {place} it."


def _graphic(
    info: dict[str, Any], scores: dict[str, Any]
) -> tuple[tuple[Bar, ...], tuple[tuple[float, str], ...]]:
    """The rows and the axis's ticks: (place in percent of the width, text)."""
    low, high = scores["test_interval_percent"]
    error = scores["test_error_percent"]
    paper = PAPERS.get((info["net"], info["source"]))
    values = linear_ticks(0.0, max(high, paper[1] if paper else 0.0) * 1.05, 4)
    while values[-1] > 100:
        values.pop()
    end = max(values[-1], high)

    def at(value: float) -> float:
        return round(100 * value / end, 3)

    rows = [Bar("this run", percent(error), at(error), at(low), at(high))]
    if paper:
        rows.append(Bar(paper[0], percent(paper[1]), at(paper[1])))
    return tuple(rows), tuple((at(v), tick_text(v, "%" if v == values[-1] else "")) for v in values)


def _facts(info: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("training", duration(info["train_seconds"])),
        ("pictures a second", f"{info['images_per_second']:,.0f}"),
        ("computed by", f"{info['device']}, {info['engine']}"),
        ("epochs", number(info["epochs"])),
        ("parameters", number(info["parameters"])),
        ("seed", str(info["seed"])),
        ("written", date(info["written"])),
    )
