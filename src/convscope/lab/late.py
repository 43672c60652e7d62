"""The page before PyTorch is there: its own files at once, and what is waited for; all else waits for the app."""

from __future__ import annotations

import asyncio
import json
import threading

from convscope.lab.desk import Desk
from convscope.lab.pages import Files
from convscope.serving.gate import App, Receive, Scope, Send


class Late:
    """Takes requests from the first moment on, while the app and all that it needs are loaded in the background."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.app: App | None = None
        self.files = Files()
        self.loaded = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self.app is None and not scope["path"].startswith("/api/"):
            await self.files(scope, receive, send)
            return
        if self.app is None and scope["path"] == "/api/ready":
            await _json(send, self.desk.state())
            return
        if self.app is None:
            await self.loaded.wait()
        if self.app is None:
            await _json(send, {"error": self.desk.failed or "the start failed"}, 404)
            return
        await self.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the start of the server to its end."""
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self._load, name="load", daemon=True).start()
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.desk.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def _load(self) -> None:
        assert self.loop is not None
        try:
            self.desk.doing = "loading PyTorch"
            from convscope.lab.app import make_app

            self.app = make_app(self.desk)
            self.desk.warm()
        except Exception as error:  # the page must hear of it, whatever it is
            self.desk.failed = f"the start failed: {type(error).__name__}: {error}"
            raise
        finally:
            self.loop.call_soon_threadsafe(self.loaded.set)


async def _json(send: Send, value: object, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
