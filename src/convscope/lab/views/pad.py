"""Shrink and pad: the picture's way through the ladder of the whole network, and through the same weights at other sizes."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from fastapi import APIRouter, Query

from convscope.errors import StackError
from convscope.inspect.record import record
from convscope.inspect.reshaped import Change, Reshaped, formula, parse_changes, reshaped
from convscope.inspect.subject import first_tensor
from convscope.lab.asked import PACKED_ANSWER, Packed, TheLens, ThePicture
from convscope.lab.lens import Lens
from convscope.nets.build import Net
from convscope.nets.stack import Rung, Stack
from convscope.nets.steps import Shape, _Window

router = APIRouter(tags=["pad"])

NUMBERS = 60_000
"""Numbers of a layer that are sent: of layers with larger maps only the first few."""
MULTIPLY_ADDS = 20_000_000_000
"""What a changed net may cost for one picture."""

Changes = Annotated[str, Query(max_length=4000, description="C1:padding=2,stride=1;C3:dilation=2")]
Layer = Annotated[str, Query(max_length=200, description="The layer whose view of the picture is tinted")]


@router.get("/runs/{run}/pad", responses=PACKED_ANSWER)
def pad(lens: TheLens, picture: ThePicture, changes: Changes = "", layer: Layer = "") -> Packed:
    """Every layer's size with its formula, its maps of the picture, and the answer, as the net is and with the changes.

    Of a net that no longer fits all layers up to the first that does not; `stops` says which and why. `coverage` is how many
    values of `layer` see each pixel.
    """
    net = lens.subject.net
    assert isinstance(net, Net)
    wanted = parse_changes(changes)
    made = reshaped(net, wanted) if wanted else Reshaped(net, ("", ""))
    if sum(rung.multiply_adds for rung in made.net.stack.ladder) > MULTIPLY_ADDS:
        raise StackError("with these changes one picture would take long: take fewer pixels of padding")
    seen, _ = lens.seen(picture)
    before = first_tensor(lens.record(seen).answer)
    with lens.lock:
        said = record(made.net, lens.subject.given(seen[None]))
    arrays: dict[str, np.ndarray] = {"picture": seen, "before": lens.chances(before)}
    if made.whole:
        arrays["after"] = lens.chances(first_tensor(said.answer))
    rungs = []
    for rung, line, shape in zip(
        made.net.stack.ladder, made.net.stack.lines, _inputs(made.net.stack), strict=True
    ):
        maps = said[rung.name][0].reshape(rung.output)
        shown = max(1, min(len(maps), NUMBERS // max(1, maps[0].size)))
        arrays[f"maps {rung.name}"] = np.nan_to_num(maps[:shown])
        window = next((s for s in line.steps if isinstance(s, _Window)), None)
        rungs.append(_told(rung, shown, window, shape, wanted.get(rung.name, Change()), lens))
    chosen = layer if layer in made.net.stack.shapes else rungs[0]["name"]
    arrays["coverage"] = _coverage(made.net.stack, chosen)
    head = {
        "input": list(net.stack.input.shape), "rungs": rungs, "stops": list(made.stops), "chosen": chosen,
        "beyond": [line.name for line in net.stack.lines[len(rungs) :]], "classes": list(lens.subject.classes),
        "values": int(np.prod(made.net.stack.shapes[chosen][1:])),
    }  # fmt: skip
    return Packed(head, {name: np.ascontiguousarray(a) for name, a in arrays.items()})


def _told(
    rung: Rung, shown: int, window: _Window | None, shape: Shape, change: Change, lens: Lens
) -> dict[str, Any]:
    """A layer in words and numbers; `can` are the things about its window that can be changed."""
    can = [key for key in ("padding", "stride", "dilation") if window is not None and hasattr(window, key)]
    return {
        "name": rung.name, "kind": rung.kind, "units": rung.output[0], "shown": shown, "size": list(rung.output[1:]),
        "kernel": rung.kernel, "stride": rung.stride, "sides": rung.padding, "field": list(rung.receptive_field),
        "dilation": list(getattr(window, "dilation", (1, 1))), "parameters": rung.parameters, "can": can,
        "formula": formula(window, shape) if window is not None else "",
        "changed": {k: v for k, v in vars(change).items() if v is not None},
        "limit": lens.limits.get(rung.name, 1.0),
    }  # fmt: skip


def _coverage(stack: Stack, layer: str) -> np.ndarray:
    """How many values of a layer's map see each pixel of the picture, [h, w]."""
    rows, columns = (torch.tensor(counts, dtype=torch.float32) for counts in stack.coverage(layer))
    return torch.outer(rows, columns).numpy()


def _inputs(stack: Stack) -> list[Shape]:
    """The shape that each line's first window is given."""
    shapes: dict[str, Shape] = {}
    for line, step, shape in stack.walk():
        if isinstance(step, _Window) or line.name not in shapes:
            shapes.setdefault(line.name, shape)
    return [shapes[line.name] for line in stack.lines]
