"""Who may come in, how much they may send, and what a browser may do with what it gets.

The page is for the person at this machine. A page of somebody else's that is open in the same browser must not reach it:
so the Host must be ours (a name that was rebound to 127.0.0.1 has another), and what changes or computes anything must come
from our own page (Origin, Sec-Fetch-Site). Elsewhere than on this machine a token is wanted, which the link brings along.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "convscope"
LARGEST_BODY = 64_000_000
"""Bytes that a request may carry, but for uploads of sources, which have a limit of their own."""
LARGEST_UPLOAD = 4_000_000_000
UPLOAD = "/api/uploads"

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
    """Wraps the app. `hosts` are the names that it is reached by, with their port; `token` is wanted where it is set."""

    app: App
    hosts: frozenset[str]
    token: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # there are no websockets here
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self.token and scope["path"] == "/" and given and self._same(given):
            await _answer(send, 303, "", [(b"location", b"/"), (b"set-cookie", self._cookie())])
            return
        refused = self._refusal(scope["method"], scope["path"], headers)
        if refused:
            await _answer(send, *refused)
            return
        await self.app(scope, _limited(receive, scope["path"]), _with_headers(send))

    def _refusal(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if host not in self.hosts:
            return 421, f"this page is reached by {', '.join(sorted(self.hosts))}, not by {host[:100]!r}"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return 403, "this page takes requests from itself alone, and this one is from another page"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and (method not in ("GET", "HEAD") or path.startswith("/api")):
            return 403, "this page takes requests from itself alone, and this one is from another page"
        if self.token and not self._same(_cookie_of(headers)):
            return 401, "open the link that `convscope lab` printed: it has the token in it"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _room(path):
            return 413, f"at most {_room(path):,} bytes are taken at once"
        return None

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _cookie(self) -> bytes:
        return f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict".encode()


def _cookie_of(headers: dict[str, str]) -> str:
    try:
        held = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return held[COOKIE].value if COOKIE in held else ""


def _room(path: str) -> int:
    return LARGEST_UPLOAD if path.startswith(UPLOAD) else LARGEST_BODY


def _limited(receive: Receive, path: str) -> Receive:
    """The same body, which ends where it says more than may come: a length is not always said ahead."""
    came, room = 0, _room(path)

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


async def _answer(send: Send, status: int, words: str, more: list[tuple[bytes, bytes]] | None = None) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    start = {"type": "http.response.start", "status": status, "headers": [kind, *HEADERS, *(more or [])]}
    await send(start)
    await send({"type": "http.response.body", "body": words.encode()})
