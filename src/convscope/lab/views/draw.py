"""Draw: a picture comes in, and all that the network says about it goes out, at the pace of a pen."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from convscope.errors import PictureError
from convscope.inspect.layers import layers_of
from convscope.inspect.rank import rank_for_picture
from convscope.inspect.subject import first_tensor
from convscope.inspect.surgery import Surgery
from convscope.lab.asked import (
    BYTES,
    ERRORS,
    PACKED_ANSWER,
    Epoch,
    Operations,
    Packed,
    RunName,
    TheDesk,
    TheLens,
    ThePicture,
)
from convscope.lab.lens import Lens
from convscope.lab.pictures import decoded

router = APIRouter(tags=["draw"])

NUMBERS = 60_000
"""Numbers of a layer that are sent: of layers with larger maps only the first few units."""
ALL = 1_000_000
"""Numbers of all layers together that are sent: of a deep net fewer of each."""
SIDE = 2048

Side = Annotated[int, Query(ge=1, le=SIDE, description="Pixels")]


class KeptPicture(BaseModel):
    """A picture that was handed over: what it is called from now on, and its size."""

    picture: str
    channels: int
    height: int
    width: int


class Reason(BaseModel):
    """A unit that speaks for the answer (or against it), and what the net says without it."""

    unit: str
    weight: float
    why: str
    without: str


@router.post("/pictures", responses=ERRORS, openapi_extra=BYTES)
async def keep(desk: TheDesk, request: Request) -> KeptPicture:
    """Hand over a picture file (PNG, JPEG, WebP, GIF, TIFF, BMP); it is kept in memory, and named by its pixels."""
    body = await request.body()
    return await run_in_threadpool(lambda: _kept(desk, decoded(body)))


@router.post("/drawings", responses=ERRORS, openapi_extra=BYTES)
async def keep_drawing(desk: TheDesk, request: Request, width: Side, height: Side) -> KeptPicture:
    """Hand over a drawing, a byte a pixel, light ink on black: it is kept as a picture is."""
    return _kept(desk, _drawing(await request.body(), width, height))


@router.post("/runs/{run}/say", responses=PACKED_ANSWER, openapi_extra=BYTES)
async def say_of_drawing(
    desk: TheDesk,
    request: Request,
    run: RunName,
    width: Side,
    height: Side,
    epoch: Epoch = None,
    ops: Operations = "",
) -> Packed:
    """What every layer says about a drawing, a byte a pixel, light ink on black."""
    body = await request.body()
    # The net is found in the same thread: at the pace of a pen a change of threads is worth saving.
    return await run_in_threadpool(lambda: _said(desk.lens(run, epoch, ops), _drawing(body, width, height)))


@router.get("/runs/{run}/say", responses=PACKED_ANSWER)
def say(lens: TheLens, picture: ThePicture) -> Packed:
    """What every layer says about a picture."""
    return _said(lens, picture)


@router.get("/runs/{run}/reasons", responses=ERRORS)
def reasons(lens: TheLens, picture: ThePicture, top: Annotated[int, Query(ge=1, le=16)] = 3) -> list[Reason]:
    """The units whose muting changes the score of the answer most, and what the net would say without each."""
    seen, _ = lens.seen(picture)
    with lens.lock:
        answer = lens.record(seen).answer
        target = lens.subject.class_of(None, first_tensor(answer).flatten(1))
        ranked = [
            (abs(r.weight), layer.name, r)
            for layer in layers_of(lens.subject)
            for r in rank_for_picture(lens.subject, layer, seen, target)[:top]
        ]
        best = sorted(ranked, key=lambda entry: -entry[0])[:top]
        return [
            Reason(unit=f"{name}/{r.unit}", weight=r.weight, why=r.why, without=_without(lens, f"{name}/{r.unit}", seen))
            for _, name, r in best
        ]  # fmt: skip


def _without(lens: Lens, unit: str, seen: np.ndarray) -> str:
    return Surgery(lens.subject).mute(unit).effect(seen).named[1]


def _kept(desk: Any, pixels: np.ndarray) -> KeptPicture:
    channels, height, width = pixels.shape
    return KeptPicture(picture=desk.keep(pixels), channels=channels, height=height, width=width)


def _drawing(body: bytes, width: int, height: int) -> np.ndarray:
    if len(body) != width * height:
        raise PictureError(
            f"a drawing of {width} x {height} has {width * height:,} bytes, but {len(body):,} came"
        )
    return np.frombuffer(body, np.uint8).reshape(1, height, width)


def _said(lens: Lens, picture: np.ndarray) -> Packed:
    """All layers' maps of a picture, and the answer. Layers without rows and columns are columns of cells."""
    seen, steps = lens.seen(picture)
    said = lens.record(seen)
    answer = first_tensor(said.answer)
    chances = lens.chances(answer)
    layers, arrays = [], {"picture": seen}
    each = min(NUMBERS, ALL // max(1, len(said.layers)))
    for one in said.layers:
        values = said.maps[one.name][0] if one.kept else np.zeros((0, 1, 1), np.float32)
        maps = values if values.ndim == 3 else values.reshape(-1, 1, 1)
        shown = max(1, min(len(maps), each // max(1, maps[0].size))) if len(maps) else 0
        arrays[one.name] = maps[:shown] if np.isfinite(maps[:shown]).all() else np.nan_to_num(maps[:shown])
        layers.append({
            "name": one.name, "kind": one.kind, "units": int(one.shape[1]), "shown": shown,
            "size": [int(n) for n in maps.shape[1:]], "limit": lens.limits.get(one.name, 1.0),
        })  # fmt: skip
    order = np.argsort(-chances, kind="stable")
    head = {
        "steps": list(steps), "layers": layers, "classes": list(lens.subject.classes),
        "label": lens.subject.classes[int(order[0])], "operations": list(lens.operations),
    }  # fmt: skip
    scores = lens.subject.scores(answer.float().flatten(1))[0].cpu().numpy()
    return Packed(
        head, {**arrays, "chances": chances.astype(np.float32), "scores": scores.astype(np.float32)}
    )
