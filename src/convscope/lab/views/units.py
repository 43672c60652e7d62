"""Units: the kernels of a layer in order of use, and all that is known about one of them, on its card."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from convscope.errors import PictureError, StackError
from convscope.inspect.caption import pattern
from convscope.inspect.card import cards, owed_by_best
from convscope.inspect.epochs import grown
from convscope.inspect.layers import Layer, below_of, layer_of, multiply_adds, unit_of, weights_of
from convscope.inspect.maximise import Favourite
from convscope.inspect.memory import liked_by, recalled_liked
from convscope.inspect.muting import scores_muted
from convscope.inspect.rank import EXACT, Ranked, says_of
from convscope.inspect.units import Units
from convscope.lab.asked import (
    PACKED,
    PACKED_ANSWER,
    LayerName,
    Packed,
    PictureName,
    RunName,
    TheDesk,
    TheLens,
    ThePicture,
    UnitName,
)
from convscope.lab.cards import Bench, foremost, name_of, numbers_of, once, patches, shrunk, small, told
from convscope.lab.jobs import Waiting
from convscope.lab.packed import packed

router = APIRouter(tags=["units"])

PAGE = 48
"""Units of a layer that are sent at once."""
SOON = {"patches": 40.0, "muted": 15.0, "favourite": 15.0}
"""Seconds up to which a part of a card is found out without being asked for."""
FEEDS, CLASSES, SLICES, LONGEST_EDIT = 16, 1000, 64, 1000
CLIMB = 400
"""Passes of a single picture that a search for a favourite picture costs about."""

Parts = Literal["patches", "muted", "favourite", "owed", "history"]


def the_bench(desk: TheDesk, run: RunName, lens: TheLens) -> Bench:
    """The net that the address names, on the bench."""
    end = lens if lens.subject.run is not None and lens.subject.epoch is None else desk.lens(run)
    return Bench(lens, end, desk.jobs, desk.brief)


TheBench = Annotated[Bench, Depends(the_bench)]


@router.get("/runs/{run}/units", responses=PACKED_ANSWER)
def units(
    bench: TheBench,
    pixels: ThePicture,
    picture: PictureName,
    layer: LayerName,
    by: Annotated[
        Literal["picture", "set", "number"], Query(description="What they are ranked for, or by number")
    ] = "picture",
    start: Annotated[int, Query(ge=0, le=10**6)] = 0,
    count: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    only: Annotated[
        str, Query(max_length=1000, description="Just these units, unranked and without words: 0,3,5")
    ] = "",
    find: Annotated[bool, Query(description="Ask the set, also where that takes long")] = False,
) -> Response:
    """Units of a layer: their kernels' foremost slices and their sums on a picture, the ones first that matter most.

    `by=number` leaves them in their own order. The head says of each its `unit`, `why` it has its place, the `pattern` of
    its kernel; whether it is `dead`, and its `twin`. While a set is asked, `waiting` says how far that is; where that is not
    done unasked, `seconds` says how long it may take. Until then they come in their own order.
    """
    at = layer_of(bench.subject, layer)
    seen, _ = bench.lens.seen(pixels)
    maps, waiting, seconds = bench.sums(at, seen), None, None
    if only:
        ranked = [Ranked(k, 0.0, "") for k in numbers_of(only, at, PAGE)]
    else:
        if by == "set" and bench.images is not None and bench.units(at) is None:
            seconds = bench.pace * len(bench.images.train)
            if find or (bench.ended and seconds <= SOON["patches"]):
                found, seconds = bench.find_units(at), None
                waiting = found if isinstance(found, Waiting) else None
        ranked = list(bench.ranked(at, by, seen, picture)[start : start + count])
    known = bench.units(at)
    lines = [_line(bench, at, one, known, brief=bool(only)) for one in ranked]
    numbers = [one.unit for one in ranked]
    head = {
        "layer": at.name, "by": by, "total": at.units, "start": start, "units": lines, "waiting": _waiting(waiting),
        "seconds": seconds, "kernel_limit": bench.kernel_limit(at), "map_limit": bench.map_limit(at), "first": not at.below,
        "missing": "" if bench.images is not None or by == "picture" else "the pictures that this net learned are not here",
    }  # fmt: skip
    kernels = _drawn(bench, at, numbers)
    return Packed(head, {"kernels": kernels, "maps": np.nan_to_num(shrunk(maps[numbers]))})


def _line(bench: Bench, at: Layer, ranked: Ranked, known: Units | None, *, brief: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "unit": ranked.unit,
        "why": ranked.why,
        "pattern": "",
        "dead": False,
        "twin": None,
        "weight": ranked.weight,
    }
    if brief:
        return line
    line["pattern"] = once(
        bench.lens, ("pattern", at.name, ranked.unit), lambda: pattern(bench.subject, at, ranked.unit)
    )
    if known is not None:
        twins = sorted(known.twins(ranked.unit), key=lambda twin: -abs(twin[1]))
        line["dead"] = bool(known.dead[ranked.unit])
        line["twin"] = {"unit": f"{at.name}/{twins[0][0]}", "correlation": twins[0][1]} if twins else None
    return line


def _drawn(bench: Bench, at: Layer, numbers: list[int]) -> np.ndarray:
    """What a tile shows of kernels: the foremost slice of each; of kernels over red, green and blue all three."""
    slices = weights_of(bench.subject, at) if not at.below and bench.subject.shape[0] == 3 else None
    if slices is not None:
        return slices[numbers]
    found = [foremost(bench.subject, at, k)[None] for k in numbers]
    return np.stack(found).astype(np.float32) if found else np.zeros((0, 1, 1, 1), np.float32)


@router.get("/runs/{run}/card", responses=PACKED_ANSWER)
def card(
    desk: TheDesk, bench: TheBench, pixels: ThePicture, picture: PictureName, unit: UnitName
) -> Response:
    """All that is at hand about a unit. The head's `parts` say what else there is, and whether it comes soon or is to be
    asked for, since it takes long.
    """
    at, number = unit_of(bench.subject, unit)
    known = (bench.units(at) is not None, bench.lost(at) is not None)
    key = (name_of(bench.lens), unit, picture, known)
    made = desk.memo.get(key, lambda: packed(*_card(bench, at, number, bench.lens.seen(pixels)[0])))
    return Response(made, media_type=PACKED)


def _card(
    bench: Bench, at: Layer, number: int, seen: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    subject, units, images = bench.subject, bench.units(at), bench.images
    with bench.lens.lock:
        maps = bench.sums(at, seen)
        made = cards(subject, at, [number], maps=maps, seen=units)[0]
        effect = _effect(bench, at, number, seen)
        below = below_of(subject, at, number)
        own = weights_of(subject, at)[number, list(below)]
    order = sorted(range(len(below)), key=lambda i: -float(np.linalg.norm(made.kernel[below[i]])))
    assert made.map is not None
    arrays = {
        "kernel": np.stack([link.weights for link in made.hears]), "own": own,
        "map": np.nan_to_num(shrunk(made.map[None], 224)[0]),
        "feeds": np.stack([link.weights for link in made.feeds[:FEEDS]]) if made.feeds else np.zeros((0, 1, 1), np.float32),
    }  # fmt: skip
    head: dict[str, Any] = {
        "unit": made.unit, "layer": at.name, "number": number, "units": at.units, "first": not at.below,
        "pattern": made.pattern, "habits": made.habits, "bias": _bias(bench, at, number),
        "hears": [_link(link) for link in made.hears], "feeds": [_link(link) for link in made.feeds[:FEEDS]],
        "feeds_more": max(0, len(made.feeds) - FEEDS), "order": order, "normed": at.heard != at.module,
        "editable": own.size <= LONGEST_EDIT, "swaps": _swaps(bench, at, number, below), "muting": effect,
        "map_size": list(made.map.shape), "low": float(made.map.min()), "high": float(made.map.max()),
        "kernel_limit": bench.kernel_limit(at), "map_limit": bench.map_limit(at),
        "seen": None, "best": [], "least": [], "muted": None, "favourite": None, "parts": [],
    }  # fmt: skip
    if units is not None and images is not None:
        _add_patches(bench, at, number, units, head, arrays)
    _add_muted(bench, at, number, head)
    liked = recalled_liked(subject, made.unit, float(units.highest[number]) if units is not None else None)
    if liked is not None:
        _add_liked(liked, head, arrays)
    head["parts"] = _parts(bench, at, head)
    return _finite(head), arrays


@router.get("/runs/{run}/card/part", responses=PACKED_ANSWER)
def part(bench: TheBench, pixels: ThePicture, picture: PictureName, unit: UnitName, part: Parts) -> Response:
    """A part of a card that takes a while; the head's `waiting` says how far it is where it is not there yet: ask again."""
    at, number = unit_of(bench.subject, unit)
    if part in ("patches", "muted", "owed") and bench.images is None:
        raise PictureError(
            f"{unit}: the pictures that this net learned are not here, so they cannot be asked"
        )
    if part == "history" and len(bench.lens.run.epochs) < 2:
        raise StackError(f"{bench.lens.run.path.name} kept no epochs, so there is no history of {unit}")
    seen, _ = bench.lens.seen(pixels)
    head: dict[str, Any] = {"part": part, "unit": unit, "waiting": None}
    arrays: dict[str, np.ndarray] = {}
    _PARTS[part](bench, at, number, seen, picture, head, arrays)
    return Packed(_finite(head), arrays)


def _find_patches(
    bench: Bench, at: Layer, number: int, _seen: Any, _name: str, head: dict[str, Any], arrays: dict[str, Any]
) -> None:
    found = bench.find_units(at)
    if isinstance(found, Waiting):
        head["waiting"] = _waiting(found)
        return
    _add_patches(bench, at, number, found, head, arrays)
    head["habits"] = cards(bench.subject, at, [number], seen=found)[0].habits


def _find_muted(
    bench: Bench, at: Layer, number: int, _seen: Any, _name: str, head: dict[str, Any], _arrays: Any
) -> None:
    found = bench.find_lost(at, number)
    if isinstance(found, Waiting):
        head["waiting"] = _waiting(found)
    else:
        head["muted"] = {
            "whole": found.whole,
            "without": float(found.without[number]),
            "total": found.total,
        }


def _find_liked(
    bench: Bench, at: Layer, number: int, _seen: Any, _name: str, head: dict[str, Any], arrays: dict[str, Any]
) -> None:
    units, unit = bench.units(at), f"{at.name}/{number}"
    best = None if units is None else float(units.highest[number])
    found = bench.jobs.ask(
        (name_of(bench.lens), "liked", unit),
        f"the picture that {unit} likes best is searched",
        lambda say: liked_by(bench.apart(), unit, best_seen=best, progress=say),
    )
    if isinstance(found, Waiting):
        head["waiting"] = _waiting(found)
    else:
        _add_liked(found, head, arrays)


def _find_owed(
    bench: Bench, at: Layer, number: int, _seen: Any, _name: str, head: dict[str, Any], arrays: dict[str, Any]
) -> None:
    found = bench.find_units(at)
    if isinstance(found, Waiting):
        head["waiting"] = _waiting(found)
        return
    assert bench.images is not None
    with bench.lens.lock:
        owed = owed_by_best(bench.subject, at, number, found, bench.images.train)
    head |= {"rule": owed.rule, "owed": len(owed.owed), "deconvolved": len(owed.deconvolved)}
    for name, values in (("owed", owed.owed), ("deconvolved", owed.deconvolved)):
        for n, one in enumerate(values):
            arrays[f"{name}.{n}"] = np.nan_to_num(shrunk(one.sum(0, keepdims=True), 96)[0])


def _find_history(
    bench: Bench,
    at: Layer,
    number: int,
    seen: np.ndarray,
    name: str,
    head: dict[str, Any],
    arrays: dict[str, Any],
) -> None:
    unit, run = f"{at.name}/{number}", bench.lens.run
    found = bench.brief.ask(
        (name_of(bench.end), "history", unit, name),
        f"{unit} after each epoch",
        lambda _say: grown(run, unit, seen),
    )
    if isinstance(found, Waiting):
        head["waiting"] = _waiting(found)
        return
    strongest = int(np.square(found.kernels[-1]).sum((1, 2)).argmax())
    below = bench.end.subject and cards(bench.end.subject, at, [number])[0].hears
    kernels = found.kernels[:, strongest]
    head |= {
        "epochs": list(found.epochs), "slice": below[0].unit if len(below) > 1 else "",
        "limit": float(np.abs(kernels[np.isfinite(kernels)]).max(initial=0)) or 1.0,
    }  # fmt: skip
    arrays["kernels"] = np.nan_to_num(kernels)
    if found.maps is not None:
        arrays["maps"] = np.nan_to_num(shrunk(found.maps))


_PARTS: dict[str, Callable[..., None]] = {
    "patches": _find_patches, "muted": _find_muted, "favourite": _find_liked, "owed": _find_owed, "history": _find_history,
}  # fmt: skip


def _add_patches(
    bench: Bench, at: Layer, number: int, units: Units, head: dict[str, Any], arrays: dict[str, Any]
) -> None:
    assert bench.images is not None
    head["seen"] = told(bench.subject, at, units, number)
    for name, found in (("best", units.best), ("least", units.least)):
        lines, pixels = patches(bench.subject, at, bench.images, found, number, name)
        head[name] = lines
        arrays |= pixels


def _add_muted(bench: Bench, at: Layer, number: int, head: dict[str, Any]) -> None:
    lost = bench.lost(at)
    if lost is not None and not np.isnan(lost.without[number]):
        head["muted"] = {"whole": lost.whole, "without": float(lost.without[number]), "total": lost.total}


def _add_liked(liked: Favourite, head: dict[str, Any], arrays: dict[str, Any]) -> None:
    head["favourite"] = {"value": liked.value, "says": liked.says, "best_seen": liked.best_seen}
    arrays["favourite"] = small(liked.pixels)


def _parts(bench: Bench, at: Layer, head: dict[str, Any]) -> list[dict[str, Any]]:
    """What is not on the card yet: when it comes, how long it takes, and why it never does."""
    images, each = bench.images, bench.pace
    lacks = "" if images is not None else "the pictures that this net learned are not here"
    found: list[dict[str, Any]] = []

    def add(name: str, seconds: float, why: str = "") -> None:
        how = "never" if why else "soon" if bench.ended and seconds <= SOON.get(name, seconds) else "ask"
        found.append({"part": name, "how": how, "seconds": max(1.0, seconds), "why": why})

    if head["seen"] is None:
        add("patches", each * len(images.train) if images is not None else 0, lacks)
    if head["muted"] is None:
        add("muted", 2 * each * len(images.test) if images is not None else 0, lacks)
    if head["favourite"] is None:
        add("favourite", each * CLIMB)
    if at.below and head["seen"] is not None:
        found.append({"part": "owed", "how": "soon", "seconds": 1.0, "why": ""})
    kept = len(bench.lens.run.epochs) >= 2
    found.append({"part": "history", "how": "soon" if kept else "never", "seconds": 1.0,
                  "why": "" if kept else "this Run kept no epochs"})  # fmt: skip
    return found


def _effect(bench: Bench, at: Layer, number: int, seen: np.ndarray) -> dict[str, Any] | None:
    """What muting the unit does to the score of the answer, in words; None where asking that takes long."""
    subject = bench.subject
    if 2 * multiply_adds(subject) > EXACT:
        return None
    answers = subject.answers(subject.given(seen[None])).detach()
    target = subject.class_of(None, answers)
    whole, muted = scores_muted(subject, at, seen, target, only=[number])
    change = whole - float(muted[0])
    return {
        "answer": subject.classes[target],
        "change": change,
        "why": says_of(subject.classes[target], change),
    }


def _bias(bench: Bench, at: Layer, number: int) -> float | None:
    bias: Any = bench.subject.net.get_submodule(at.module)._parameters.get("bias")
    return None if bias is None else float(bias.detach()[number])


def _swaps(bench: Bench, at: Layer, number: int, below: tuple[int, ...]) -> list[int]:
    """The units that it can change places with: those that hear the same maps."""
    same = partial(below_of, bench.subject, at)
    return [k for k in range(at.units) if k != number and same(k) == below]


def _link(link: Any) -> dict[str, Any]:
    return {"unit": link.unit, "sum": link.sum, "strength": link.strength}


def _waiting(waiting: Waiting | None) -> dict[str, Any] | None:
    return None if waiting is None else {"doing": waiting.doing, "done": waiting.done, "total": waiting.total}


def _finite(value: Any) -> Any:
    """What JSON can say: a number that is none becomes null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
