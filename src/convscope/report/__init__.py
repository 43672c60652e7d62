"""The report: a Run as one self-contained HTML file, for people.

Each part of the page has a module that turns the Run into plain records; `report.html.j2` only places them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convscope.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

    from convscope.data.images import Images
    from convscope.runs import Run


def write_report(run: Run, images: Images | None, out: Path | None = None) -> Path:
    """Write a report, by default RUN/report.html, and return its path; without `images` it says which pictures are missing.

    Raises:
        RunError: The Run is damaged, or its folder cannot be written.
    """
    from convscope.data.whole import write_whole
    from convscope.report.page import page

    path = out or run.path / "report.html"
    text = page(run, images)
    try:
        write_whole(path, text.encode("utf-8"))
    except OSError as error:
        raise RunError(
            f"{path}: the report cannot be written ({error.strerror or error}); make the folder writable, "
            f"or copy the Run elsewhere and write it there with: convscope report"
        ) from None
    return path
