"""Which folder is meant by RUN, and which a new Run gets when none is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from convscope.errors import RunError

OURS: Mapping[str, Path] = {name: Path(__file__).parent / "packaged" / name for name in ("lenet5", "finder")}
"""Runs that come with the package: LeNet-5 of 1998; and a net that knows digits from nothing, to look through pages."""


def find_folder(run: str | Path) -> Path:
    """The folder that RUN means: a path, the number of a Run under runs/, `last`, or the name of one that comes along.

    Raises:
        RunError: There is no such Run.
    """
    path = Path(run)
    if (path / "run.json").is_file():
        return path
    home = Path("runs")
    numbered = _numbered(home)
    if str(run) == "last" and numbered:
        return home / str(numbered[-1])
    if str(run).isdigit() and int(str(run)) in numbered:
        return home / str(run)
    if str(run) in OURS and not path.exists():
        return OURS[str(run)]
    if path.is_dir():
        raise RunError(f"{run}: the folder has no run.json, so it is no Run")
    there = (
        f"runs/ has {ranges(numbered)}"
        if numbered
        else f"make one with: convscope train mnist, or take {' or '.join(OURS)}"
    )
    raise RunError(f"{run}: there is no such Run; {there}")


def next_folder() -> Path:
    """The folder for a new Run when none is named: runs/1, runs/2, ..."""
    taken = [int(p.name) for p in listing(Path("runs")) if p.name.isdigit()]
    return Path("runs") / str(max(taken, default=0) + 1)


def _numbered(home: Path) -> list[int]:
    return sorted(int(p.name) for p in listing(home) if p.name.isdigit() and (p / "run.json").is_file())


def listing(folder: Path) -> list[Path]:
    """What is in a folder; nothing where there is none.

    Raises:
        RunError: It cannot be read.
    """
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"{folder}: not a folder that can be read ({error.strerror}); give another") from None


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in a row, as few words as will do.

    >>> ranges([0, 1, 2, 3, 9])
    '0, 1, 2, ..., 9'
    """
    text = ", ".join(map(str, numbers))
    return re.sub(r"^(\d+, \d+, \d+), .*, (\d+)$", r"\1, ..., \2", text) or "none"
