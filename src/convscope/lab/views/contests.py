"""Compare: the network against all the other methods. Contests that were measured, and those that the page starts."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, Field

from convscope.comparison.budget import BUDGETS
from convscope.comparison.catalogue import METHODS
from convscope.comparison.elsewhere import ELSEWHERE
from convscope.comparison.experiments import EXPERIMENTS
from convscope.errors import ConvscopeError, RunError
from convscope.lab.asked import ERRORS, TheDesk
from convscope.lab.contests import HERE, ContestOrder
from convscope.lab.desk import Desk
from convscope.lab.sources import source_of

router = APIRouter(tags=["compare"])

LINES = 60
Name = Annotated[
    str, Path(description="A contest: a packaged one's name, or here:FOLDER", min_length=1, max_length=255)
]
Word = Annotated[str, Field(max_length=60)]


class WantedContest(BaseModel):
    """A contest that is wanted: pictures, a budget, and which methods or experiments; all methods where none is named."""

    source: str = Field(max_length=1000)
    budget: str = Field("default", max_length=20)
    only: list[Word] = Field([], max_length=100)
    experiments: list[Word] = Field([], max_length=20)
    seed: int = Field(0, ge=0, le=2**31 - 1)


class Typed(BaseModel):
    """The command line that does the same; or `error`, why there can be no such contest."""

    command: str = ""
    error: str = ""


class GoingLine(BaseModel):
    """A contest that the page started: `state` is where it is, `seconds` for how long; `at` is the method that it is at."""

    state: str
    seconds: float
    at: dict[str, Any]
    reading: dict[str, Any]
    ahead: list[str]
    error: str
    command: str
    lines: list[str]
    stoppable: bool


class ContestLine(BaseModel):
    """A contest in the list; `problem` is why it cannot be read."""

    name: str
    own: bool
    source: str = ""
    budget: str = ""
    methods: int = 0
    written: str = ""
    state: str = ""
    problem: str = ""


class ContestPage(BaseModel):
    """A contest: what `convscope compare --json` says of it, and how far it is where it goes on here."""

    name: str
    own: bool
    told: dict[str, Any] | None
    going: GoingLine | None


class Known(BaseModel):
    """What contests are made of: methods, experiments, budgets; and contests that others published."""

    methods: list[dict[str, Any]]
    experiments: list[dict[str, Any]]
    budgets: list[dict[str, str]]
    elsewhere: list[dict[str, Any]]


@router.get("/contests", responses={422: ERRORS[422]})
def listed(desk: TheDesk) -> list[ContestLine]:
    """The contests that there are: the packaged ones, and those of this folder."""
    return [_line(desk, name) for name in desk.contests.names()]


@router.get("/contest-parts")
def known() -> Known:
    """All methods with what they are, the experiments, the budgets, and contests of others with their published figures."""
    return Known(
        methods=[
            {"name": m.name, "title": m.title, "about": m.about, "remark": m.remark, "convolutional": m.convolutional,
             "preprocessing": m.preprocessing, "seconds": m.cost[0], "seconds_quick": m.cost[1]}
            for m in METHODS.values()
        ],
        experiments=[{"name": e.name, "title": e.title, "about": e.about} for e in EXPERIMENTS.values()],
        budgets=[{"name": b.name, "about": b.about} for b in BUDGETS.values()],
        elsewhere=[
            {"name": c.name, "title": c.title, "about": c.about, "source": c.source, "entries": [vars(e) for e in c.entries]}
            for c in ELSEWHERE.values()
        ],
    )  # fmt: skip


@router.post("/contests/command", responses=ERRORS)
def command(desk: TheDesk, wanted: WantedContest) -> Typed:
    """Check what is wanted, and say the command line that does it, or what is wrong; nothing is started."""
    try:
        return Typed(command=_order(desk, wanted).command())
    except ConvscopeError as error:
        return Typed(error=str(error))


@router.post("/contests", responses=ERRORS)
def begin(desk: TheDesk, wanted: WantedContest) -> ContestPage:
    """Start a contest, or let it wait for its turn; one that was stopped goes on where it was."""
    return _page(desk, desk.contests.begin(_order(desk, wanted)).name)


@router.get("/contests/{contest}", responses=ERRORS)
def page(desk: TheDesk, contest: Name) -> ContestPage:
    """A contest: its results so far, and how far it is."""
    desk.contests.known(contest)
    return _page(desk, contest)


@router.post("/contests/{contest}/{act}", responses=ERRORS)
def steer(desk: TheDesk, contest: Name, act: Literal["stop"]) -> ContestPage:  # noqa: ARG001
    """Stop a contest: what is measured is kept, and it can go on there."""
    return _page(desk, desk.contests.stop(contest).name)


@router.get(
    "/contests/{contest}/lone.png", response_class=Response,
    responses={**ERRORS, 200: {"content": {"image/png": {}}, "description": "The sheet"}},
)  # fmt: skip
def lone(desk: TheDesk, contest: Name) -> Response:
    """The pictures that one method alone names wrongly, on one sheet."""
    return Response(desk.contests.sheet(contest), media_type="image/png")


def _order(desk: Desk, wanted: WantedContest) -> ContestOrder:
    source = source_of(wanted.source, desk.folder, desk.remote)
    return ContestOrder(source, wanted.budget, tuple(wanted.only), tuple(wanted.experiments), wanted.seed)


def _line(desk: Desk, name: str) -> ContestLine:
    going, own = desk.contests.get(name), name.startswith(HERE)
    state = going.state if going is not None else ""
    try:
        told = desk.contests.results(name)
    except RunError as error:
        return ContestLine(name=name, own=own, state=state, problem=str(error))
    if told is None:
        source, budget = (going.order.source, going.order.budget) if going is not None else ("", "")
        return ContestLine(name=name, own=own, source=source, budget=budget, state=state)
    table = [row for row in told["results"] if not row["experiment"] and row["status"] == "measured"]
    return ContestLine(
        name=name, own=own, source=told["source"], budget=str(told.get("budget", "")), methods=len(table),
        written=str(told["evidence"]["written"]), state=state,
    )  # fmt: skip


def _page(desk: Desk, name: str) -> ContestPage:
    contests = desk.contests
    going = contests.get(name)
    line = None
    if going is not None:
        line = GoingLine(
            state=going.state, seconds=time.monotonic() - going.since, at=going.at, reading=going.reading,
            ahead=contests.ahead(going) if going.state == "waiting" else [], error=going.error, command=going.command,
            lines=list(going.lines)[-LINES:], stoppable=going.live or going.state == "waiting",
        )  # fmt: skip
    return ContestPage(name=name, own=name.startswith(HERE), told=contests.results(name), going=line)
