"""The trainings that the page starts: each is the program `convscope train`, as a person would start it in a terminal.

At most two run at once, the others wait. The program says on its stderr how far it is (`--progress json`), and is stopped
by SIGTERM, on which it saves. When the page's server ends, all are asked to save and stop.
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
from typing import Any, Literal

from convscope.errors import RunError
from convscope.lab.order import Order
from convscope.nets.zoo import zoo

AT_ONCE = 2
MOST_WAITING = 20
PATIENCE = 20.0
"""Seconds that the end of the server waits for trainings to save."""
LINES, LONGEST_LINE = 200, 600
HOW = ("--progress", "json")

State = Literal["waiting", "starting", "reading", "training", "pausing", "paused", "stopping", "finishing",
                "stopped", "finished", "failed"]  # fmt: skip
LIVE = ("starting", "reading", "training", "pausing", "paused", "stopping", "finishing")
CAN_PAUSE = hasattr(signal, "SIGTSTP")


@dataclass(eq=False)
class Training:
    """One training that the page started; `at` is what it said last of where it is, `words` what was typed for it."""

    name: str
    words: tuple[str, ...]
    net: str = ""
    source: str = ""
    state: State = "waiting"
    since: float = field(default_factory=time.monotonic)
    at: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    error: str = ""
    process: subprocess.Popen[str] | None = None
    asked_to_stop: bool = False
    made: Path | None = None

    @property
    def command(self) -> str:
        """What a person would type, in the folder of the lab."""
        return f"convscope {shlex.join(self.words)}"

    @property
    def live(self) -> bool:
        """Whether its program runs."""
        return self.state in LIVE

    def turn(self, state: State) -> None:
        """Go over into another state."""
        if state != self.state:
            self.state, self.since = state, time.monotonic()

    def hear(self, line: str) -> None:
        """Take in a line that the program printed."""
        said = _progress(line)
        if said is None:
            for text in line.rstrip().splitlines():
                self.lines.append(text[:LONGEST_LINE])
            if line.startswith("report:"):
                self.turn("finishing")
            return
        what = said.pop("progress")
        if what == "reading":
            self.reading = said
        elif what == "step":
            self.at = said
        if self.state == "stopping":
            return
        if what == "reading":
            self.turn("reading")
        elif what == "paused":
            self.turn("paused")
        elif what == "continued" or (what == "step" and self.state in ("starting", "reading")):
            self.turn("training")
        elif what == "epoch" and said.get("epoch") == self.at.get("epochs"):
            self.turn("finishing")

    def signalled(self, *numbers: int) -> None:
        """Send signals to the program, if it is still there."""
        if self.process is None or self.process.poll() is not None:
            return
        for number in numbers:
            self.process.send_signal(number)


class Trainings:
    """All that the page started, by the name of the Run that each writes; `home` is the folder of the Runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._all: dict[str, Training] = {}
        self._lock = threading.RLock()
        self._closed = False
        atexit.register(self.close)

    def listed(self) -> list[Training]:
        """All of them, the one that was started last first."""
        with self._lock:
            return list(reversed(self._all.values()))

    def get(self, name: str) -> Training | None:
        """One of them, by its Run's name."""
        return self._all.get(name)

    def begin(self, order: Order) -> Training:
        """Start a training, or let it wait for its turn; its folder is taken at once.

        Raises:
            RunError: Too many wait already, or the folder of the Runs cannot be written.
        """
        with self._lock:
            self._require_room()
            path = reserved(self.home)
            words = order.words(f"{self.home.name}/{path.name}")
            net = order.net if order.net in zoo else "own"
            return self._take(Training(path.name, tuple(words), net, order.source, made=path))

    def resume(self, name: str, net: str = "", source: str = "") -> Training:
        """Go on with a Run that was stopped.

        Raises:
            RunError: It is being trained, or too many wait already.
        """
        with self._lock:
            known = self.get(name)
            if known is not None and (known.live or known.state == "waiting"):
                raise RunError(f"{name} is being trained already")
            self._require_room()
            words = ("train", "--resume", f"{self.home.name}/{name}")
            return self._take(Training(name, words, net, source))

    def pause(self, name: str) -> Training:
        """Let a training hold its breath: it keeps its memory, and leaves the processor to others.

        Raises:
            RunError: It is not at a point where it can be paused.
        """
        training = self._one(name)
        if not CAN_PAUSE:
            raise RunError("this system cannot pause a program: stop the training, and resume it later")
        if training.state not in ("training", "pausing"):
            raise RunError(f"{name} cannot be paused: it is {training.state}")
        training.turn("pausing")
        training.signalled(signal.SIGTSTP)
        return training

    def go_on(self, name: str) -> Training:
        """Let a paused training go on.

        Raises:
            RunError: It is not paused.
        """
        training = self._one(name)
        if training.state != "paused":
            raise RunError(f"{name} is not paused: it is {training.state}")
        training.signalled(signal.SIGCONT)
        return training

    def stop(self, name: str) -> Training:
        """Ask a training to save and stop; one that waits is taken out of the queue.

        Raises:
            RunError: It has ended already.
        """
        with self._lock:
            training = self._one(name)
            if training.state == "waiting":
                training.turn("stopped")
                _given_back(training.made)
                return training
            if not training.live:
                raise RunError(f"{name} has ended already")
            self._ask(training)
            return training

    def ahead(self, training: Training) -> list[str]:
        """The names of those that a waiting one waits for."""
        with self._lock:
            found = []
            for one in self._all.values():
                if one is training:
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
                    _given_back(one.made)
            for one in live:
                self._ask(one)
        end = time.monotonic() + PATIENCE
        for one in live:
            if one.process is not None:
                try:
                    one.process.wait(max(0.1, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    one.process.terminate()

    def _ask(self, training: Training) -> None:
        training.asked_to_stop = True
        training.turn("stopping")
        training.signalled(signal.SIGTERM, *([signal.SIGCONT] if CAN_PAUSE else []))

    def _one(self, name: str) -> Training:
        training = self.get(name)
        if training is None:
            raise RunError(f"there is no training {name[:60]!r} that was started here")
        return training

    def _require_room(self) -> None:
        if self._closed:
            raise RunError("the page's server is ending: start it again first")
        waiting = sum(one.state == "waiting" for one in self._all.values())
        if waiting >= MOST_WAITING:
            raise RunError(
                f"{waiting} trainings are waiting already: wait for one to begin, or take one back"
            )

    def _take(self, training: Training) -> Training:
        self._all.pop(training.name, None)
        self._all[training.name] = training
        self._next()
        return training

    def _next(self) -> None:
        """Start those whose turn it is."""
        for training in list(self._all.values()):
            running = sum(one.live for one in self._all.values())
            if training.state == "waiting" and running < AT_ONCE and not self._closed:
                self._start(training)

    def _start(self, training: Training) -> None:
        training.turn("starting")
        try:
            training.process = subprocess.Popen(
                [sys.executable, "-m", "convscope", *training.words, *HOW],
                cwd=self.home.absolute().parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, encoding="utf-8", errors="replace", start_new_session=True,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
        except OSError as error:
            training.error = f"the program cannot be started ({error.strerror or error})"
            training.turn("failed")
            _given_back(training.made)
            return
        threading.Thread(
            target=self._follow, args=(training,), name=f"train {training.name}", daemon=True
        ).start()

    def _follow(self, training: Training) -> None:
        """Listen to a program until it ends, and start what waits for it."""
        process = training.process
        assert process is not None and process.stdout is not None
        with process.stdout as said:
            for line in said:
                training.hear(line)
        code = process.wait()
        with self._lock:
            if code == 0:
                training.turn("finished")
            elif training.asked_to_stop:
                training.turn("stopped")
            else:
                training.error = last_words(training.lines, code)
                training.turn("failed")
            _given_back(training.made)
            self._next()


def reserved(home: Path) -> Path:
    """A new folder for a Run: the next number under `home`, taken by nobody else from now on.

    Raises:
        RunError: It cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [int(p.name) for p in (*home.iterdir(), *home.glob(".deleted/*")) if p.name.isdecimal()]
            path = home / str(max(taken, default=0) + 1)
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise RunError(f"{home}: a Run cannot be written there ({error.strerror or error})") from None


def last_words(lines: Iterable[str], code: int) -> str:
    """Why a program ended: its own words where it had some.

    >>> last_words(["epoch 1", "convscope: the loss became nan", ""], 1)
    'the loss became nan'
    >>> last_words([], 3)
    'the training ended with code 3'
    """
    said = [line.strip() for line in lines if line.strip()]
    if code == -9:
        return (
            "the training was ended from outside (signal 9), as happens when the memory is full: "
            "make the net or its pictures smaller"
        )
    ours = [line for line in said if line.startswith("convscope: ")]
    if ours:
        return ours[-1].removeprefix("convscope: ")
    return (
        re.sub(r"^(\w+\.)*(\w+Error): ", r"\2: ", said[-1])
        if said
        else f"the training ended with code {code}"
    )


def _progress(line: str) -> dict[str, Any] | None:
    if not line.startswith('{"progress"'):
        return None
    try:
        return json.loads(line)
    except ValueError:
        return None


def _given_back(made: Path | None) -> None:
    """Remove a folder that was taken for a Run, where nothing was written into it."""
    if made is not None and not (made / "run.json").exists():
        try:
            (made / ".lock").unlink(missing_ok=True)
            made.rmdir()
        except OSError:
            return
