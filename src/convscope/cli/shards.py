"""`convscope shards`: pack pictures for streaming, and check what was packed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.output import as_json, remark

MOST_PROBLEMS = 5


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("shards")(shards)


def shards(
    source: Annotated[
        str, typer.Argument(help="Any source of pictures: a folder, zip, tar, CSV or a name.")
    ] = "",
    *,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The folder to write.")] = None,
    size_mb: Annotated[float, typer.Option("--size-mb", help="At most so many megabytes a shard.")] = 100.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another order.")] = 0,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Read a folder of shards, or a URL of one, and say whether it is whole."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Pack pictures into WebDataset shards, to be trained on from elsewhere: convscope train shards:URL.

    Example: convscope shards photos/ -o photos-shards

    Files go in as they are, train and test apart, the same bytes each time. What was interrupted goes on.
    """
    if check is not None:
        if source or out:
            raise typer.BadParameter("--check reads what is packed, so it takes no source and no -o")
        return _checked(check, json)
    if not source or out is None:
        raise typer.BadParameter(
            "name a source and a folder, such as: convscope shards photos/ -o photos-shards"
        )
    from convscope.cli.progress import reading_shown
    from convscope.data.shards.source import pack

    written = pack(source, out, size_mb=size_mb, seed=seed, progress=reading_shown(source, verb="packing"))
    for name, reason in written.problems[:MOST_PROBLEMS]:
        remark(f"left out: {name}: {reason}")
    if len(written.problems) > MOST_PROBLEMS:
        remark(
            f"left out: {len(written.problems) - MOST_PROBLEMS:,} more; {out / 'problems.jsonl'} has all of them"
        )
    if written.kept:
        remark(f"{written.kept:,} of {len(written.index.shards):,} shards were there already, and whole")
    return _said(str(out), written.index, json, left_out=len(written.problems))


def _checked(address: str, json: bool) -> None:
    from convscope.data.shards.checking import check

    return _said(address, check(address), json)


def _said(where: str, index: Any, json: bool, **more: int) -> None:
    train, test = index.pictures("train"), index.pictures("test")
    if json:
        told = {
            "shards": where,
            "number": len(index.shards),
            "bytes": index.bytes,
            "train": train,
            "test": test,
        }
        return as_json({**told, "classes": list(index.classes), "signature": index.signature, **more})
    print(
        f"{where}: {len(index.shards):,} shards, {index.bytes / 1e6:,.1f} MB: {train:,} + {test:,} pictures of "
        f"{len(index.classes):,} classes, whole"
    )
    return None
