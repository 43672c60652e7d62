"""What was found among a user's own pictures, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convscope.data.division import TESTED_PART, Division, Row

MOST_NAMED = 12
UNEVEN = 5
FEW = 20


@dataclass(frozen=True)
class Findings:
    """What was found, and what was chosen and why; empty for a named source, of which all is known.

    Attributes:
        counts: Class -> how many pictures to learn from, and how many to be tested on.
        notes: A sentence each, for people.
        warnings: What may spoil the result or its meaning, a sentence each.

    >>> Findings().notes
    ()
    """

    counts: tuple[tuple[str, int, int], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"counts": self.counts, "notes": self.notes, "warnings": self.warnings}

    @staticmethod
    def from_dict(said: Mapping[str, Any]) -> Findings:
        """What `as_dict` gave."""
        counts = tuple((str(name), int(train), int(test)) for name, train, test in said["counts"])
        return Findings(counts, tuple(said["notes"]), tuple(said["warnings"]))


def findings(division: Division, given: bool, lost: Sequence[str], notes: Sequence[str]) -> Findings:
    """In words: `given` is whether the parts were there, `lost` are the classes of which no file could be read."""
    train, test = (Counter(row.label for row in rows) for rows in (division.train, division.test))
    counts = tuple((name, train[name], test[name]) for name in division.classes)
    said = (
        f"{len(division.train) + len(division.test):,} pictures of {len(counts):,} classes: {_listed(counts)}",
        _parts(division, given),
        *notes,
    )
    warnings = (*_lost(lost), *_homeless(division), *_untested(counts), *_uneven(counts), *_twice(division))
    return Findings(counts, said, warnings)


def _listed(counts: Sequence[tuple[str, int, int]]) -> str:
    sized = [(name, train + test) for name, train, test in counts]
    if len(sized) <= MOST_NAMED:
        return ", ".join(f"{name} {n:,}" for name, n in sized)
    low, high = (pick(sized, key=lambda pair: pair[1]) for pick in (min, max))
    return f"from {low[1]:,} ({low[0]}) to {high[1]:,} ({high[0]}) a class"


def _parts(division: Division, given: bool) -> str:
    both = f"{len(division.train):,} to learn from, {len(division.test):,} to be tested on"
    how = "as they lie there" if given else f"chosen here: {TESTED_PART:.0%} of each class, always the same"
    return f"{both} ({how})"


def _lost(lost: Sequence[str]) -> list[str]:
    return [f"class {name}: none of its files could be read, so it is left out" for name in lost]


def _homeless(division: Division) -> list[str]:
    found = Counter(row.label for row in division.homeless)
    return [
        f"class {name}: {_pictures(n)} to be tested on and none to learn from, so it is left out"
        for name, n in found.items()
    ]


def _untested(counts: Sequence[tuple[str, int, int]]) -> list[str]:
    said = []
    for name, train, test in counts:
        if not test:
            said.append(f"class {name}: {_pictures(train)} to learn from and none to be tested on")
    if len(said) > MOST_NAMED:
        said = [f"{len(said):,} classes have no pictures to be tested on, such as {counts[0][0]}"]
    few = [name for name, train, _ in counts if train < FEW]
    if few:
        which = f"class {few[0]} has" if len(few) == 1 else f"{len(few):,} of the classes have"
        said.append(f"{which} fewer than {FEW} pictures to learn from: expect little")
    return said


def _uneven(counts: Sequence[tuple[str, int, int]]) -> list[str]:
    low, high = (pick(counts, key=lambda row: row[1]) for pick in (min, max))
    if high[1] < UNEVEN * low[1]:
        return []
    return [
        f"uneven: {high[1]:,} pictures of {high[0]} to learn from, {low[1]:,} of {low[0]}; "
        f"always saying {high[0]} is right for {100 * high[1] / sum(row[1] for row in counts):.0f} % of them"
    ]


def _twice(division: Division) -> list[str]:
    learned: dict[bytes, Row] = {row.content: row for row in division.train}
    said = []
    both = [row for row in division.test if row.content in learned]
    if both:
        first = both[0]
        said.append(
            f"{_pictures(len(both))} to be tested on {_are(len(both))} also learned from, byte for byte, so the test error "
            f"will look better than it is: {first.name} is {learned[first.content].name}"
        )
    rows = (*division.train, *division.test)
    labels: dict[bytes, Row] = {}
    torn = [row for row in rows if labels.setdefault(row.content, row).label != row.label]
    if torn:
        first, other = torn[0], labels[torn[0].content]
        said.append(
            f"{_pictures(len(torn))} {_are(len(torn))} in two classes at once: {first.name} is {other.name}"
        )
    again = len(rows) - len(labels)
    if again > len(both):
        said.append(f"{_pictures(again)} {_are(again)} there more than once, byte for byte")
    return said


def _pictures(n: int) -> str:
    return f"{n:,} picture{'s' if n != 1 else ''}"


def _are(n: int) -> str:
    return "are" if n != 1 else "is"
