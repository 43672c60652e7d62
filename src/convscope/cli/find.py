"""`convscope find`: what is in a large picture, and where."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import ARun
from convscope.cli.output import as_json, remark, table

if TYPE_CHECKING:
    from convscope.finding.search import Found, Progress, Search
    from convscope.runs import Run

SHOWN, WIDTH = 20, 30


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("find")(find)


Least = typer.Option(
    min=0, max=1, help="How sure the net must be, from 0 to 1: 0.9; with --like how alike a place: 0.5."
)
Smallest = typer.Option(
    min=1, help="The smallest window, in pixels of the picture; by default the net's own size, 1 to 1."
)
Largest = typer.Option(min=1, help="The largest one; by default the whole picture.")
Fine = typer.Option(
    min=1,
    max=8,
    help="Move the windows so many times as finely: digits on a line want 2. It costs the square.",
)
Empty = typer.Option(
    help="A picture, or a folder of pictures, with none of the things: learn from it what nothing is."
)
Out = typer.Option("--out", "-o", help="Write the picture with what was found: .png, .jpg or .webp.")
Like = typer.Option(
    help="Search by example: X,Y,WIDTH,HEIGHT of the picture; where else does the net answer alike?"
)
Among = typer.Option(help="With --like: look in this picture, or in all of this folder.")
Layer = typer.Option(help="With --like: compare by this layer; by default the deepest that is fine enough.")
Heat = typer.Option(help="Draw where the net is sure of this class over it; `all` for any.")


def find(
    run: ARun,
    picture: Annotated[Path, typer.Argument(help="A picture file of any kind and size.")],
    least: Annotated[float | None, Least] = None,
    smallest: Annotated[float | None, Smallest] = None,
    largest: Annotated[float | None, Largest] = None,
    fine: Annotated[int, Fine] = 1,
    empty: Annotated[Path | None, Empty] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Window by window, also where one pass would do.")
    ] = False,
    read: Annotated[
        bool, typer.Option("--read", help="Print the classes in reading order, line by line.")
    ] = False,
    out: Annotated[Path | None, Out] = None,
    heat: Annotated[str | None, Heat] = None,
    like: Annotated[str | None, Like] = None,
    among: Annotated[Path | None, Among] = None,
    layer: Annotated[str | None, Layer] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find in a large picture what a net was taught on small ones.

    Example: convscope find finder page.png --smallest 20 --largest 60 -o found.png

    The net is moved over the picture at many sizes. It finds best what it learned beside a class called `nothing`: teach
    it with convscope train mnist+nothing, with convscope train SOURCE --background FOLDER of any pictures without the
    classes, or with a folder of that name beside the others. With --like it looks for
    what any layer answers to as to a part of the picture, whatever its class.
    """
    from convscope.data.pictures import read_picture
    from convscope.runs import Run

    opened, pixels = Run(run), read_picture(picture)
    if like is not None or among is not None or layer is not None:
        from convscope.cli.alike import find_alike

        others = {"empty": empty, "read": read, "heat": heat, "smallest": smallest, "largest": largest}
        _refuse({**others, "sweep": sweep, "fine": fine > 1})
        find_alike(opened, picture, pixels, like, among, layer, 0.5 if least is None else least, out, json)
        return
    _check(opened, heat, smallest, largest)
    search = _search(opened, (0.9 if least is None else least, smallest, largest, fine, sweep), empty)
    found = search.through(pixels, _shown)
    for step in found.steps:
        remark(step)
    if out is not None:
        _write(pixels, found, heat, out)
    lines = _lines(opened, pixels, found) if read else None
    if json:
        as_json(_object(picture, found) | ({} if lines is None else {"lines": lines}))
    elif lines is not None:
        print(
            "\n".join("".join(line) if all(len(s) == 1 for s in line) else " ".join(line) for line in lines)
        )
    else:
        _print_table(found)


def _refuse(given: dict[str, Any]) -> None:
    """What says how to look for classes has no meaning for an example."""
    for name, value in given.items():
        if value:
            raise typer.BadParameter(f"--{name} is for finding classes, and does not go with --like")


def _check(run: Run, heat: str | None, smallest: float | None, largest: float | None) -> None:
    from convscope.errors import PictureError, instead

    if heat is not None and heat not in ("all", *run.classes):
        raise PictureError(
            f"there is no class {heat!r} to draw the heat of: {instead(heat, ['all', *run.classes])}"
        )
    if smallest and largest and smallest > largest:
        raise PictureError(f"the smallest window, {smallest:g}, is larger than the largest, {largest:g}")


def _search(
    run: Run, asked: tuple[float, float | None, float | None, int, bool], empty: Path | None
) -> Search:
    """The Run made ready; what it does not know, and how it goes about it, is said."""
    from convscope.data.background import NOTHING
    from convscope.finding.search import Search, Wish

    least, smallest, largest, fine, sweep = asked
    search = Search(run, Wish(least, smallest, largest, fine=fine, sweep=sweep))
    if empty is not None:
        _learn_nothing(search, empty)
    elif NOTHING not in run.classes:
        remark(
            "this net never learned what nothing is, and names something everywhere: see --empty, and --help"
        )
    if search.how.mode == "sweep" and not sweep:
        remark(f"window by window: {search.how.why}")
    return search


def _learn_nothing(search: Search, empty: Path) -> None:
    """Raise what is asked of a find until nothing is found where nothing is."""
    read: list[str] = []

    def each() -> Iterator[Any]:
        for name, pixels in pictures_in(empty):
            read.append(name)
            yield pixels

    count = search.learn_nothing(each())
    remark(
        f"{count:,} windows of {len(read):,} empty pictures looked like something; what is no more like it is left out"
    )


def pictures_in(path: Path) -> Iterator[tuple[str, Any]]:
    """A picture file, or all of a folder, by name; broken ones of a folder are told of and left out.

    Raises:
        PictureError: The file is no picture, or the folder has none.
    """
    from convscope.data.pictures import read_picture
    from convscope.errors import PictureError

    found = False
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        try:
            pixels = read_picture(file)
        except PictureError as error:
            if file == path:
                raise
            remark(f"left out: {error}")
            continue
        found = True
        yield str(file), pixels
    if not found:
        raise PictureError(f"{path}: no picture in it")


def _shown(at: Progress) -> None:
    """A bar on a terminal, which is gone when all is done."""
    if sys.stderr.isatty():
        done = int(WIDTH * at.windows / max(1, at.of))
        bar = (
            ""
            if at.windows >= at.of
            else f"[{'#' * done}{'.' * (WIDTH - done)}] {at.windows:,} of {at.of:,} windows"
        )
        print(f"\r\x1b[K{bar}", end="", file=sys.stderr, flush=True)


def _write(pixels: Any, found: Found, heat: str | None, out: Path) -> None:
    from convscope.drawing.writing import write_picture
    from convscope.finding.picture import drawn

    write_picture(drawn(pixels, found, heat), out)
    remark(f"{out}: the picture with what was found")


def _object(picture: Path, found: Found) -> dict[str, Any]:
    return {
        "picture": str(picture),
        "size": [found.size[1], found.size[0]],
        "boxes": [asdict(box) for box in found.boxes],
        "seconds": round(found.seconds, 3),
        "forward_passes": found.forward_passes,
        "mode": found.mode,
    }


def _lines(run: Run, pixels: Any, found: Found) -> list[list[str]]:
    from convscope.finding.reading import read_page

    return [[box.label for box in line] for line in read_page(run, pixels, found.boxes)]


def _print_table(found: Found) -> None:
    if not found.boxes:
        remark("nothing was found; --least 0.5 asks for less")
        return
    rows = [
        [box.label, f"{box.score:.2f}", *(f"{side:.0f}" for side in (box.x, box.y, box.width, box.height))]
        for box in found.boxes[:SHOWN]
    ]
    print(table(["what", "sure", "x", "y", "width", "height"], rows))
    if len(found.boxes) > SHOWN:
        print(f"and {len(found.boxes) - SHOWN} more: --json has all, -o draws them")
    passes = f"{found.forward_passes:,} pass{'es' if found.forward_passes > 1 else ''}"
    remark(f"{len(found.boxes)} found in {found.seconds:.1f} s, {passes} ({found.mode})")
