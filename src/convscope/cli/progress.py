"""The live display of a training: a bar while an epoch runs, a line when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator

from convscope.cli.output import remark
from convscope.data.sources import SOURCES
from convscope.training.loop import EpochDone, Event, Progress

REFRESH_SECONDS = 0.1


def shown(events: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, drawing them on stderr: a live bar on a terminal, a line an epoch elsewhere."""
    live = sys.stderr.isatty()
    last, epochs = 0.0, 0
    for event in events:
        if isinstance(event, Progress):
            epochs = event.epochs
            if live and time.monotonic() - last > REFRESH_SECONDS:
                last = time.monotonic()
                print(f"\r\x1b[K{bar(event)}", end="", file=sys.stderr, flush=True)
        elif isinstance(event, EpochDone):
            if live:
                print("\r\x1b[K", end="", file=sys.stderr)
            remark(line(event, epochs))
        yield event


def reading_shown(source: str) -> Callable[[str, int, int], None]:
    """What draws, on stderr on a terminal, how far the download or the decoding of a source is."""
    verb = "downloading" if any(known.name == source for known in SOURCES) else "decoding"
    began = time.monotonic()

    def shown(name: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            part = f" of {total / 1e6:,.1f}" if total else ""
            left = (time.monotonic() - began) * max(0, total - done) / max(1, done)
            text = f"{verb} {name}: {done / 1e6:,.1f}{part} MB, {left:,.0f} s left"
            end = "\n" if done == total else ""
            print(f"\r\x1b[K{text}", end=end, file=sys.stderr, flush=True)

    return shown


def bar(at: Progress) -> str:
    """One line: where the training is, and how long it will take.

    >>> bar(Progress(1, 12, 50, 100, 0.25, 0.91, 0.01, 20000, 65))
    'epoch 1/12 ━━━━━━━━━━━━━━────────────── loss 0.2500  right 91.0 %  20,000 pictures/s  1:05 left'
    """
    width = 28
    full = round(width * at.step / at.steps)
    minutes, seconds = divmod(round(at.seconds_left), 60)
    return (
        f"epoch {at.epoch}/{at.epochs} {'━' * full}{'─' * (width - full)} loss {at.loss:.4f}  "
        f"right {100 * at.accuracy:.1f} %  {at.images_per_second:,.0f} pictures/s  {minutes}:{seconds:02d} left"
    )


def line(done: EpochDone, epochs: int) -> str:
    """What is left of an epoch: its line."""
    m = done.metrics
    text = f"epoch {m['epoch']:>{len(str(epochs))}}/{epochs}  loss {m['loss']:.4f}"
    text += f"  training {100 * m['train_accuracy']:.2f} %"
    if "validation_accuracy" in m:
        text += f"  validation {100 * m['validation_accuracy']:.2f} %"
    return f"{text}  {m['seconds']:.1f} s"
