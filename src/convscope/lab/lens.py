"""A net to look through: a Run's, as it ended or after an epoch, with operations done on a copy of it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from threading import Lock, RLock

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope.data.images import Images
from convscope.inspect.layers import alike, multiply_adds
from convscope.inspect.record import Record, record
from convscope.inspect.subject import Subject, subject_of
from convscope.lab.operations import operated, parse
from convscope.prediction import as_seen
from convscope.runs import Run

MANY, ROOM = 48, 2_000_000_000
"""So many lenses are kept ready (a training's epochs, and what is tried on them), and so many bytes of their weights; the
newest in any case."""
MEASURED, MOST_MEASURED = 64, 50_000_000
"""So many test pictures say how large the numbers of a layer get, of a large net as many as make so many numbers."""


THREADS = torch.get_num_threads()
SMALL = 20_000_000
"""Multiply-adds up to which a net is asked by one thread: dividing less costs more than it saves."""


class Turn:
    """The lock of a net: within it the net is asked, by as many threads as are good for its size."""

    def __init__(self, threads: int) -> None:
        self._lock, self._threads = RLock(), threads

    def __enter__(self) -> None:
        self._lock.acquire()
        torch.set_num_threads(self._threads)  # what PyTorch knows of each thread on its own

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True, eq=False)
class Lens:
    """A net to look through, and the Run that it comes from; `whole` is the same net without the operations.

    `lock` must be held while the net is asked: whoever listens to a net hears all that is said meanwhile.
    """

    run: Run
    subject: Subject
    whole: Subject
    operations: tuple[str, ...]
    images: Images | None
    lock: Turn

    def seen(self, picture: UInt8[np.ndarray, "c y x"]) -> tuple[UInt8[np.ndarray, "c h w"], tuple[str, ...]]:
        """A picture as the net takes it, and in words what was done to it."""
        return as_seen(self.run, picture)

    def record(self, seen: UInt8[np.ndarray, "c h w"]) -> Record:
        """What every layer says about a picture that is as the net takes it."""
        with self.lock:
            return record(self.subject.net, self.subject.given(seen[None]))

    @cached_property
    def limits(self) -> dict[str, float]:
        """Layer name -> the largest magnitude on some test pictures: the end of its scale of colours, whatever is drawn."""
        values = sum(prod(shape) for shape in self.run.stack.shapes.values())
        count = max(1, min(MEASURED, MOST_MEASURED // values))
        if self.images is not None:
            some = np.asarray(self.images.test.pixels[:count])
        else:
            shape = (count, *self.run.info["picture_shape"])
            some = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        with self.lock:
            said = record(self.subject.net, self.subject.given(some))
        largest = {name: float(np.abs(maps[np.isfinite(maps)]).max(initial=0)) for name, maps in said.items()}
        return {name: value or 1.0 for name, value in largest.items()}

    def chances(self, answer: torch.Tensor) -> Float[np.ndarray, " k"]:
        """Class probabilities of one answer."""
        return self.subject.chances(answer.float().flatten(1))[0].cpu().numpy()


@dataclass
class Lenses:
    """Lenses by what they are made of, the last ones kept."""

    most: int = MANY
    _held: OrderedDict[tuple[str, ...], Lens] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _making: dict[tuple[str, ...], Lock] = field(default_factory=dict)

    def get(self, run: Run, images: Images | None, epoch: int | None, operations: str) -> Lens:
        """The lens of a Run, an epoch (None: the end) and operations as text.

        Raises:
            RunError, StackError: The epoch was not kept, or an operation does not fit.
        """
        key = (str(run.path), _version(run, epoch), str(epoch), operations, str(images is not None))
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
            making = self._making.setdefault(key, Lock())
        with making:  # a view asks several things of a new net at once: it is made for all of them
            with self._lock:
                if key in self._held:
                    return self._held[key]
                known = next((held.whole for held in self._held.values() if held.run is run), None)
            try:
                return self._hold(key, _made(run, images, epoch, operations, known))
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def _hold(self, key: tuple[str, ...], lens: Lens) -> Lens:
        with self._lock:
            self._held[key] = lens
            self._held.move_to_end(key)
            while len(self._held) > 1 and (len(self._held) > self.most or self._bytes() > ROOM):
                self._held.popitem(last=False)
        return lens

    def _bytes(self) -> int:
        nets = {net for lens in self._held.values() for net in (lens.subject.net, lens.whole.net)}
        return sum(p.nbytes for net in nets for p in net.parameters())


def _made(run: Run, images: Images | None, epoch: int | None, operations: str, known: Subject | None) -> Lens:
    whole = subject_of(run, epoch=epoch)
    if known is not None:
        alike(whole, known)
    todo = parse(operations)
    turn = Turn(1 if multiply_adds(whole) <= SMALL else THREADS)
    if not todo:
        return Lens(run, whole, whole, (), images, turn)
    surgery = operated(whole, todo)
    return Lens(run, surgery.subject, whole, surgery.operations, images, turn)


def _version(run: Run, epoch: int | None) -> str:
    """What changes when the weights are written anew, as they are while a Run is trained."""
    name = "weights.safetensors" if epoch is None else f"epochs/{epoch:03d}.safetensors"
    try:
        told = (run.path / name).stat()
    except OSError:
        return "gone"
    return f"{told.st_mtime_ns}/{told.st_size}"
