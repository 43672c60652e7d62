"""Which pictures are learned from and which are tested on, and in which order they stand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from convscope.data.layout import natural

TESTED_PART = 0.2


@dataclass(frozen=True)
class Row:
    """A readable picture: its file's name, class, part (empty where none is given), SHA-256, and place in the pack."""

    name: str
    label: str
    part: str
    content: bytes
    place: int


@dataclass(frozen=True, eq=False)
class Division:
    """Classes by name; the rows to learn from, then those to be tested on; rows of classes that nothing is learned of."""

    classes: tuple[str, ...]
    train: tuple[Row, ...]
    test: tuple[Row, ...]
    homeless: tuple[Row, ...]

    def labels(self) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]:
        """The number of each row's class."""
        number = {name: i for i, name in enumerate(self.classes)}
        train, test = (
            np.array([number[r.label] for r in rows], np.int64) for rows in (self.train, self.test)
        )
        return train, test


def divided(rows: Sequence[Row]) -> Division:
    """The rows in two parts: as they say, or a fifth of each class kept for the test where none says so.

    Pictures stand in the order of their contents' SHA-256, as good as shuffled: so the same pictures give the same bits
    whatever their files are called and whether they come in a folder or an archive, a slice has pictures of every class,
    and a picture more moves few others. The fifth is taken by the same order; equal pictures are never torn apart, and
    of a single picture a class is learned, not tested.
    """
    rows = sorted(rows, key=lambda row: (row.content, row.label, row.name))
    tested = [row.part == "test" for row in rows]
    if not any(tested) or all(tested):
        aside = _aside(rows)
        tested = [row.content in aside for row in rows]
    train = [row for row, is_test in zip(rows, tested, strict=True) if not is_test]
    classes = tuple(sorted({row.label for row in train}, key=lambda name: (natural(name), name)))
    test = [row for row, is_test in zip(rows, tested, strict=True) if is_test]
    known = set(classes)
    return Division(
        classes,
        tuple(train),
        tuple(row for row in test if row.label in known),
        tuple(row for row in test if row.label not in known),
    )


def _aside(rows: Sequence[Row]) -> set[bytes]:
    """The contents that are kept for the test."""
    by_class: dict[str, Counter[bytes]] = defaultdict(Counter)
    for row in rows:
        by_class[row.label][row.content] += 1
    aside: set[bytes] = set()
    learned: set[bytes] = set()
    for label in sorted(by_class, key=lambda name: len(by_class[name])):
        contents = by_class[label]
        if len(contents) > 1:
            wanted = max(1, round(TESTED_PART * contents.total()))
            got = sum(n for content, n in contents.items() if content in aside)
            for content in sorted(contents.keys() - aside - learned)[:-1]:
                if got >= wanted:
                    break
                aside.add(content)
                got += contents[content]
        learned |= contents.keys() - aside
    return aside
