"""A folder of the user's own: walked once, links followed, hidden files passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from convscope.data.cache import cache_folder
from convscope.data.listing import (
    MOST_ENTRIES,
    Entry,
    Listing,
    Skipped,
    content_of,
    is_hidden,
    signature_of,
    stamp_of,
)
from convscope.errors import PictureError, SourceError

DEEPEST = 40


class Folder:
    """A folder, as a place of pictures.

    Raises:
        SourceError: It cannot be listed, or holds more files than anybody's pictures.
    """

    labelled = False

    def __init__(self, path: Path):
        self.path = path
        self._hidden = 0
        self._cache = cache_folder()
        self._skipped: list[Skipped] = []
        try:
            entries = sorted(self._walk(path, "", ()), key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(f"{path}: may not be listed ({error.strerror}); {_cure(error)}") from None
        self._listing = Listing(tuple(entries), tuple(self._skipped), self._hidden)
        self.signature = signature_of(entries)

    def listing(self) -> Listing:
        return self._listing

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        return read_file(self.path / entry.name, first)

    def close(self) -> None:
        pass

    def _walk(self, folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
        """The files under a folder; `above` are the folders on the way, so that a link back to one is not followed."""
        own = folder.stat()
        here = (*above, (own.st_dev, own.st_ino))
        deeper, count = [], -1
        with os.scandir(folder) as found:
            for count, item in enumerate(found):
                name = prefix + item.name
                if is_hidden(item.name):
                    self._hidden += 1
                    continue
                try:
                    status = item.stat()
                except OSError as error:
                    gone = isinstance(error, FileNotFoundError)
                    said = "a link to nothing" if gone else f"may not be looked at ({error.strerror})"
                    self._skipped.append(Skipped(name, said))
                    continue
                if stat.S_ISDIR(status.st_mode):
                    deeper.append((item.path, name, (status.st_dev, status.st_ino)))
                elif stat.S_ISREG(status.st_mode):
                    yield Entry(name, status.st_size, stamp_of(status))
                else:
                    self._skipped.append(Skipped(name, "not a file, so not a picture"))
                if count > MOST_ENTRIES:
                    raise SourceError(
                        f"{folder}: more than {MOST_ENTRIES:,} files; name the folder of a part"
                    )
        if count < 0 and prefix:
            self._skipped.append(Skipped(prefix, "an empty folder"))
        for path, name, identity in sorted(deeper):
            if path == str(self._cache) or Path(path, "run.json").is_file():
                self._skipped.append(Skipped(name, "convscope's own"))
            elif identity in here:
                self._skipped.append(Skipped(name, "a link to a folder that it lies in"))
            elif len(here) >= DEEPEST:
                self._skipped.append(Skipped(name, f"more than {DEEPEST} folders deep"))
            else:
                yield from self._below(Path(path), name, here)

    def _below(self, path: Path, name: str, here: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
        try:
            yield from self._walk(path, f"{name}/", here)
        except OSError as error:
            self._skipped.append(Skipped(name, f"may not be listed ({error.strerror}); {_cure(error)}"))


def read_file(path: Path, first: int | None = None) -> bytes:
    """A file's bytes, or so many of the first ones, if it begins as a picture does.

    Raises:
        PictureError: It is gone, may not be read, or is no picture; the reason alone.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PictureError("not a file, so not a picture")
        with path.open("rb") as file:
            return content_of(file, first)
    except FileNotFoundError:
        raise PictureError("no such file: it was there when the folder was listed") from None
    except PermissionError:
        raise PictureError("may not be read by you; chmod u+r gives you the right to") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _cure(error: OSError) -> str:
    return (
        "chmod u+rx gives you the right to" if isinstance(error, PermissionError) else "name another folder"
    )
