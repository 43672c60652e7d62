"""`convscope repeat`: a training done again, compared bit by bit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("repeat")(repeat)


def repeat(
    run: ARun,
    out: Annotated[
        Path | None, typer.Option(help="The new Run's folder; by default runs/1, runs/2, ...")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Teach a Run again from what it says of itself, and compare the numbers bit by bit.

    Example: convscope repeat last

    On a CPU the same pictures, seed and versions give the same bits. Ends with 1 where they do not, and says where first.
    """
    from convscope.cli.train import follow
    from convscope.data.images import images_again
    from convscope.runs import Run, next_folder
    from convscope.training.repeat import compared, elsewhere, plan_again

    first = Run(run)
    plan = plan_again(first, images_again(first.info))
    for other in elsewhere(first.info):
        remark(f"not as it was: {other}")
    path = out if out is not None else next_folder()
    follow(plan, path, resume=False, heard=False, track=None)
    done = compared(first, Run(path))
    if json:
        as_json({**asdict(done), "same": done.same})
    elif done.same:
        print(f"the same, bit for bit: {done.run} and {done.again}")
    else:
        print(
            f"not the same: {done.difference} (largest difference {done.largest:.2g}): {done.run} and {done.again}"
        )
    if not done.same:
        raise typer.Exit(1)
