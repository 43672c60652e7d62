"""Pictures that somebody may train on: named sources, and folders and files of their own, looked into in the background."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convscope.data.cache import cache_folder
from convscope.data.held import UPLOADS
from convscope.data.images import Images, images
from convscope.data.sources import SOURCES
from convscope.errors import ConvscopeError, SourceError

LONGEST = 1000
MOST = 32
AT_ONCE = 2
FORGOTTEN = 20.0
"""Seconds after which nobody waits any more for a look that nobody has asked about."""
SHOWN = 20
"""Problems and classes that are told; the Run's problems.jsonl has all problems."""


def uploads_folder() -> Path:
    """Where uploaded pictures are kept: a folder of the cache."""
    return cache_folder() / UPLOADS


def source_of(text: str, folder: Path, remote: bool) -> str:
    """The source that a text means: a name, or a path, as an absolute one. Nothing is read.

    `folder` is where paths begin; whoever is not at this machine (`remote`) may name nothing outside of it but uploads.

    Raises:
        SourceError: It is not there, or may not be named.
    """
    text = text.strip()
    if any(known.name == text for known in SOURCES):
        return text
    if not text:
        raise SourceError(
            "name the pictures to learn: mnist, or a folder, zip, tar or CSV of pictures of your own"
        )
    if len(text) > LONGEST or "\0" in text:
        raise SourceError(f"a path has at most {LONGEST:,} characters, and no zero in it")
    path = folder
    try:
        path = (folder.absolute() / Path(text).expanduser()).resolve()
        if remote and not any(path.is_relative_to(known.resolve()) for known in (folder, uploads_folder())):
            raise SourceError(
                f"{text}: from another machine only what lies in the lab's own folder can be named; "
                "send the pictures as a zip or a folder instead"
            )
        there = path.exists()
    except (OSError, RuntimeError, ValueError):
        there = False
    if not there:
        if "/" not in text and "\\" not in text and "." not in text:
            images(text)  # it says which names there are
        raise SourceError(f"{text}: there is no such folder, zip, tar or CSV on this machine")
    return str(path)


@dataclass(eq=False)
class Looking:
    """A look into a source: how far it is, and what was found (or why it cannot be learned from)."""

    source: str
    since: float = field(default_factory=time.monotonic)
    asked: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    found: dict[str, Any] | None = None
    error: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return bool(self.found or self.error)

    @property
    def forgotten(self) -> bool:
        """Whether it was given up because nobody asked any more."""
        return bool(self.error) and time.monotonic() - self.asked > FORGOTTEN

    def begin(self, size: int | None, fit: str | None) -> None:
        """Look, in the background."""
        threading.Thread(target=self._look, args=(size, fit), name="look", daemon=True).start()

    def _look(self, size: int | None, fit: Any) -> None:
        try:
            self.found = described(images(self.source, self._hear, size=size, fit=fit))
        except ConvscopeError as error:
            self.error = str(error)
        except Exception as error:  # the page must hear of it, whatever it is
            self.error = f"{self.source}: cannot be read ({type(error).__name__}: {error})"
            raise

    def _hear(self, name: str, done: int, total: int) -> None:  # noqa: ARG002
        self.done, self.total = done, total
        if time.monotonic() - self.asked > FORGOTTEN:
            raise SourceError(f"{self.source}: nobody waited for it any more; what was read of it is kept")


class Looks:
    """Looks into sources, the last ones kept: whoever asks again is told how far it is."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Any, ...], Looking] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, source: str, size: int | None = None, fit: str | None = None) -> Looking:
        """The look into a source, begun now if it was not before, or if what lies there has changed since.

        Raises:
            SourceError: Too many are being looked into.
        """
        key = (source, size, fit, _version(source))
        with self._lock:
            if key in self._held and not self._held[key].forgotten:
                self._held.move_to_end(key)
                self._held[key].asked = time.monotonic()
                return self._held[key]
            if sum(not one.over for one in self._held.values()) >= AT_ONCE:
                raise SourceError(
                    f"{AT_ONCE} sets of pictures are being looked into already: wait for one of them"
                )
            looking = self._held[key] = Looking(source)
            while len(self._held) > MOST:
                self._held.popitem(last=False)
        looking.begin(size, fit)
        return looking

    def known(self, source: str, size: int | None, fit: str | None) -> dict[str, Any] | None:
        """What was found in a source, if it was looked into."""
        held = self._held.get((source, size, fit, _version(source)))
        return held.found if held is not None else None


def described(found: Images) -> dict[str, Any]:
    """What pictures there are, in numbers and words."""
    counts = [list(one) for one in found.found.counts]
    return {
        "shape": list(found.shape), "classes": list(found.classes[:1000]), "count": len(found.classes),
        "train": len(found.train), "test": len(found.test), "counts": counts[:SHOWN], "notes": list(found.found.notes),
        "warnings": list(found.found.warnings), "problems": [[p.path, p.reason] for p in found.problems[:SHOWN]],
        "left_out": len(found.problems),
    }  # fmt: skip


def named(name: str) -> dict[str, Any] | None:
    """The shape and classes of a named source, which are known without looking."""
    known = next((one for one in SOURCES if one.name == name), None)
    return None if known is None else {"shape": list(known.shape), "count": len(known.classes)}


def _version(source: str) -> int:
    """What changes when the folder itself does; deeper changes are found by the training."""
    try:
        return Path(source).stat().st_mtime_ns
    except OSError:
        return 0
