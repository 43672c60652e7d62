"""Train: start `convscope train` as a person would type it, hear how far it is, pause, stop and resume it."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from convscope.errors import ConvscopeError, RecipeError, RunError, StackError
from convscope.inspect.forming import forming
from convscope.lab.asked import ERRORS, PACKED_ANSWER, Packed, RunName, TheDesk, TheRun
from convscope.lab.desk import Desk
from convscope.lab.order import Order, bounded
from convscope.lab.programs import CAN_PAUSE
from convscope.lab.shelf import OURS
from convscope.lab.sources import named, source_of
from convscope.lab.trainings import Training
from convscope.runs import Run
from convscope.training.loss import loss_for
from convscope.training.plan import fitted_to

router = APIRouter(tags=["train"])

LINES = 60
REPORT_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"

Act = Literal["pause", "continue", "stop", "resume"]


class Wanted(BaseModel):
    """A training that is wanted: pictures, a net (a name of the zoo, or its text), a recipe and its changed knobs."""

    source: str = Field(max_length=1000)
    net: str = Field("lenet5-modern", max_length=100_000)
    recipe: str | None = Field(None, max_length=100)
    knobs: dict[Annotated[str, Field(max_length=40)], int | float | Annotated[str, Field(max_length=40)]] = (
        Field({}, max_length=40)
    )
    seed: int = Field(0, ge=0, le=2**31 - 1)
    size: int | None = Field(None, ge=8, le=1024)
    fit: str | None = Field(None, max_length=20)


class Command(BaseModel):
    """The command line that does the same; or `error`, why nothing could be trained so."""

    command: str = ""
    error: str = ""
    line: int = 0
    column: int = 0


class TrainingLine(BaseModel):
    """A training: `state` is where it is, `seconds` for how long; `at` is what it said last while it learned.

    `here` says whether the page started it; a Run that was trained elsewhere has states of its own: `elsewhere` while a
    program of another terminal writes it, `cut short` where one ended without saving.
    """

    name: str
    state: str
    seconds: float = 0.0
    here: bool = False
    net: str = ""
    source: str = ""
    command: str = ""
    at: dict[str, Any] = {}
    reading: dict[str, Any] = {}
    ahead: list[str] = []
    error: str = ""
    run: bool = False
    can: list[Act] = []


class TrainingPage(BaseModel):
    """A training with what it has learned: a line an epoch, the kept epochs, the scores in the end.

    `metrics` leaves out the first `since` epochs, which are known already.
    """

    line: TrainingLine
    epochs: int
    since: int
    metrics: list[dict[str, Any]]
    kept: list[int]
    lines: list[str]
    scores: dict[str, Any] | None
    device: str
    images_per_second: float | None
    train_seconds: float | None
    left_out: int


@router.post("/trainings/command", responses=ERRORS)
def command(desk: TheDesk, wanted: Wanted) -> Command:
    """Check what is wanted, and say the command line that does it, or what is wrong; nothing is started."""
    try:
        return Command(command=_order(desk, wanted).command())
    except StackError as error:
        return Command(error=str(error), line=error.line, column=error.column)
    except ConvscopeError as error:
        return Command(error=str(error))


@router.post("/trainings", responses=ERRORS)
def begin(desk: TheDesk, wanted: Wanted) -> TrainingPage:
    """Start a training, or let it wait for its turn: at most two run at once."""
    return _page(desk, desk.trainings.begin(_order(desk, wanted)).name)


@router.get("/trainings")
def listed(desk: TheDesk) -> list[TrainingLine]:
    """The trainings that the page has started since it is open, the latest first."""
    return [_line(desk, one.name) for one in desk.trainings.listed()]


@router.get("/trainings/{run}", responses=ERRORS)
def watch(
    desk: TheDesk,
    run: RunName,
    since: Annotated[int, Query(ge=0, le=10**6, description="So many epochs are known already")] = 0,
) -> TrainingPage:
    """How far a training is; of any Run, also of one that was started in a terminal."""
    return _page(desk, run, since)


@router.post("/trainings/{run}/{act}", responses=ERRORS)
def steer(desk: TheDesk, run: RunName, act: Act) -> TrainingPage:
    """Pause a training, let it go on, stop it (it saves first), or resume one that was stopped."""
    trainings = desk.trainings
    if act == "resume":
        _resume(desk, run)
    else:
        {"pause": trainings.pause, "continue": trainings.go_on, "stop": trainings.stop}[act](run)
    return _page(desk, run)


@router.get("/runs/{run}/forming", responses=PACKED_ANSWER)
def kernels_forming(
    run: TheRun,
    units: Annotated[int, Query(ge=1, le=64)] = 24,
    epochs: Annotated[int, Query(ge=1, le=60)] = 24,
) -> Packed:
    """The first kernels after each of the kept epochs; in colour also as pictures of uint8, middle grey being zero."""
    found = forming(run, units, epochs)
    if found is None:
        return Packed({"layer": "", "units": 0, "epochs": [], "limit": 1.0}, {})
    colours = found.colours
    arrays = {"kernels": np.nan_to_num(found.kernels[:, :, 0])} if colours is None else {"colours": colours}
    head = {
        "layer": found.layer,
        "units": found.units,
        "epochs": list(found.epochs),
        "limit": found.limit,
        "below": int(found.kernels.shape[2]),
    }
    return Packed(head, arrays)


@router.get(
    "/runs/{run}/report", response_class=Response,
    responses={**ERRORS, 200: {"content": {"text/html": {}}, "description": "The report"}},
)  # fmt: skip
def report(desk: TheDesk, run: TheRun) -> Response:
    """A Run's report, as one page."""
    try:
        text = (run.path / "report.html").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        from convscope.report.page import page

        text = page(run, desk.images(run)[0])
    return Response(text, media_type="text/html", headers={"content-security-policy": REPORT_CSP})


def _order(desk: Desk, wanted: Wanted) -> Order:
    """What is wanted, checked as far as it can be before the pictures are opened.

    Raises:
        ConvscopeError: Something does not fit.
    """
    source = source_of(wanted.source, desk.folder, desk.remote)
    order = Order(source, wanted.net, wanted.recipe, wanted.knobs, wanted.seed, wanted.size, wanted.fit)
    known = named(source)
    if known is not None and (wanted.size is not None or wanted.fit is not None):
        raise RecipeError(f"{source} has a size of its own: size and fit are for pictures of your own")
    known = known or desk.looks.known(source, wanted.size, wanted.fit)
    stack = order.stack
    if known is not None:
        channels, height, width = known["shape"]
        shape = (channels, *order.chosen.seen(height, width))
        stack = bounded(fitted_to(stack, shape, known["count"]))
    loss_for(stack, order.chosen)
    return order


def _resume(desk: Desk, name: str) -> None:
    path = desk.shelf.path(name)
    if path.parent != desk.shelf.home:
        raise RunError(
            f"{name} does not lie under {desk.shelf.home}/: go on with it by convscope train --resume {path}"
        )
    run = desk.run(name)
    if run.info.get("status") == "finished":
        raise RunError(f"{name} has ended: there is nothing to go on with")
    if desk.shelf.busy(name):
        raise RunError(f"{name} is being trained already")
    desk.trainings.resume(name, str(run.info.get("net", "")), str(run.info.get("source", "")))


def _line(desk: Desk, name: str, run: Run | None = None) -> TrainingLine:
    training = desk.trainings.get(name)
    if training is None:
        return _elsewhere(desk, name, run or desk.run(name))
    there = (desk.shelf.home / name / "run.json").is_file()
    return TrainingLine(
        name=name, state=training.state, seconds=time.monotonic() - training.since, here=True, net=training.net,
        source=training.source, command=training.command, at=training.at, reading=training.reading,
        ahead=desk.trainings.ahead(training) if training.state == "waiting" else [], error=training.error, run=there,
        can=_can(training, there),
    )  # fmt: skip


def _can(training: Training, there: bool) -> list[Act]:
    found: list[Act] = []
    if training.state == "training" and CAN_PAUSE:
        found.append("pause")
    if training.state == "paused":
        found.append("continue")
    if training.live or training.state == "waiting":
        found.append("stop")
    if training.state in ("stopped", "failed") and there:
        found.append("resume")
    return found


def _elsewhere(desk: Desk, name: str, run: Run) -> TrainingLine:
    state = str(run.info.get("status"))
    if state == "running":
        state = "elsewhere" if desk.shelf.busy(name) else "cut short"
    can: list[Act] = ["resume"] if state in ("stopped", "cut short") and name not in OURS else []
    return TrainingLine(
        name=name, state=state, net=str(run.info.get("net", "")), source=str(run.info.get("source", "")), run=True, can=can
    )  # fmt: skip


def _page(desk: Desk, name: str, since: int = 0) -> TrainingPage:
    """A training; what its Run says, as soon as there is one."""
    run = None
    if desk.trainings.get(name) is None or (desk.shelf.home / name / "run.json").is_file():
        run = desk.run(name)
    line = _line(desk, name, run)
    training = desk.trainings.get(name)
    info: dict[str, Any] = run.info if run else {}
    metrics, kept, left_out, epochs = [], [], 0, int(line.at.get("epochs", 0))
    if run is not None:
        try:
            metrics, kept = run.metrics, list(run.epochs)
            epochs = epochs or int(run.recipe.get("epochs", 0))
            left_out = len((run.path / "problems.jsonl").read_bytes().splitlines())
        except (ConvscopeError, OSError) as error:
            line.error = line.error or str(error)
    done = line.state == "finished" or not line.here
    since = min(since, len(metrics))
    return TrainingPage(
        line=line, epochs=epochs, since=since, metrics=metrics[since:], kept=kept,
        lines=list(training.lines)[-LINES:] if training else [], scores=info.get("scores") if done else None,
        device=" ".join(str(info[k]) for k in ("device", "engine") if k in info),
        images_per_second=info.get("images_per_second") if done else None,
        train_seconds=info.get("train_seconds") if done else None, left_out=left_out,
    )  # fmt: skip
