"""Shrink and pad: the picture's way through the ladder of the whole network, and through the same weights at other sizes."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query

from convscope.errors import StackError
from convscope.inspect.coverage import coverage
from convscope.inspect.record import record
from convscope.inspect.reshaped import (
    Change,
    Reshaped,
    Slide,
    mendings,
    parse_changes,
    reshaped,
    slides,
    written,
)
from convscope.inspect.subject import first_tensor
from convscope.lab.asked import PACKED_ANSWER, Packed, TheLens, ThePicture
from convscope.nets.build import Net
from convscope.nets.joins import PICTURE
from convscope.nets.stack import Rung, Stack

router = APIRouter(tags=["pad"])

NUMBERS = 40_000
"""Numbers of a layer that are sent: of layers with larger maps only the first few."""
ALL = 1_000_000
"""Numbers of all layers together that are sent."""

Changes = Annotated[str, Query(max_length=4000, description="C1:padding=2,stride=1;C3:dilation=2")]
Layer = Annotated[str, Query(max_length=200, description="The layer whose view of the picture is tinted")]


@router.get("/runs/{run}/pad", responses=PACKED_ANSWER)
def pad(lens: TheLens, picture: ThePicture, changes: Changes = "", layer: Layer = "") -> Packed:
    """Every layer's size with its formula, its maps of the picture, and the answer, as the net is and with the changes.

    Of a net that no longer fits all layers up to the first that does not: `stops` says which and why, `mend` what else
    would have to be changed. `coverage` is how many values of `layer` see each pixel.
    """
    net = lens.subject.net
    if not isinstance(net, Net):
        raise StackError(f"{type(net).__name__} has no text, so its layers cannot be given other sizes")
    wanted = parse_changes(changes)
    made = reshaped(net, wanted) if wanted else Reshaped(net, ("", ""))
    seen, _ = lens.seen(picture)
    before = first_tensor(lens.record(seen).answer)
    with lens.lock:
        said = record(made.net, lens.subject.given(seen[None]))
    arrays: dict[str, np.ndarray] = {"picture": seen, "before": lens.chances(before)}
    if made.whole:
        arrays["after"] = lens.chances(first_tensor(said.answer))
    stack, was = made.net.stack, net.stack.shapes
    windows, own = slides(stack), slides(net.stack)
    rungs, each = [], min(NUMBERS, ALL // len(stack.lines))
    for rung in stack.ladder:
        maps = said[rung.name][0].reshape(rung.output)
        shown = max(1, min(len(maps), each // max(1, maps[0].size)))
        arrays[f"maps {rung.name}"] = np.nan_to_num(maps[:shown])
        told = _told(rung, windows.get(rung.name), wanted.get(rung.name, Change()))
        told["own"] = {key: own[rung.name].stands(key) for key in told["can"]}
        told["ways"] = _ways(stack, rung.name)
        told |= {"shown": shown, "was": list(was[rung.name][1:]), "limit": lens.limits.get(rung.name, 1.0)}
        rungs.append(told)
    chosen = layer if layer in stack.shapes else rungs[0]["name"]
    arrays["coverage"] = coverage(stack, chosen).astype(np.int32)
    head = {
        "input": list(net.stack.input.shape), "rungs": rungs, "stops": list(made.stops), "chosen": chosen,
        "beyond": [line.name for line in net.stack.lines[len(rungs) :]], "classes": list(lens.subject.classes),
        "mend": [_mending(found, wanted) for found in mendings(net.stack, wanted)] if not made.whole else [],
        "padded": [name for name, slide in own.items() if "padding" in slide.can],
        "values": int(np.prod(stack.shapes[chosen][1:])),
    }  # fmt: skip
    return Packed(head, {name: np.ascontiguousarray(a) for name, a in arrays.items()})


def _told(rung: Rung, slide: Slide | None, change: Change) -> dict[str, Any]:
    """A layer in words and numbers; `can` are the things about its window that can be changed."""
    told: dict[str, Any] = {
        "name": rung.name, "kind": rung.kind, "units": rung.output[0], "size": list(rung.output[1:]),
        "field": list(rung.receptive_field), "parameters": rung.parameters, "can": [], "formulas": [],
        "kernel": None, "stride": None, "sides": None, "dilation": None,
        "changed": {key: value for key, value in vars(change).items() if value is not None},
    }  # fmt: skip
    if slide is not None:
        # along both axes where they differ
        formulas = list(dict.fromkeys(slide.formulas))
        told |= {
            "kernel": list(slide.kernel), "stride": list(slide.stride), "sides": list(slide.sides),
            "dilation": list(slide.dilation), "can": list(slide.can), "formulas": formulas,
        }  # fmt: skip
    return told


def _ways(stack: Stack, name: str) -> str:
    """Where a layer takes in others than the one above it, in words."""
    line = next(line for line in stack.lines if line.name == name)
    called = {PICTURE: "the picture"}
    ways = [f"It begins with {called.get(line.start, line.start)}"] if line.start else []
    ways += [f"{called.get(other, other)} is added to it" for other in line.added]
    return "; ".join(ways)


def _mending(found: dict[str, Change], wanted: dict[str, Change]) -> dict[str, Any]:
    """Changes as text, and what is new about them."""
    name = next(name for name, change in found.items() if change != wanted.get(name))
    now = vars(wanted.get(name, Change()))
    new = {key: value for key, value in vars(found[name]).items() if value is not None and value != now[key]}
    return {"change": written(found), "layer": name, "new": new}
