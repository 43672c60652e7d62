"""From files to pictures of one shape: read, decoded and fitted by all processors, each content once."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from jaxtyping import UInt8

from convscope.data.decoders import Decoder, Pixels, pixels_or_problem
from convscope.data.listing import Entry, Skipped
from convscope.data.pictures import quietly
from convscope.data.rows import Kept, Rows, Shape
from convscope.errors import PictureError

CHUNK, CHUNK_BYTES = 16, 16_000_000
# Starting a decoder takes a third of a second, which a few pictures are not worth.
MANY, MANY_BYTES = 1000, 100_000_000

Done = Callable[[int], None]
Decode = Callable[[Sequence[bytes]], "list[Pixels | PictureError]"]


@dataclass(frozen=True)
class Packed:
    """Which content is where among the rows, file by file; and the files that could not be read."""

    places: tuple[tuple[Entry, bytes, int], ...]
    skipped: tuple[Skipped, ...]


@dataclass(eq=False)
class _Seen:
    """A file as it came: no pixels where its content is among the rows already."""

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
    places, skipped = [], []
    many = len(entries) >= MANY or sum(entry.bytes for entry in entries) >= MANY_BYTES
    with _decoding(rows.shape, mode, many) as decode:

        def look(chunk: Sequence[Entry]) -> list[_Seen]:
            return _seen(chunk, read, rows, before, decode)

        with closing(_in_parallel(look, entries)) as chunks:
            for chunk in chunks:
                for seen in chunk:
                    if seen.problem:
                        skipped.append(Skipped(seen.entry.name, seen.problem))
                        continue
                    pixels = seen.pixels
                    place = rows.places[seen.content] if pixels is None else rows.add(seen.content, pixels)
                    places.append((seen.entry, seen.content, place))
                done(sum(seen.entry.bytes for seen in chunk))
    return Packed(tuple(places), tuple(skipped))


def _in_parallel(
    look: Callable[[Sequence[Entry]], list[_Seen]], entries: Sequence[Entry]
) -> Generator[list[_Seen], None, None]:
    """What is seen of each file, in the files' order; a few chunks are under way at any time, so memory is bounded."""
    under_way: deque[Future[list[_Seen]]] = deque()
    with quietly, ThreadPoolExecutor(processors()) as pool:
        try:
            for chunk in _chunks(entries):
                under_way.append(pool.submit(look, chunk))
                if len(under_way) > 2 * processors():
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    bytes = 0
    for entry in entries:
        if chunk and (len(chunk) == CHUNK or bytes + entry.bytes > CHUNK_BYTES):
            yield chunk
            chunk, bytes = [], 0
        chunk.append(entry)
        bytes += entry.bytes
    yield chunk


def _seen(
    chunk: Sequence[Entry], read: Callable[[Entry], bytes], rows: Rows, before: Sequence[Kept], decode: Decode
) -> list[_Seen]:
    found = [_Seen(entry) for entry in chunk]
    fresh: list[tuple[_Seen, bytes]] = []
    for seen in found:
        try:
            content = read(seen.entry)
        except (PictureError, MemoryError) as error:
            seen.problem = str(error) or "too large for this machine's memory. Make it smaller"
            continue
        seen.content = hashlib.sha256(content).digest()
        if seen.content in rows.places:
            continue
        kept = next((kept for kept in before if seen.content in kept.places), None)
        if kept is not None:
            seen.pixels = kept.pixels[kept.places[seen.content]]
        else:
            fresh.append((seen, content))
    for (seen, _), said in zip(fresh, decode([content for _, content in fresh]), strict=True):
        if isinstance(said, PictureError):
            seen.problem = str(said).removeprefix("the picture: ")
        else:
            seen.pixels = said
    return found


@contextmanager
def _decoding(shape: Shape, mode: str, many: bool) -> Iterator[Decode]:
    """What decodes some contents, from several threads at once: programs of their own for many pictures."""
    decoders: list[Decoder] = []
    try:
        for _ in range(processors() if many else 0):
            decoders.append(Decoder(shape, mode))
    except OSError:
        pass  # no more programs may be started: threads do the same, more slowly
    idle: SimpleQueue[Decoder] = SimpleQueue()
    for decoder in decoders:
        idle.put(decoder)

    def beside(contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        decoder = idle.get()
        try:
            return decoder(contents)
        finally:
            idle.put(decoder)

    def here(contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        return [pixels_or_problem(content, shape, mode) for content in contents]

    try:
        yield beside if decoders else here
    finally:
        for decoder in decoders:
            decoder.close()


def processors() -> int:
    """How many this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
