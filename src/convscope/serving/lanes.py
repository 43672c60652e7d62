"""Work that is done in bunches beside the event loop: what came while the last bunch was done is the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Lane(Generic[T, R]):
    """Threads that do bunches of at most `most` items, each result or error given back to whoever waits for it.

    Nothing waits for a bunch to fill up: a lone item is done at once. `threads` bunches are done at a time.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R | Exception]], threads: int, most: int, name: str
    ):
        self.work, self.free, self.most = work, threads, most
        self.waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self.pool = ThreadPoolExecutor(threads, name)

    async def done(self, item: T) -> R:
        """What the work makes of an item."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.waiting.append((item, future))
        if self.free:  # a turn later, so that what came with this one goes along
            self.free -= 1
            asyncio.get_running_loop().call_soon(self._begin)
        return await future

    def close(self) -> None:
        """Let the threads go; a bunch that has begun is ended."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        """Take the next bunch, without those that nobody waits for any more."""
        bunch = []
        while self.waiting and len(bunch) < self.most:
            item, future = self.waiting.popleft()
            if not future.done():
                bunch.append((item, future))
        if not bunch:
            self.free += 1
            return
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self.pool, self._results, [item for item, _ in bunch])
        work.add_done_callback(lambda made: self._end(bunch, made))

    def _results(self, items: Sequence[T]) -> Sequence[R | Exception]:
        try:
            return self.work(items)
        except Exception as error:  # whoever waits is told, all of them
            return [error] * len(items)

    def _end(
        self, bunch: list[tuple[T, asyncio.Future[R]]], made: asyncio.Future[Sequence[R | Exception]]
    ) -> None:
        for (_, future), result in zip(bunch, made.result(), strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._begin()
