"""`convscope look`: what a net makes of a picture, as one HTML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark

if TYPE_CHECKING:
    from convscope.inspect.look import Look


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("look")(look)


def look(
    run: ARun,
    picture: Annotated[Path, typer.Argument(help="A picture file of any kind and size.")],
    unit: Annotated[str | None, typer.Option("--unit", help="One unit, such as C1/3.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="One layer, such as C1.")] = None,
    target: Annotated[
        str | None, typer.Option("--class", help="The class to explain; by default what the net says.")
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Units of a layer that get a card.", min=1, max=64)] = 8,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="The HTML file; by default look.html.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; with -o the file is written too.")
    ] = False,
) -> None:
    """Look inside: the answer, where the net looked, and what each layer's foremost units have learned to detect.

    Example: convscope look last seven.png
    """
    from convscope.cli.progress import reading_shown
    from convscope.data.images import holds, images_again
    from convscope.errors import SourceError
    from convscope.inspect.look import look as see
    from convscope.report.look import write_look
    from convscope.report.wording import SPACE, chance
    from convscope.runs import Run

    opened = Run(run)
    try:
        pictures = images_again(opened.info, reading_shown(opened.info["source"]))
        if not holds(pictures.fingerprint, opened.info["data_fingerprint"]):
            pictures = None
            remark("without the pictures it learned: the source has changed since the training")
    except SourceError as error:
        pictures = None
        remark(f"without the pictures it learned: {error}")
    try:
        seen = see(
            opened, picture, images=pictures, target=target, layer=layer, unit=unit, top=top, saying=_shown
        )
    finally:
        _shown("", 0, 0)
    path = None if json and out is None else write_look(seen, out or Path("look.html"))
    if json:
        return as_json(_as_json(seen, path))
    best = next(iter(seen.chances.items()))
    print(f"{picture}: {best[0]} ({chance(best[1]).replace(SPACE, ' ')})")
    for at in seen.layers:
        for card in at.cards[:3]:
            print(f"  {card.unit}: {card.caption}")
    print(path)
    return None


def _shown(what: str, done: int, total: int) -> None:
    """Draw what is being done on stderr, on a terminal."""
    if not sys.stderr.isatty():
        return
    text = f"{what}: {done:,} of {total:,}" if what else ""
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _as_json(seen: Look, path: Path | None) -> dict[str, Any]:
    return {
        "picture": seen.name,
        "label": next(iter(seen.chances)),
        "probabilities": seen.chances,
        "explained": seen.explained,
        "where": [
            {"method": a.heat.method, "layer": a.heat.layer, "empty": a.heat.empty, "peak": list(a.heat.peak)}
            for a in seen.asked
        ],
        "layers": [
            {
                "name": at.layer.name,
                "units": at.layer.units,
                "ranked": [
                    {"unit": f"{at.layer.name}/{r.unit}", "weight": r.weight, "why": r.why}
                    for r in at.for_picture
                ],
                "cards": [
                    {
                        "unit": card.unit,
                        "caption": card.caption,
                        "fires": None if card.seen is None else card.seen.rate(card.number),
                        "muted_accuracy": None if card.muted is None else card.muted[1],
                        "missing": list(card.missing),
                    }
                    for card in at.cards
                ],
            }
            for at in seen.layers
        ],
        "look": None if path is None else str(path),
    }
