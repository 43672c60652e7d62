"""`convscope compare`: the network against all the other methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.output import as_json, remark, table

if TYPE_CHECKING:
    from convscope.comparison.contest import Contest
    from convscope.comparison.rows import Comparison, Row


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("compare")(compare)


def compare(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, zip, tar or CSV of pictures; or a name: mnist, fashion-mnist, cifar10."
        ),
    ] = "mnist",
    only: Annotated[
        list[str] | None, typer.Option(help="Only this method, as --list names it. Can be repeated.")
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            help="What convolution buys, in place of the table: learning-curves, permutation, shifts, "
            "same-parameters, or all. "
            "Can be repeated."
        ),
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="quick: 10,000 training pictures; default: up to 60,000; full: all, no time limit."
        ),
    ] = "default",
    list_: Annotated[
        bool, typer.Option("--list", help="List the methods and what each costs, and end.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same random numbers.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="The contest's folder, where results are kept; by default comparisons/SOURCE."),
    ] = None,
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

    opened = images(source, reading_shown(source))
    asked = {"only": tuple(only or ()), "experiments": tuple(experiment or ())}
    contest = Contest(opened, **asked, budget=budget, seed=seed, out=out)
    _follow(contest)
    done = contest.comparison
    remark(f"report: {_written(done, opened)}")
    if json:
        return as_json(done.as_dict())
    print(_table(done))
    if done.answer:
        print(f"\n{done.answer}")
    return None


def _follow(contest: Contest) -> None:
    """Run the contest, saying what happens."""
    from convscope.comparison.contest import Began

    remark(f"{contest.budget.name}: {contest.budget.about}; results in {contest.store.path}")
    for event in contest.events():
        if isinstance(event, Began):
            title = event.job.method.title + (f", {event.job.condition}" if event.job.condition else "")
            remark(f"{event.number}/{event.total} {title}{' (kept)' if event.known else ''}")
        else:
            for row in event.rows:
                remark(f"    {_line(row)}")


def _written(done: Comparison, images: Any) -> Path:
    """The report, and the same as CSV and JSON beside it."""
    import json
    from csv import DictWriter
    from io import StringIO

    from convscope.comparison.store import Store
    from convscope.report.comparison import write_comparison

    store, told = Store(done.path), done.as_dict()
    store.text("results.json", json.dumps(told, indent=1, allow_nan=False))
    page = StringIO()
    writer = DictWriter(page, list(told["results"][0]))
    writer.writeheader()
    writer.writerows(told["results"])
    store.text("results.csv", page.getvalue())
    return write_comparison(done, images)


def _list(json: bool) -> None:
    from convscope.comparison.catalogue import METHODS

    if json:
        return as_json({"methods": [_told(method) for method in METHODS.values()]})
    rows = [
        [m.name, m.preprocessing, f"{m.cost[0]:g}", f"{m.cost[1]:g}", _percent(m.published and m.published.error_percent),
         m.about]
        for m in METHODS.values()
    ]  # fmt: skip
    print(table(["method", "preprocessing", "s", "s quick", "published", "what it is"], [
        [*r[:2], *(cell.rjust(9) for cell in r[2:5]), r[5]] for r in rows
    ], left=6))  # fmt: skip
    total = [sum(m.cost[i] for m in METHODS.values()) for i in (0, 1)]
    print(
        f"\nSeconds are estimates for mnist on two idle cores: {total[0]:,.0f} in all, {total[1]:,.0f} with --budget quick."
    )
    return None


def _told(method: Any) -> dict[str, Any]:
    known = method.published
    return {
        "name": method.name, "title": method.title, "about": method.about, "preprocessing": method.preprocessing,
        "seconds": method.cost[0], "seconds_quick": method.cost[1], "settings": dict(method.settings),
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
    heads = ["method", "preprocessing", "published", "error", "95 % interval", "rejected"]
    heads += ["learn", "answer", "numbers", "memory"]
    rows = []
    for row in done.rows:
        known = row.method.published if done.published else None
        title = row.method.title + (f", {row.condition}" if row.condition else "")
        front = [title, row.method.preprocessing, _percent(known and known.error_percent)]
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
