"""What is printed, and where: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

STARTED = time.perf_counter()


class Progress(StrEnum):
    """Whom the progress is for."""

    people = "people"
    json = "json"


def as_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object as the last line of stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def remark(text: str) -> None:
    """Say something that is not the result."""
    print(text, file=sys.stderr)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows under heads, in columns as wide as they need; the first `left` columns are words, the rest numbers.

    >>> print(table(["name", "n"], [["a", "1"], ["bc", "20"]]))
    name   n
    a      1
    bc    20
    """
    cells = [[*heads], *[[*row] for row in rows]]
    widths = [max(len(row[c]) for row in cells) for c in range(len(heads))]
    lines = []
    for row in cells:
        parts = [
            cell.ljust(w) if c < left else cell.rjust(w)
            for c, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def wall_seconds() -> float:
    """Seconds since the program began."""
    return time.perf_counter() - STARTED
