"""A disk that forgets what was not synced: what a program does to a folder is taped, and what a power cut could leave is made.

By POSIX alone. The bytes of a file are sure once it is synced; before that none, half or all of them may be there. A name (made,
moved, removed) is sure once its folder is synced; before that each of the changes may be there or not, whichever came first.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

MOST_OPEN = 6
"""So many changes of names that are not yet sure are tried in every combination."""


@dataclass
class Tape:
    """What was done to a folder and all that is in it, in order; names are relative to it, "." is itself."""

    home: Path
    done: list[tuple[Any, ...]] = field(default_factory=list)

    def name(self, path: Path | str) -> str | None:
        """The path within the folder; None for one elsewhere."""
        path = Path(os.path.abspath(path))  # noqa: PTH100 - links are not followed
        return str(path.relative_to(self.home)) if path.is_relative_to(self.home) else None

    def record(self, patch: pytest.MonkeyPatch) -> None:
        """From now on everything that `Path` and `os` do to the folder is taped."""
        opened, replace, unlink, mkdir, sync = Path.open, Path.replace, Path.unlink, Path.mkdir, os.fsync

        def open_(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
            file = opened(path, mode, *more, **named)
            name = self.name(path)
            if name is None or mode != "wb":
                return file
            self.done.append(("make", name))
            return _Taped(file, lambda data: self.done.append(("write", name, bytes(data))))

        def replace_(path: Path, target: Path) -> Path:
            if self.name(path) is not None:
                self.done.append(("move", self.name(path), self.name(target)))
            return replace(path, target)

        def unlink_(path: Path, missing_ok: bool = False) -> None:
            if self.name(path) is not None and path.exists() and path.name != ".lock":
                self.done.append(("remove", self.name(path)))
            unlink(path, missing_ok=missing_ok)

        def mkdir_(path: Path, *more: Any, **named: Any) -> None:
            new = not path.exists()
            mkdir(path, *more, **named)
            if new and self.name(path) is not None:
                self.done.append(("folder", self.name(path)))

        def sync_(number: int) -> None:
            sync(number)
            name = self.name(Path(f"/proc/self/fd/{number}").readlink())
            if name is not None:
                self.done.append(("sync", name))

        for owner, attribute, new in (
            (Path, "open", open_), (Path, "replace", replace_), (Path, "unlink", unlink_), (Path, "mkdir", mkdir_),
            (os, "fsync", sync_),
        ):  # fmt: skip
            patch.setattr(owner, attribute, new)


class _Taped:
    """A file that is written, and tells what."""

    def __init__(self, file: Any, told: Any):
        self._file, self._told = file, told

    def write(self, data: bytes) -> int:
        self._told(data)
        return self._file.write(data)

    def writelines(self, many: Any) -> None:
        for data in many:
            self.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Taped:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass
class _File:
    sure: bytes = b""
    new: bytes = b""


Change = tuple[str, str, _File | None]
"""`set` or `drop`, a name, and its file (None for a folder)."""


@dataclass
class Disk:
    """What is sure, what is not yet, what the running program sees, and what of that it may rely on: a file's bytes once they
    are synced and the file's folder after them."""

    seen: dict[str, _File | None] = field(default_factory=dict)
    names: dict[str, _File | None] = field(default_factory=dict)
    open: list[list[Change]] = field(default_factory=list)
    promised: dict[str, bytes] = field(default_factory=dict)

    def do(self, what: tuple[Any, ...]) -> None:
        """One thing that was done."""
        kind, name, *more = what
        if kind == "make":
            self.seen[name] = _File()
            self.open.append([("set", name, self.seen[name])])
        elif kind == "folder":
            self.seen[name] = None
            self.open.append([("set", name, None)])
        elif kind == "write":
            self._file(name).new += more[0]
        elif kind == "move":  # at once: a file system never shows half of it
            file = self.seen.pop(name)
            self.seen[more[0]] = file
            self.open.append([("drop", name, None), ("set", more[0], file)])
        elif kind == "remove":
            self.seen.pop(name)
            self.open.append([("drop", name, None)])
        elif kind == "sync" and self.seen.get(name) is not None:
            file = self._file(name)
            file.sure, file.new = file.sure + file.new, b""
        elif kind == "sync":
            sure = [change for change in self.open if str(Path(change[-1][1]).parent) == name]
            self.open = [change for change in self.open if change not in sure]
            self.names = _after(self.names, sure)
            here = {n: f for n, f in self.seen.items() if f is not None and str(Path(n).parent) == name}
            self.promised |= {n: file.sure for n, file in here.items() if not file.new}

    def _file(self, name: str) -> _File:
        file = self.seen[name]
        assert file is not None
        return file

    def left(self) -> Iterator[dict[str, bytes | None]]:
        """Every state in which a power cut may leave the disk now: name -> bytes, or None for a folder."""
        few = self.open[-MOST_OPEN:]
        for chosen in itertools.product([False, True], repeat=len(few)):
            taken = self.open[: -len(few)] if few else []
            names = _after(self.names, [*taken, *(c for c, there in zip(few, chosen, strict=True) if there)])
            names = {name: file for name, file in names.items() if _reachable(name, names)}
            torn = [file for file in names.values() if file is not None and file.new]
            for parts in itertools.product([0.0, 0.5, 1.0], repeat=len(torn)):
                cut = {id(file): part for file, part in zip(torn, parts, strict=True)}
                yield {
                    name: None if file is None else file.sure + file.new[: int(cut.get(id(file), 0) * len(file.new))]
                    for name, file in names.items()
                }  # fmt: skip


def _after(names: dict[str, _File | None], changes: list[list[Change]]) -> dict[str, _File | None]:
    names = dict(names)
    for kind, name, file in itertools.chain(*changes):
        if kind == "set":
            names[name] = file
        else:
            names.pop(name, None)
    return names


def _reachable(name: str, names: dict[str, _File | None]) -> bool:
    return all(str(folder) in names or str(folder) == "." for folder in Path(name).parents)


def states(tape: Tape) -> Iterator[tuple[int, dict[str, bytes], dict[str, bytes | None]]]:
    """Every state that a power cut may leave, after each of the things that were done: how many were, what the program was
    promised by then, and the state; the same state under the same promises is given once."""
    disk, known = Disk(), set()
    for number, what in enumerate([None, *tape.done]):
        if what is not None:
            disk.do(what)
        promised = dict(disk.promised)
        for state in disk.left():
            key = hash((tuple(sorted(state.items())), tuple(sorted(promised.items()))))
            if key not in known:
                known.add(key)
                yield number, promised, state


def write(state: dict[str, bytes | None], home: Path) -> None:
    """Make a state of the disk in a folder."""
    for name, content in sorted(state.items()):
        path = home / name
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(content)
