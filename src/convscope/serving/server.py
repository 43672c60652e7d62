"""Starting the service: a port, a gate, and an end at which whoever was promised an answer gets it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

from convscope.errors import ExportError
from convscope.runs import Run
from convscope.serving.address import Address

PORT = 8200
"""The port that is tried first."""
NEEDED = ("httptools", "prometheus_client", "python_multipart")
SETTINGS: dict[str, Any] = {
    "http": "httptools", "ws": "none", "lifespan": "on", "log_level": "error", "access_log": False, "server_header": False,
    "timeout_keep_alive": 75, "timeout_graceful_shutdown": 30, "proxy_headers": False, "backlog": 2048,
}  # fmt: skip
"""How uvicorn serves: quiet about clients that say nonsense, and at the end patient with those who wait."""


def serve(
    run: Run,
    at: Address,
    limits: Any = None,
    *,
    names: tuple[str, ...] = (),
    said: Callable[[str], None] | None = None,
) -> None:
    """Serve a Run's predictions until stopped (Ctrl-C, SIGTERM); what has come by then is still answered.

    `names` are hosts that it is reached by beside its own; `said` is told the address as soon as it answers.

    Raises:
        ExportError: What serving needs is not installed.
        RunError: The Run's weights are missing or damaged.
    """
    needs_libraries()
    import uvicorn

    from convscope.serving.app import make_app
    from convscope.serving.service import Limits, Service

    limits = limits or Limits()
    hosts = at.hosts | {name.lower() for name in names}
    app = make_app(Service(run, limits), frozenset(hosts), at.token)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if said and self.started:
                said(at.base)

        async def on_tick(self, counter: int) -> bool:
            if counter % 10 == 0:  # once a second
                hang_up(self.server_state.connections, silent, limits.seconds)
            return await super().on_tick(counter)

    silent: dict[Any, float] = {}
    gc.collect()
    gc.freeze()  # else Python looks through all that PyTorch loaded again and again, a quarter of a second each time
    asyncio.run(Server(uvicorn.Config(app, **SETTINGS)).serve(sockets=list(at.sockets)))


def hang_up(connections: set[Any], silent: dict[Any, float], seconds: float) -> None:
    """Close connections on which no request has begun for so long; uvicorn would keep them. `silent` is since when."""
    now = time.monotonic()
    waits = {link for link in connections if link.cycle is None}
    for link in [link for link in silent if link not in waits]:
        del silent[link]
    for link in waits:
        if now - silent.setdefault(link, now) > seconds:
            link.transport.close()


def needs_libraries() -> None:
    """Say how to get what serving needs, where it is not here.

    Raises:
        ExportError: A library is not installed.
    """
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ExportError(f"serving needs {', '.join(missing)}: pip install 'convscope[serve]'")
