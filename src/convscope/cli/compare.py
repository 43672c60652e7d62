"""`convscope compare`: the network against all the other methods."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.output import Progress, as_json, remark, table

if TYPE_CHECKING:
    from convscope.comparison.contest import Contest
    from convscope.comparison.rows import Comparison, Row
    from convscope.data.images import Images


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("compare")(compare)


def compare(
    source: Annotated[
        str,
        typer.Argument(help="A folder, zip, tar or CSV of pictures, or mnist, fashion-mnist, cifar10."),
    ] = "mnist",
    only: Annotated[
        list[str] | None, typer.Option(help="Only this method, as --list names it. Can be repeated.")
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            help="What convolution buys, in place of the table: learning-curves, permutation, shifts, "
            "same-parameters, or all. Can be repeated."
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(help="quick: 10,000 training pictures; default: 60,000; full: all, no time limit."),
    ] = "default",
    list_: Annotated[bool, typer.Option("--list", help="List the methods and what each costs.")] = False,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Side in pixels of a folder's pictures; by default what fits them."),
    ] = None,
    fit: Annotated[str | None, typer.Option(help="pad (the default), crop or stretch.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same random numbers.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="The contest's folder, where results are kept; by default comparisons/SOURCE."),
    ] = None,
    progress: Annotated[
        Progress, typer.Option(help="How progress is said: to people, or to programs: a JSON object a line.")
    ] = Progress.people,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the network with all the other methods: the same pictures, every choice made aside, the test once.

    Example: convscope compare mnist --budget quick

    Results are kept: a contest that was stopped goes on where it was, and a method that is done is not run again.
    """
    if list_:
        return _list(json)
    from convscope.cli.progress import reading_shown
    from convscope.comparison.contest import Contest
    from convscope.data.images import images

    heard = progress is Progress.json
    prepared: dict[str, Any] = {"size": size, "fit": fit}
    opened = images(source, reading_shown(source, heard), **prepared)
    asked = {"only": tuple(only or ()), "experiments": tuple(experiment or ())}
    contest = Contest(opened, **asked, budget=budget, seed=seed, out=out)
    return _run(contest, opened, heard, json)


def _run(contest: Contest, opened: Images, heard: bool, json: bool) -> None:
    """Run the contest and say what it came to."""
    from convscope.comparison.advice import advice
    from convscope.report.comparison import write_comparison

    with _stopping():
        told = _follow(contest, opened, heard)
    done = contest.comparison
    remark(f"report: {write_comparison(done, opened)}")
    if json:
        return as_json(told)
    print(_table(done))
    for sentence in advice(done.table):
        print(f"\n{sentence}")
    return None


def _follow(contest: Contest, opened: Images, heard: bool) -> dict[str, Any]:
    """Run the contest, saying what happens, and writing what there is whenever a method has ended."""
    from convscope.cli.progress import tell
    from convscope.comparison.contest import Began
    from convscope.comparison.telling import write_results

    remark(f"{contest.budget.name}: {contest.budget.about}; results in {contest.store.path}")
    for event in contest.events():
        if not isinstance(event, Began):
            for row in event.rows:
                remark(f"    {_line(row)}")
            write_results(contest.comparison, opened)
            continue
        title = event.job.method.title + (f", {event.job.condition}" if event.job.condition else "")
        if heard:
            place = {"number": event.number, "total": event.total}
            tell("method", **place, method=event.job.method.name, title=title, known=event.known)
        remark(f"{event.number}/{event.total} {title}{' (kept)' if event.known else ''}")
    return write_results(contest.comparison, opened)


@contextmanager
def _stopping() -> Iterator[None]:
    """Within the block SIGTERM is what Ctrl-C is: the method that runs is left, and all that is done is kept."""

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _list(json: bool) -> None:
    from convscope.comparison.budget import BUDGETS
    from convscope.comparison.catalogue import METHODS, table_of
    from convscope.comparison.method import PHOTOGRAPHS
    from convscope.native.runner import available_processors

    if json:
        return as_json({"methods": [_told(method) for method in METHODS.values()]})
    cores = available_processors()
    rows = [
        [m.name, m.preprocessing, _seconds(m.cost[0]), _seconds(m.cost[1]), _seconds(m.photographs / cores),
         _percent(m.published and m.published.error_percent), m.about]
        for m in METHODS.values()
    ]  # fmt: skip
    print(table(["method", "preprocessing", "mnist", "quick", "photos", "published", "what it is"], [
        [*r[:2], *(cell.rjust(9) for cell in r[2:6]), r[6]] for r in rows
    ], left=7))  # fmt: skip
    total = [sum(m.cost[i] for m in METHODS.values()) for i in (0, 1)]
    default = BUDGETS["default"]
    fits = [m for m in table_of(photographs=True) if not default.too_much(m, PHOTOGRAPHS, photographs=True)]
    print(
        f"\nEstimates. mnist: on two idle cores, {_seconds(total[0])} in all, {_seconds(total[1])} with --budget quick. "
        f"photos: {PHOTOGRAPHS:,} photographs of 160 pixels on the {cores} cores here; {len(fits)} methods fit the default "
        f"budget, {_seconds(sum(m.photographs for m in fits) / cores)} in all, the others want --budget full, or a GPU."
    )
    return None


def _seconds(seconds: float) -> str:
    """A cost as it is read in a list; none where there is none."""
    hours = seconds / 3600
    return "" if not seconds else f"{seconds:,.0f} s" if hours < 1 else f"{hours:.1f} h"


def _told(method: Any) -> dict[str, Any]:
    known = method.published
    return {
        "name": method.name, "title": method.title, "about": method.about, "preprocessing": method.preprocessing,
        "seconds": method.cost[0], "seconds_quick": method.cost[1],
        "processor_seconds_photographs": method.photographs, "settings": dict(method.settings),
        "choices": {k: list(v) for k, v in method.choices.items()},
        "published_error_percent": known and known.error_percent, "published_source": known and known.source,
        "convolutional": method.convolutional,
    }  # fmt: skip


def _line(row: Row) -> str:
    if not row.measured:
        return row.status
    assert row.interval_percent
    low, high = row.interval_percent
    about = f" {row.condition}:" if row.condition else ""
    seconds = f"{row.record['fit_seconds']:.1f} s to learn, {row.record['predict_seconds']:.1f} s to answer"
    return f"{about}{row.error_percent:.2f} % ({low:.2f} to {high:.2f}), {seconds}"


def _table(done: Comparison) -> str:
    heads = [
        "method",
        "preprocessing",
        *(["published"] if done.published else []),
        "error",
        "95 % interval",
        "rejected",
    ]
    heads += ["learn", "answer", "numbers", "memory"]
    rows = []
    for row in done.rows:
        known = row.method.published if done.published else None
        title = row.method.title + (f", {row.condition}" if row.condition else "")
        front = [title, row.preprocessing]
        front += [_percent(known and known.error_percent)] if done.published else []
        if not row.measured:
            rows.append([*front, row.status, *[""] * 6])
            continue
        record, (low, high) = row.record, row.interval_percent or (0, 0)
        rows.append([
            *front, _percent(row.error_percent), f"{low:.2f} to {high:.2f}", _percent(row.rejection_percent, 1),
            f"{record['fit_seconds']:.1f} s", f"{record['predict_seconds']:.1f} s", f"{record['parameters']:,}",
            f"{(record['memory_bytes'] or 0) / 1e9:.2f} GB",
        ])  # fmt: skip
    return table(heads, rows, left=2)


def _percent(value: float | None, places: int = 2) -> str:
    return "" if value is None else f"{value:.{places}f} %"
