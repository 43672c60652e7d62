"""Who may come in, how much they may send, and what a browser may do with what it gets.

The page is for the person at this machine. A page of somebody else's that is open in the same browser must not reach it:
so the Host must be ours (a name that was rebound to 127.0.0.1 has another), and what changes or computes anything must come
from our own page (Origin, Sec-Fetch-Site). Elsewhere than on this machine a token is wanted, which the link brings along.

The port that a Host has is not looked at: a browser says the one that it opened, which a tunnel (`ssh -L`) may have changed.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "convscope"
LARGEST_BODY = 8_000_000
"""Bytes that a request may carry, but for files: a drawing is the largest of all that the page sends by itself."""
LARGEST_FILES = {"/api/pictures": 64_000_000, "/api/uploads": 4_000_000_000}
ALONE = ("host", "origin", "content-length", "sec-fetch-site")
"""Headers that are believed, so there may be one of each only."""

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]


@dataclass(frozen=True)
class Guard:
    """Wraps the app. `hosts` are the names that it is reached by; `token` is wanted where it is set.

    Where a token is wanted any address in digits will do as well: only a name can be rebound.
    """

    app: App
    hosts: frozenset[str]
    token: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none here
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._not_ours(scope)
        if refused:
            await _answer(send, *refused)
        elif self._brings_token(scope):
            headers = [
                (b"location", b"/"),
                (b"cache-control", b"no-store"),
                (b"set-cookie", self._cookie(scope)),
            ]
            await _answer(send, 303, "", headers)
        elif self.token and not any(self._same(held) for held in _cookies(scope, _cookie_name(scope))):
            await _answer(send, 401, "open the link that `convscope lab` printed: it has the token in it")
        else:
            await self.app(scope, _limited(receive, _room(scope["path"])), _with_headers(send))

    def _not_ours(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is refused whoever sends it, or None."""
        if any(len(_said(scope, name)) > 1 for name in ALONE):
            return 400, f"a request says each of {', '.join(ALONE)} once"
        host, origin, length, site = (next(iter(_said(scope, name)), None) for name in ALONE)
        if host is None or not self._known(_name_of(host)):
            return (
                421,
                f"this page is reached by {', '.join(sorted(self.hosts))}, not by {(host or '')[:100]!r}",
            )
        elsewhere = site not in (None, "same-origin", "none")
        computes = scope["method"] not in ("GET", "HEAD") or scope["path"].startswith("/api/")
        if (origin is not None and origin.partition("://")[2] != host) or (elsewhere and computes):
            return 403, "this page takes requests from itself alone, and this one is from another page"
        room = _room(scope["path"])
        if length is not None and (not length.isdecimal() or int(length[:20]) > room):
            return 413, f"at most {room:,} bytes are taken at once"
        return None

    def _known(self, name: str) -> bool:
        return name in self.hosts or bool(self.token and _is_address(name))

    def _brings_token(self, scope: Scope) -> bool:
        if not self.token or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(self._same(one) for one in given)

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def _cookie(self, scope: Scope) -> bytes:
        # Lax, not Strict: a link out of a mail or a chat is opened from elsewhere, and has to find the page open.
        return f"{_cookie_name(scope)}={self.token}; Path=/; HttpOnly; SameSite=Lax".encode()


def _said(scope: Scope, name: str) -> list[str]:
    """All that a request says under a header's name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name.encode()]


def _name_of(host: str) -> str:
    """A Host without its port.

    >>> _name_of("127.0.0.1:8127"), _name_of("[::1]:8127"), _name_of("LocalHost")
    ('127.0.0.1', '[::1]', 'localhost')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name.strip("[]")))
    except ValueError:
        return False


def _cookie_name(scope: Scope) -> str:
    """Cookies know no ports: two labs on one machine need two names."""
    _, port = scope.get("server") or ("", 0)
    return f"{COOKIE}-{port}"


def _cookies(scope: Scope, name: str) -> list[str]:
    """The cookies of a name; what other servers on this machine put beside them may be written in any way."""
    pairs = (pair.partition("=") for line in _said(scope, "cookie") for pair in line.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def _room(path: str) -> int:
    return next((room for start, room in LARGEST_FILES.items() if path.startswith(start)), LARGEST_BODY)


def _limited(receive: Receive, room: int) -> Receive:
    """The same body, which ends where more than may come has come: a length is not always said ahead."""
    came = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        return {"type": "http.disconnect"} if came > room else message

    return limited


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            held = {name for name, _ in message["headers"]}
            extra = [(k, v) for k, v in HEADERS if k not in held]
            if b"cache-control" not in held:
                extra.append((b"cache-control", b"no-cache"))
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, words: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    closing = [(b"connection", b"close")] if status == 413 else []  # what still comes is not waited for
    start = {"type": "http.response.start", "status": status, "headers": [kind, *HEADERS, *more, *closing]}
    await send(start)
    await send({"type": "http.response.body", "body": words.encode()})
