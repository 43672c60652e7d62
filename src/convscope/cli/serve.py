"""`convscope serve`: a trained net that answers over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("serve")(serve)


def serve(
    run: ARun = "last",
    host: Annotated[
        str, typer.Option(help="Where to listen; elsewhere than on this machine a token is wanted.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="By default the first free one from 8200 on.")
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="CONVSCOPE_TOKEN", help="The token to want; else one is made where it is needed."
        ),
    ] = "",
    name: Annotated[
        list[str] | None,
        typer.Option(help="A host name by which it is reached, beside its own; may be repeated."),
    ] = None,
    megabytes: Annotated[int, typer.Option(min=1, max=1000, help="The largest request.")] = 16,
    megapixels: Annotated[int, typer.Option(min=1, max=100, help="The largest picture.")] = 40,
    waiting: Annotated[
        int, typer.Option(min=1, help="Pictures that may wait before others are sent away (503).")
    ] = 1024,
    seconds: Annotated[float, typer.Option(min=0.1, help="After how long a request is given up (408).")] = 10,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with address and token.")
    ] = False,
) -> None:
    """Answer pictures over HTTP: POST /predict; /health, /ready, /metrics, /openapi.json. Ctrl-C ends it.

    Example: convscope serve last, then: curl --data-binary @seven.png http://127.0.0.1:8200/predict
    """
    from convscope.runs import Run
    from convscope.serving.address import address
    from convscope.serving.server import PORT, needs_libraries
    from convscope.serving.server import serve as listen
    from convscope.serving.service import Limits

    needs_libraries()
    opened = Run(run)
    at = address(host, port, first=PORT, token=token)
    limits = Limits(megabytes * 1_000_000, megapixels * 1_000_000, waiting=waiting, seconds=seconds)

    def said(base: str) -> None:
        if json:
            as_json({"address": base, "token": at.token})
            return
        wanted = f"-H 'Authorization: Bearer {at.token}' " if at.token else ""
        remark(f"serving {opened.path} at {base}; Ctrl-C ends it")
        remark(f"  curl {wanted}--data-binary @PICTURE {base}predict")

    listen(opened, at, limits, names=tuple(name or ()), said=said)
