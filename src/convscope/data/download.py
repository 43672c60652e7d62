"""Files from elsewhere: looked for on this machine first, then fetched, resumed where it broke off, and checked."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from convscope.data import cache
from convscope.errors import SourceError

Report = Callable[[str, int, int], None]
CHUNK = 1 << 18
TRIES = 4
PATIENCE_SECONDS = 20
USUAL_PLACES = ("~/.cache/torch/datasets", "~/data", "~/datasets", "/usr/share/datasets")

report: Report = lambda name, done, total: None  # noqa: E731 - the command line puts its progress bar here


def find(names: Sequence[str], places: Sequence[str] | None = None) -> Path | None:
    """The first file called one of `names` in CONVSCOPE_DATA or a usual place, up to three folders down."""
    given = os.environ.get("CONVSCOPE_DATA")
    for place in ([given] if given else []) + list(USUAL_PLACES if places is None else places):
        folder = Path(place).expanduser()
        for depth in ("", "*/", "*/*/", "*/*/*/"):
            for name in names:
                found = next((p for p in sorted(folder.glob(depth + name)) if p.is_file()), None)
                if found is not None:
                    return found
    return None


def fetch(name: str, urls: Sequence[str], checksum: str) -> bytes:
    """The bytes of a file from the first mirror that gives it whole; a broken transfer goes on where it stopped.

    Raises:
        SourceError: No mirror could be reached, or none gave the right bytes.
    """
    part = cache.folder() / "downloads" / f"{name}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in urls:
        try:
            _transfer(url, part, name)
            data = cache.checked(name, part.read_bytes(), checksum)
        except SourceError as error:
            part.unlink(missing_ok=True)
            reasons.append(str(error))
        except (OSError, urllib.error.URLError) as error:
            reasons.append(f"{url.split('/')[2]}: {getattr(error, 'reason', error)}")
        else:
            part.unlink(missing_ok=True)
            return data
    raise SourceError(
        f"{name}: cannot be downloaded ({'; '.join(reasons)}); connect to the network, or put the file into a folder "
        "and name that folder in CONVSCOPE_DATA"
    )


def _transfer(url: str, part: Path, name: str) -> None:
    """Fetch into `part`, asking only for what is missing, until it is whole or nothing more comes."""
    for attempt in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        try:
            total = _piece(url, part, have, name)
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing is missing
                return
            raise
        if part.stat().st_size >= total:
            return
        time.sleep(0.2 * 2**attempt)
    raise OSError(f"broke off {TRIES} times, with {part.stat().st_size:,} of {total:,} bytes")


def _piece(url: str, part: Path, have: int, name: str) -> int:
    """Append what the server gives behind the first `have` bytes; returns how long the whole file is."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        goes_on = answer.status == 206
        have = have if goes_on else 0
        total = have + int(answer.headers.get("Content-Length", 0))
        with part.open("ab" if goes_on else "wb") as file:
            while chunk := _read(answer):
                file.write(chunk)
                have += len(chunk)
                report(name, have, total)
    return total


def _read(answer: object) -> bytes:
    """The next bytes, or none where the other side broke off: what came so far is kept."""
    try:
        return answer.read(CHUNK)  # type: ignore[attr-defined]
    except (ConnectionError, TimeoutError):
        return b""
