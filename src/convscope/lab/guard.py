"""Who may see the page: the gate, with a token that a link brings along, and what a browser may do with what it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qs

from convscope.serving.gate import Gate, Headers, Refusal, Scope, said

COOKIE = "convscope"
LARGEST_BODY = 8_000_000
"""Bytes that a request may carry, but for files: a drawing is the largest of all that the page sends by itself."""
LARGEST_FILES = {"/api/pictures": 64_000_000, "/api/uploads": 4_000_000_000}

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
class Guard(Gate):
    """The gate before the page: it is for the person at this machine, or for whoever has the link."""

    largest: int = LARGEST_BODY

    headers: ClassVar[Headers] = HEADERS
    open: ClassVar[frozenset[str]] = frozenset()

    def room(self, path: str) -> int:
        return next((room for start, room in LARGEST_FILES.items() if path.startswith(start)), self.largest)

    def computes(self, scope: Scope) -> bool:
        return scope["method"] not in ("GET", "HEAD") or scope["path"].startswith("/api/")

    def not_entitled(self, scope: Scope) -> Refusal | None:
        """The token in the link becomes a cookie, and the link one without it."""
        if self._brings_token(scope):
            cookie = (b"set-cookie", self._cookie(scope))
            return 303, "", [(b"location", b"/"), (b"cache-control", b"no-store"), cookie]
        if self.token and not any(self.same(held) for held in _cookies(scope, _cookie_name(scope))):
            return 401, "open the link that `convscope lab` printed: it has the token in it", ()
        return None

    def written(self, words: str) -> tuple[bytes, bytes]:
        return b"text/plain; charset=utf-8", words.encode()

    def _brings_token(self, scope: Scope) -> bool:
        if not self.token or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(self.same(one) for one in given)

    def _cookie(self, scope: Scope) -> bytes:
        # Lax, not Strict: a link out of a mail or a chat is opened from elsewhere, and has to find the page open.
        return f"{_cookie_name(scope)}={self.token}; Path=/; HttpOnly; SameSite=Lax".encode()


def _cookie_name(scope: Scope) -> str:
    """Cookies know no ports: two labs on one machine need two names."""
    _, port = scope.get("server") or ("", 0)
    return f"{COOKIE}-{port}"


def _cookies(scope: Scope, name: str) -> list[str]:
    """The cookies of a name; what other servers on this machine put beside them may be written in any way."""
    pairs = (pair.partition("=") for line in said(scope, "cookie") for pair in line.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]
