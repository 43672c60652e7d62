"""Any source of pictures as shards: checked and hashed, divided, put into an order, and written side by side.

The plan is all that decides the bytes, and it is known before the first one is written. So a shard that is there from an
earlier start, of the same plan and with its SHA-256, stays.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from convscope.data.cache import Sums, blocks
from convscope.data.division import Row, divided
from convscope.data.download import Progress
from convscope.data.listing import Entry, Place, printable
from convscope.data.own import found_in, nothing, require_enough
from convscope.data.packing import packed
from convscope.data.rows import Rows
from convscope.data.shards.index import (
    INDEX,
    LARGEST_SHARD,
    MOST_SHARDS,
    NAME,
    PARTS,
    Index,
    Member,
    Shard,
    counted,
    ending,
    index_of,
    listed,
)
from convscope.data.shards.tars import END, member, padded
from convscope.data.sizing import sampled
from convscope.data.whole import write_whole
from convscope.errors import PictureError, SourceError
from convscope.native.runner import available_processors

# Pixels that are thrown away: decoding is how it is known that a picture can be read.
CHECKED = (3, 8, 8)
PROBLEMS = "problems.jsonl"
SMALLEST_MB, LARGEST_MB = 0.01, LARGEST_SHARD / 1e6


@dataclass(frozen=True)
class Written:
    """What `write` came to: the index, the files that were left out, and how many shards were there already."""

    index: Index
    problems: tuple[tuple[str, str], ...]
    kept: int


@dataclass(frozen=True)
class _Planned:
    """A shard before it is written: its name, the plan it is of, and its pictures."""

    name: str
    plan: str
    rows: tuple[tuple[int, Row, Entry], ...]
    classes: dict[str, int]


def write(
    place: Place, folder: Path, *, size_mb: float = 100, seed: int = 0, progress: Progress | None = None
) -> Written:
    """Pack a place of pictures into WebDataset shards of up to `size_mb` megabytes (10^6 bytes): the same bytes each time.

    Each file goes in as it is, train and test apart, in an order that depends on the contents and `seed`. Files that cannot
    be read are left out and listed in problems.jsonl. What an interrupted start has written is kept. `progress` is
    called with a name, the bytes that were read, and the bytes to read: each file twice, to be checked and to be packed.

    Raises:
        SourceError: There are not enough pictures, a file changed meanwhile, or the folder holds something else or cannot be
            written.
    """
    if not SMALLEST_MB <= size_mb <= LARGEST_MB:
        raise SourceError(
            f"size-mb: from {SMALLEST_MB:g} to {LARGEST_MB:,.0f} megabytes a shard, not {size_mb:g}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            return _written(place, folder, size_mb, seed, progress)
    except OSError as error:
        raise SourceError(
            f"{folder}: cannot be written ({error.strerror or error}); name another with -o"
        ) from None


def _written(place: Place, folder: Path, size_mb: float, seed: int, progress: Progress | None) -> Written:
    entries, skipped, _ = found_in(place)
    if not entries:
        raise SourceError(nothing(place.path, skipped))
    count = _counter(place, 2 * sum(entry.bytes for entry in entries), progress)
    sample = sampled(entries, place.read)
    with closing(Rows(None, CHECKED)) as rows:
        done = packed(entries, place.read, rows, "stretch", done=count)
    found = {entry.name: entry for entry, _, _ in done.places}
    division = divided([Row(e.name, e.label, e.part, content, at) for e, content, at in done.places])
    if not division.classes:
        raise SourceError(nothing(place.path, done.skipped))
    require_enough(place.path, division)
    problems = [(s.name, s.reason) for s in (*skipped, *done.skipped)]
    problems += [(row.name, f"its class {row.label} has nothing to learn from") for row in division.homeless]
    parts = {"train": _in_order(division.train, seed), "test": _in_order(division.test, seed)}
    plan = _plan(parts, division.classes, size_mb, seed)
    number = {name: i for i, name in enumerate(division.classes)}
    planned = [
        _Planned(f"{part}-{i:06d}", plan, rows, number)
        for part in PARTS
        for i, rows in enumerate(_cut(parts[part], found, round(size_mb * 1e6)))
    ]
    if len(planned) > MOST_SHARDS:
        raise SourceError(
            f"{len(planned):,} shards, and at most {MOST_SHARDS:,} are written; give a larger --size-mb"
        )
    _require_ours(folder, plan, planned)
    _remove_parts(folder)
    made = _all(planned, place, folder, count)
    counts = {part: counted([number[row.label] for row in parts[part]], len(number)) for part in PARTS}
    index = Index(plan, seed, division.classes, counts, sample, tuple(shard for shard, _ in made))
    told = tuple((printable(name), reason) for name, reason in problems)
    lines = [json.dumps({"path": name, "reason": why}, ensure_ascii=False) + "\n" for name, why in told]
    write_whole(folder / PROBLEMS, "".join(lines).encode())
    write_whole(folder / INDEX, index.as_bytes())
    return Written(index, told, sum(kept for _, kept in made))


def _all(
    planned: Sequence[_Planned], place: Place, folder: Path, count: Callable[[int], None]
) -> list[tuple[Shard, bool]]:
    """Every shard, and whether it was there already; some are written at the same time."""
    with ThreadPoolExecutor(available_processors() + 1) as pool:
        try:
            return list(pool.map(lambda shard: _one(shard, place, folder, count), planned))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(shard: _Planned, place: Place, folder: Path, count: Callable[[int], None]) -> tuple[Shard, bool]:
    tar, beside = folder / f"{shard.name}.tar", folder / f"{shard.name}.json"
    members = [
        Member(number, printable(row.name), entry.bytes, shard.classes[row.label])
        for number, row, entry in shard.rows
    ]
    kept = _kept(shard, tar, beside, members)
    sums = Sums("")
    if kept is None:

        def passed() -> Iterator[bytes]:
            for block in _blocks(shard, place, count):
                sums.add(block)
                yield block

        write_whole(tar, passed())
        write_whole(beside, listed(members, shard.plan, sums.sha256))
    else:
        count(sum(entry.bytes for _, _, entry in shard.rows))
    sha256, content = kept or sums.sha256, beside.read_bytes()
    told = Shard(
        shard.name,
        len(members),
        tar.stat().st_size,
        sha256,
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    return told, kept is not None


def _kept(shard: _Planned, tar: Path, beside: Path, members: Sequence[Member]) -> str | None:
    """The SHA-256 of a tar that is whole and of this plan."""
    if not tar.is_file() or not beside.is_file():
        return None
    sha256 = Sums("").after(blocks(tar)).sha256
    return sha256 if beside.read_bytes() == listed(members, shard.plan, sha256) else None


def _blocks(shard: _Planned, place: Place, count: Callable[[int], None]) -> Iterator[bytes]:
    """A shard's bytes, picture by picture."""
    for number, row, entry in shard.rows:
        try:
            content = place.read(entry)
        except PictureError as error:
            raise SourceError(
                f"{place.path}: {row.name}: {error}; it changed while it was packed. Start again"
            ) from None
        if hashlib.sha256(content).digest() != row.content:
            raise SourceError(
                f"{place.path}: {row.name}: its content changed while it was packed. Start again"
            )
        label = str(shard.classes[row.label]).encode()
        yield member(f"{number:09d}.{ending(content)}", content) + member(f"{number:09d}.cls", label)
        count(entry.bytes)
    yield END


def _in_order(rows: Sequence[Row], seed: int) -> list[Row]:
    """As good as shuffled, by the contents and the seed alone."""

    def key(row: Row) -> tuple[bytes, str, str]:
        return hashlib.sha256(f"{seed} {row.label}\0".encode() + row.content).digest(), row.label, row.name

    return sorted(rows, key=key)


def _cut(
    rows: Sequence[Row], found: dict[str, Entry], most: int
) -> Iterator[tuple[tuple[int, Row, Entry], ...]]:
    """The pictures of one shard after the other, with their numbers; each of at least one picture."""
    shard: list[tuple[int, Row, Entry]] = []
    taken = len(END)
    for number, row in enumerate(rows):
        entry = found[row.name]
        takes = padded(entry.bytes) + padded(1)
        if shard and taken + takes > most:
            yield tuple(shard)
            shard, taken = [], len(END)
        shard.append((number, row, entry))
        taken += takes
    if shard:
        yield tuple(shard)


def _plan(parts: dict[str, list[Row]], classes: Sequence[str], size_mb: float, seed: int) -> str:
    sums = hashlib.sha256(repr((1, tuple(classes), size_mb, seed)).encode())
    for part in PARTS:
        for row in parts[part]:
            sums.update(f"{part}\0{row.label}\0{row.name}\0".encode("utf-8", "surrogateescape") + row.content)
    return sums.hexdigest()


def _require_ours(folder: Path, plan: str, planned: Sequence[_Planned]) -> None:
    """Refuse a folder with shards of something else.

    Raises:
        SourceError: There are such.
    """
    advice = "name another folder with -o, or remove them"
    ours = {shard.name for shard in planned}
    with contextlib.suppress(FileNotFoundError):
        try:
            same = index_of((folder / INDEX).read_bytes()).plan == plan
        except SourceError:
            same = False
        if not same:
            raise SourceError(f"{folder}: holds other shards already; {advice}")
    for path in folder.iterdir():
        if NAME.fullmatch(path.stem) and path.suffix in (".tar", ".json") and path.stem not in ours:
            raise SourceError(f"{folder}: {path.name} is of other shards; {advice}")


def _remove_parts(folder: Path) -> None:
    """What a start that was killed has left half written."""
    for path in folder.glob("*.part"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = folder / ".lock"
    try:
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except Timeout:
        raise SourceError(
            f"{folder}: another convscope shards is writing it; wait for it, or name another"
        ) from None


def _counter(place: Place, total: int, progress: Progress | None) -> Callable[[int], None]:
    came = 0

    def count(bytes: int) -> None:
        nonlocal came
        came += bytes
        if progress:
            progress(place.path.name, min(came, total), total)

    return count
