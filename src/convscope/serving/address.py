"""Where something listens: a port that is taken at once, the names it is reached by, and a token for others."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from convscope.errors import RunError

PORT = 8127
"""The port that is tried first."""
TRIES = 20
EVERYWHERE = ("0.0.0.0", "::")
"""What is listened on for all addresses that this machine has; no browser can open it by that."""


@dataclass(frozen=True)
class Address:
    """Where the page is: `sockets` are bound already, so nobody else can take them."""

    host: str
    port: int
    token: str
    sockets: tuple[socket.socket, ...]

    @property
    def base(self) -> str:
        """What it is reached by, without the token."""
        return self.link.partition("?")[0]

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


def address(
    host: str = "127.0.0.1", port: int | None = None, *, first: int = PORT, token: str = ""
) -> Address:
    """Take a port: the one asked for, or the first free one from `first` on. Elsewhere than here there is a token.

    Raises:
        RunError: The port is taken, or the machine has no such address.
    """
    host = host or EVERYWHERE[0]
    token = token or ("" if _here(host) else secrets.token_urlsafe(24))
    wanted = [port] if port is not None else [*range(first, first + TRIES), 0]
    for number in wanted:
        try:
            bound = _bound(host, number)
        except (OSError, UnicodeError) as error:
            if number != wanted[-1] and getattr(error, "errno", None) == errno.EADDRINUSE:
                continue
            raise RunError(_taken(host, number, error)) from None
        return Address(host, bound.getsockname()[1], token, (bound,))
    raise AssertionError("unreachable")


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
