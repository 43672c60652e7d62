"""What the cache folder holds, and how its room is given back.

All of it can be made again, but for uploads, which were only sent.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convscope.data.cache import cache_folder
from convscope.data.packs import PACKED, packs, remove_pack
from convscope.errors import SourceError

UPLOADS = "uploads"
"""The folder of the cache with the pictures that were sent to the page."""


@dataclass(frozen=True)
class Held:
    """One thing that the cache holds: what it is called there, what it is, its bytes, and when it was used last (seconds
    since 1970)."""

    name: str
    what: str
    bytes: int
    used: float

    def as_dict(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def held() -> list[Held]:
    """All that the cache holds, what was used last first.

    >>> all(one.bytes >= 0 for one in held())
    True
    """
    home = cache_folder()
    found = [_pack(folder) for folder in packs()]
    for folder in _folders(home):
        if folder.name == UPLOADS:
            found += [_folder(one, f"{UPLOADS}/{one.name}", _sent(one)) for one in _folders(folder)]
        elif folder.name != PACKED:
            found.append(_folder(folder, folder.name, f"the pictures of {folder.name}, decoded"))
    return sorted(found, key=lambda one: -one.used)


def given_back(name: str) -> int:
    """Remove one thing that the cache holds, by the name that `held` has for it; its bytes.

    Raises:
        SourceError: There is nothing of that name, it is in use, or it cannot be removed.
    """
    known = next((one for one in held() if one.name == name), None)
    if known is None:
        raise SourceError(f"the cache holds nothing called {name!r}: see convscope data --cache")
    folder = cache_folder() / name
    if name.startswith(f"{PACKED}/"):
        gone = remove_pack(folder)
    else:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
        gone = not folder.exists()
    if not gone:
        raise SourceError(f"{folder}: it is being made just now, or cannot be removed")
    return known.bytes


def _pack(folder: Path) -> Held:
    name = f"{PACKED}/{folder.name}"
    shape, fit = folder.name.split("-")[:2]
    try:
        note = json.loads((folder / "pack.json").read_bytes())
        classes, place = len(note["classes"]), note.get("place", "a place that is not known any more")
        what = f"{note['pictures']:,} pictures of {classes} classes at {shape}, {fit}, of {place}"
    except (OSError, ValueError, KeyError, TypeError):
        what = f"a start at {shape}, {fit}, that was interrupted"
    return _folder(folder, name, what)


def _sent(folder: Path) -> str:
    names = [path.name for path in folder.glob("*.zip")]
    return f"sent to the page: {names[0]}" if names else "sent to the page, and cut short"


def _folder(folder: Path, name: str, what: str) -> Held:
    bytes, used = 0, 0.0
    for path in (folder, *folder.rglob("*")):
        with contextlib.suppress(OSError):  # somebody may remove it meanwhile
            told = path.stat()
            used = max(used, told.st_mtime)
            bytes += told.st_size if path.is_file() else 0
    return Held(name, what, bytes, used)


def _folders(home: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(path for path in home.iterdir() if path.is_dir())
