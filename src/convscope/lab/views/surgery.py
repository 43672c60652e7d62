"""Surgery: what operations on units do to the answer, and to the accuracy over the whole test set; and a challenge."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel

from convscope.errors import PictureError
from convscope.inspect.muting import accuracy_of, by_engine
from convscope.inspect.record import record
from convscope.inspect.subject import Subject, first_tensor
from convscope.inspect.tipping import MOST, Tipping, tipping
from convscope.lab.asked import ERRORS, Epoch, PictureName, RunName, TheDesk, TheLens, ThePicture
from convscope.lab.cards import name_of
from convscope.lab.jobs import Waiting
from convscope.lab.views.units import the_bench

router = APIRouter(tags=["surgery"])

LONGEST, LEAST = 90.0, 1000
"""Seconds that the test pictures may take; beyond, as many as fit are asked, evenly chosen, never fewer than the second."""
SOLUTIONS = 24


class Effect(BaseModel):
    """What a net says of a picture before and after its operations: chances by class, and the class that it names.

    The leads are by how much the score of the class that it named before is above the next one's; below 0 it names another.
    `rival` is that next class, after.
    """

    classes: list[str]
    before: list[float]
    after: list[float]
    said_before: str
    said_after: str
    lead_before: float
    lead_after: float
    rival: str
    operations: list[str]


class Progress(BaseModel):
    """An answer is not there yet: what is done for it, and how far that is (of 0: not known)."""

    doing: str
    done: int
    total: int


class Accuracy(BaseModel):
    """How many of the test pictures are named rightly, before and after the operations, as parts 0..1 of `total`."""

    before: float | None = None
    after: float | None = None
    total: int = 0
    waiting: Progress | None = None


class Solution(BaseModel):
    """Units that change the answer when they are muted together, and what the net says then."""

    units: list[str]
    says: str


class Challenge(BaseModel):
    """Which units make the answer what it is: the smallest sets of one layer whose muting changes it.

    `foremost` are the layer's units, the one first whose muting changes the score most. Without `solutions` no set of
    up to `most` units of one layer changes it.
    """

    answer: str
    layer: str
    size: int
    most: int
    solutions: list[Solution]
    foremost: list[str]
    waiting: Progress | None = None


@router.get("/runs/{run}/effect", responses=ERRORS)
def effect(lens: TheLens, pixels: ThePicture) -> Effect:
    """What the operations do to the answer."""
    seen, _ = lens.seen(pixels)
    with lens.lock:
        (before, scores), (after, changed) = _said(lens.whole, seen), _said(lens.subject, seen)
    classes = list(lens.subject.classes)
    first = int(np.argmax(scores))
    leads = [float(s[first] - np.delete(s, first).max(initial=-np.inf)) for s in (scores, changed)]
    rival = max((k for k in range(len(classes)) if k != first), key=lambda k: changed[k], default=first)
    said = [classes[int(np.argmax(chances))] for chances in (before, after)]
    return Effect(
        classes=classes, before=np.nan_to_num(before).tolist(), after=np.nan_to_num(after).tolist(),
        said_before=said[0], said_after=said[1],
        lead_before=_finite(leads[0]), lead_after=_finite(leads[1]), rival=classes[rival], operations=list(lens.operations),
    )  # fmt: skip


@router.get("/runs/{run}/accuracy", responses=ERRORS)
def accuracy(desk: TheDesk, run: RunName, lens: TheLens, epoch: Epoch = None) -> Accuracy:
    """The accuracy over the test pictures before and after the operations; while it is counted, how far that is."""
    if lens.images is None:
        raise PictureError("the pictures that this net learned are not here, so its accuracy is not counted")
    before = lens if not lens.operations else desk.lens(run, epoch)
    benches = [the_bench(desk, run, one) for one in (before, lens)]
    test, affordable = lens.images.test, int(LONGEST / max(benches[0].pace, 1e-9))
    count = len(test) if by_engine(lens.subject) else min(len(test), max(LEAST, affordable))
    chosen = np.linspace(0, len(test) - 1, count).astype(np.int64)
    part = test if count == len(test) else test.take(chosen)
    found: list[float] = []
    for bench in benches:
        answer = (desk.brief if by_engine(bench.subject) else desk.jobs).ask(
            (name_of(bench.lens), "accuracy"),
            f"the {count:,} test pictures {'with' if bench.lens.operations else 'without'} the changes",
            lambda say, bench=bench: accuracy_of(bench.apart(), part, progress=say),
        )
        if isinstance(answer, Waiting):
            return Accuracy(total=count, waiting=_progress(answer))
        found.append(answer)
    return Accuracy(before=found[0], after=found[1], total=count)


@router.get("/runs/{run}/challenge", responses=ERRORS)
def challenge(
    desk: TheDesk, run: RunName, lens: TheLens, pixels: ThePicture, picture: PictureName, epoch: Epoch = None
) -> Challenge:
    """Which units make the answer what it is, of the net without the operations: for whoever looks for them by muting."""
    plain = lens if not lens.operations else desk.lens(run, epoch)
    bench = the_bench(desk, run, plain)
    seen, _ = plain.seen(pixels)
    found = desk.brief.ask(
        (name_of(plain), "challenge", picture),
        "which units make the answer what it is",
        lambda _say: tipping(bench.apart(), seen),
    )
    if isinstance(found, Waiting):
        nothing = Challenge(answer="", layer="", size=0, most=MOST, solutions=[], foremost=[])
        return nothing.model_copy(update={"waiting": _progress(found)})
    return _challenge(found)


def _challenge(found: Tipping) -> Challenge:
    solutions = [
        Solution(units=[f"{found.layer}/{k}" for k in units], says=says)
        for units, says in found.sets[:SOLUTIONS]
    ]
    return Challenge(
        answer=found.answer, layer=found.layer, size=len(found.sets[0][0]) if found.sets else 0, most=MOST,
        solutions=solutions, foremost=[f"{found.layer}/{r.unit}" for r in found.ranked[:SOLUTIONS]],
    )  # fmt: skip


def _said(subject: Subject, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chances, and the scores, of all classes."""
    answer = first_tensor(record(subject.net, subject.given(seen[None])).answer).float().flatten(1)
    return subject.chances(answer)[0].cpu().numpy(), subject.scores(answer)[0].cpu().numpy()


def _finite(number: float) -> float:
    return number if np.isfinite(number) else 0.0


def _progress(waiting: Waiting) -> Progress:
    return Progress(doing=waiting.doing, done=waiting.done, total=waiting.total)
