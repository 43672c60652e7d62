"""Slow questions: answered one after the other beside everything else, each once, however many pages wait for it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from convscope.errors import ConvscopeError

Progress = Callable[..., None]
"""Told how much is done and of how much, and, where there is some, what came of it so far."""
Work = Callable[[Progress], Any]

PATIENCE, ALONE = 0.3, 8.0
"""Seconds that a question waits before it says how far its answer is; and after which nobody seems to wait for it."""
KEPT, QUEUE = 64, 24
"""So many answers are kept, and so many questions wait at most."""


@dataclass(frozen=True)
class Waiting:
    """An answer is not there yet: what is done for it, how much of that is done, and how much there is (0: not known);
    and what came of it so far."""

    doing: str
    done: int = 0
    total: int = 0
    so_far: Any = None


class _Alone(BaseException):
    """Nobody waits for the answer any more."""


@dataclass(eq=False)
class _Job:
    doing: str
    work: Work
    asked: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    so_far: Any = None
    result: Any = None
    error: Exception | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def progress(self, done: int, total: int, so_far: Any = None) -> None:
        self.done, self.total = done, total
        if so_far is not None:
            self.so_far = so_far
        if time.monotonic() - self.asked > ALONE:
            raise _Alone


class Jobs:
    """Answers slow questions in a thread of its own, and keeps so many answers."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._jobs: OrderedDict[Hashable, _Job] = OrderedDict()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None

    def ask(self, key: Hashable, doing: str, work: Work, *, patience: float | None = None) -> Any:
        """The answer that `work` gives, or a `Waiting`: then ask again, with the same key.

        Raises:
            ConvscopeError: The work failed; asked again it is tried anew.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                before = sum(not other.over.is_set() for other in self._jobs.values())
                if before >= QUEUE:
                    return Waiting(f"waiting for {before} other questions")
                job = self._jobs[key] = _Job(doing, work)
                self._trim()
                self._begin()
                self._lock.notify()
            if not job.over.is_set():
                self._jobs.move_to_end(key)
            job.asked = time.monotonic()
        job.over.wait(PATIENCE if patience is None else patience)
        if not job.over.is_set():
            return Waiting(job.doing, job.done, job.total, job.so_far)
        if job.error is not None:
            with self._lock:
                self._jobs.pop(key, None)
            raise job.error
        return job.result

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="slow questions", daemon=True)
            self._thread.start()

    def _trim(self) -> None:
        over = [key for key, job in self._jobs.items() if job.over.is_set()]
        for key in over[: max(0, len(self._jobs) - self._kept)]:
            del self._jobs[key]

    def _next(self) -> tuple[Hashable, _Job]:
        """The question that was asked again last: its page is looked at now."""
        with self._lock:
            while True:
                for key, job in reversed(self._jobs.items()):
                    if not job.over.is_set():
                        return key, job
                self._lock.wait()

    def _run(self) -> None:
        while True:
            key, job = self._next()
            try:
                job.progress(0, 0)
                job.result = job.work(job.progress)
            except _Alone:
                with self._lock:
                    self._jobs.pop(key, None)
            except ConvscopeError as error:
                job.error = error
            except Exception as error:  # a fault; whoever asks hears of it
                job.error = error
            job.over.set()
