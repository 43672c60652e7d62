"""Slide: a unit's kernel over what is below it, with all that goes into every value of its map."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from math import prod
from threading import Lock
from typing import Annotated, Any, Literal
from weakref import ref

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response

from convscope.drawing.colours import limit_of
from convscope.drawing.numerals import numeral
from convscope.drawing.slide import Scene, frames, kept_colours
from convscope.drawing.writing import gif
from convscope.errors import StackError
from convscope.inspect.sliding import Sliding, slide
from convscope.lab.asked import ERRORS, PACKED_ANSWER, Packed, TheLens, ThePicture, UnitName
from convscope.lab.lens import Lens
from convscope.nets.build import Net

router = APIRouter(tags=["slide"])

MAPS, ROWS = 2_000_000, 250_000
"""Numbers of the maps below that are sent at once, and products; there are more in further answers."""
MEASURED = 3_000_000
"""Products of which the largest is looked for; of more, some rows are."""
FRAMES = 60
HELD = 8
"""Units that are kept ready to be asked for further rows."""

OPERATIONS = {
    "conv": "Window times kernel, number by number; all products are added.",
    "linear": "Each number below times a weight of its own; all products are added (a fully connected layer).",
    "subsample": "Every number of the window times one learned number, the same for all; all are added (subsampling).",
    "avg": "Each number of the window times the same part, added: the mean of the window (average pooling).",
    "adaptive": "Each number of the area times the same part, added: the mean of the area (adaptive average pooling).",
    "global": "Each number of the map times the same part, added: the mean of the whole map (global average pooling).",
    "max": "The largest number of the window becomes the value (max pooling): nothing is multiplied.",
    "rbf": "Each number's distance from the code is squared, and all are added: the smaller, the more alike.",
}
STEPS = {
    "batchnorm": "batch norm: brought to the usual size, as in training",
    "lrn": "response normalisation: divided by what the maps beside it say at the same place",
    "relu": "ReLU: what is negative becomes 0",
    "tanh": "tanh: bent, so that it lies between −1 and 1",
    "squash": "squash, 1.7159 tanh(2x/3): bent, so that it stays small",
    "sigmoid": "sigmoid: bent, so that it lies between 0 and 1",
}
COLOURS = ("red", "green", "blue")

Channel = Annotated[int, Query(ge=0, le=10**6, description="A map that the unit sees, counted from 0")]

_held: OrderedDict[tuple[Any, bytes, str], Sliding] = OrderedDict()
_lock = Lock()
_drawing = Lock()


@router.get("/runs/{run}/slide", responses=PACKED_ANSWER)
def scene(lens: TheLens, picture: ThePicture, unit: UnitName, channel: Channel = 0) -> Packed:
    """What a unit slides over, its kernel, and its maps: the sums first, then what each further step makes of them.

    Of many maps below some are sent, `channel` among them.
    """
    seen, steps = lens.seen(picture)
    found = _sliding(lens, seen, unit)
    some, per = _shares(found, channel)
    below = _below(lens, found)
    arrays = {
        "given": found.given[some], "kernel": found.kernel[some],
        "stages": np.stack([values for _, values in found.stages]).astype(np.float32),
    }  # fmt: skip
    limits = _limits(found, per)
    limits["given"] = lens.limits.get(below, limit_of(found.given))
    limits["value"] = lens.limits.get(unit.rpartition("/")[0], limit_of(found.stages[-1][1]))
    head = {
        "unit": unit, "below": below, "channels": _names(lens, found), "numbers": list(found.channels),
        "first": some.start, "shown": some.stop - some.start,
        "units_below": lens.subject.shape[0] if not below else _shapes(lens)[below][0],
        "input": list(found.given.shape), "kernel": list(found.kernel.shape[1:]), "size": list(found.size),
        "stride": list(found.stride), "dilation": list(found.dilation), "sides": list(found.sides),
        "bias": _finite(found.bias),
        "operation": found.operation, "kind": found.stages[0][0], "says": OPERATIONS[found.stages[0][0]],
        "stages": [{"kind": kind, "says": STEPS.get(kind, kind)} for kind, _ in found.stages],
        "limits": limits, "rows": per, "steps": list(steps), "rbf": found.stages[0][0] == "rbf",
    }  # fmt: skip
    return Packed(head, {**arrays, **({} if below else {"picture": seen})})


@router.get("/runs/{run}/slide/rows", responses=PACKED_ANSWER)
def rows(
    lens: TheLens,
    picture: ThePicture,
    unit: UnitName,
    first: Annotated[int, Query(ge=0, le=10**6, description="A row of the map")] = 0,
    channel: Channel = 0,
) -> Packed:
    """Of some rows of the map from `first` on: the products, each channel's sum, their total, and with the bias the sum.

    All in float64, as a trace has them.
    """
    found = _sliding(lens, lens.seen(picture)[0], unit)
    some, per = _shares(found, channel)
    made = found.rows(first, max(1, min(per, found.size[0] - first)), some)
    head = {"first": made.first, "count": len(made.sums), "channel": some.start}
    totals = made.channel_sums.sum(-1)
    return Packed(
        head,
        {"products": made.products, "channel_sums": made.channel_sums, "totals": totals, "sums": made.sums},
    )


@router.get(
    "/runs/{run}/slide.gif",
    response_class=Response,
    responses={
        **ERRORS,
        200: {"content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}}, "description": "The animation"},
    },
)  # fmt: skip
def animation(
    lens: TheLens,
    picture: ThePicture,
    unit: UnitName,
    channel: Channel = 0,
    theme: Literal["light", "dark"] = "light",
) -> Response:
    """The kernel sliding while the map of its sums fills, at most 60 frames."""
    seen = lens.seen(picture)[0]
    found = _sliding(lens, seen, unit)
    some, _ = _shares(found, channel)
    if found.size == (1, 1):
        raise StackError(f"{unit} has one place: nothing slides, so there is no animation of it")
    below = _below(lens, found)
    whole = not below and len(seen) in (1, 3)
    limit = lens.limits.get(below, limit_of(found.given))
    names = _names(lens, found)
    given = (seen / 255.0) if whole else found.given[channel][None].astype(np.float64)
    words = (
        "the largest of the window"
        if found.operation == "largest"
        else "window · kernel" + (" + bias" if found.bias else "")
    )
    over = Scene(
        given, found.kernel[some.start], found.stages[0][1], f"{unit}: sums", found.stride, found.dilation, found.sides,
        limit=None if whole else limit,
        given="picture" if whole else f"{names[channel]}, colours to ±{numeral(limit)}", words=words,
    )  # fmt: skip
    with _drawing:  # one after the other: its frames take room
        drawn = gif(frames(over, FRAMES, theme), kept_colours(theme))
    return Response(drawn, media_type="image/gif")


def _sliding(lens: Lens, seen: np.ndarray, unit: str) -> Sliding:
    """A unit ready to slide; the last ones asked for are kept, as long as their nets are."""
    key = (ref(lens), blake2b(seen.tobytes(), digest_size=16).digest(), unit)
    with _lock:
        if key in _held:
            _held.move_to_end(key)
            return _held[key]
    net = lens.subject.net
    assert isinstance(net, Net)
    with lens.lock:
        found = slide(net, lens.subject.given(seen[None])[0].cpu().numpy(), unit)
    with _lock:
        _held[key] = found
        for gone in [key for key in _held if key[0]() is None]:
            del _held[gone]
        while len(_held) > HELD:
            _held.popitem(last=False)
    return found


def _shares(found: Sliding, channel: int) -> tuple[slice, int]:
    """Which channels are sent at once, `channel` among them, and of how many rows the products."""
    channels, height, width = found.given.shape
    if channel >= channels:
        raise StackError(
            f"{found.name} sees {channels} maps: there is no map {channel}, they go from 0 to {channels - 1}"
        )
    each = prod(found.kernel.shape[1:]) * found.size[1]
    many = max(1, min(channels, MAPS // (height * width), ROWS // each))
    first = min(channel // many * many, channels - many)
    return slice(first, first + many), max(1, min(found.size[0], ROWS // (each * many)))


def _limits(found: Sliding, per: int) -> dict[str, float]:
    """The ends of the scales: of the kernel, its products, the channels' sums, the sums."""
    height = found.size[0]
    each = prod(found.kernel.shape) * found.size[1]
    count = max(1, min(height, MEASURED // each))
    starts = (
        np.unique(np.linspace(0, height - count, 1 if count == height else 4).astype(int))
        if count > per
        else [0]
    )
    some = [found.rows(int(start), min(count, max(1, count // len(starts)))) for start in starts]
    return {
        "kernel": limit_of(found.kernel), "products": limit_of(*[part.products for part in some]),
        "channel_sums": limit_of(*[part.channel_sums for part in some]), "sums": limit_of(found.stages[0][1]),
    }  # fmt: skip


def _shapes(lens: Lens) -> dict[str, tuple[int, int, int]]:
    net = lens.subject.net
    assert isinstance(net, Net)
    return net.stack.shapes


def _below(lens: Lens, found: Sliding) -> str:
    """The layer below a unit's, or "" where that is the picture."""
    net = lens.subject.net
    assert isinstance(net, Net)
    return net.stack.below(found.name.rpartition("/")[0])


def _names(lens: Lens, found: Sliding) -> list[str]:
    below = _below(lens, found)
    if below:
        return [f"{below}/{channel}" for channel in found.channels]
    if lens.subject.shape[0] == 3:
        return [COLOURS[channel] for channel in found.channels]
    return ["picture" if lens.subject.shape[0] == 1 else f"channel {channel}" for channel in found.channels]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
