"""Contests that the page can show: the packaged ones, those in the folder comparisons/, and those that it starts.

A contest has a name: that of the packaged one, or here:FOLDER for a folder of comparisons/. A name is only looked up.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convscope.comparison.catalogue import chosen
from convscope.comparison.contest import budget_of, words_of
from convscope.comparison.experiments import named
from convscope.comparison.packaged import FOLDER, names, packaged, read
from convscope.comparison.telling import RESULTS, SHEET
from convscope.errors import RunError
from convscope.lab.programs import Program, Programs

HERE = "here:"
LONGEST_NAME = 60


@dataclass(frozen=True)
class ContestOrder:
    """A contest that is wanted, its names checked.

    Raises:
        MethodError: There is no such method, experiment or budget.

    >>> ContestOrder("mnist", "quick", ("knn",)).command()
    'convscope compare mnist --only knn --budget quick'
    """

    source: str
    budget: str = "default"
    only: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        budget_of(self.budget)
        chosen(self.only)
        named(self.experiments)

    def words(self, out: str = "") -> list[str]:
        """The words behind `convscope`; what is as it would be anyway is left out."""
        words = words_of(self.source, (), self.only, self.experiments, self.budget, self.seed)
        return [*words, "--out", out] if out else words

    def command(self) -> str:
        """What a person would type."""
        return f"convscope {shlex.join(self.words())}"

    def folder(self) -> str:
        """The name of the folder that it is kept in: the source's, and the budget's where it is another than the default.

        >>> ContestOrder("/home/me/My photos.zip", "quick").folder()
        'My-photos-quick'
        """
        stem = re.sub(r"[^\w-]+", "-", Path(self.source).stem).strip("-")[:LONGEST_NAME] or "pictures"
        return stem if self.budget == "default" else f"{stem}-{self.budget}"


@dataclass(eq=False)
class Going(Program):
    """A contest that the page started."""

    order: ContestOrder = field(default_factory=lambda: ContestOrder("mnist"))

    def told(self, what: str, said: dict[str, Any]) -> None:
        """Take in what it said of how far it is."""
        super().told(what, said)
        if what == "method":
            self.at = said
            if self.state != "stopping":
                self.turn("training")


class Contests(Programs[Going]):
    """All contests; `home` is the folder in which each has one of its own."""

    called = "contest"
    at_once = 1

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.home = folder / "comparisons"

    def begin(self, order: ContestOrder) -> Going:
        """Start a contest, or let it wait for its turn; one that was stopped goes on where it was.

        Raises:
            RunError: It goes on already, or too many wait.
        """
        with self._lock:
            self.require_room()
            name = self._free(order)
            known = self.get(HERE + name)
            if known is not None and (known.live or known.state == "waiting"):
                raise RunError(f"{HERE}{name} goes on already: watch it, or stop it first")
            words = order.words(f"{self.home.name}/{name}")
            return self.take(Going(HERE + name, tuple(words), order=order))

    def _free(self, order: ContestOrder) -> str:
        """The folder of this source and budget: the same as before, and no other contest's."""
        for number in range(1, 100):
            name = order.folder() + (f"-{number}" if number > 1 else "")
            before = self.get(HERE + name)
            if before is not None and (before.order.source, before.order.budget) == (
                order.source,
                order.budget,
            ):
                return name
            told = self._told(self.home / name)
            if before is None and (
                told is None or (told["source"], told.get("budget")) == (order.source, order.budget)
            ):
                return name
        raise RunError(f"{self.home}: there are a hundred contests of that name; delete some")

    def names(self) -> list[str]:
        """Those that have results or go on: the packaged ones, then one's own."""
        own = (
            {HERE + path.parent.name for path in self.home.glob(f"*/{RESULTS}")}
            if self.home.is_dir()
            else set()
        )
        return [*names(), *sorted(own | {going.name for going in self.listed()})]

    def known(self, name: str) -> None:
        """Look a name up.

        Raises:
            RunError: There is no such contest.
        """
        if name not in self.names():
            raise RunError(f"there is no contest {name[:60]!r}: there are {', '.join(self.names()[:20])}")

    def results(self, name: str) -> dict[str, Any] | None:
        """What a contest came to so far; None where no method has ended yet.

        Raises:
            RunError: There is no such contest, or its file is damaged.
        """
        self.known(name)
        if not name.startswith(HERE):
            return packaged(name)
        path = self.home / name.removeprefix(HERE) / RESULTS
        return read(path) if path.is_file() else None

    def sheet(self, name: str) -> bytes:
        """The pictures that one method alone names wrongly, as a PNG file.

        Raises:
            RunError: There is none.
        """
        self.known(name)
        own = name.startswith(HERE)
        path = self.home / name.removeprefix(HERE) / SHEET if own else FOLDER / f"{name}.png"
        try:
            return path.read_bytes()
        except OSError:
            raise RunError(f"{name}: its pictures are not here; run it again to have them") from None

    def _told(self, folder: Path) -> dict[str, Any] | None:
        if not (folder / RESULTS).is_file():
            return None
        try:
            return read(folder / RESULTS)
        except RunError:
            return {"source": ""}
