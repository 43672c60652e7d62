"""From files to pictures of one shape: read, decoded and fitted by all processors, each content once."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue

from convscope.data.decoders import Decoder, Pixels, pixels_or_problem
from convscope.data.listing import Entry, Skipped
from convscope.data.pictures import quietly
from convscope.data.rows import FLUSH_SECONDS, Kept, Rows, Shape
from convscope.errors import PictureError
from convscope.native.runner import available_processors

CHUNK, CHUNK_BYTES, CHUNK_PIXELS = 64, 16_000_000, 8_000_000
# Starting a decoder takes a twentieth of a second, which a few pictures are not worth.
MANY, MANY_BYTES = 1000, 100_000_000

Done = Callable[[int], None]
Decode = Callable[[Sequence[bytes]], "Iterable[Pixels | PictureError]"]
Lend = Callable[[], AbstractContextManager[Decode]]


@dataclass(frozen=True)
class Packed:
    """Which content is where among the rows, file by file; and the files that could not be read."""

    places: tuple[tuple[Entry, bytes, int], ...]
    skipped: tuple[Skipped, ...]


@dataclass(eq=False)
class _Seen:
    """A file as it came: its content's SHA-256, or what is wrong with it."""

    entry: Entry
    content: bytes = b""
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
    with _decoding(rows.shape, mode, many) as lend:

        def look(chunk: Sequence[Entry]) -> list[_Seen]:
            return _seen(chunk, read, rows, before, lend)

        with closing(_in_parallel(look, _chunks(entries, rows.bytes))) as chunks:
            for chunk in chunks:
                for seen in chunk:
                    if seen.problem:
                        skipped.append(Skipped(seen.entry.name, seen.problem))
                    else:
                        places.append((seen.entry, seen.content, rows.places[seen.content]))
                rows.flush(FLUSH_SECONDS)
                done(sum(seen.entry.bytes for seen in chunk))
    return Packed(tuple(places), tuple(skipped))


def _in_parallel(
    look: Callable[[Sequence[Entry]], list[_Seen]], chunks: Iterable[Sequence[Entry]]
) -> Generator[list[_Seen], None, None]:
    """What is seen of each file, in the files' order; a few chunks are under way at any time, so memory is bounded."""
    under_way: deque[Future[list[_Seen]]] = deque()
    with quietly, ThreadPoolExecutor(_workers()) as pool:
        try:
            for chunk in chunks:
                under_way.append(pool.submit(look, chunk))
                if len(under_way) > 2 * _workers():
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _chunks(entries: Sequence[Entry], each: int) -> Iterator[list[Entry]]:
    """Files that are decoded at once; a picture takes `each` bytes."""
    most = lot(each)
    chunk: list[Entry] = []
    bytes = 0
    for entry in entries:
        if chunk and (len(chunk) == most or bytes + entry.bytes > CHUNK_BYTES):
            yield chunk
            chunk, bytes = [], 0
        chunk.append(entry)
        bytes += entry.bytes
    yield chunk


def lot(each: int) -> int:
    """How many pictures of so many bytes are decoded at once."""
    return max(1, min(CHUNK, CHUNK_PIXELS // each))


def _seen(
    chunk: Sequence[Entry], read: Callable[[Entry], bytes], rows: Rows, before: Sequence[Kept], lend: Lend
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
        pixels = next((p for kept in before if (p := kept.picture(seen.content)) is not None), None)
        if pixels is not None:
            rows.add(seen.content, pixels)
        else:
            fresh.append((seen, content))
    with lend() as decode:
        for (seen, _), said in zip(fresh, decode([content for _, content in fresh]), strict=True):
            if isinstance(said, PictureError):
                seen.problem = str(said).removeprefix("the picture: ")
            else:
                rows.add(seen.content, said)
    return found


@contextmanager
def _decoding(shape: Shape, mode: str, many: bool) -> Iterator[Lend]:
    """What lends something that decodes, to several threads at once: programs of their own for many pictures."""
    decoders: list[Decoder] = []
    try:
        for _ in range(_workers() if many else 0):
            decoders.append(Decoder(shape, mode, lot(math.prod(shape))))
    except OSError:
        pass  # no more programs may be started: threads do the same, more slowly
    idle: SimpleQueue[Decoder] = SimpleQueue()
    for decoder in decoders:
        idle.put(decoder)

    @contextmanager
    def beside() -> Iterator[Decode]:
        decoder = idle.get()
        try:
            yield decoder
        finally:
            idle.put(decoder)

    def here(contents: Sequence[bytes]) -> Iterator[Pixels | PictureError]:
        return (pixels_or_problem(content, shape, mode) for content in contents)

    try:
        yield beside if decoders else lambda: nullcontext(here)
    finally:
        for decoder in decoders:
            decoder.close()


def _workers() -> int:
    """One more than there are processors: while a decoder waits for its next lot, another has work."""
    return available_processors() + 1
