"""`convscope bench`: this machine against its limits, and the time AlexNet's training would take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.output import as_json, table

if TYPE_CHECKING:
    from convscope.bench.account import Bench

UNITS = {"products": ("matrix product", 1e9, "GFLOP/s"), "copy": ("memory copy", 1e9, "GB/s")}
DAY, HOUR, MINUTE = 86_400, 3_600, 60


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("bench")(bench)


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Shorter rounds: a first look.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this: products, copy, or one of the nets. Can be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure this machine: its limits, how fast nets learn here, and how long the paper's training would take.

    Example: convscope bench --quick
    """
    from convscope.bench.account import bench as measure

    live = sys.stderr.isatty()
    *_, (_, found) = _shown(measure(device, quick=quick, only=tuple(only or ())), live)
    if json:
        return as_json(found.as_dict())
    print("\n\n".join(_said(found)))
    return None


def _shown(parts: Iterator[tuple[str, Bench]], live: bool) -> Iterator[tuple[str, Bench]]:
    """Pass parts on, saying on a terminal which one is measured."""
    for part, found in parts:
        if live:
            text = f"measuring {part} ..." if part else ""
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        yield part, found


def _said(found: Bench) -> list[str]:
    said = [f"{found.name}, {found.device}"]
    if found.limits:
        rows = []
        for one in found.limits:
            what, unit, name = UNITS[one.name]
            figure = f"{one.figure.median / unit:,.1f} {name}"
            rows.append([f"{what} {one.precision}".strip(), figure, f"{100 * one.figure.spread:.0f} %"])
        said.append(table(["limit", "median", "spread"], rows))
    if found.speeds:
        rows = []
        for one in found.speeds:
            part, size = found.reached(one), "x".join(map(str, one.shape))
            rows.append([
                one.net, size, one.engine, one.precision, str(one.batch), f"{one.figure.median:,.1f}",
                f"{100 * one.figure.spread:.0f} %", "" if part is None else f"{100 * part:.0f} %",
            ])  # fmt: skip
        heads = ["net", "input", "engine", "precision", "batch", "pictures/s", "spread", "of the limit"]
        said.append(table(heads, rows, left=4))
        said.append(
            "of the limit: products and sums as convolution defines them, as a part of the matrix product's. "
            "Ways with fewer products can go beyond it."
        )
    for one in found.speeds:
        if one.net == "alexnet":
            said.append(_paper(one.days_of_the_paper))
    return said


def _paper(days: float) -> str:
    from convscope.bench.speeds import PAPER_DAYS, PAPER_EPOCHS, PAPER_PICTURES

    return (
        f"AlexNet's training of 2012, {PAPER_EPOCHS} epochs of {PAPER_PICTURES:,} pictures: {long(days * DAY)} here; "
        f"{PAPER_DAYS[0]} to {PAPER_DAYS[1]} days then, on two GTX 580 (Krizhevsky et al. 2012)"
    )


def long(seconds: float) -> str:
    """A time as people say it.

    >>> long(2_700), long(20_000), long(9_000_000)
    ('45 minutes', '5.6 hours', '104 days')
    """
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} minutes"
    return f"{seconds / HOUR:.1f} hours" if seconds < 2 * DAY else f"{seconds / DAY:,.0f} days"
