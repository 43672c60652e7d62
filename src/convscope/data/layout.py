"""From paths to classes: which folders are the classes, and which are the parts to learn from and to be tested on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from convscope.data.listing import Entry, Skipped, printable

TRAIN = ("train", "training")
TEST = ("test", "testing")
VALIDATION = ("val", "valid", "validation")
# Only to see the layout by: what a file is, its content says.
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib")

HOMELESS = "in no class folder"

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Arranged:
    """Files with their classes (and parts, where there are such), files that are in none, and remarks in words."""

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


def arranged(entries: Sequence[Entry]) -> Arranged:
    """Which class, and which part, each file is in by its path.

    A folder of class folders: what is below a class folder is of that class, however deep. One of `train/` and
    `test/` (or `val/`, `valid/`) with class folders in each. Folders around all that, such as a zip's own, are
    passed through.

    >>> names = ("set/train/cat/1.jpg", "set/test/cat/2.jpg", "set/read.me")
    >>> found = arranged([Entry(name, 1, "") for name in names])
    >>> [(entry.part, entry.label) for entry in found.entries], found.skipped
    ([('train', 'cat'), ('test', 'cat')], (Skipped(name='set/read.me', reason='in no class folder'),))
    """
    paths = [tuple(entry.name.split("/")) for entry in entries]
    shown = [path for path in paths if path[-1].lower().endswith(SUFFIXES)] or paths
    base = _base(shown)
    parts = _parts(_folders(shown, base))
    depth = len(base) + bool(parts)
    kept, skipped = [], []
    for entry, path in zip(entries, paths, strict=True):
        inside = path[: len(base)] == base and len(path) > len(base) + 1
        part = parts.get(path[len(base)], "") if inside and parts else ""
        if inside and parts and not part:
            beside = " and ".join(f"{name}/" for name in parts)
            skipped.append(Skipped(entry.name, f"beside {beside}, in neither"))
        elif not inside or len(path) < depth + 2:
            skipped.append(Skipped(entry.name, HOMELESS))
        else:
            label = printable(unicodedata.normalize("NFC", path[depth]))
            kept.append(replace(entry, label=label, part=part))
    return Arranged(tuple(kept), tuple(skipped), _said(parts))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts names as people do: 9 before 10.

    >>> sorted(["10", "9", "b", "a2", "a11"], key=natural)
    ['9', '10', 'a2', 'a11', 'b']
    """
    found = re.findall(r"(\d{1,300})|(\D+)", name)
    return tuple((0, int(digits), "") if digits else (1, 0, text) for digits, text in found)


def _folders(paths: Iterable[Parts], base: Parts) -> set[str]:
    return {p[len(base)] for p in paths if len(p) > len(base) + 1 and p[: len(base)] == base}


def _base(shown: Sequence[Parts]) -> Parts:
    """The folder that the class folders, or the parts, lie in."""
    base: Parts = ()
    while True:
        here = _folders(shown, base)
        if len(here) != 1:
            return base
        below = (*base, *here)
        if not _folders(shown, below):
            return base
        base = below


def _parts(names: Iterable[str]) -> dict[str, str]:
    """Folder -> train or test, where there are both; else nothing. With a test/, val/ is learned from as well."""
    kinds = {name: _kind(name) for name in sorted(names)}
    told = set(kinds.values())
    if "train" not in told or not told & {"test", "val"}:
        return {}
    val = "train" if "test" in told else "test"
    return {name: val if kind == "val" else kind for name, kind in kinds.items() if kind}


def _kind(name: str) -> str:
    lower = name.lower()
    return next(
        (kind for kind, names in (("train", TRAIN), ("test", TEST), ("val", VALIDATION)) if lower in names),
        "",
    )


def _said(parts: dict[str, str]) -> tuple[str, ...]:
    both = [name for name, part in parts.items() if _kind(name) == "val" and part == "train"]
    return tuple(
        f"{name}/ is learned from as well, since there is another part to be tested on; --validation keeps some aside"
        for name in both
    )
