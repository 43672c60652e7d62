"""What is told of a training: parameters at its start, curves and kernels epoch by epoch, scores and files at its end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from convscope.drawing.sheet import draw_map
from convscope.errors import ConvscopeError, TrackError
from convscope.nets import steps
from convscope.runs import Run

E = TypeVar("E")
KERNELS, ACROSS, PIXELS = 64, 8, 8
"""The most kernels of a picture, how many stand in a row, and pixels a weight."""
FILES = ("run.json", "stack.txt", "recipe.json", "metrics.jsonl", "weights.safetensors")
SCORES = ("test_accuracy", "test_error_percent")


class Tracker(Protocol):
    """Whoever is told. Each method may raise TrackError."""

    def begin(self, run: Run, parameters: Mapping[str, str]) -> str:
        """The training begins; gives where it can be seen, in words."""
        ...

    def numbers(self, values: Mapping[str, float], epoch: int) -> None:
        """Values of an epoch, by name."""
        ...

    def picture(self, name: str, png: bytes, epoch: int) -> None:
        """A picture of an epoch."""
        ...

    def file(self, path: Path) -> None:
        """A file of the Run, at its end."""
        ...

    def end(self, status: str) -> None:
        """The training ended, was stopped or failed."""
        ...


def tracker_of(text: str, path: Path) -> Tracker:
    """The tracker that --track names for a Run's folder: `tensorboard`, `tensorboard:FOLDER` or `mlflow:ADDRESS`.

    Raises:
        TrackError: There is no such tracker, or what it needs is not installed.
    """
    name, _, where = text.partition(":")
    if name not in TRACKERS:
        raise TrackError(f"--track {text}: there is no tracker {name!r}; there are {', '.join(TRACKERS)}")
    return TRACKERS[name](where, path)


def _tensorboard(where: str, path: Path) -> Tracker:
    from convscope.tracking.board import Board

    return Board(Path(where) if where else path / "tensorboard")


def _mlflow(where: str, path: Path) -> Tracker:
    from convscope.tracking.mlflow import Server

    return Server(where, path.resolve().name)


TRACKERS: dict[str, Callable[[str, Path], Tracker]] = {"tensorboard": _tensorboard, "mlflow": _mlflow}


def tracked(
    events: Iterable[E],
    tracker: Tracker,
    path: Path,
    parameters: Mapping[str, Any],
    said: Callable[[str], None],
) -> Iterator[E]:
    """Pass a training's events on, telling the tracker. Once it has begun, a tracker that fails is left, and that is said.

    Raises:
        TrackError: The tracker cannot be begun; the training has not learned anything by then.
    """
    told, status = _Told(tracker, path, said), "failed"
    try:
        for event in events:
            if told.run is None:
                told.begin({name: str(value) for name, value in parameters.items()})
            metrics = getattr(event, "metrics", None)
            if metrics is not None:
                told.safely(told.epoch, metrics)
            status = getattr(event, "status", status)
            yield event
    finally:
        told.safely(told.end, status)


class _Told:
    """A tracker that may fail without harm."""

    def __init__(self, tracker: Tracker, path: Path, said: Callable[[str], None]):
        self.tracker, self.path, self.said = tracker, path, said
        self.run: Run | None = None
        self.left = False

    def begin(self, parameters: dict[str, str]) -> None:
        self.run = Run(self.path)
        self.said(f"tracked: {self.tracker.begin(self.run, parameters)}")

    def safely(self, tell: Callable[..., None], *what: Any) -> None:
        if self.left or self.run is None:
            return
        try:
            tell(*what)
        except TrackError as error:
            self.left = True
            self.said(f"no longer tracked: {error}")

    def epoch(self, metrics: Mapping[str, Any]) -> None:
        numbers = {k: float(v) for k, v in metrics.items() if isinstance(v, int | float) and k != "epoch"}
        self.tracker.numbers(numbers, metrics["epoch"])
        kernels = _kernels(Run(self.path), metrics["epoch"])
        if kernels is not None:
            self.tracker.picture(*kernels, metrics["epoch"])

    def end(self, status: str) -> None:
        run = Run(self.path)
        scores = run.info.get("scores") or {}
        last = int(run.info.get("epochs") or 0)
        if status == "finished":
            self.tracker.numbers({k: float(scores[k]) for k in SCORES if k in scores}, last)
            for name in FILES:
                if (self.path / name).is_file():
                    self.tracker.file(self.path / name)
        self.tracker.end(status)


def _kernels(run: Run, epoch: int) -> tuple[str, bytes] | None:
    """The kernels of the first convolution as they are after an epoch, as a PNG file; None where they were not kept."""
    line = next((line for line, step, _ in run.stack.walk() if isinstance(step, steps.Conv)), None)
    if line is None or epoch not in run.epochs:
        return None
    try:
        weights = run.weights(epoch)[f"{line.name}.conv.weight"]
    except (ConvscopeError, KeyError):
        return None
    kernels = weights.reshape(-1, *weights.shape[-2:])[:KERNELS]
    side = np.pad(kernels, ((0, -len(kernels) % ACROSS), (0, 1), (0, 1)))
    rows, columns = side.shape[1:]
    page = side.reshape(-1, ACROSS, rows, columns).transpose(0, 2, 1, 3).reshape(-1, ACROSS * columns)
    held = io.BytesIO()
    draw_map(np.kron(page, np.ones((PIXELS, PIXELS)))[None]).save(held, "PNG")
    return f"kernels/{line.name}", held.getvalue()
