"""The page's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


class Files(StaticFiles):
    """The files under static/; `.js` is JavaScript whatever this machine's table of kinds says."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, html=True)

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        """One file, with the kind that its name says."""
        response = super().file_response(*args, **kwargs)
        if str(args[0]).endswith(".js"):
            response.headers["content-type"] = "text/javascript; charset=utf-8"
        return response
