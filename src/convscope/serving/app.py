"""What the service answers under which address, and its OpenAPI description."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import convscope
from convscope.errors import PictureError
from convscope.serving.gate import App, Gate, Receive, Scope, Send
from convscope.serving.metrics import KIND, Counted, Metrics
from convscope.serving.service import BusyError, Service, as_json

PLAIN = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""Kinds under which a picture may come, beside image/*; the last is what curl says of any body."""
MANY = "multipart/form-data"
RETRY = {"Retry-After": "1"}
Coming = Coroutine[Any, Any, list[tuple[str, bytes]]]
"""Pictures by name, once all of them have come."""


class Said(BaseModel):
    """What the net says of a picture: probabilities from 0 to 1, and how the picture was prepared."""

    picture: str
    label: str
    probability: float
    probabilities: dict[str, float]
    steps: list[str]


class Predictions(BaseModel):
    """One answer a picture, in the order in which they came."""

    predictions: list[Said]


class Problem(BaseModel):
    """What is wrong, in one line."""

    error: str


class About(BaseModel):
    """Which net answers."""

    status: str
    net: str
    classes: list[str]
    input: list[int]
    convscope: str


PICTURE = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": PICTURE,
            "application/octet-stream": PICTURE,
            MANY: {
                "schema": {
                    "type": "object",
                    "required": ["picture"],
                    "properties": {
                        "picture": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            },
        },
    }
}
MEANINGS = {
    400: "The request was cut short, or is no proper multipart",
    401: "The token is missing",
    403: "The request is from another page",
    408: "It took too long to come or to be answered",
    413: "Too many bytes",
    415: "The body is of a kind that holds no picture",
    421: "The Host is none of ours",
    422: "A file is no readable picture, has too many pixels, or there are too many or none",
    503: "As many pictures wait as may; Retry-After says when to ask again",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words} for status, words in MEANINGS.items()
}


class RefusedError(Exception):
    """A request that brings no pictures: a status and one line."""

    def __init__(self, status: int, words: str):
        super().__init__(words)
        self.status = status


def make_app(service: Service, hosts: frozenset[str], token: str = "") -> App:
    """The app of a service behind its gate, all that is asked of it counted, refusals too."""
    # What it says of each damaged body is for strangers to write on this terminal; the answer says it to them.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    metrics = Metrics(lambda: service.waiting)
    service.observed = metrics.batches.observe

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="convscope", version=convscope.__version__, lifespan=living, docs_url=None, redoc_url=None,
        description="What a trained net says pictures show.",
    )  # fmt: skip

    @app.post("/predict", openapi_extra=BODY, response_model=Predictions, responses=ERRORS)
    async def predict(request: Request) -> Response:
        """Class probabilities of a picture (the body), or of several (multipart): PNG, JPEG, WebP, GIF, TIFF or BMP."""
        kind = _kind(request.headers.get("content-type", ""))

        def pictures(receive: Receive) -> Coming:
            if kind != MANY:
                return _one(kind, receive)
            return _many(Request(request.scope, receive), service)

        status, body, headers = await _answer(service, metrics, request.receive, pictures)
        return Response(body, status, headers, "application/json")

    async def soon(scope: Scope, receive: Receive, send: Send) -> None:
        """A picture that comes as the body, without all that FastAPI would do for it: it would take half of the time."""
        if scope["type"] != "http" or scope["path"] != "/predict" or scope["method"] != "POST":
            return await app(scope, receive, send)
        kind = _kind(
            next((value.decode("latin-1") for key, value in scope["headers"] if key == b"content-type"), "")
        )
        if kind == MANY:
            return await app(scope, receive, send)
        status, body, more = await _answer(service, metrics, receive, lambda counted: _one(kind, counted))
        sized = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers = [*sized, *((key.lower().encode(), value.encode()) for key, value in more.items())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None

    _told(app, service, metrics)
    return Counted(Gate(soon, hosts, token, service.limits.bytes), metrics, "/predict")


def _told(app: FastAPI, service: Service, metrics: Metrics) -> None:
    run = service.run
    about = About(
        status="ready", net=str(run.info.get("net", "")), classes=list(run.classes), input=list(run.stack.input.shape),
        convscope=convscope.__version__,
    )  # fmt: skip

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Whether it runs at all."""
        return {"status": "alive"}

    @app.get("/ready", responses={503: ERRORS[503]}, response_model=About)
    async def ready() -> Any:
        """Whether it would answer now, and which net does."""
        if service.waiting >= service.limits.waiting:
            return JSONResponse({"error": f"{service.waiting:,} pictures wait"}, 503, RETRY)
        return about

    @app.get("/metrics", response_class=Response, responses={200: {"content": {KIND: {}}}})
    async def counted() -> Response:
        """Counters for Prometheus."""
        return Response(metrics.text(), media_type=KIND)

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        words = f"this is a fault in convscope: please report it ({type(error).__name__})"
        return JSONResponse({"error": words}, 500)


async def _answer(
    service: Service, metrics: Metrics, receive: Receive, pictures: Callable[[Receive], Coming]
) -> tuple[int, bytes, dict[str, str]]:
    """Status, JSON and headers of an answer to `pictures`, which are still on their way."""
    limits = service.limits
    try:
        with service.room.part() as take:

            async def counted() -> MutableMapping[str, Any]:
                message = await receive()
                take(len(message.get("body", b"")))
                return message

            async with asyncio.timeout(limits.seconds):
                said = await service.predictions(await pictures(counted))
    except RefusedError as refused:
        status, words, headers = refused.status, str(refused), {}
    except PictureError as error:
        status, words, headers = 422, str(error), {}
    except BusyError:
        status, words, headers = (
            503,
            f"{service.waiting:,} pictures and {service.room.held:,} bytes wait already; ask again in a second",
            RETRY,
        )
    except TimeoutError:
        status, words, headers = 408, f"not done within {limits.seconds:g} seconds", {}
    except ClientDisconnect:
        status, words, headers = 400, "the request was cut short, or is larger than may be sent", {}
    else:
        metrics.pictures.inc(len(said))
        return 200, as_json(said), {}
    if status in (400, 408):
        headers = {"Connection": "close"}  # what still comes is not waited for
    return status, json.dumps({"error": words}, ensure_ascii=False).encode(), headers


def _kind(header: str) -> str:
    return header.partition(";")[0].strip().lower()


async def _one(kind: str, receive: Receive) -> list[tuple[str, bytes]]:
    """The picture that is a request's body."""
    if not (kind in PLAIN or kind.startswith("image/")):
        raise RefusedError(
            415, f"{kind[:100]!r} holds no picture: send it as the body (image/png, ...) or as {MANY}"
        )
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    if not data:
        raise RefusedError(422, "the body is empty: send a picture file as it is")
    return [("picture", data)]


async def _many(request: Request, service: Service) -> list[tuple[str, bytes]]:
    most = service.limits.pictures
    try:
        async with request.form(max_files=most, max_fields=most) as form:
            files = [part for _, part in form.multi_items() if not isinstance(part, str)]
            pictures = [(part.filename or "picture", await part.read()) for part in files]
    except HTTPException as error:
        raise RefusedError(400, f"no proper {MANY}: {error.detail}") from None
    if not pictures:
        raise RefusedError(422, f"there is no file in the {MANY}: send pictures as `picture`")
    return pictures
