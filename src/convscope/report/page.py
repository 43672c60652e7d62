"""The page put together: every part as plain records, placed by the template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convscope.data.images import Images, holds
from convscope.report.confusion import confusion
from convscope.report.curves import charts
from convscope.report.headline import headline
from convscope.report.kernels import first_layer
from convscope.report.ladder import ladder
from convscope.report.mistakes import mistakes
from convscope.report.repeat import command, knobs
from convscope.report.seen import sheet
from convscope.report.wording import number, plural, short
from convscope.runs import Run

MOST_PROBLEMS = 50
LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class Skipped:
    """Files that could not be read: the first of them, and how many in all."""

    shown: tuple[tuple[str, str], ...]
    total: int


def page(run: Run, images: Images | None) -> str:
    """The report as HTML.

    Raises:
        RunError: The Run's recipe, metrics or net cannot be read.
    """
    if images is not None and not holds(images.fingerprint, run.info["data_fingerprint"]):
        images = None
    text = str(run.stack)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            style=_style(),
            head=headline(run),
            charts=charts(run),
            layer=first_layer(run, images),
            has_pictures=images is not None,
            confusion=confusion(run),
            mistakes=mistakes(run, images),
            seen=sheet(run, images),
            ladder=ladder(run.stack),
            totals=_totals(run),
            knobs=knobs(run),
            loss=run.info["loss"],
            recipe_name=short(run.info["recipe"]),
            machine=_machine(run.info),
            skipped=_skipped(run),
            command=command(run),
            stack_text=text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n…",
            version=run.info["convscope"],
        )
    )


@cache
def environment() -> Environment:
    """What fills the pages' templates: everything escaped, nothing that is not there passes."""
    made = Environment(
        loader=PackageLoader("convscope.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plural"] = plural
    made.filters["number"] = number
    return made


@cache
def _style() -> Markup:
    return Markup(resources.files("convscope.report").joinpath("style.css").read_text(encoding="utf-8"))


def _totals(run: Run) -> tuple[int, int]:
    rungs = run.stack.ladder
    return sum(r.parameters for r in rungs), sum(r.connections for r in rungs)


def _machine(info: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    machine, pictures = info["machine"], info["pictures"]
    threads = f"{plural(machine['cores'] or 0, 'core')}, {plural(machine['threads'], 'thread')}"
    return (
        ("processor", f"{machine['processor']}, {threads}"),
        ("computed by", f"{info['device']}, {info['engine']}"),
        ("system", f"{machine['system']}, Python {machine['python']}, PyTorch {machine['torch']}"),
        ("convscope", info["convscope"]),
        (
            "pictures",
            f"{pictures['train']:,} to learn from, {pictures['validation']:,} kept aside, {pictures['test']:,} to test",
        ),
        ("fingerprint", info["data_fingerprint"]),
    )


def _skipped(run: Run) -> Skipped:
    """What problems.jsonl says; a line that cannot be read is counted and not shown."""
    try:
        lines = (run.path / "problems.jsonl").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return Skipped((), 0)
    shown = []
    for line in lines[:MOST_PROBLEMS]:
        try:
            row = json.loads(line)
            shown.append((short(row["path"], 120), short(row["reason"], 240)))
        except (ValueError, KeyError, TypeError):
            continue
    return Skipped(tuple(shown), len(lines))
