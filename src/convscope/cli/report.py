"""`convscope report`: a Run as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("report")(report)


def report(
    run: ARun = "last",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Where to; by default into the Run's folder, of lenet5 or finder here."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write RUN/report.html anew: curves, mistakes, kernels, sizes, recipe, in one file.

    Example: convscope report last
    """
    from convscope.cli.progress import reading_shown
    from convscope.data.images import holds, images_again
    from convscope.errors import SourceError
    from convscope.report import write_report
    from convscope.runs import OURS, Run

    opened = Run(run)
    try:
        pictures = images_again(opened.info, reading_shown(opened.info["source"]))
        if not holds(pictures.fingerprint, opened.info["data_fingerprint"]):
            pictures = None
            remark("without its pictures: the source has changed since the training")
    except SourceError as error:
        pictures = None
        remark(f"without its pictures: {error}")
    ours = opened.path in OURS.values()
    path = write_report(opened, pictures, out or (Path(f"{opened.path.name}.html") if ours else None))
    if json:
        return as_json({"run": str(opened.path), "report": str(path)})
    print(path)
    return None
