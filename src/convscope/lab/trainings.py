"""The trainings that the page starts: programs that each write a Run, and can be paused."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.errors import RunError
from convscope.lab.order import Order
from convscope.lab.programs import CAN_PAUSE, Program, Programs
from convscope.nets.zoo import zoo

AT_ONCE = 2


@dataclass(eq=False)
class Training(Program):
    """One training that the page started; `made` is the folder that was taken for its Run."""

    net: str = ""
    source: str = ""
    made: Path | None = None

    def told(self, what: str, said: dict[str, Any]) -> None:
        """Take in what it said of how far it is."""
        super().told(what, said)
        if what == "step":
            self.at = said
        if self.state == "stopping":
            return
        if what == "paused":
            self.turn("paused")
        elif what == "continued" or (what == "step" and self.state in ("starting", "reading")):
            self.turn("training")
        elif what == "epoch" and said.get("epoch") == self.at.get("epochs"):
            self.turn("finishing")

    def give_back(self) -> None:
        """Give back the folder, where no Run was written."""
        _given_back(self.made)


class Trainings(Programs[Training]):
    """All that the page started, by the name of the Run that each writes; `home` is the folder of the Runs."""

    called = "training"
    at_once = AT_ONCE

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(home.absolute().parent)

    def begin(self, order: Order) -> Training:
        """Start a training, or let it wait for its turn; its folder is taken at once.

        Raises:
            RunError: Too many wait already, or the folder of the Runs cannot be written.
        """
        with self._lock:
            self.require_room()
            path = reserved(self.home)
            words = order.words(f"{self.home.name}/{path.name}")
            net = order.net if order.net in zoo else "own"
            return self.take(Training(path.name, tuple(words), net=net, source=order.source, made=path))

    def resume(self, name: str, net: str = "", source: str = "") -> Training:
        """Go on with a Run that was stopped.

        Raises:
            RunError: It is being trained, or too many wait already.
        """
        with self._lock:
            known = self.get(name)
            if known is not None and (known.live or known.state == "waiting"):
                raise RunError(f"{name} is being trained already")
            self.require_room()
            words = ("train", "--resume", f"{self.home.name}/{name}")
            return self.take(Training(name, words, net=net, source=source))

    def pause(self, name: str) -> Training:
        """Let a training hold its breath: it keeps its memory, and leaves the processor to others.

        Raises:
            RunError: It is not at a point where it can be paused.
        """
        training = self.one(name)
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
        training = self.one(name)
        if training.state != "paused":
            raise RunError(f"{name} is not paused: it is {training.state}")
        training.signalled(signal.SIGCONT)
        return training


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


def _given_back(made: Path | None) -> None:
    """Remove a folder that was taken for a Run, where nothing was written into it."""
    if made is not None and not (made / "run.json").exists():
        try:
            (made / ".lock").unlink(missing_ok=True)
            made.rmdir()
        except OSError:
            return
