"""Pictures that the page sends: a zip, streamed into a file of the cache; it is there whole or not at all.

A picked folder comes as a zip too, which the page makes of it without compressing. The name that came only says how the
file is called in lists: it is cut down to letters, digits and dashes, and its folder is one that nobody else has.
"""

from __future__ import annotations

import re
import secrets
import shutil
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

from convscope.errors import SourceError
from convscope.lab.sources import uploads_folder

ROOM = 20_000_000_000
"""Bytes that all uploads may take together."""
SPARE = 500_000_000
"""Bytes that stay free on the disk."""
LONGEST = 60


async def taken(name: str, chunks: AsyncIterator[bytes]) -> Path:
    """Write what comes into a file of the cache, and give its path.

    Raises:
        SourceError: It is no zip, or there is no room for it.
    """
    folder = uploads_folder() / secrets.token_hex(8)
    path = folder / f"{slug(name)}.zip"
    try:
        folder.mkdir(parents=True)
        await _write(folder / "part", chunks, room(uploads_folder()))
        if not zipfile.is_zipfile(folder / "part"):
            raise SourceError(
                f"{name[:100]}: not a zip: send a zip of a folder with a folder of pictures for each class"
            )
        (folder / "part").rename(path)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SourceError(f"{folder}: cannot be written ({error.strerror or error})") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path


def slug(name: str) -> str:
    """A name as a file may have it.

    >>> slug("../../My cats & dogs.zip"), slug("...")
    ('My-cats-dogs', 'pictures')
    """
    stem = re.sub(r"\.zip$", "", name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:LONGEST] or "pictures"


def room(folder: Path) -> int:
    """Bytes that may still come.

    Raises:
        SourceError: None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    used = sum(path.stat().st_size for path in folder.glob("*/*") if path.is_file())
    left = min(ROOM - used, shutil.disk_usage(folder).free - SPARE)
    if left <= 0:
        raise SourceError(f"{folder}: no room for more uploads: delete some there")
    return left


def listed() -> list[Path]:
    """The uploads that are here, the newest first."""
    found = [path for path in uploads_folder().glob("*/*.zip") if path.is_file()]
    return sorted(found, key=lambda path: -path.stat().st_mtime)


async def _write(path: Path, chunks: AsyncIterator[bytes], most: int) -> None:
    came = 0
    with path.open("wb") as file:
        async for chunk in chunks:
            came += len(chunk)
            if came > most:
                raise SourceError(
                    f"{uploads_folder()}: no room for more than {most / 1e6:,.0f} MB: delete some uploads there"
                )
            file.write(chunk)
