"""Arguments that mean the same in every verb."""

from __future__ import annotations

from typing import Annotated

import typer

RUN = typer.Argument(
    help="A Run: its folder, its number under runs/, `last`, or lenet5 or finder, which come with convscope."
)
ARun = Annotated[str, RUN]
