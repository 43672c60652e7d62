"""What all views share: the Runs, the nets that are looked through, the pictures; and how far the start has come."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from convscope.errors import ConvscopeError, PictureError, RunError
from convscope.lab.made import Made
from convscope.lab.pictures import Kept, Sets, of_set
from convscope.lab.shelf import PACKAGED, Shelf

if TYPE_CHECKING:
    from convscope.data.images import Images
    from convscope.lab.contests import Contests
    from convscope.lab.jobs import Jobs
    from convscope.lab.lens import Lens, Lenses
    from convscope.lab.memo import Memo
    from convscope.lab.sources import Looks
    from convscope.lab.trainings import Trainings
    from convscope.runs import Run

PATIENCE = 120
"""Seconds that a question waits for the start to be done."""


@dataclass
class Desk:
    """The one thing that lives as long as the server.

    `first` is the name of the Run that the page opens with; `remote` says whether others than this machine may come in.
    """

    shelf: Shelf = field(default_factory=Shelf)
    first: str = PACKAGED
    remote: bool = False
    kept: Kept = field(default_factory=Kept)
    doing: str = "starting"
    failed: str = ""
    began: float = field(default_factory=time.monotonic)
    _lenses: Lenses | None = None
    _sets: Sets = field(default_factory=Sets)
    _made: Made = field(default_factory=Made)
    _ready: threading.Event = field(default_factory=threading.Event)

    def warm(self) -> None:
        """Load what the views need, in the background: the page is there before PyTorch is."""
        threading.Thread(target=self._warm, name="warm", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether everything is loaded."""
        return self._ready.is_set()

    def state(self) -> dict[str, Any]:
        """How far the start has come: `doing` says what is waited for, `failed` why it will not be."""
        from convscope import __version__

        return {
            "ready": self.ready and not self.failed, "doing": self.doing, "failed": self.failed, "first": self.first,
            "version": __version__,
        }  # fmt: skip

    @property
    def folder(self) -> Path:
        """The folder in which a person would type the commands."""
        return self.shelf.home.absolute().parent

    @cached_property
    def trainings(self) -> Trainings:
        """The trainings that the page has started."""
        from convscope.lab.trainings import Trainings

        return Trainings(self.shelf.home)

    @cached_property
    def contests(self) -> Contests:
        """The contests that there are, and those that the page has started."""
        from convscope.lab.contests import Contests

        return Contests(self.folder)

    @cached_property
    def jobs(self) -> Jobs:
        """Slow questions about nets."""
        from convscope.lab.jobs import Jobs

        return Jobs()

    @cached_property
    def brief(self) -> Jobs:
        """Questions of a second or so, which must not wait behind the slow ones."""
        from convscope.lab.jobs import Jobs

        return Jobs()

    @cached_property
    def searches(self) -> Jobs:
        """What is looked for in large pictures; an answer has megabytes of heat."""
        from convscope.lab.jobs import Jobs

        return Jobs(kept=4)

    @cached_property
    def memo(self) -> Memo:
        """Answers that were made once."""
        from convscope.lab.memo import Memo

        return Memo()

    @cached_property
    def looks(self) -> Looks:
        """The looks into pictures that somebody may train on."""
        from convscope.lab.sources import Looks

        return Looks()

    def close(self) -> None:
        """The server ends: what it has started ends with it, saved."""
        for started in ("trainings", "contests"):
            if started in vars(self):
                getattr(self, started).close()

    def run(self, name: str) -> Run:
        """A Run by its name.

        Raises:
            RunError: There is none.
        """
        return self.shelf.open(name)

    def images(self, run: Run) -> tuple[Images | None, str]:
        """What a Run's net learned; or None, and why not."""
        return self._sets.of(run)

    def lens(self, name: str, epoch: int | None = None, operations: str = "") -> Lens:
        """The net of a Run, as it ended or after an epoch, with operations done on a copy.

        Raises:
            RunError, StackError: There is no such Run or epoch, or an operation does not fit.
        """
        self.wait()
        assert self._lenses is not None
        run = self.run(name)
        return self._lenses.get(run, self.images(run)[0], epoch, operations)

    def picture(self, name: str, run: Run) -> UInt8[np.ndarray, "c y x"]:
        """A picture by its name: "test/17", "train/3" of a Run's set, "page/5" made of it, or "kept/HASH".

        Raises:
            PictureError: It is not here.
        """
        kind, _, rest = name.partition("/")
        if kind == "kept":
            return self.kept.get(rest)
        images, why = self.images(run)
        if kind == "page":
            return self._made.of(rest, images, why)
        return of_set(name, images, [why])

    def keep(self, pixels: UInt8[np.ndarray, "c y x"]) -> str:
        """Keep a picture that was handed over, and say how it is called."""
        return self.kept.keep(pixels)

    def wait(self) -> None:
        """Wait until everything is loaded.

        Raises:
            RunError: It failed, or takes too long.
        """
        if not self._ready.wait(PATIENCE):
            raise RunError(f"still {self.doing}: try again")
        if self.failed:
            raise RunError(self.failed)

    def _warm(self) -> None:
        try:
            self.doing = "loading PyTorch"
            from convscope.lab.lens import Lenses

            self.doing = f"opening {self.first}"
            self._lenses = Lenses()
            run = self.run(self.first)
            lens = self._lenses.get(run, self.images(run)[0], None, "")
            pixels = np.zeros(run.info["picture_shape"], np.uint8)
            lens.record(lens.seen(pixels)[0])
            _ = lens.limits
            self.doing = "ready"
        except (ConvscopeError, PictureError) as error:
            self.failed = str(error)
        except Exception as error:  # the page must hear of it, whatever it is
            self.failed = f"the start failed: {type(error).__name__}: {error}"
            raise
        finally:
            self._ready.set()
