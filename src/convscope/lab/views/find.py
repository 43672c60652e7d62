"""Find: a net moved over a large picture: heat and boxes as they come, the picture in parts, and a find cut out of it."""

from __future__ import annotations

import io
from dataclasses import asdict, astuple
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from PIL import Image

from convscope.data.background import NOTHING
from convscope.errors import PictureError
from convscope.finding.search import Search, Wish
from convscope.lab.asked import ERRORS, PACKED_ANSWER, Packed, PictureName, TheDesk, TheLens, ThePicture
from convscope.lab.cards import name_of, once
from convscope.lab.jobs import Waiting
from convscope.lab.searches import Seen, ready, watched
from convscope.lab.views.draw import KeptPicture

router = APIRouter(tags=["find"])

LEAST = 0.5
"""Boxes that are sent are at least so sure; the page hides those that are less sure than somebody asks for."""
MOST = 1000
"""Boxes that are sent at most, best first."""
SIDE = 2048
"""Pixels of a part of a picture that is sent, along its longer side, at most."""
SHARP = 1_000_000
"""Pixels of a part that is sent as it is; a larger one loses what the eye does not miss."""
MARGIN = 0.15
"""A find is cut out with so large a part of its size around it."""

Reach = Annotated[float | None, Query(ge=1, le=1e5, allow_inf_nan=False, description="Pixels of the picture")]
Fine = Annotated[int, Query(ge=1, le=4, description="Windows lie so many times as near to each other")]
Kind = Annotated[str, Query(max_length=200, description="The class whose heat is wanted; without it any's")]
Edge = Annotated[float, Query(ge=-1e6, le=1e6, allow_inf_nan=False, description="Pixels from the top left")]
Length = Annotated[float, Query(gt=0, le=1e6, allow_inf_nan=False, description="Pixels of the picture")]


@router.get("/runs/{run}/find", responses=PACKED_ANSWER)
def find(
    desk: TheDesk, lens: TheLens, picture: PictureName, pixels: ThePicture, smallest: Reach = None, largest: Reach = None,
    fine: Fine = 1, kind: Kind = "",
) -> Packed:  # fmt: skip
    """What the net finds in a picture, and how sure it is around each place [rows, columns], 0 to 1: as far as it has come;
    while `waiting` says something, ask again.

    `sizes` has at each place which of `windows` (height, width) the net was surest with, `classes` of what.
    """
    if smallest and largest and smallest > largest:
        raise PictureError(f"the smallest window, {smallest:g}, is larger than the largest, {largest:g}")
    wish = Wish(LEAST, smallest, largest, fine=fine)
    search = once(lens, ("search", wish), lambda: ready(lens, wish))
    if kind and kind not in search.classes:
        raise PictureError(
            f"there is no class {kind!r} to be found: there are {', '.join(search.classes[:20])}"
        )
    key = (name_of(lens), picture, astuple(wish))
    answer = desk.searches.ask(key, "windows looked at", lambda say: watched(search, pixels, say))
    waiting = answer if isinstance(answer, Waiting) else None
    head = _head(search, pixels, waiting)
    seen = answer.so_far if isinstance(answer, Waiting) else answer
    if seen is None:
        return Packed(head, {})
    return Packed({**head, **_said(seen)}, _heat(search, seen, kind))


@router.get(
    "/runs/{run}/part.png", response_class=Response,
    responses={**ERRORS, 200: {"content": {"image/png": {}, "image/jpeg": {}}, "description": "The part"}},
)  # fmt: skip
def part(
    pixels: ThePicture, left: Edge, top: Edge, width: Length, height: Length,
    side: Annotated[int, Query(ge=1, le=SIDE)] = SIDE,
) -> Response:  # fmt: skip
    """A part of a picture, brought down to `side` pixels where it is larger; as JPEG where it is large and in colours."""
    image = _image(_cut(pixels, left, top, width, height))
    image.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=2.0)
    jpeg = image.mode == "RGB" and image.width * image.height > SHARP
    file = io.BytesIO()
    if jpeg:
        image.save(file, "JPEG", quality=90)
    else:
        image.save(file, "PNG", compress_level=3)
    headers = {"cache-control": "private, max-age=3600"}
    return Response(file.getvalue(), media_type="image/jpeg" if jpeg else "image/png", headers=headers)


@router.post("/runs/{run}/cut", responses=ERRORS)
def cut(
    desk: TheDesk, pixels: ThePicture, left: Edge, top: Edge, width: Length, height: Length
) -> KeptPicture:
    """Cut a find out of its picture, with a little around it: a picture of its own, to be looked at in the other views."""
    down, right = MARGIN * height, MARGIN * width
    made = np.ascontiguousarray(_cut(pixels, left - right, top - down, width + 2 * right, height + 2 * down))
    channels, high, wide = made.shape
    return KeptPicture(picture=desk.keep(made), channels=channels, height=high, width=wide)


def _head(search: Search, pixels: np.ndarray, waiting: Waiting | None) -> dict[str, Any]:
    """What is known before anything was found."""
    said = None if waiting is None else {"doing": waiting.doing, "done": waiting.done, "total": waiting.total}
    return {
        "waiting": said, "size": [pixels.shape[2], pixels.shape[1]], "classes": list(search.classes),
        "mode": search.how.mode, "why": search.how.why, "window": list(search.how.window),
        "knows_nothing": NOTHING in search.run.classes, "boxes": [], "more": 0, "seconds": 0.0, "passes": None,
    }  # fmt: skip


def _said(seen: Seen) -> dict[str, Any]:
    boxes = [asdict(box) for box in seen.boxes[:MOST]]
    return {
        "boxes": boxes, "more": len(seen.boxes) - len(boxes), "seconds": round(seen.seconds, 2), "passes": seen.passes,
        "cell": seen.heat.pixels_a_cell, "windows": [list(size) for size in seen.heat.windows],
    }  # fmt: skip


def _heat(search: Search, seen: Seen, kind: str) -> dict[str, np.ndarray]:
    """Each place's chance, of which class it is, and with which window."""
    values, sizes = seen.heat.values, seen.heat.sizes
    best = values.argmax(0) if not kind else np.full(values.shape[1:], search.classes.index(kind))
    picked = [np.take_along_axis(array, best[None], 0)[0] for array in (values, sizes)]
    return {"heat": picked[0], "sizes": picked[1], "classes": best.astype(np.int32)}


def _cut(pixels: np.ndarray, left: float, top: float, width: float, height: float) -> np.ndarray:
    """The part of a picture that lies in a frame.

    Raises:
        PictureError: The frame lies beside it.
    """
    high, wide = pixels.shape[1:]
    x, y = max(0, int(left)), max(0, int(top))
    made = pixels[:, y : min(high, int(np.ceil(top + height))), x : min(wide, int(np.ceil(left + width)))]
    if 0 in made.shape:
        raise PictureError(f"this frame lies beside the picture, which has {wide}x{high} pixels")
    return made


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
