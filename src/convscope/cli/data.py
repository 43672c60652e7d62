"""`convscope data`: the named sources of pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope.cli.output import as_json, table


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("data")(data)


def data(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the named sources of pictures: size, licence, and whether each is here.

    Example: convscope data
    """
    from convscope.data.sources import catalogue

    rows = catalogue()
    if json:
        return as_json({"sources": rows})
    print(table(["source", "pictures", "size", "licence", "where"], [
        [r["name"], f"{r['pictures']:,}", f"{r['bytes'] / 1e6:.1f} MB", r["licence"], r["where"]] for r in rows
    ], left=5))  # fmt: skip
    for r in rows:
        print(f"\n{r['name']}: {r['title']}\n  {r['citation']}")
        for name, checksum in r["checksums"].items():
            print(f"  {name}  {checksum}")
    return None
