"""Magnet paper: classic, painted and learned kernels laid on a picture, and patches cut out of it."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from convscope.conv.kernel_text import parse_kernel, to_text
from convscope.conv.kernels import CLASSICS, Classic, Parameter
from convscope.conv.painting import CHANGES, resized
from convscope.drawing.colours import limit_of
from convscope.errors import KernelError
from convscope.inspect.paper import HIGHEST, LARGEST, first_kernels, in_words, paper_of
from convscope.lab.asked import ERRORS, PACKED_ANSWER, Packed, TheLens, ThePicture

router = APIRouter(tags=["paper"])

MOST = 256
"""So many learned sheets lie in the tray."""

SAYS = "sobel_x, gaussian(2), 1 0 -1; 2 0 -2; 1 0 -1, C1/3 or patch:TOP,LEFT,ROWS,COLUMNS"
Sheet = Annotated[str, Query(max_length=20_000, description=SAYS)]
Size = Annotated[int, Query(ge=0, le=LARGEST, description="Rows and columns that it gets; 0 leaves them")]


class Knob(BaseModel):
    """A knob of a classic kernel: what it is with its unit, its least value, and what it is when it is left out."""

    name: str
    about: str
    least: float | None
    whole: bool
    odd: bool
    default: float | None


class Known(BaseModel):
    """A classic kernel: what it does, its formula and source, how it is written, and its numbers as it is by default."""

    name: str
    about: str
    formula: str
    source: str
    usage: str
    rows: list[list[float]]
    knobs: list[Knob]


class Painted(BaseModel):
    """A kernel as text."""

    sheet: str


@router.get("/kernels", responses={422: ERRORS[422]})
def classics() -> list[Known]:
    """The classic kernels that are one sheet: what each does, its formula, source and knobs, and its numbers."""
    return [_known(classic) for classic in CLASSICS.values() if _callable(classic)]


@router.get("/kernels/painted", responses=ERRORS)
def painted(
    sheet: Sheet, change: Literal["turn", "mirror", "negative", "level", "normalise", "none"] = "none", size: Size = 0
) -> Painted:  # fmt: skip
    """A kernel as numbers, changed: turned to the left, mirrored, negated, levelled to a sum of 0, normalised so that its
    magnitudes sum to 1, or with more or fewer cells around its middle.
    """
    kernel = parse_kernel(sheet, files=False)[1]
    if kernel.ndim == 3 and len(kernel) == 1:
        kernel = kernel[0]
    if kernel.ndim == 3 or max(kernel.shape) > LARGEST or not (np.abs(kernel) <= HIGHEST).all():
        raise KernelError(
            f"a sheet to paint has one channel of {LARGEST} x {LARGEST} numbers at most, from -{HIGHEST:g} to {HIGHEST:g}"
        )
    if size:
        kernel = resized(kernel, size)
    made = kernel if change == "none" else CHANGES[change](kernel)
    return Painted(sheet=to_text(made))


@router.get("/runs/{run}/sheets", responses=PACKED_ANSWER)
def learned(lens: TheLens) -> Packed:
    """The learned kernels of the first layer [k, channels, rows, columns]: those that lie on the picture itself."""
    with lens.lock:
        layer, kernels = first_kernels(lens.subject)
    kernels = kernels[:MOST]
    head = {"layer": layer, "says": [in_words(k) for k in kernels], "limits": [limit_of(k) for k in kernels]}
    return Packed(head, {"kernels": kernels.astype(np.float32)})


@router.get("/runs/{run}/paper", responses=PACKED_ANSWER)
def paper(lens: TheLens, picture: ThePicture, sheet: Sheet) -> Packed:
    """A sheet laid on a picture as the net sees it, computed as 0..1: its map, its scale, where it fits best, and what it
    resembles. Of a kernel the map is as large as the picture, with zeros around it; of a patch it is -1..1.
    """
    seen, _ = lens.seen(picture)
    with lens.lock:
        laid = paper_of(lens.subject, seen, sheet)
    head: dict[str, Any] = {
        "sheet": laid.sheet, "kind": laid.kind, "about": laid.about, "formula": laid.formula, "source": laid.source,
        "corner": list(laid.corner), "limit": laid.limit, "kernel_limit": limit_of(laid.kernel),
        "places": [list(place) for place in laid.places],
        "like": [{"sheet": near.kernel, "cosine": near.cosine} for near in laid.like],
    }  # fmt: skip
    return Packed(head, {"picture": seen, "kernel": laid.kernel, "map": laid.map})


def _known(classic: Classic) -> Known:
    return Known(
        name=classic.name, about=classic.about, formula=classic.formula, source=classic.source, usage=classic.usage,
        rows=parse_kernel(classic.name, files=False)[1].tolist(),
        knobs=[_knob(classic, parameter) for parameter in classic.parameters],
    )  # fmt: skip


def _callable(classic: Classic) -> bool:
    """Whether a kernel is one sheet, and can be made without its knobs being said."""
    knobs = inspect.signature(classic.make).parameters.values()
    if classic.parameters and any(knob.default is inspect.Parameter.empty for knob in knobs):
        return False
    return parse_kernel(classic.name, files=False)[1].ndim == 2


def _knob(classic: Classic, parameter: Parameter) -> Knob:
    default = inspect.signature(classic.make).parameters[parameter.name].default
    least = None if parameter.least == -np.inf else parameter.least
    return Knob(
        name=parameter.name, about=parameter.about, least=least, whole=parameter.whole, odd=parameter.odd, default=default
    )  # fmt: skip
