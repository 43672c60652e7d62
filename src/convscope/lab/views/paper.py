"""Magnet paper: classic, painted and learned kernels laid on a picture, and patches cut out of it."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query

from convscope.conv.convolution import convolve
from convscope.conv.kernel_text import parse_kernel
from convscope.conv.kernels import CLASSICS
from convscope.conv.matching import best_matches, cut, match
from convscope.data.fit import grey
from convscope.drawing.colours import limit_of
from convscope.errors import KernelError
from convscope.inspect.classics import cosine, nearest_classics
from convscope.inspect.layers import kernels_of, layers_of, unit_of
from convscope.inspect.likeness import likeness
from convscope.lab.asked import PACKED_ANSWER, Packed, TheLens, ThePicture
from convscope.lab.lens import Lens

router = APIRouter(tags=["paper"])

LARGEST, CHANNELS = 63, 16
"""Cells along a sheet's side, and channels, at most."""
FOUND = 3
"""So many places are marked where a sheet fits best."""
PATCH = re.compile(r"patch:(\d{1,4}),(\d{1,4}),(\d{1,4}),(\d{1,4})")
UNIT = re.compile(r".+/\d{1,6}")

SAYS = "sobel_x, gaussian(2), 1 0 -1; 2 0 -2; 1 0 -1, C1/3 or patch:TOP,LEFT,ROWS,COLUMNS"
Sheet = Annotated[str, Query(max_length=20_000, description=SAYS)]


@dataclass(frozen=True, eq=False)
class Laid:
    """A sheet on a picture: the kernel, its map, and where the middle of the window lies for the map's first value."""

    kind: str
    kernel: np.ndarray
    map: np.ndarray
    corner: tuple[int, int]
    limit: float
    words: dict[str, Any]


@router.get("/kernels")
def classics() -> list[dict[str, Any]]:
    """The classic kernels: what each does, its formula, source and knobs, and its numbers as they are by default."""
    return [
        {
            "name": name, "about": c.about, "formula": c.formula, "source": c.source, "usage": c.usage,
            "rows": parse_kernel(name, files=False)[1].tolist(),
            "knobs": [_knob(c.make, p) for p in c.parameters],
        }
        for name, c in CLASSICS.items()
        if _callable(c.make, len(c.parameters))
    ]  # fmt: skip


@router.get("/runs/{run}/sheets", responses=PACKED_ANSWER)
def learned(lens: TheLens) -> Packed:
    """The learned kernels of the first layer [k, channels, rows, columns]: those that lie on the picture itself."""
    with lens.lock:
        layer = layers_of(lens.subject)[0]
        kernels = kernels_of(lens.subject, layer)[:256]
    says = [str(likeness(kernel[0])) if len(kernel) == 1 else "" for kernel in kernels]
    return Packed({"layer": layer.name, "says": says}, {"kernels": kernels.astype(np.float32)})


@router.get("/runs/{run}/paper", responses=PACKED_ANSWER)
def paper(lens: TheLens, picture: ThePicture, sheet: Sheet) -> Packed:
    """A sheet laid on a picture as the net sees it, computed as 0..1: its map, its scale, where it fits best, and what it
    resembles. Of a kernel the map is as large as the picture, with zeros around it; of a patch it is -1..1.
    """
    seen, _ = lens.seen(picture)
    values = seen.astype(np.float32) / 255
    plain = grey(seen).astype(np.float32)[None] / 255
    patch = PATCH.fullmatch(sheet.strip())
    if patch:
        laid = _patch(plain, *(int(n) for n in patch.groups()))
    elif UNIT.fullmatch(sheet.strip()):
        laid = _unit(lens, sheet.strip(), values)
    else:
        laid = _kernel(lens, sheet, plain)
    rows, columns = laid.kernel.shape[-2:]
    apart = max(2, rows, columns)
    places = [
        [m.top + laid.corner[0], m.left + laid.corner[1], m.score]
        for m in best_matches(laid.map.astype(np.float64), FOUND, apart)
        if m.score > 0
    ]
    flat = laid.kernel if laid.kernel.ndim == 2 else laid.kernel[0]
    near = nearest_classics(flat.astype(np.float64)) if laid.kernel.ndim == 2 or len(laid.kernel) == 1 else ()
    head = {
        "sheet": sheet.strip(), "kind": laid.kind, **laid.words, "corner": list(laid.corner), "limit": laid.limit,
        "kernel_limit": limit_of(laid.kernel), "places": places,
        "resembles": [{"kernel": n.kernel, "cosine": n.cosine} for n in near],
    }  # fmt: skip
    kernel = laid.kernel if laid.kernel.ndim == 3 else laid.kernel[None]
    return Packed(
        head,
        {
            "picture": seen,
            "kernel": kernel.astype(np.float64),
            "map": np.nan_to_num(laid.map).astype(np.float32),
        },
    )


def _kernel(lens: Lens, text: str, plain: np.ndarray) -> Laid:
    """A classic or a painted kernel, on the picture's brightness."""
    name, kernel = parse_kernel(text, files=False)
    if max(kernel.shape[-2:]) > LARGEST or (kernel.ndim == 3 and len(kernel) > 1):
        raise KernelError(
            f"a sheet has at most {LARGEST} x {LARGEST} cells and one channel: take a smaller one"
        )
    if not np.isfinite(kernel).all():
        raise KernelError("a sheet's numbers must be finite: replace nan and inf")
    flat = kernel[0] if kernel.ndim == 3 else kernel
    made = convolve(plain, flat.astype(np.float32), padding="same")[0]
    classic = CLASSICS.get(name.partition("(")[0])
    words: dict[str, Any] = {}
    if classic:
        words = {"about": classic.about, "formula": classic.formula, "source": classic.source}
    words |= {"learned": _learned_alike(lens, flat)}
    return Laid("classic" if classic else "painted", flat, made, (0, 0), limit_of(made), words)


def _learned_alike(lens: Lens, kernel: np.ndarray) -> dict[str, Any] | None:
    """The learned kernel of the first layer that resembles a kernel most; None where they lie on several channels."""
    with lens.lock:
        layer = layers_of(lens.subject)[0]
        learned = kernels_of(lens.subject, layer)
    if learned.shape[1] != 1 or not kernel.any():
        return None
    cosines = [cosine(kernel, k[0].astype(np.float64)) for k in learned]
    best = int(np.argmax(np.abs(cosines)))
    return {"unit": f"{layer.name}/{best}", "cosine": cosines[best]}


def _unit(lens: Lens, unit: str, values: np.ndarray) -> Laid:
    """A kernel that the net has learned for its first layer."""
    with lens.lock:
        layer, number = unit_of(lens.subject, unit)
        first = layers_of(lens.subject)[0]
        if layer.name != first.name:
            raise KernelError(
                f"{unit} lies on maps, not on the picture: take one of {first.name}, or watch it slide"
            )
        kernel = kernels_of(lens.subject, layer)[number]
    made = convolve(values, kernel.astype(np.float32), padding="same")
    made = made[0] if made.ndim == 3 else made
    about = str(likeness(kernel[0])) if len(kernel) == 1 else "a kernel over all channels of the picture"
    return Laid("learned", kernel, made, (0, 0), limit_of(made), {"about": about})


def _patch(plain: np.ndarray, top: int, left: int, rows: int, columns: int) -> Laid:
    """A patch of the picture itself, and how well it fits at every place."""
    if max(rows, columns) > LARGEST or rows * columns < 4:
        raise KernelError(f"a patch has 4 pixels or more, and at most {LARGEST} x {LARGEST}: cut another")
    patch = cut(plain.astype(np.float64), top, left, rows, columns)
    scores = match(plain.astype(np.float64), patch)
    words = {
        "about": "a patch of the picture: 1 is the patch itself, −1 its negative, whatever the brightness"
    }
    return Laid("patch", patch, scores, (rows // 2, columns // 2), 1.0, words)


def _callable(make: Any, knobs: int) -> bool:
    """Whether a kernel can be made without its knobs being said."""
    return not knobs or all(
        p.default is not inspect.Parameter.empty for p in inspect.signature(make).parameters.values()
    )


def _knob(make: Any, parameter: Any) -> dict[str, Any]:
    default = inspect.signature(make).parameters[parameter.name].default
    least = None if parameter.least == -np.inf else parameter.least
    return {
        "name": parameter.name, "about": parameter.about, "least": least, "whole": parameter.whole, "odd": parameter.odd,
        "default": default,
    }  # fmt: skip
