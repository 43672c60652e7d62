"""`convscope export`: a trained net for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("export")(export)


def export(
    run: ARun = "last",
    format: Annotated[
        str,
        typer.Option(
            help="onnx; int8: the same in 8 bits, the loss measured; torch: PyTorch's exported program."
        ),
    ] = "onnx",
    dense: Annotated[
        bool, typer.Option("--dense", help="Also dense.onnx: the net at every place of a page of any size.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; by default the net's name and the format.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a net for other programs: ONNX with its preparation of pictures inside, labels, and how to ask it.

    Example: convscope export last --out digits-onnx
    """
    from convscope.cli.progress import reading_shown
    from convscope.data.images import images_again
    from convscope.exporting import export as write
    from convscope.runs import Run

    opened = Run(run)
    source = opened.info["source"]
    images = images_again(opened.info, reading_shown(source)) if format == "int8" else None
    name = str(opened.info.get("net", "net"))
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)[:40].strip(
        "-."
    )
    written = write(
        opened, out or Path(f"{plain or 'net'}-{format}"), format=format, dense=dense, images=images
    )
    for line in written.said:
        remark(line)
    if json:
        return as_json({"model": str(written.model), "format": format, "checked": written.found})
    print(written.model)
    return None
