"""The Runs that the page knows, by name: those that come with the package, those under runs/, and one that was asked for.

A name out of a link is only ever looked up here: it never becomes a path.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from convscope.errors import RunError
from convscope.runs import OURS, Run

PACKAGED = "lenet5"
PACKAGED_FOLDER, FINDER_FOLDER = OURS[PACKAGED], OURS["finder"]
BIN = ".deleted"
OPEN = 32
"""So many Runs are held open; of each only what it says of itself is in memory."""
KEEP_DELETED = 24 * 3600
"""Seconds that a deleted Run can be brought back."""
WANTED = ("net", "source", "status", "written", "data_fingerprint", "classes", "epochs", "seed", "parameters",
          "picture_shape", "normalisation")  # fmt: skip
"""What the page reads of run.json without asking whether it is there."""


@dataclass(frozen=True)
class Shelf:
    """Runs by name. `home` is the folder whose subfolders are Runs; `others` are Runs elsewhere that were asked for."""

    home: Path = field(default_factory=lambda: Path("runs"))
    others: dict[str, Path] = field(default_factory=dict)
    _opened: dict[Path, tuple[object, Run]] = field(default_factory=dict)
    _moving: Lock = field(default_factory=Lock)

    def paths(self) -> dict[str, Path]:
        """Name -> folder, in the order in which the page lists them: newest first, the packaged ones last."""
        found = dict(self.others)
        for folder in sorted(_folders(self.home), key=_order, reverse=True):
            found[_free(folder.name, found)] = folder
        return {**found, **OURS}

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
        path = self.path(name).resolve()
        stamp = _stamp(path / "run.json")
        if path in self._opened and self._opened[path][0] == stamp:
            return self._opened[path][1]
        run = Run(path)
        _check(run)
        if len(self._opened) >= OPEN:
            self._opened.clear()
        self._opened[path] = stamp, run
        return run

    def add(self, path: Path) -> str:
        """Take in a Run that lies elsewhere, and give it a name."""
        resolved = path.resolve()
        for name, known in self.paths().items():
            if known.resolve() == resolved:
                return name
        name = _free(resolved.name, self.paths())
        self.others[name] = resolved
        return name

    def busy(self, name: str) -> bool:
        """Whether a training is writing a Run just now."""
        path = self.path(name)
        return (path / ".lock").exists() and _locked(path)

    def delete(self, name: str) -> None:
        """Put a Run of `home` aside, so that it can be brought back for a day.

        Raises:
            RunError: There is none, it lies elsewhere, or it cannot be moved.
        """
        with (
            self._moving
        ):  # two tabs may delete it at once, and the second must not empty what the first put aside
            path = self.path(name)
            if path.parent != self.home:
                raise RunError(f"{name} does not lie under {self.home}/, so it is not deleted here")
            if self.busy(name):
                raise RunError(f"{name} is being trained: stop it first")
            place = self.home / BIN / name
            try:
                place.parent.mkdir(exist_ok=True)
                if place.is_symlink():
                    place.unlink()
                elif place.exists():
                    shutil.rmtree(place)
                path.rename(place)
                os.utime(place, follow_symlinks=False)
            except OSError as error:
                raise RunError(f"{path}: cannot be moved aside ({error.strerror or error})") from None
            self.empty()

    def restore(self, name: str) -> None:
        """Bring back a Run that was deleted.

        Raises:
            RunError: It is not there any more, or its place is taken.
        """
        with self._moving:
            place = next((folder for folder in _folders(self.home / BIN) if folder.name == name), None)
            if place is None:
                raise RunError(f"there is no deleted Run {name[:60]!r}: they are kept for a day")
            if (self.home / name).exists():
                raise RunError(f"another Run is called {name} by now: rename {self.home / name} first")
            try:
                place.rename(self.home / name)
            except OSError as error:
                raise RunError(f"{place}: cannot be moved back ({error.strerror or error})") from None

    def empty(self) -> None:
        """Remove for good what was deleted more than a day ago."""
        for folder in _folders(self.home / BIN):
            put = _stamp(folder)
            if put is not None and time.time() - put.st_mtime > KEEP_DELETED:
                shutil.rmtree(folder, ignore_errors=True)


def _folders(home: Path) -> Iterator[Path]:
    try:
        inside = list(home.iterdir())
    except OSError:
        return
    for folder in inside:
        if not folder.name.startswith(".") and _speakable(folder.name) and (folder / "run.json").is_file():
            yield folder


def _speakable(name: str) -> bool:
    """Whether a folder's name is text: the system allows any bytes, a link does not."""
    try:
        return name.encode() != b"-"  # which in a link says that none is named
    except UnicodeEncodeError:
        return False


def _free(name: str, taken: Mapping[str, Path]) -> str:
    """The name, or where it is taken the first of NAME-2, NAME-3, ... that is not."""
    tried, number = name, 2
    while tried in taken or tried in OURS:
        tried, number = f"{name}-{number}", number + 1
    return tried


def _stamp(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _check(run: Run) -> None:
    """Read once what is read everywhere.

    Raises:
        RunError: Some of it is missing, or of the wrong kind.
    """
    said = {name: run.info[name] for name in WANTED}
    high, wide = run.stack.input.shape[1:]
    if said["picture_shape"][1] > high or said["picture_shape"][2] > wide:
        where = run.path / "run.json"
        raise RunError(f"{where}: damaged (what it says of picture_shape); restore it or train again")


def _order(folder: Path) -> tuple[int, str]:
    return (int(folder.name) if folder.name.isdecimal() else -1, folder.name)


def _locked(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path / ".lock", timeout=0):
            return False
    except Timeout:
        return True
