"""`convscope predict`: what a trained net says a picture is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("predict")(predict)


def predict(
    run: ARun,
    picture: Annotated[list[Path], typer.Argument(help="Picture files of any kind and size.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what pictures show, with class probabilities, and how each picture was prepared.

    Example: convscope predict last seven.png
    """
    from convscope.errors import PictureError
    from convscope.prediction import Predictor
    from convscope.report.wording import SPACE, chance
    from convscope.runs import Run

    def sure(probability: float) -> str:
        return chance(probability).replace(SPACE, " ")

    asked, predictions, failed = Predictor(Run(run)), [], False
    for path in picture:
        try:
            (said,) = asked.answers([asked.prepared(path)])
        except PictureError as error:
            remark(f"convscope: {error}")
            failed = True
            continue
        predictions.append(said)
        if not json:
            ranked = sorted(said.probabilities.items(), key=lambda pair: -pair[1])[:3]
            rest = ", ".join(f"{name} {sure(p)}" for name, p in ranked[1:])
            print(f"{said.picture}: {said.label} {sure(said.probability)}  (then {rest})")
        for step in said.steps:
            remark(f"  {step}")
    if json:
        keys = ("picture", "label", "probability", "probabilities")
        as_json({"predictions": [{key: getattr(p, key) for key in keys} for p in predictions]})
    if failed:
        raise typer.Exit(1)
