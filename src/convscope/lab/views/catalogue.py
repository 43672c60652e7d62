"""What a training is put together from: sources of pictures, nets with their ladders, recipes with their knobs."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from convscope.data.cache import cache_folder
from convscope.data.sources import catalogue
from convscope.errors import GeometryError, SourceError, StackError
from convscope.lab import uploads
from convscope.lab.asked import BYTES, ERRORS, TheDesk
from convscope.lab.order import FITS, net_of
from convscope.lab.sources import source_of
from convscope.nets.stack import Stack
from convscope.nets.steps import KINDS
from convscope.nets.zoo import ENTRIES, zoo
from convscope.training.plan import fitted_to
from convscope.training.recipe import Recipe, default_of
from convscope.training.recipes import RECIPES

router = APIRouter(tags=["catalogue"])


class SourceLine(BaseModel):
    """A source of pictures: a named one, or one that was sent to the page (`own`)."""

    name: str
    title: str
    pictures: int = 0
    classes: int = 0
    shape: list[int] = []
    bytes: int = 0
    licence: str = ""
    citation: str = ""
    where: str = ""
    own: bool = False


class Look(BaseModel):
    """Pictures of one's own that are to be looked into."""

    source: str = Field(max_length=1000)
    size: int | None = Field(None, ge=1, le=4096)
    fit: str | None = Field(None, max_length=20)


class Looked(BaseModel):
    """How far a look into pictures is; `found` says in the end what there is, or `error` why it cannot be learned from."""

    source: str
    over: bool
    seconds: float
    done: int
    total: int
    error: str
    found: dict[str, Any] | None


class NetLine(BaseModel):
    """A net of the zoo, as its text."""

    name: str
    title: str
    source: str
    chosen: str
    parameters: int
    text: str


class Text(BaseModel):
    """A net's text, and the pictures it is for: their shape (channels, height, width) and how many classes."""

    text: str = Field(max_length=100_000)
    shape: tuple[int, int, int] | None = None
    classes: int | None = Field(None, ge=1, le=100_000)


class RungLine(BaseModel):
    """A layer's sizes: see `convscope shapes`."""

    name: str
    kind: str
    text: str
    output: list[int]
    parameters: int
    field: list[int]
    kernel: list[int] | None
    stride: list[int] | None


class Ladder(BaseModel):
    """A net, layer by layer; `remarks` say how it was brought to the pictures. Or `error`: why the text is no net."""

    name: str = ""
    input: list[int] = []
    layers: list[RungLine] = []
    parameters: int = 0
    multiply_adds: int = 0
    remarks: list[str] = []
    error: str = ""
    line: int = 0
    column: int = 0


class Knob(BaseModel):
    """A knob of a recipe: a number from `low` to `high`, or one of `names`."""

    name: str
    help: str
    unit: str
    default: int | float | str
    whole: bool
    low: float | None = None
    high: float | None = None
    names: list[str] = []


class RecipeLine(BaseModel):
    """A recipe: what it is for, and all its knobs."""

    name: str
    nets: list[str]
    about: str
    knobs: dict[str, int | float | str]


class Recipes(BaseModel):
    """All recipes, and what their knobs mean."""

    recipes: list[RecipeLine]
    knobs: list[Knob]
    fits: list[str]


class Uploaded(BaseModel):
    """What was sent, as a source to learn from."""

    source: str
    bytes: int


@router.get("/sources")
def sources() -> list[SourceLine]:
    """The named sources, and the pictures that were sent to the page, the newest first."""
    own = [
        SourceLine(name=str(path), title=path.stem, bytes=path.stat().st_size, own=True, where="uploaded")
        for path in uploads.listed()[:20]
    ]
    return [*(SourceLine(**{k: row[k] for k in row if k != "checksums"}) for row in catalogue()), *own]


@router.post("/sources/look", responses=ERRORS)
def look(desk: TheDesk, asked: Look) -> Looked:
    """Look into a folder, zip, tar or CSV on this machine, as a training would; ask again until it is over."""
    try:
        source = source_of(asked.source, desk.folder, desk.remote)
        looking = desk.looks.at(source, asked.size, asked.fit)
    except SourceError as error:
        return Looked(
            source=asked.source, over=True, seconds=0, done=0, total=0, error=str(error), found=None
        )
    return Looked(
        source=source, over=looking.over, seconds=time.monotonic() - looking.since, done=looking.done, total=looking.total,
        error=looking.error, found=looking.found,
    )  # fmt: skip


@router.post("/uploads/{name}", responses=ERRORS, openapi_extra=BYTES)
async def upload(request: Request, name: Annotated[str, Path(max_length=200)]) -> Uploaded:
    """Send a zip of a folder with a folder of pictures for each class, as raw bytes; it is kept in the cache folder."""
    path = await uploads.taken(name, request.stream())
    return Uploaded(source=str(path), bytes=path.stat().st_size)


@router.get("/uploads")
def uploaded() -> dict[str, Any]:
    """Where uploads are kept, and how many bytes they take."""
    held = uploads.listed()
    return {"folder": str(cache_folder() / "uploads"), "bytes": sum(path.stat().st_size for path in held)}


@router.get("/nets")
def nets() -> list[NetLine]:
    """The nets of the zoo."""
    own = ("name", "title", "source", "chosen")
    return [
        NetLine(
            **{key: getattr(e, key) for key in own}, parameters=zoo[e.name].parameters, text=str(zoo[e.name])
        )
        for e in ENTRIES
    ]


@router.get("/steps")
def steps() -> dict[str, str]:
    """The steps that a net's text may have, and what each does."""
    from convscope.nets.grammar import usage

    return {usage(kind): " ".join((kind.__doc__ or "").split("\n\n")[0].split()) for kind in KINDS.values()}


@router.post("/stack", responses=ERRORS)
def stack(asked: Text) -> Ladder:
    """The ladder of a net that is given as text or by its name in the zoo; what is wrong with it has a line and a column."""
    try:
        return _ladder(asked)
    except StackError as error:
        return Ladder(error=str(error), line=error.line, column=error.column)
    except GeometryError as error:
        return Ladder(error=str(error))


def _ladder(asked: Text) -> Ladder:
    typed = net_of(asked.text.strip() if asked.text.strip() in zoo else asked.text)
    made, remarks = _fitted(typed, asked)
    rows = [row.split(maxsplit=1)[1] for row in str(made).splitlines()[1:]]
    texts = dict(zip((line.name for line in made.lines), rows, strict=True))
    return Ladder(
        name=asked.text.strip() if asked.text.strip() in zoo else "own",
        input=list(made.input.shape), parameters=made.parameters, remarks=remarks,
        multiply_adds=sum(rung.multiply_adds for rung in made.ladder),
        layers=[
            RungLine(
                name=rung.name, kind=rung.kind, text=texts[rung.name], output=list(rung.output), parameters=rung.parameters,
                field=list(rung.receptive_field), kernel=rung.kernel and list(rung.kernel),
                stride=rung.stride and list(rung.stride),
            )
            for rung in made.ladder
        ],
    )  # fmt: skip


@router.get("/recipes")
def recipes() -> Recipes:
    """The recipes, and what their knobs mean."""
    knobs = []
    for knob in fields(Recipe):
        rule, names, value = knob.metadata, list(knob.metadata.get("names", ())), default_of(knob.name)
        knobs.append(Knob(
            name=knob.name, help=rule["help"], unit=rule["unit"], default=value, whole=isinstance(value, int),
            low=None if names else rule["low"], high=None if names else rule["high"], names=names,
        ))  # fmt: skip
    rows = [
        RecipeLine(name=r.name, nets=list(r.nets), about=r.about, knobs=r.recipe.as_dict()) for r in RECIPES
    ]
    return Recipes(recipes=rows, knobs=knobs, fits=list(FITS))


def _fitted(typed: Stack, asked: Text) -> tuple[Stack, list[str]]:
    """The net as it would be trained on such pictures, and in words what changes."""
    if asked.shape is None or asked.classes is None:
        return typed, []
    if not all(0 < side <= 4096 for side in asked.shape):
        raise GeometryError(
            f"pictures are (channels, height, width), each from 1 to 4096, not {list(asked.shape)}"
        )
    made = fitted_to(typed, asked.shape, asked.classes)
    remarks = []
    if made.input != typed.input:
        remarks.append(f"its input becomes {_by(made.input.shape)}, as the pictures are")
    elif made.input.shape != asked.shape:
        remarks.append(f"pictures of {_by(asked.shape)} are padded to its {_by(made.input.shape)}")
    if made.outputs != typed.outputs:
        remarks.append(f"its last layer gets {made.outputs} answers, one for each class")
    return made, remarks


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
