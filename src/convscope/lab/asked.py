"""What requests have in common: the parts of a link that say what is looked at, and how errors are answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from convscope.errors import ConvscopeError, RunError, StackError
from convscope.lab.desk import Desk
from convscope.lab.lens import Lens
from convscope.lab.operations import LONGEST
from convscope.lab.packed import packed
from convscope.runs import Run

PACKED = "application/vnd.convscope.packed"


class Problem(BaseModel):
    """What is wrong, in one line, as the command line would say it; `line` and `column` where a net's text is wrong."""

    error: str
    line: int = 0
    column: int = 0


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "What was asked for does not fit"},
    404: {"model": Problem, "description": "There is no such Run, file or address"},
    413: {"model": Problem, "description": "Too many bytes"},
    422: {"model": Problem, "description": "A part of the request is missing or of the wrong kind"},
}
BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What is said of a request whose body is read as it comes: `openapi_extra=BYTES`."""
PACKED_ANSWER: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    200: {
        "content": {PACKED: {"schema": {"type": "string", "format": "binary"}}},
        "description": "A packed message",
    },
}


class Packed(Response):
    """An answer of numbers: see `convscope.lab.packed`."""

    media_type = PACKED

    def __init__(self, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__(packed(head, arrays))


async def the_desk(request: Request) -> Desk:  # async: a thread for this would cost more than it does
    """What all views share."""
    return request.app.state.desk


TheDesk = Annotated[Desk, Depends(the_desk)]
RunName = Annotated[str, Path(description="A Run's name", min_length=1, max_length=255)]
PictureName = Annotated[str, Query(description="test/17, train/3, page/5 or kept/HASH", max_length=200)]
UnitName = Annotated[str, Query(description="A unit, such as C1/3", max_length=200)]
LayerName = Annotated[str, Query(description="A layer, such as C1", max_length=200)]
Epoch = Annotated[
    int | None, Query(description="A kept epoch; without it the net as it ended", ge=0, le=10**6)
]
Operations = Annotated[
    str, Query(description="mute:C1/3;scale:C3/5:2;swap:C1/0:C1/1;edit:...", max_length=LONGEST)
]


def the_run(desk: TheDesk, run: RunName) -> Run:
    """The Run that the address names."""
    desk.wait()
    return desk.run(run)


def the_lens(desk: TheDesk, run: RunName, epoch: Epoch = None, ops: Operations = "") -> Lens:
    """The net that the address names, after an epoch, operated on."""
    return desk.lens(run, epoch, ops)


TheRun = Annotated[Run, Depends(the_run)]
TheLens = Annotated[Lens, Depends(the_lens)]


def the_picture(desk: TheDesk, run: TheRun, picture: PictureName) -> np.ndarray:
    """The picture that the address names, uint8 [c, h, w], of any size."""
    return desk.picture(picture, run)


ThePicture = Annotated[np.ndarray, Depends(the_picture)]


def answer_errors(app: FastAPI) -> None:
    """Every error becomes one line that says what to do."""

    @app.exception_handler(ConvscopeError)
    async def _known(_: Request, error: Exception) -> JSONResponse:
        place = {"line": error.line, "column": error.column} if isinstance(error, StackError) else {}
        return JSONResponse({"error": str(error), **place}, 404 if isinstance(error, RunError) else 400)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)

    @app.exception_handler(ClientDisconnect)
    async def _gone(_: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"error": "the request was cut short, or is larger than may be sent"}, 413)

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def _fault(_: Request, error: Exception) -> JSONResponse:
        words = "this is a fault in convscope, and the terminal says where: please report it"
        return JSONResponse({"error": f"{words} ({type(error).__name__})"}, 500)
