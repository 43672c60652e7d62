"""`convscope lab`: the page in the browser; `convscope` alone opens it too."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope.cli.arguments import RUN
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("lab")(lab)


def lab(
    run: Annotated[str | None, RUN] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; elsewhere than on this machine the link has a token in it.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="By default the first free one from 8127 on.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object with the link.")] = False,
) -> None:
    """Open the page: draw a seven, and see why it is a seven. Ctrl-C ends it.

    Example: convscope lab last
    """
    open_lab(run, host, port, browser=browser, json=json)


def open_lab(
    run: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    browser: bool = True,
    json: bool = False,
) -> None:
    """Serve the page until Ctrl-C, and say its link."""
    from convscope.lab.server import address, serve

    def said(link: str) -> None:
        if json:
            as_json({"link": link})
        else:
            remark(f"the lab is open at {link}\nCtrl-C ends it")

    serve(address(host, port), run, open_browser=browser, said=said)
