"""What the service counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from convscope.serving.gate import App, Receive, Scope, Send

KIND = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Counters of one service; `waiting` tells how many pictures wait."""

    def __init__(self, waiting: Callable[[], int]):
        own: Any = {"registry": CollectorRegistry()}
        self.registry = own["registry"]
        self.requests = Counter("convscope_requests", "Requests to /predict, by status", ["status"], **own)
        self.pictures = Counter("convscope_pictures", "Pictures that were answered", **own)
        self.seconds = Histogram(
            "convscope_request_seconds", "From request to answer", buckets=SECONDS, **own
        )
        self.batches = Histogram(
            "convscope_batch_pictures",
            "Pictures the net was asked at once",
            buckets=[2**n for n in range(8)],
            **own,
        )
        gauge = Gauge("convscope_waiting_pictures", "Pictures that have come and are not answered", **own)
        gauge.set_function(waiting)
        self._by_status: dict[int, Any] = {}

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self.registry)

    def count(self, status: int, seconds: float) -> None:
        """Count a request that was answered, or whose client went away (499)."""
        if status not in self._by_status:
            self._by_status[status] = self.requests.labels(str(status))
        self._by_status[status].inc()
        self.seconds.observe(seconds)


class Counted:
    """Wraps an app: what is asked of `path` is counted by the status of its answer, refusals too."""

    def __init__(self, app: App, metrics: Metrics, path: str):
        self.app, self.metrics, self.path = app, metrics, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.path:
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 499

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            self.metrics.count(status, time.perf_counter() - began)
