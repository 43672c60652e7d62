"""From a named source to its arrays: out of the cache, which is filled from the package, a folder or a mirror."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from convscope.data import idx, mnist, places
from convscope.data.archives import Made
from convscope.data.cache import Memory, Shelf
from convscope.data.download import Progress, fetch
from convscope.data.sources import Source
from convscope.errors import SourceError


@dataclass(frozen=True, eq=False)
class Loaded:
    """A source's four arrays (training pictures and labels, test pictures and labels), and a checksum of it all.

    `remark` says, as (path, reason), why the cache could not be used; None when it could.
    """

    arrays: tuple[UInt8[np.ndarray, " *sizes"], ...]
    fingerprint: str
    remark: tuple[str, str] | None = None


def load(source: Source, progress: Progress | None = None) -> Loaded:
    """A named source's arrays, memory-mapped from the cache folder; held in memory where that cannot be written.

    `progress` is called with a file's name, bytes that are here, and bytes of the whole, while it downloads.

    Raises:
        SourceError: Its files are neither here nor to be had, or damaged.
    """
    shelf = source.shelf
    if all(shelf.whole(file) for file in source.files):
        return _arrays(source, shelf)
    try:
        with shelf.locked():
            _fill(shelf, source, _made(source, shelf, progress))
        return _arrays(source, shelf)
    except OSError as error:
        # A folder that is read-only or on a full disk: the package's and a folder's files need none.
        reason = f"cannot be written ({error.strerror or error})"
    memory = Memory()
    try:
        _fill(memory, source, _made(source, None, None))
    except _NothingHereError:
        size = sum(file.bytes for file in source.files) + source.bytes
        raise SourceError(
            f"{source.name}: the cache folder {shelf.folder.parent} {reason}. "
            f"Set CONVSCOPE_CACHE to a folder with {size / 1e6:,.0f} MB to spare"
        ) from None
    return _arrays(
        source, memory, (str(shelf.folder), f"{reason}; unpacked into memory, as each start will have to")
    )


def downloaded(source: Source) -> bool:
    """Whether a source's files are in the cache or in a folder that is searched."""
    return all(source.shelf.whole(file) for file in source.files) or any(True for _ in places.found(source))


class _NothingHereError(Exception):
    """Only a download can help, and there is no folder for one."""


def _fill(shelf: Shelf | Memory, source: Source, offers: Iterator[Made]) -> None:
    """Put the missing files on the shelf, from the first offer that is right; ask for no other after that."""
    refused: list[SourceError] = []
    while missing := [file for file in source.files if shelf.whole(file) is None]:
        try:
            for file, chunks in next(offers):
                if file in missing:
                    shelf.put(file, chunks)
        except SourceError as error:
            refused.append(error)
        except StopIteration:
            raise _why(refused) from None


def _why(refused: list[SourceError]) -> Exception:
    if not refused:
        return _NothingHereError()
    before = "".join(f". Besides, {error}" for error in refused[:-1])
    return SourceError(f"{refused[-1]}{before}")


def _made(source: Source, shelf: Shelf | None, progress: Progress | None) -> Iterator[Made]:
    """Ways to make the source's files, best first."""
    if source.embedded:
        yield ((file, _decoded(file.name)) for file in source.files)
        return
    for here in places.found(source):
        yield source.unpack(source.files, here.paths)
    if shelf is not None:
        yield _downloaded(source, shelf, progress)


def _decoded(name: str) -> Iterator[bytes]:
    yield mnist.decode(name)  # only when it is asked for: the file may be here already


def _downloaded(source: Source, shelf: Shelf, progress: Progress | None) -> Made:
    paths = {}
    for wanted in source.downloads:
        try:
            path = fetch(wanted, shelf.folder / "downloads", progress)
        except SourceError as error:
            raise SourceError(_no_way(source, wanted.name, str(error))) from error
        paths[wanted.name if wanted.name.endswith(".tar.gz") else wanted.name.removesuffix(".gz")] = path
    yield from source.unpack(source.files, paths)
    for path in paths.values():  # unpacked they are on the shelf, so this is room for the user
        path.unlink()


def _no_way(source: Source, name: str, reasons: str) -> str:
    there = places.pickled(source)
    pickled = (
        f"; {there} is here, but it is a pickle, and loading one would run what is in it" if there else ""
    )
    return (
        f"{source.name}: not here, and {name} cannot be downloaded ({reasons}{pickled}). "
        "Connect to the network and try again, or set CONVSCOPE_DATA to a folder that holds "
        f"{', '.join(d.name for d in source.downloads)}"
    )


def _arrays(source: Source, shelf: Shelf | Memory, remark: tuple[str, str] | None = None) -> Loaded:
    sums = {file.name: f"sha256:{shelf.whole(file)}" for file in source.files}
    arrays = tuple(idx.read(shelf.content(file)) for file in source.files)
    return Loaded(arrays, fingerprint(sums), remark)


def fingerprint(checksums: Mapping[str, str]) -> str:
    """One SHA-256 for a set of named files, from theirs: nothing is read again.

    >>> fingerprint({"a": "sha256:00"})[:8]
    'b7b47c90'
    """
    lines = "".join(f"{name} {checksum}\n" for name, checksum in sorted(checksums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
