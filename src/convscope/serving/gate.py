"""Who may come in and how much they may send: what the page and the prediction service have in common.

A page of somebody else's that is open in the same browser must not reach what listens on this machine: so the Host must be
ours (a name that was rebound to 127.0.0.1 has another), and what changes or computes anything must come from ourselves or
from a program (Origin, Sec-Fetch-Site). Elsewhere than on this machine a token is wanted.

The port that a Host has is not looked at: a browser says the one that it opened, which a tunnel (`ssh -L`) may have changed.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
Refusal = tuple[int, str, Headers]

ALONE = ("host", "origin", "content-length", "sec-fetch-site")
"""Headers that are believed, so there may be one of each only."""
SPOKEN = tuple(name.encode() for name in ALONE)
BARE = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
"""What is said of answers that are no pages."""


@dataclass(frozen=True)
class Gate:
    """Wraps an app. `hosts` are the names that it is reached by; `token` is wanted where it is set, as `Bearer`.

    Where a token is wanted any address in digits will do as well: only a name can be rebound.
    """

    app: App
    hosts: frozenset[str]
    token: str = ""
    largest: int = 16_000_000

    headers: ClassVar[Headers] = BARE
    open: ClassVar[frozenset[str]] = frozenset({"/health", "/ready"})
    """What a watchman asks, who knows neither our name nor the token."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none here
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = self._not_ours(scope) or self.not_entitled(scope)
        if refused:
            await self._answer(send, *refused)
        else:
            await self.app(scope, limited(receive, self.room(scope["path"])), self._with_headers(send))

    def room(self, path: str) -> int:  # noqa: ARG002
        """Bytes that a request to a path may carry."""
        return self.largest

    def computes(self, scope: Scope) -> bool:
        """Whether a request is refused when another page makes it."""
        return scope["method"] not in ("GET", "HEAD") or scope["path"] not in self.open

    def not_entitled(self, scope: Scope) -> Refusal | None:
        """Why a request of ours is refused all the same, or None: the token that it does not bring."""
        if not self.token or scope["path"] in self.open:
            return None
        kind, _, given = next(iter(said(scope, "authorization")), "").partition(" ")
        if kind.lower() == "bearer" and self.same(given.strip()):
            return None
        words = "a token is wanted: Authorization: Bearer TOKEN, the one that `convscope serve` printed"
        return 401, words, [(b"www-authenticate", b"Bearer")]

    def written(self, words: str) -> tuple[bytes, bytes]:
        """The kind of a refusal's body, and the body."""
        return b"application/json", json.dumps({"error": words}).encode()

    def same(self, given: str) -> bool:
        """Whether a token is ours; it takes as long for any other."""
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    def _not_ours(self, scope: Scope) -> Refusal | None:
        """Why a request is refused whoever sends it, or None."""
        told = [(name.lower(), value) for name, value in scope["headers"] if name.lower() in SPOKEN]
        once = dict(told)
        if len(told) > len(once):
            return 400, f"a request says each of {', '.join(ALONE)} once", ()
        host, origin, length, site = (
            once[name].decode("latin-1") if name in once else None for name in SPOKEN
        )
        if scope["path"] not in self.open and (host is None or not self._known(_name_of(host))):
            wanted = ", ".join(sorted(self.hosts))
            return 421, f"this page is reached by {wanted}, not by {(host or '')[:100]!r}", ()
        elsewhere = site not in (None, "same-origin", "none")
        if (origin is not None and origin.partition("://")[2] != host) or (
            elsewhere and self.computes(scope)
        ):
            return 403, "this page takes requests from itself alone, and this one is from another page", ()
        room = self.room(scope["path"])
        if length is not None and (not length.isdecimal() or int(length[:20]) > room):
            return 413, f"at most {room:,} bytes are taken at once", ()
        return None

    def _known(self, name: str) -> bool:
        return name in self.hosts or bool(self.token and _is_address(name))

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                held = {name for name, _ in message["headers"]}
                extra = [(k, v) for k, v in self.headers if k not in held]
                if b"cache-control" not in held:
                    extra.append((b"cache-control", b"no-cache"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        return sent

    async def _answer(self, send: Send, status: int, words: str, more: Headers = ()) -> None:
        kind, body = self.written(words)
        closing = [(b"connection", b"close")] if status == 413 else []  # what still comes is not waited for
        sized = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        headers = [*sized, *self.headers, *more, *closing]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def said(scope: Scope, name: str) -> list[str]:
    """All that a request says under a header's name."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]


def limited(receive: Receive, room: int) -> Receive:
    """The same body, which ends where more than may come has come: a length is not always said ahead."""
    came = 0

    async def taken() -> MutableMapping[str, Any]:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        return {"type": "http.disconnect"} if came > room else message

    return taken


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
