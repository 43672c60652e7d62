"""Looking for a named source's files on this machine, before anything is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.data.archives import unzipped
from convscope.data.cache import Sums
from convscope.errors import SourceError

if TYPE_CHECKING:
    from convscope.data.sources import Source

# Where torchvision's examples, Keras and people put data sets.
USUAL = ("data", "~/data", "~/datasets", "~/.keras/datasets")
SMALL = 100_000


@dataclass(frozen=True)
class Found:
    """A folder with all that a source needs: the name of each file in it -> its path."""

    folder: Path
    paths: Mapping[str, Path]


def roots() -> list[Path]:
    """The folders that are searched: CONVSCOPE_DATA, then the usual ones."""
    given = os.environ.get("CONVSCOPE_DATA")
    return [Path(p).expanduser() for p in ([given] if given else []) + list(USUAL)]


def found(source: Source) -> Iterator[Found]:
    """Folders that seem to hold the source, best first; only small files are opened to tell."""
    for root in roots():
        for folder in (root, *(root / nested for nested in source.folders)):
            for form in source.forms:
                paths = {name: path for name in form if (path := _file(folder, name))}
                if len(paths) == len(form) and _likely(source, paths):
                    yield Found(folder, paths)


def pickled(source: Source) -> Path | None:
    """A version of the source that is here but cannot be used, because loading a pickle runs what is in it."""
    for root in roots():
        for name in source.pickles:
            if (root / name).exists():
                return root / name
    return None


def _file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _likely(source: Source, paths: Mapping[str, Path]) -> bool:
    """MNIST and Fashion-MNIST have the same names and sizes; their labels are small, and differ."""
    for file in source.files:
        if file.bytes <= SMALL and file.name in paths and file.checksum:
            try:
                if not Sums(file.checksum).after(unzipped(paths[file.name], file.bytes)).right:
                    return False
            except SourceError:
                return False
    return True
