"""`convscope data`: the named sources of pictures, and what the cache holds."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from convscope.cli.output import as_json, remark, table


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("data")(data)


def data(
    cache: Annotated[bool, typer.Option("--cache", help="List what the cache holds instead.")] = False,
    remove: Annotated[
        list[str] | None,
        typer.Option(help="Give back what the cache holds under this name; 'all' for all. Can be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the named sources of pictures: size, licence, and whether each is here.

    Example: convscope data

    Decoded pictures are kept in a cache: --cache lists them, --remove NAME gives their room back. Your own files are never
    touched.
    """
    if cache or remove:
        return _cache(remove or [], json)
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


def _cache(remove: list[str], json: bool) -> None:
    from convscope.data.cache import cache_folder
    from convscope.data.held import given_back, held
    from convscope.data.packs import MOST_BYTES

    names = [one.name for one in held()] if remove == ["all"] else remove
    removed = {name: given_back(name) for name in names}
    rows = held()
    total = sum(row.bytes for row in rows)
    if json:
        told = {"cache": str(cache_folder()), "bytes": total, "most_bytes": MOST_BYTES}
        return as_json({**told, "held": [row.as_dict() for row in rows], "removed": removed})
    for name, bytes in removed.items():
        remark(f"{name}: gone, {bytes / 1e6:,.1f} MB")
    if rows:
        print(table(["name", "size", "used last", "what"], [
            [row.name, f"{row.bytes / 1e6:,.1f} MB", time.strftime("%Y-%m-%d %H:%M", time.localtime(row.used)), row.what]
            for row in rows
        ], left=4))  # fmt: skip
    most = f"{MOST_BYTES / 1e9:g} GB"
    print(
        f"{cache_folder()}: {total / 1e6:,.1f} MB. Decoded pictures of your own may take {most}, "
        "then those that were used longest ago make room."
    )
    return None
