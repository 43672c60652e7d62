"""The contests that come with the package: what `convscope compare` wrote, with its evidence, a file a contest.

`python docs/results.py FOLDER` puts one here. The page, its tour and the tables of the documents are made from them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from convscope.errors import RunError

FOLDER = Path(__file__).with_name("results")
EVIDENCE = ("command", "written", "processor", "cores", "python", "torch", "convscope")
ROW = (
    "method", "title", "preprocessing", "convolutional", "status", "experiment", "condition", "learned", "error_percent",
    "interval_percent", "published_error_percent", "published_source", "rejection_percent", "fit_seconds",
    "predict_seconds", "parameters", "seed",
)  # fmt: skip
"""What each row has at least."""


def names() -> list[str]:
    """The contests that come with the package.

    >>> "mnist" in names()
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def packaged(name: str) -> dict[str, Any]:
    """What a contest came to, as `convscope compare --json` says it.

    Raises:
        RunError: There is none of that name.

    >>> packaged("mnist")["source"]
    'mnist'
    """
    if name not in names():
        raise RunError(f"no contest {name!r} comes with convscope: there are {', '.join(names())}")
    return read(FOLDER / f"{name}.json")


def read(path: Path) -> dict[str, Any]:
    """The results that a contest wrote.

    Raises:
        RunError: The file is missing, damaged, or says something else.
    """
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: missing or damaged ({error}); run convscope compare again") from None
    why = fault(told)
    if why:
        raise RunError(f"{path}: {why}; run convscope compare again")
    return told


def fault(told: Any) -> str:
    """Why this is not what a contest writes; empty where it is.

    >>> fault({"source": "mnist", "results": []})
    'evidence is missing'
    """
    if not isinstance(told, dict):
        return "not an object"
    for key, kind in (("source", str), ("results", list), ("evidence", dict)):
        if not isinstance(told.get(key), kind):
            return f"{key} is missing"
    for row in told["results"]:
        missing = [key for key in ROW if key not in row] if isinstance(row, dict) else list(ROW)
        if missing:
            return f"a row has no {missing[0]}"
    missing = [key for key in EVIDENCE if not told["evidence"].get(key)]
    return f"its evidence has no {missing[0]}" if missing else ""
