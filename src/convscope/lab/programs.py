"""The programs that the page starts: each is a `convscope` as a person would start it in a terminal.

Some run at once, the others wait. A program says on its stderr how far it is (`--progress json`), and is stopped by SIGTERM,
on which it saves. When the page's server ends, all are asked to save and stop.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from convscope.errors import RunError

MOST_WAITING = 20
PATIENCE = 20.0
"""Seconds that the end of the server waits for programs to save."""
LINES, LONGEST_LINE = 200, 600
HOW = ("--progress", "json")
CAN_PAUSE = hasattr(signal, "SIGTSTP")

State = Literal["waiting", "starting", "reading", "training", "pausing", "paused", "stopping", "finishing",
                "stopped", "finished", "failed"]  # fmt: skip
LIVE = ("starting", "reading", "training", "pausing", "paused", "stopping", "finishing")


@dataclass(eq=False)
class Program:
    """One program that the page started; `words` is what was typed for it, `at` what it said last of where it is."""

    name: str
    words: tuple[str, ...]
    state: State = "waiting"
    since: float = field(default_factory=time.monotonic)
    at: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    error: str = ""
    process: subprocess.Popen[str] | None = None
    asked_to_stop: bool = False

    @property
    def command(self) -> str:
        """What a person would type, in the folder of the lab."""
        return f"convscope {shlex.join(self.words)}"

    @property
    def live(self) -> bool:
        """Whether it runs."""
        return self.state in LIVE

    def turn(self, state: State) -> None:
        """Go over into another state."""
        if state != self.state:
            self.state, self.since = state, time.monotonic()

    def hear(self, line: str) -> None:
        """Take in a line that it printed."""
        said = _progress(line)
        if said is not None:
            self.told(said.pop("progress"), said)
            return
        for text in line.rstrip().splitlines():
            self.lines.append(text[:LONGEST_LINE])
        if line.startswith("report:"):
            self.turn("finishing")

    def told(self, what: str, said: dict[str, Any]) -> None:
        """Take in what it said of how far it is."""
        if what == "reading":
            self.reading = said
        if what == "reading" and self.state != "stopping":
            self.turn("reading")

    def signalled(self, *numbers: int) -> None:
        """Send signals to it, if it is still there."""
        if self.process is None or self.process.poll() is not None:
            return
        for number in numbers:
            self.process.send_signal(number)

    def give_back(self) -> None:
        """It has ended: give back what was taken for it, where it wrote nothing."""


P = TypeVar("P", bound=Program)


class Programs(Generic[P]):
    """All programs of a kind, by name; they run in `folder`. `called` is what one of them is called."""

    called = "program"
    at_once = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._all: dict[str, P] = {}
        self._lock = threading.RLock()
        self._closed = False
        atexit.register(self.close)

    def listed(self) -> list[P]:
        """All of them, the one that was started last first."""
        with self._lock:
            return list(reversed(self._all.values()))

    def get(self, name: str) -> P | None:
        """One of them."""
        return self._all.get(name)

    def stop(self, name: str) -> P:
        """Ask a program to save and stop; one that waits is taken out of the queue.

        Raises:
            RunError: It has ended already.
        """
        with self._lock:
            program = self.one(name)
            if program.state == "waiting":
                program.turn("stopped")
                program.give_back()
                return program
            if not program.live:
                raise RunError(f"{name} has ended already")
            self._ask(program)
            return program

    def ahead(self, program: P) -> list[str]:
        """The names of those that a waiting one waits for."""
        with self._lock:
            found = []
            for one in self._all.values():
                if one is program:
                    break
                if one.live or one.state == "waiting":
                    found.append(one.name)
            return found

    def close(self) -> None:
        """Ask all that run to save and stop, and wait for them a while."""
        with self._lock:
            self._closed = True
            atexit.unregister(self.close)
            live = [one for one in self._all.values() if one.live]
            for one in self._all.values():
                if one.state == "waiting":
                    one.turn("stopped")
                    one.give_back()
            for one in live:
                self._ask(one)
        end = time.monotonic() + PATIENCE
        for one in live:
            if one.process is not None:
                try:
                    one.process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    one.process.terminate()

    def one(self, name: str) -> P:
        """One of them.

        Raises:
            RunError: None of that name was started here.
        """
        program = self.get(name)
        if program is None:
            raise RunError(f"there is no {self.called} {name[:60]!r} that was started here")
        return program

    def require_room(self) -> None:
        """Refuse to take another one where too many wait.

        Raises:
            RunError: They do, or the server is ending.
        """
        if self._closed:
            raise RunError("the page's server is ending: start it again first")
        waiting = sum(one.state == "waiting" for one in self._all.values())
        if waiting >= MOST_WAITING:
            raise RunError(
                f"{waiting} {self.called}s are waiting already: wait for one to begin, or take one back"
            )

    def take(self, program: P) -> P:
        """Start a program, or let it wait for its turn."""
        with self._lock:
            self._all.pop(program.name, None)
            self._all[program.name] = program
            self._next()
            return program

    def _ask(self, program: P) -> None:
        program.asked_to_stop = True
        program.turn("stopping")
        program.signalled(signal.SIGTERM, *([signal.SIGCONT] if CAN_PAUSE else []))

    def _next(self) -> None:
        """Start those whose turn it is."""
        for program in list(self._all.values()):
            running = sum(one.live for one in self._all.values())
            if program.state == "waiting" and running < self.at_once and not self._closed:
                self._start(program)

    def _start(self, program: P) -> None:
        program.turn("starting")
        try:
            program.process = subprocess.Popen(
                [sys.executable, "-m", "convscope", *program.words, *HOW],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, encoding="utf-8", errors="replace", start_new_session=True,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
        except OSError as error:
            program.error = f"the program cannot be started ({error.strerror or error})"
            program.turn("failed")
            program.give_back()
            return
        name = f"{self.called} {program.name}"
        threading.Thread(target=self._follow, args=(program,), name=name, daemon=True).start()

    def _follow(self, program: P) -> None:
        """Listen to a program until it ends, and start what waits for it."""
        process = program.process
        assert process is not None and process.stdout is not None
        with process.stdout as said:
            for line in said:
                program.hear(line)
        code = process.wait()
        with self._lock:
            if code == 0:
                program.turn("finished")
            elif program.asked_to_stop:
                program.turn("stopped")
            else:
                program.error = last_words(program.lines, code, self.called)
                program.turn("failed")
            program.give_back()
            self._next()


def last_words(lines: Iterable[str], code: int, called: str = "training") -> str:
    """Why a program ended: its own words where it had some.

    >>> last_words(["epoch 1", "convscope: the loss became nan", ""], 1)
    'the loss became nan'
    >>> last_words([], 3)
    'the training ended with code 3'
    """
    said = [line.strip() for line in lines if line.strip()]
    if code == -9:
        return (
            f"the {called} was ended from outside (signal 9), as happens when the memory is full: "
            "make the net or its pictures smaller"
        )
    ours = [line for line in said if line.startswith("convscope: ")]
    if ours:
        return ours[-1].removeprefix("convscope: ")
    return (
        re.sub(r"^(\w+\.)*(\w+Error): ", r"\2: ", said[-1])
        if said
        else f"the {called} ended with code {code}"
    )


def _progress(line: str) -> dict[str, Any] | None:
    if not line.startswith('{"progress"'):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None
