"""Starting the page: a port, a link, a browser, and the server behind it."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from convscope.errors import RunError
from convscope.lab.desk import Desk
from convscope.lab.shelf import PACKAGED
from convscope.runs import find_folder

PORT = 8127
"""The port that is tried first."""
TRIES = 20
EVERYWHERE = ("0.0.0.0", "::")
"""What is listened on for all addresses that this machine has; no browser can open it by that."""


SETTINGS: dict[str, Any] = {
    "http": "h11", "ws": "none", "lifespan": "on", "log_level": "error", "access_log": False, "server_header": False,
    "h11_max_incomplete_event_size": 262_144, "timeout_keep_alive": 75, "timeout_graceful_shutdown": 1,
    "proxy_headers": False,
}  # fmt: skip
"""How uvicorn serves: the same wherever it runs, quiet about clients that say nonsense, and done at once after Ctrl-C."""


@dataclass(frozen=True)
class Address:
    """Where the page is: `sockets` are bound already, so nobody else can take them."""

    host: str
    port: int
    token: str
    sockets: tuple[socket.socket, ...]

    @property
    def link(self) -> str:
        """What a person opens, also from another machine where the page is for others."""
        host = _outward() if self.host in EVERYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a browser may call it by; with a token, addresses in digits may always be said."""
        names = {"127.0.0.1", "localhost", "[::1]"}
        if not _here(self.host):
            names |= {socket.gethostname().lower(), self.host.lower()} - {*EVERYWHERE}
        return frozenset(names)


def address(host: str = "127.0.0.1", port: int | None = None) -> Address:
    """Take a port: the one asked for, or the first free one from `PORT` on. Elsewhere than here a token is made.

    Raises:
        RunError: The port is taken, or the machine has no such address.
    """
    host = host or EVERYWHERE[0]
    token = "" if _here(host) else secrets.token_urlsafe(24)
    wanted = [port] if port is not None else [*range(PORT, PORT + TRIES), 0]
    for number in wanted:
        try:
            bound = _bound(host, number)
        except (OSError, UnicodeError) as error:
            if number != wanted[-1] and getattr(error, "errno", None) == errno.EADDRINUSE:
                continue
            raise RunError(_taken(host, number, error)) from None
        return Address(host, bound.getsockname()[1], token, (bound,))
    raise AssertionError("unreachable")


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
    if run == PACKAGED and not Path(run).exists():
        return PACKAGED
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


def _taken(host: str, port: int, error: Exception) -> str:
    """Why it cannot be listened there, and what to do."""
    known = {
        errno.EADDRINUSE: "another program listens there",
        errno.EACCES: "ports below 1024 are the system's",
    }
    number = getattr(error, "errno", None)
    if isinstance(error, UnicodeError | socket.gaierror) or number == errno.EADDRNOTAVAIL:
        return f"{host}: not an address of this machine; --host 127.0.0.1 is for you alone, 0.0.0.0 for others too"
    what = known.get(number or 0) or getattr(error, "strerror", None) or str(error)
    return f"{host}:{port}: cannot be listened on ({what}); give another --port, or none"


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, for else asyncio does not know TCP and leaves Nagle's algorithm on: 40 ms for every answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # there it would take a port from another program
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(512)  # noticed here where the port is taken
    except BaseException:
        bound.close()
        raise
    return bound


def _here(host: str) -> bool:
    """Whether only this machine reaches a page that listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outward() -> str:
    """The address by which others reach this machine; its name where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: it is only asked which way that would go
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
