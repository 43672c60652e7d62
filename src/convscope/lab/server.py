"""Starting the page: a port, a link, a browser, and the server behind it."""

from __future__ import annotations

import logging
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convscope.lab.desk import Desk
from convscope.runs import find_folder
from convscope.serving.address import Address, address

SETTINGS: dict[str, Any] = {
    "http": "h11", "ws": "none", "lifespan": "on", "log_level": "error", "access_log": False, "server_header": False,
    "h11_max_incomplete_event_size": 262_144, "timeout_keep_alive": 75, "timeout_graceful_shutdown": 1,
    "proxy_headers": False,
}  # fmt: skip
"""How uvicorn serves: the same wherever it runs, quiet about clients that say nonsense, and done at once after Ctrl-C."""


__all__ = ["SETTINGS", "Address", "address", "name_of", "serve"]


def serve(
    at: Address,
    run: str | None = None,
    *,
    open_browser: bool = True,
    said: Callable[[str], None] | None = None,
) -> None:
    """Serve the page until it is stopped. `run` is the Run that it opens with: its folder, its number or its name.

    `said` is told the link as soon as it can be opened.

    Raises:
        RunError: There is no such Run.
    """
    desk = Desk(remote=bool(at.token))
    if run is not None:
        desk.first = name_of(desk, run)
    import uvicorn

    from convscope.lab.guard import Guard
    from convscope.lab.late import Late

    config = uvicorn.Config(Guard(Late(desk), at.hosts, at.token), **SETTINGS)

    class Server(uvicorn.Server):
        def handle_exit(
            self, sig: int, frame: Any
        ) -> None:  # who is still being answered is let go, without a word
            logging.getLogger("uvicorn.error").disabled = True
            super().handle_exit(sig, frame)

    server = Server(config)
    threading.Thread(
        target=_tell, args=(server, at.link, open_browser, said), name="tell", daemon=True
    ).start()
    server.run(sockets=list(at.sockets))


def name_of(desk: Desk, run: str) -> str:
    """The name on the page of a Run that is said as on the command line, or by its name on the page.

    Raises:
        RunError: There is no such Run.
    """
    return desk.shelf.add(Path(find_folder(run)))


def _tell(server: Any, link: str, open_browser: bool, said: Callable[[str], None] | None) -> None:
    """Once the server listens: say the link, and open it."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.02)
    if said:
        said(link)
    if open_browser:
        webbrowser.open(link)
