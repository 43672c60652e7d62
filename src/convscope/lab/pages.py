"""The page's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parent / "static"


class Files(StaticFiles):
    """The files under static/; `.js` is JavaScript whatever this machine's table of kinds says."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, html=True)
        self._packing = GZipMiddleware(self._file, minimum_size=1000, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file, packed where the browser can unpack it."""
        await self._packing(scope, receive, send)

    async def _file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file; what is none is said to be none, also before the app is there."""
        try:
            await super().__call__(scope, receive, send)
        except HTTPException as error:
            words = {404: "there is no such file"}.get(error.status_code, error.detail)
            answer = JSONResponse({"error": words}, error.status_code, error.headers)
            await answer(scope, receive, send)

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        """One file, with the kind that its name says."""
        response = super().file_response(*args, **kwargs)
        if str(args[0]).endswith(".js"):
            response.headers["content-type"] = "text/javascript; charset=utf-8"
        return response
