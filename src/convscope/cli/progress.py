"""The live display of a training: a bar while an epoch runs, a line when it is done; or JSON, for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from convscope.cli.output import remark
from convscope.data.sources import SOURCES
from convscope.training.loop import EpochDone, Event, Progress, Remark

REFRESH_SECONDS = 0.1
HEARD_SECONDS = 0.2


def shown(events: Iterable[Event], heard: bool = False) -> Iterator[Event]:
    """Pass events on, drawing them on stderr: a live bar on a terminal, a line an epoch elsewhere; `heard`: as JSON."""
    return told(events) if heard else drawn(events)


def told(events: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, saying each epoch, and steps at most five times a second, as a JSON object a line on stderr."""
    last = 0.0
    for event in events:
        if isinstance(event, Progress) and time.monotonic() - last > HEARD_SECONDS:
            last = time.monotonic()
            tell("step", **asdict(event))
        elif isinstance(event, EpochDone):
            tell("epoch", **event.metrics)
        elif isinstance(event, Remark):
            tell("remark", text=event.text)
        yield event


def tell(what: str, **said: Any) -> None:
    """One JSON object on a line of stderr; `progress` says of what kind it is."""
    print(json.dumps({"progress": what, **said}, ensure_ascii=False), file=sys.stderr, flush=True)


def drawn(events: Iterable[Event]) -> Iterator[Event]:
    """Pass events on, drawing them for people."""
    live = sys.stderr.isatty()
    last, epochs = 0.0, 0
    for event in events:
        if isinstance(event, Progress):
            epochs = event.epochs
            if live and time.monotonic() - last > REFRESH_SECONDS:
                last = time.monotonic()
                print(f"\r\x1b[K{bar(event)}", end="", file=sys.stderr, flush=True)
        elif isinstance(event, EpochDone | Remark):
            if live:
                print("\r\x1b[K", end="", file=sys.stderr)
            remark(event.text if isinstance(event, Remark) else line(event, epochs))
        yield event


def reading_shown(source: str, heard: bool = False, verb: str = "") -> Callable[[str, int, int], None]:
    """What draws, on stderr on a terminal, how far the download or the decoding of a source is; `heard`: as JSON."""
    named = any(known.name == source for known in SOURCES)
    verb = verb or ("downloading" if named else "decoding")
    began, last = time.monotonic(), 0.0

    def shown(name: str, done: int, total: int) -> None:
        nonlocal last
        if heard and (done == total or time.monotonic() - last > HEARD_SECONDS):
            last = time.monotonic()
            tell("reading", verb=verb, name=name, bytes=done, total=total)
        elif not heard and sys.stderr.isatty():
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
