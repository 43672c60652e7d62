"""Fetching a published file: several mirrors, going on where it broke off, checked before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.cache import Sums, blocks
from convscope.errors import SourceError

if TYPE_CHECKING:  # 30 ms that only a download needs to spend
    from http.client import HTTPResponse

Progress = Callable[[str, int, int], None]
BLOCK = 1 << 18
PATIENCE_SECONDS = 20
PAUSE_SECONDS = 1.0
# Who sends less than this, over so many seconds, is given up: a trickle would keep a program for ever.
SLOWEST, WINDOW_SECONDS = 1000, 20
# A transfer may break as often as it likes while bytes keep coming; this many rounds over all mirrors
# of which each brings fewer new bytes than this end it.
FRUITLESS_ROUNDS, FRUIT = 2, 4096


@dataclass(frozen=True)
class Download:
    """A file as it was published: size in bytes, `md5:...` or `sha256:...`, and the mirrors that have it."""

    name: str
    bytes: int
    checksum: str
    urls: tuple[str, ...]


class _BrokeOffError(Exception):
    """A mirror gave less than the whole, or nothing; the text says why, `final` that asking again is of no use, `slow` that
    it goes on giving next to nothing."""

    def __init__(self, why: str, final: bool = False, slow: bool = False):
        super().__init__(why)
        self.final, self.slow = final, slow


def fetch(
    wanted: Download,
    folder: Path,
    progress: Progress | None = None,
    pauses: Sequence[float] | None = None,
) -> Path:
    """The path of the file in `folder`, whole and with the right checksum.

    What has come so far waits in `NAME.part` for the next try, also for that of a later process.
    `progress` is called with the file's name, the bytes that are here, and the bytes of the whole; `pauses` are the
    seconds to wait before each further round over the mirrors, as long as none of them gives a new byte.

    Raises:
        SourceError: No mirror could be reached, or none gave the right bytes; it names each one's reason.
        OSError: The folder cannot be written.
    """
    path, part = folder / wanted.name, folder / f"{wanted.name}.part"
    folder.mkdir(parents=True, exist_ok=True)
    if path.is_file() and Sums(wanted.checksum).after(blocks(path)).right:
        return path
    reasons: dict[str, str] = {}
    fruitless, pauses = 0, [PAUSE_SECONDS] * (FRUITLESS_ROUNDS - 1) if pauses is None else pauses
    while fruitless <= len(pauses):
        if fruitless:
            time.sleep(pauses[fruitless - 1])
        fruitless += 1
        for url in wanted.urls:
            before = _size(part)
            try:
                _go_on(url, wanted, part, progress)
                _finish(wanted, part, path)
            except _BrokeOffError as broke:
                reasons[url.split("/")[2]] = str(broke)
                fruitless = 0 if _size(part) - before >= FRUIT and not broke.slow else fruitless
            else:
                return path
    raise SourceError("; ".join(f"{host}: {reason}" for host, reason in reasons.items()))


def content(url: str, most: int, pauses: Sequence[float]) -> bytes:
    """What an address has, of up to `most` bytes; asked again after each of these pauses, in seconds.

    Raises:
        SourceError: It does not come, or is longer; the reason alone.
    """
    for pause in (*pauses, None):
        try:
            with _answer(url, {}) as answer:
                said = b"".join(_up_to(answer, most))
                length = answer.headers.get("Content-Length", "")
            if len(said) > most:
                raise SourceError(f"more than the {most:,} bytes that are read of it")
            if not length.isdecimal() or len(said) == int(length):
                return said
            raise _BrokeOffError(f"broke off after {len(said):,} of {int(length):,} bytes")
        except _BrokeOffError as broke:
            if pause is None or broke.final:
                raise SourceError(str(broke)) from None
            time.sleep(pause)
    raise AssertionError


def _up_to(answer: HTTPResponse, most: int) -> Iterator[bytes]:
    came = 0
    for block in _blocks(answer):
        came += len(block)
        yield block
        if came > most:
            return


def _go_on(url: str, wanted: Download, part: Path, progress: Progress | None) -> None:
    have = _size(part)
    if have > wanted.bytes:
        part.unlink()
        have = 0
    if have == wanted.bytes:
        return
    with _answer(url, {"Range": f"bytes={have}-"} if have else {}) as answer:
        # A server that does not know ranges, or knows another file, starts from the beginning: so do we.
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        have = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            for block in _blocks(answer):
                have += len(block)
                if have > wanted.bytes:
                    break
                file.write(block)
                if progress:
                    progress(wanted.name, have, wanted.bytes)
    if have > wanted.bytes:
        part.unlink()
        raise _BrokeOffError(f"sends more than the {wanted.bytes:,} bytes of {wanted.name}")
    if have < wanted.bytes:
        raise _BrokeOffError(f"broke off after {have:,} of {wanted.bytes:,} bytes")


def _answer(url: str, headers: dict[str, str]) -> HTTPResponse:
    import http.client
    import urllib.error
    import urllib.request

    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        final = error.code in (401, 403, 404, 410)
        raise _BrokeOffError(f"HTTP {error.code} {error.reason}", final) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _BrokeOffError(
            getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        ) from None


def _blocks(answer: HTTPResponse) -> Iterator[bytes]:
    """What comes, until it ends; a connection that breaks is an end, since the size is known anyway.

    Raises:
        _BrokeOffError: Hardly anything comes.
    """
    import http.client

    began, came = time.monotonic(), 0
    while True:
        try:
            block = answer.read1(BLOCK)
        except (OSError, http.client.HTTPException):
            return
        if not block:
            return
        came += len(block)
        if (took := time.monotonic() - began) > WINDOW_SECONDS:
            if came < SLOWEST * took:
                raise _BrokeOffError(f"sends less than {SLOWEST:,} bytes a second", slow=True)
            began, came = time.monotonic(), 0
        yield block


def _finish(wanted: Download, part: Path, path: Path) -> None:
    if not Sums(wanted.checksum).after(blocks(part)).right:
        part.unlink()  # nothing of it can be trusted, so the next mirror starts anew
        raise _BrokeOffError(f"gives a {wanted.name} whose checksum is not {wanted.checksum}")
    part.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
