"""Puts a contest into the package, and makes the documents' tables anew: python docs/results.py [FOLDER ...]

FOLDER is where `convscope compare` keeps a contest, such as comparisons/mnist: its results.json becomes
src/convscope/comparison/results/SOURCE.json (SOURCE-BUDGET.json with another budget than the default). The sheet of pictures
goes along where the pictures themselves come with convscope. Run `convscope compare` first: what is kept costs it nothing.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from convscope.comparison.packaged import FOLDER, packaged, read
from convscope.comparison.telling import SHEET
from convscope.data.sources import SOURCES

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "results-1998.md", ROOT / "docs" / "results-2012.md")
MARK = re.compile(r"(<!-- (\w+) (\S+) -->\n).*?(<!-- end -->)", re.S)
SHORT = (
    "linear",
    "knn",
    "tangent",
    "svm-virtual",
    "net-500-150-distorted",
    "lenet5",
    "lenet5-distorted",
    "digits",
)
"""The rows of the README's table."""
WITHIN_POINTS, WITHIN_PART = 0.5, 0.2


def take(folder: Path) -> Path:
    """Put a contest's results into the package."""
    text = (folder / "results.json").read_text()
    told = read(folder / "results.json")
    place = Path(told["source"])
    if place.is_absolute():  # where it lay is of no interest
        text = text.replace(str(place), place.name)
    budget = told.get("budget", "default")
    name = Path(told["source"]).stem + ("" if budget == "default" else f"-{budget}")
    path = FOLDER / f"{name}.json"
    path.write_text(text)
    sheet = path.with_suffix(".png")
    sheet.unlink(missing_ok=True)
    if (
        any(source.name == told["source"] and source.embedded for source in SOURCES)
        and (folder / SHEET).exists()
    ):
        shutil.copyfile(folder / SHEET, sheet)
    return path


def fresh(text: str) -> str:
    """A page with its tables made from what is packaged: between `<!-- TABLE CONTEST -->` and `<!-- end -->`."""
    return MARK.sub(
        lambda found: found[1] + "\n" + TABLES[found[2]](packaged(found[3])) + "\n" + found[4], text
    )


def short(told: dict[str, Any]) -> str:
    """The README's table: a few methods."""
    heads = ["method", "preprocessing", "published", "measured", "95 % interval"]
    rows = [row for row in measured(told) if row["method"] in SHORT]
    return table(heads, [[row["title"], row["preprocessing"], published(row), *error(row)] for row in rows])


def full(told: dict[str, Any]) -> str:
    """All methods: whether each came near what was published, and what it cost."""
    as_there = told["budget"] == "default"  # as many pictures as the paper's
    heads = [
        "method",
        "preprocessing",
        "published",
        "error",
        "95 % interval",
        *(["near"] if as_there else []),
        "rejected",
    ]
    rows = [
        [row["title"], row["preprocessing"], published(row), *error(row), *([near(row)] if as_there else []), rejected(row),
         f"{row['processor_seconds']:,.0f}", f"{row['parameters']:,}", f"{row['memory_bytes'] / 1e9:.2f} GB"]
        for row in measured(told)
    ]  # fmt: skip
    return (
        table([*heads, "processor s", "numbers", "memory"], rows)
        + "\n"
        + told.get("answer", "")
        + "\n\n"
        + evidence(told)
    )


def asked(told: dict[str, Any]) -> str:
    """The experiments: a table of methods and conditions each."""
    from convscope.comparison.experiments import EXPERIMENTS

    parts = []
    for experiment in EXPERIMENTS.values():
        rows = [
            r for r in told["results"] if r["experiment"] == experiment.name and r["status"] == "measured"
        ]
        conditions = list(dict.fromkeys(row["condition"] for row in rows))
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            found.setdefault(row["title"], {})[row["condition"]] = row
        cells = [[title, *(_cell(of.get(words)) for words in conditions)] for title, of in found.items()]
        if rows:
            parts.append(
                f"{experiment.title}: {experiment.about}.\n\n" + table(["method", *conditions], cells)
            )
    return "\n".join(parts) or "What convolution buys has not been measured with all digits yet.\n"


def _cell(row: dict[str, Any] | None) -> str:
    return "{} ({})".format(*error(row)) if row else ""


def photographs(told: dict[str, Any]) -> str:
    """Methods for photographs, the fewest errors first, and why others have no figure."""
    rows = [
        [row["title"], row["preprocessing"], *error(row), f"{row['processor_seconds']:,.0f}", f"{row['parameters']:,}",
         f"{row['memory_bytes'] / 1e9:.2f} GB"]
        for row in sorted(measured(told), key=lambda row: row["error_percent"])
    ]  # fmt: skip
    heads = ["method", "shown sides", "error", "95 % interval", "processor s", "numbers", "memory"]
    left: dict[str, list[str]] = {}
    for row in told["results"]:
        if row["status"] != "measured" and not row["experiment"]:
            left.setdefault(row["status"], []).append(row["title"])
    reasons = "; ".join(f"{', '.join(titles)} ({status})" for status, titles in left.items())
    without = f"Without a figure: {reasons}.\n\n" if left else ""
    return f"{table(heads, rows)}\n{told.get('answer', '')}\n\n{without}{evidence(told)}"


def elsewhere(told: dict[str, Any]) -> str:
    """Contests of others, as they were published; nothing of it was measured here."""
    from convscope.comparison.elsewhere import ELSEWHERE

    del told
    heads = ["contest", "method", "on", "error", "not among five answers", "source"]
    return table(
        heads,
        [
            [
                contest.title,
                entry.method,
                entry.on,
                _printed(entry.top1_percent),
                _printed(entry.top5_percent),
                contest.source,
            ]
            for contest in ELSEWHERE.values()
            for entry in contest.entries
        ],
    )


def _printed(percent: float | None) -> str:
    return "" if percent is None else f"{percent:g} %"


TABLES = {
    "short": short,
    "full": full,
    "experiments": asked,
    "photographs": photographs,
    "elsewhere": elsewhere,
}


def measured(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table that have a figure."""
    return [row for row in told["results"] if not row["experiment"] and row["status"] == "measured"]


def published(row: dict[str, Any]) -> str:
    """A published error."""
    return f"{row['published_error_percent']:g} %" if row["published_error_percent"] is not None else ""


def error(row: dict[str, Any]) -> tuple[str, str]:
    """A measured error, and its interval."""
    low, high = row["interval_percent"]
    return f"{row['error_percent']:.2f} %", f"{low:.2f} to {high:.2f}"


def near(row: dict[str, Any]) -> str:
    """Whether a measured error is within half a point or a fifth of the published one, whichever is larger."""
    known = row["published_error_percent"]
    if known is None:
        return ""
    off = row["error_percent"] - known
    if abs(off) <= max(WITHIN_POINTS, WITHIN_PART * known):
        return "yes"
    return "better" if off < 0 else "worse"


def rejected(row: dict[str, Any]) -> str:
    """What is rejected to leave 0.5 % errors, and what was published."""
    if row["rejection_percent"] is None:
        return ""
    known = row["published_rejection_percent"]
    return f"{row['rejection_percent']:.1f} %" + (f" (paper: {known:g})" if known is not None else "")


def evidence(told: dict[str, Any]) -> str:
    """Where figures come from, in a line."""
    e = told["evidence"]
    versions = ", ".join(
        f"{name} {e[name]}" for name in ("python", "torch", "scikit-learn", "convscope") if e.get(name)
    )
    where = f"{e['processor']}, {e['cores']} cores, {versions}, seed {told.get('seed', 0)}"
    return f"`{e['command']}`, {e['written']}: {where}.\n"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        take(Path(folder))
    for page in PAGES:
        page.write_text(fresh(page.read_text()))
