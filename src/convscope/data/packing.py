"""From files to pictures of one shape: read, decoded and fitted by all processors, each content once."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import UInt8

from convscope.data.fit import fit
from convscope.data.listing import Entry, Skipped
from convscope.data.pictures import quietly, read_picture
from convscope.data.rows import Kept, Rows, Shape
from convscope.data.sizing import is_grey
from convscope.errors import PictureError

CHUNK = 16
# A JPEG is decoded at up to twice the size that is wanted: what is left to shrink is filtered properly.
FINER = 2

Done = Callable[[int], None]


class ColouredError(Exception):
    """A picture in colour where all were taken to be grey."""


@dataclass(frozen=True)
class Packed:
    """Which content is where among the rows, file by file; and the files that could not be read."""

    places: tuple[tuple[Entry, bytes, int], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, eq=False)
class _Seen:
    entry: Entry
    content: bytes = b""
    pixels: UInt8[np.ndarray, "c h w"] | None = None
    problem: str = ""


def packed(
    entries: Sequence[Entry],
    read: Callable[[Entry], bytes],
    rows: Rows,
    mode: str,
    before: Sequence[Kept] = (),
    done: Done = lambda _: None,
) -> Packed:
    """Read every file into `rows`; one whose content is among them, or was packed `before`, is not decoded again.

    `done` is called with the bytes of the files that are read, a few files at a time.

    Raises:
        ColouredError: The rows are grey, and a picture is not.
        OSError: The rows cannot be written.
    """
    look = partial(_seen, read=read, rows=rows, mode=mode, before=before)
    places, skipped = [], []
    for chunk in _in_parallel(look, entries):
        for seen in chunk:
            if seen.problem:
                skipped.append(Skipped(seen.entry.name, seen.problem))
                continue
            pixels = seen.pixels
            place = rows.places[seen.content] if pixels is None else rows.add(seen.content, pixels)
            places.append((seen.entry, seen.content, place))
        done(sum(seen.entry.bytes for seen in chunk))
    return Packed(tuple(places), tuple(skipped))


def _in_parallel(look: Callable[[Entry], _Seen], entries: Sequence[Entry]) -> Iterator[list[_Seen]]:
    """What is seen of each file, in the files' order; a few chunks are under way at any time, so memory is bounded."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    under_way: deque[Future[list[_Seen]]] = deque()
    with quietly, ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, len(entries), CHUNK):
                chunk = entries[start : start + CHUNK]
                under_way.append(pool.submit(lambda some: [look(entry) for entry in some], chunk))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _seen(
    entry: Entry, read: Callable[[Entry], bytes], rows: Rows, mode: str, before: Sequence[Kept]
) -> _Seen:
    try:
        content = read(entry)
        digest = hashlib.sha256(content).digest()
        if digest in rows.places:
            return _Seen(entry, digest)
        for kept in before:
            if digest in kept.places:
                return _Seen(entry, digest, kept.pixels[kept.places[digest]])
        return _Seen(entry, digest, fitted(content, rows.shape, mode))
    except PictureError as error:
        return _Seen(entry, problem=str(error).removeprefix("the picture: "))
    except MemoryError:
        return _Seen(entry, problem="too large for this machine's memory. Make it smaller")


def fitted(content: bytes, shape: Shape, mode: str) -> UInt8[np.ndarray, "c h w"]:
    """A picture file's content as it is packed.

    Raises:
        PictureError: It is no picture.
        ColouredError: It is in colour, and the shape is grey.
    """
    channels, *size = shape
    picture = read_picture(content, near=FINER * max(size))
    pixels = fit(picture, (len(picture), *size), mode=mode).pixels  # type: ignore[arg-type]
    if len(pixels) < channels:
        return np.repeat(pixels, channels, 0)
    if len(pixels) > channels:
        if not is_grey(picture):
            raise ColouredError
        return pixels[:1]
    return pixels
