"""`convscope find --like`: where else a net answers as it does to a part of a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.cli.find import pictures_in
from convscope.cli.output import as_json, remark, table

if TYPE_CHECKING:
    from convscope.finding.alike import Alike
    from convscope.runs import Run


def find_alike(
    run: Run, picture: Path, pixels: Any, like: str | None, among: Path | None, layer: str | None,
    least: float, out: Path | None, json: bool,
) -> None:  # fmt: skip
    """Look for places like a part of the picture, in it or among others, and say them best first."""
    from convscope.errors import PictureError
    from convscope.finding.alike import example, ranked

    if like is None:
        raise PictureError(
            "--among and --layer say where and by what to search for an example: --like X,Y,WIDTH,HEIGHT"
        )
    wanted = example(run, pixels, _frame(like), layer)
    others = pictures_in(among) if among is not None else iter([(str(picture), pixels)])
    found = ranked(wanted, others, remark, least=least)
    remark(f"by {wanted.rung.name}: {len(found)} places, best first")
    if out is not None:
        _write(found, pixels, picture, out)
    if json:
        as_json({"picture": str(picture), "like": list(_frame(like)), "layer": wanted.rung.name,
                 "places": [asdict(place) for place in found]})  # fmt: skip
        return
    rows = [
        [
            f"{p.score:.2f}",
            f"{p.x:.0f}",
            f"{p.y:.0f}",
            f"{p.width}",
            f"{p.height}",
            *([p.picture] if among else []),
        ]
        for p in found
    ]
    if rows:
        print(table(["alike", "x", "y", "width", "height", *(["picture"] if among else [])], rows))


def _frame(words: str) -> tuple[int, int, int, int]:
    from convscope.errors import PictureError

    numbers = words.split(",")
    if len(numbers) != 4 or not all(n.strip().isdecimal() for n in numbers):
        raise PictureError(f"an example is X,Y,WIDTH,HEIGHT in pixels, such as 40,60,28,28, not {words!r}")
    x, y, width, height = (int(n) for n in numbers)
    return x, y, width, height


def _write(found: tuple[Alike, ...], pixels: Any, picture: Path, out: Path) -> None:
    """The picture with its places; of other pictures each place cut out, in a row."""
    from convscope.drawing.writing import write_picture
    from convscope.finding.picture import cuttings, framed

    own = all(place.picture == str(picture) for place in found)
    write_picture(framed(pixels, found) if own else cuttings(found), out)
    remark(f"{out}: what was found")
