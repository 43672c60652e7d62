"""Starting the page: a port, a link, a browser, and the server behind it."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Address:
    """Where the page is: `sockets` are bound already, so nobody else can take them."""

    host: str
    port: int
    token: str
    sockets: tuple[socket.socket, ...]

    @property
    def link(self) -> str:
        """What a person opens."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a browser may call it by, with their port."""
        names = {"127.0.0.1", "localhost", "[::1]"}
        if not _here(self.host):
            names |= {
                socket.gethostname(),
                f"[{self.host}]" if ":" in self.host else self.host,
                *_own_addresses(),
            }
        return frozenset(f"{name}:{self.port}" for name in names)


def address(host: str = "127.0.0.1", port: int | None = None) -> Address:
    """Take a port: the one asked for, or the first free one from `PORT` on. Elsewhere than here a token is made.

    Raises:
        RunError: The port is taken, or the machine has no such address.
    """
    token = "" if _here(host) else secrets.token_urlsafe(24)
    wanted = [port] if port is not None else [*range(PORT, PORT + TRIES), 0]
    for number in wanted:
        try:
            bound = _bound(host, number)
        except OSError as error:
            if number == wanted[-1]:
                what = error.strerror or str(error)
                raise RunError(
                    f"{host}:{number}: cannot be listened on ({what}); give another --port"
                ) from None
            continue
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
    desk = Desk()
    if run is not None:
        desk.first = name_of(desk, run)
    import uvicorn

    from convscope.lab.guard import Guard
    from convscope.lab.late import Late

    config = uvicorn.Config(
        Guard(Late(desk), at.hosts, at.token), log_level="warning", access_log=False, lifespan="on",
        h11_max_incomplete_event_size=262_144, timeout_keep_alive=75, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
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


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
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


def _own_addresses() -> set[str]:
    """The addresses that others may call this machine by, as far as they can be known."""
    found = set()
    for family, *_, where in socket.getaddrinfo(socket.gethostname(), None):
        found.add(f"[{where[0]}]" if family == socket.AF_INET6 else str(where[0]))
    return found
