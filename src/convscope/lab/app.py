"""The page and what it asks for, put together."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

import convscope
from convscope.drawing.colours import film
from convscope.lab.asked import ERRORS, TheDesk, answer_errors
from convscope.lab.desk import Desk
from convscope.lab.pages import Files
from convscope.lab.views import VIEWS


class Ready(BaseModel):
    """How far the start has come: `doing` says what is waited for, `failed` why it will not be."""

    ready: bool
    doing: str
    failed: str
    first: str
    version: str


def make_app(desk: Desk) -> FastAPI:
    """The app of a desk: what computes for each view under /api, and the page itself."""
    app = FastAPI(
        title="convscope lab", version=convscope.__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
        description="What the page asks the library. Bodies of kind application/vnd.convscope.packed hold arrays.",
    )  # fmt: skip
    app.state.desk = desk
    answer_errors(app)

    @app.get("/api/ready", tags=["frame"], responses={422: ERRORS[422]})
    async def ready(desk: TheDesk) -> Ready:
        """How far the start has come."""
        return Ready(**desk.state())

    @app.get("/api/film", tags=["frame"])
    def palettes() -> dict[str, list[list[int]]]:
        """Film's colours on light and on dark paper: 127 purples, neutral, 127 greens, and that of NaN."""
        return {"light": film("light").tolist(), "dark": film("dark").tolist()}

    for module in VIEWS:
        app.include_router(module.router, prefix="/api")
    app.mount("/", Files())
    return app
