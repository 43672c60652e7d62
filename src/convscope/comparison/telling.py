"""What a contest came to, as files: results.json, results.csv, and the pictures that one method alone fails.

They are written whenever a method has ended, so that what is there can be read while the contest goes on.
"""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Mapping, Sequence
from csv import DictWriter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from convscope.comparison.rows import Comparison, lone, ranked
from convscope.comparison.store import LIBRARIES, Store
from convscope.data.images import Images
from convscope.data.whole import write_whole
from convscope.native.runner import available_processors, processor

RESULTS, TABLE, SHEET = "results.json", "results.csv", "lone.png"
COLUMNS = 16
"""Pictures in a row of the sheet."""
SHOWN = 8
"""Pictures of each method that are kept, of those that it alone names wrongly."""


def evidence(command: str) -> dict[str, Any]:
    """What figures need beside them: the command, the day, the machine, the versions of all that computed."""
    known = {name: found for name in LIBRARIES if (found := _version(name))}
    return {
        "command": command,
        "written": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": available_processors(),
        "system": platform.system(),
        "python": platform.python_version(),
        **known,
        "convscope": _version("convscope"),
    }


def write_results(done: Comparison, images: Images) -> dict[str, Any]:
    """Write the contest's files, and return what results.json says: that of `--json`, and which pictures lone.png shows."""
    store, told = Store(done.path), done.as_dict()
    found = lone_errors(done, images)
    sheet, size = _sheet(found, images)
    told["lone"] = {"columns": COLUMNS, "size": size, "methods": found}
    if sheet is not None:
        write_whole(done.path / SHEET, sheet)
    store.text(RESULTS, json.dumps(told, indent=1, allow_nan=False))
    store.text(TABLE, _csv(told["results"]))
    return told


def lone_errors(done: Comparison, images: Images) -> list[dict[str, Any]]:
    """For each method that names pictures wrongly which all others name rightly: how many, and the first of them.

    `at` is a picture's place on the sheet.
    """
    found, at = [], 0
    for row, index in lone(ranked(done.table)):
        assert row.said is not None and row.truth is not None
        pictures = []
        for i in index[:SHOWN]:
            truth, said = images.classes[int(row.truth[i])], images.classes[int(row.said[i])]
            pictures.append({"picture": int(i), "at": at, "truth": truth, "said": said})
            at += 1
        found.append({"method": row.method.name, "total": len(index), "pictures": pictures})
    return found


def _sheet(found: Sequence[Mapping[str, Any]], images: Images) -> tuple[bytes | None, list[int]]:
    """All these pictures on one PNG, in their order, and the width and height of each."""
    places = [one["picture"] for method in found for one in method["pictures"]]
    height, width = images.shape[1:]
    if not places:
        return None, [width, height]
    rows = -(-len(places) // COLUMNS)
    paper: UInt8[np.ndarray, "y x c"] = np.zeros((rows * height, COLUMNS * width, images.shape[0]), np.uint8)
    for at, place in enumerate(places):
        y, x = at // COLUMNS * height, at % COLUMNS * width
        paper[y : y + height, x : x + width] = np.asarray(images.test.pixels[place]).transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(paper[..., 0] if paper.shape[2] == 1 else paper).save(file, "PNG", optimize=True)
    return file.getvalue(), [width, height]


def _csv(results: Sequence[Mapping[str, Any]]) -> str:
    page = io.StringIO()
    if results:
        writer = DictWriter(page, list(results[0]))
        writer.writeheader()
        writer.writerows(results)
    return page.getvalue()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
