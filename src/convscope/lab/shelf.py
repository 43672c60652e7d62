"""The Runs that the page knows, by name: the one that comes with the package, those under runs/, and one that was asked for.

A name out of a link is only ever looked up here: it never becomes a path.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from convscope.errors import RunError
from convscope.runs import Run

PACKAGED = "lenet5"
PACKAGED_FOLDER = Path(__file__).parent / PACKAGED
BIN = ".deleted"
KEEP_DELETED = 24 * 3600
"""Seconds that a deleted Run can be brought back."""


@dataclass(frozen=True)
class Shelf:
    """Runs by name. `home` is the folder whose subfolders are Runs; `others` are Runs elsewhere that were asked for."""

    home: Path = field(default_factory=lambda: Path("runs"))
    others: dict[str, Path] = field(default_factory=dict)

    def paths(self) -> dict[str, Path]:
        """Name -> folder, in the order in which the page lists them: newest first, the packaged one last."""
        found = dict(self.others)
        for folder in sorted(_folders(self.home), key=_order, reverse=True):
            found.setdefault(folder.name, folder)
        found.setdefault(PACKAGED, PACKAGED_FOLDER)
        return found

    def path(self, name: str) -> Path:
        """A Run's folder.

        Raises:
            RunError: There is none of that name.
        """
        paths = self.paths()
        if name not in paths:
            raise RunError(f"there is no Run {name[:60]!r} here: there are {', '.join(list(paths)[:12])}")
        return paths[name]

    def open(self, name: str) -> Run:
        """A Run, by its name.

        Raises:
            RunError: There is none, or it is damaged.
        """
        return Run(self.path(name).resolve())

    def add(self, path: Path) -> str:
        """Take in a Run that lies elsewhere, and give it a name."""
        resolved = path.resolve()
        for name, known in self.paths().items():
            if known.resolve() == resolved:
                return name
        name, number = resolved.name, 2
        while name in self.paths():
            name, number = f"{resolved.name}-{number}", number + 1
        self.others[name] = resolved
        return name

    def delete(self, name: str) -> None:
        """Put a Run of `home` aside, so that it can be brought back for a day.

        Raises:
            RunError: There is none, it lies elsewhere, or it cannot be moved.
        """
        path = self.path(name)
        if path.parent != self.home:
            raise RunError(f"{name} does not lie under {self.home}/, so it is not deleted here")
        if (path / ".lock").exists() and _locked(path):
            raise RunError(f"{name} is being trained: stop it first")
        place = self.home / BIN / name
        try:
            place.parent.mkdir(exist_ok=True)
            if place.exists():
                shutil.rmtree(place)
            path.rename(place)
            place.touch()
        except OSError as error:
            raise RunError(f"{path}: cannot be moved aside ({error.strerror})") from None
        self.empty()

    def restore(self, name: str) -> None:
        """Bring back a Run that was deleted.

        Raises:
            RunError: It is not there any more, or its place is taken.
        """
        bin_ = self.home / BIN
        place = next((folder for folder in _folders(bin_) if folder.name == name), None)
        if place is None:
            raise RunError(f"there is no deleted Run {name[:60]!r}: they are kept for a day")
        if (self.home / name).exists():
            raise RunError(f"another Run is called {name} by now: rename {self.home / name} first")
        place.rename(self.home / name)

    def empty(self) -> None:
        """Remove for good what was deleted more than a day ago."""
        for folder in _folders(self.home / BIN):
            if time.time() - folder.stat().st_mtime > KEEP_DELETED:
                shutil.rmtree(folder, ignore_errors=True)


def _folders(home: Path) -> Iterator[Path]:
    try:
        inside = list(home.iterdir())
    except OSError:
        return
    for folder in inside:
        if not folder.name.startswith(".") and (folder / "run.json").is_file():
            yield folder


def _order(folder: Path) -> tuple[int, str]:
    return (int(folder.name) if folder.name.isdecimal() else -1, folder.name)


def _locked(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path / ".lock", timeout=0):
            return False
    except Timeout:
        return True
