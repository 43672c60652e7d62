"""The Runs: which there are, what each is, the pictures that it learned; deleting one, and bringing it back."""

from __future__ import annotations

import io
import math
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from PIL import Image
from pydantic import BaseModel

from convscope.errors import ConvscopeError, PictureError, RunError
from convscope.inspect.layers import layers_of
from convscope.inspect.subject import subject_of
from convscope.lab.asked import ERRORS, RunName, TheDesk, TheRun
from convscope.lab.compared import differences
from convscope.lab.shelf import OURS
from convscope.nets.answers import named
from convscope.runs import Run

router = APIRouter(tags=["runs"])

SHEET = 400
"""Pictures on one sheet at most."""
BESIDE = 8
"""Runs that are compared at once at most."""


class RunLine(BaseModel):
    """A Run in the list; `problem` is why it cannot be opened. Scores are null while it is trained.

    `status` is finished, stopped, diverged, running, or "cut short" where the program that trained it ended without saving.
    """

    name: str
    net: str = ""
    source: str = ""
    status: str = ""
    written: str = ""
    epochs: int = 0
    seed: int = 0
    parameters: int = 0
    test_error_percent: float | None = None
    test_interval_percent: list[float] | None = None
    test_pictures: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    recipe: str = ""
    knobs: dict[str, Any] = {}
    packaged: bool = False
    deletable: bool = False
    resumable: bool = False
    problem: str = ""


class DifferenceLine(BaseModel):
    """One thing in which Runs differ, of the `kind` run, recipe or net: a value for each."""

    kind: str
    what: str
    values: list[str]


class Compared(BaseModel):
    """Runs beside one another, in the order in which they were named; those that cannot be opened have a problem."""

    lines: list[RunLine]
    metrics: list[list[dict[str, Any]]]
    epochs: list[int]
    differences: list[DifferenceLine]


class LayerLine(BaseModel):
    """A layer: its units, the size of its maps, and what one value of it sees of the picture.

    The value at row y sees the rows from `first[0] + jump[0] * y` on, `field[0]` of them; columns likewise. `kernels` says
    whether its units have kernels that slide.
    """

    name: str
    kind: str
    text: str
    units: int
    size: tuple[int, int]
    field: tuple[int, int]
    jump: tuple[int, int]
    first: tuple[int, int]
    kernels: bool
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    padding: tuple[int, int, int, int] | None
    parameters: int
    connections: int


class RunPage(BaseModel):
    """All that the frame of the page needs to know about a Run."""

    line: RunLine
    classes: list[str]
    picture_shape: tuple[int, int, int]
    input: tuple[int, int, int]
    epochs: list[int]
    layers: list[LayerLine]
    text: str
    pictures: dict[str, int]
    missing: str
    metrics: list[dict[str, Any]]


@router.get("/runs", responses={422: ERRORS[422]})
def listed(desk: TheDesk) -> list[RunLine]:
    """All Runs, newest first; the packaged ones last."""
    return [line_of(desk, name) for name in desk.shelf.paths()]


@router.get("/compare", responses=ERRORS)
def compare(
    desk: TheDesk, runs: Annotated[str, Query(max_length=2000, description="Names, with commas between: 3,4")]
) -> Compared:
    """Some Runs beside one another: what differs, and a line for each of their epochs."""
    names = list(dict.fromkeys(name for name in runs.split(",") if name))
    if len(names) > BESIDE:
        raise RunError(f"at most {BESIDE} Runs are compared at once, not {len(names)}")
    lines, opened = [], []
    for name in names:
        line = line_of(desk, name)
        opened.append(None if line.problem else _whole(desk, line))
        lines.append(line)
    there = [run for run in opened if run is not None]
    found = differences(there) if len(there) == len(names) else []
    return Compared(
        lines=lines, differences=[DifferenceLine(kind=d.kind, what=d.what, values=list(d.values)) for d in found],
        metrics=[[_finite(row) for row in run.metrics] if run else [] for run in opened],
        epochs=[int(run.recipe.get("epochs", 0)) if run else 0 for run in opened],
    )  # fmt: skip


def _whole(desk: TheDesk, line: RunLine) -> Run | None:
    """A Run whose files can all be read; else None, and the line says why."""
    try:
        run = desk.run(line.name)
        _ = run.stack, run.metrics, int(run.recipe.get("epochs", 0))
        return run
    except (ConvscopeError, ValueError, TypeError) as error:
        line.problem = str(error)
        return None


@router.get("/runs/{run}", responses=ERRORS)
def page(desk: TheDesk, run: RunName, opened: TheRun) -> RunPage:
    """One Run: its layers, classes, epochs, and how many pictures of its set are here."""
    images, why = desk.images(opened)
    counts = {"train": len(images.train), "test": len(images.test)} if images else {"train": 0, "test": 0}
    return RunPage(
        line=line_of(desk, run), classes=list(opened.classes), picture_shape=tuple(opened.info["picture_shape"]),
        input=opened.stack.input.shape, epochs=list(opened.epochs), layers=_layers(opened), text=str(opened.stack),
        pictures=counts, missing=why, metrics=opened.metrics,
    )  # fmt: skip


@router.delete("/runs/{run}", responses=ERRORS)
def delete(desk: TheDesk, run: RunName) -> dict[str, str]:
    """Put a Run aside; it can be brought back for a day."""
    desk.shelf.delete(run)
    return {"deleted": run}


@router.post("/runs/{run}/restore", responses=ERRORS)
def restore(desk: TheDesk, run: RunName) -> dict[str, str]:
    """Bring back a Run that was deleted."""
    desk.shelf.restore(run)
    return {"restored": run}


@router.get("/runs/{run}/pictures", responses=ERRORS)
def pictures(
    desk: TheDesk,
    run: TheRun,
    part: Literal["test", "train"] = "test",
    label: Annotated[str | None, Query(max_length=200, description="Only pictures of this class")] = None,
    wrong: Annotated[bool, Query(description="Only those that the net got wrong")] = False,
    start: Annotated[int, Query(ge=0, le=10**9)] = 0,
    count: Annotated[int, Query(ge=1, le=SHEET)] = 60,
) -> list[dict[str, Any]]:
    """Pictures of a Run's set: their numbers, labels, and of test pictures what the net said at the end of the training."""
    images, why = desk.images(run)
    if images is None:
        raise PictureError(f"the pictures that this net learned are not here ({why})")
    those = images.test if part == "test" else images.train
    truth = np.asarray(those.labels)
    said = _answers(run) if part == "test" else None
    wanted = np.ones(len(truth), bool)
    if label is not None:
        if label not in images.classes:
            raise PictureError(f"there is no class {label!r}: there are {', '.join(images.classes[:20])}")
        wanted &= truth == images.classes.index(label)
    if wrong:
        wanted &= (said != truth) if said is not None and len(said) == len(truth) else False
    numbers = np.flatnonzero(wanted)[start : start + count]
    return [
        {
            "picture": f"{part}/{n}", "label": images.classes[int(truth[n])],
            "said": None if said is None or len(said) != len(truth) else images.classes[int(said[n])],
        }
        for n in numbers
    ]  # fmt: skip


@router.get(
    "/runs/{run}/picture.png", response_class=Response,
    responses={**ERRORS, 200: {"content": {"image/png": {}}, "description": "The picture"}},
)  # fmt: skip
def picture_png(desk: TheDesk, run: TheRun, picture: Annotated[str, Query(max_length=200)]) -> Response:
    """A picture as a PNG file, in its own size."""
    pixels = desk.picture(picture, run)
    image = Image.fromarray(
        pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    )
    file = io.BytesIO()
    image.save(file, "PNG")
    kept = {"cache-control": "private, max-age=3600"}
    return Response(file.getvalue(), media_type="image/png", headers=kept)


@router.get("/runs/{run}/epochs/{number}", responses=ERRORS)
def epoch(run: TheRun, number: Annotated[int, Path(ge=0, le=10**6)]) -> dict[str, Any]:
    """The line of an epoch: its loss and accuracy; nothing of epoch 0, the random start."""
    return next((line for line in run.metrics if line.get("epoch") == number), {})


def line_of(desk: TheDesk, name: str) -> RunLine:
    """A Run as a line of the list, also where it cannot be opened."""
    packaged = name in OURS
    try:
        run = desk.run(name)
        info, scores = run.info, run.info.get("scores") or {}
        own, status = desk.shelf.path(name).parent == desk.shelf.home, _status(desk, name, info["status"])
        return RunLine(
            name=name, net=info["net"], source=str(info["source"]), status=status, written=info["written"],
            epochs=info["epochs"], seed=info["seed"], parameters=info["parameters"],
            test_error_percent=scores.get("test_error_percent"), test_interval_percent=scores.get("test_interval_percent"),
            test_pictures=scores.get("test_pictures"),
            train_seconds=info.get("train_seconds"), images_per_second=info.get("images_per_second"),
            recipe=str(info["recipe"]), knobs=run.recipe, packaged=packaged,
            deletable=own and status != "running", resumable=own and status in ("stopped", "cut short"),
        )  # fmt: skip
    except ConvscopeError as error:
        return _damaged(desk, name, str(error))
    except (KeyError, TypeError, ValueError, AttributeError):
        return _damaged(
            desk, name, f"{name}/run.json: damaged (a part is missing or of another kind); train again"
        )


def _damaged(desk: TheDesk, name: str, problem: str) -> RunLine:
    """The line of a Run that cannot be opened: what is wrong, and whether it can be put aside."""
    try:
        own = desk.shelf.path(name).parent == desk.shelf.home
    except ConvscopeError:
        own = False
    return RunLine(name=name, packaged=name in OURS, deletable=own, problem=problem)


def _status(desk: TheDesk, name: str, status: str) -> str:
    """What a Run says of itself, but for one that says that it is trained although nobody does."""
    if status != "running":
        return status
    training = desk.trainings.get(name)
    known = training is not None and training.live
    return "running" if known or desk.shelf.busy(name) else "cut short"


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """A line of metrics.jsonl that JSON can say: what is no number is left out."""
    return {k: v for k, v in row.items() if not isinstance(v, float) or math.isfinite(v)}


def _answers(run: Run) -> np.ndarray | None:
    """The classes that the net named for the test pictures at the end of its training."""
    import torch

    try:
        return named(run.stack, torch.from_numpy(run.arrays("test.safetensors")["answers"])).numpy()
    except (ConvscopeError, KeyError):
        return None


def _layers(run: Run) -> list[LayerLine]:
    slide = {layer.name for layer in layers_of(subject_of(run))}
    lines = dict(zip((line.name for line in run.stack.lines), str(run.stack).splitlines()[1:], strict=True))
    found = []
    for rung in run.stack.ladder:
        first = (rung.fields[0].span(0)[0], rung.fields[1].span(0)[0])
        found.append(LayerLine(
            name=rung.name, kind=rung.kind, text=lines[rung.name].split(maxsplit=1)[1], units=rung.output[0],
            size=(rung.output[1], rung.output[2]), field=rung.receptive_field, jump=rung.jump, first=first,
            kernels=rung.name in slide, kernel=rung.kernel, stride=rung.stride, padding=rung.padding,
            parameters=rung.parameters, connections=rung.connections,
        ))  # fmt: skip
    return found
