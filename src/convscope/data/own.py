"""A user's own pictures, from a path to arrays: listed, sampled, decoded, divided, and packed for the next time."""

from __future__ import annotations

import hashlib
import math
import os
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.decoders import ColouredError
from convscope.data.division import Division, Row, divided
from convscope.data.download import Progress
from convscope.data.findings import Findings, findings
from convscope.data.folder import Folder
from convscope.data.layout import HOMELESS, arranged
from convscope.data.listing import Entry, Place, Skipped, printable
from convscope.data.packing import Packed, packed
from convscope.data.packs import Cabinet, Pack, in_memory, key_of, recall, remember
from convscope.data.rows import Rows, Shape
from convscope.data.shards.streamed import Address, Shards
from convscope.data.sizing import GLANCES, chosen, sampled
from convscope.data.table import ENDINGS, Table
from convscope.data.zips import Tar, Zip
from convscope.errors import SourceError

FITS = ("pad", "crop", "stretch")
Size = tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Own:
    """Pictures [n, channels, height, width], the first `learned` of them to learn from, and all that is known of them.

    `names` are their files', within the folder or archive, as they can be shown.
    """

    pixels: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " n"]
    learned: int
    classes: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    fingerprint: str
    found: Findings
    names: tuple[str, ...]


def own(path: Path | Address, size: Size = None, fit: str = "pad", progress: Progress | None = None) -> Own:
    """The pictures of a folder, zip, tar, CSV or of shards, from the cache or decoded into it.

    `progress` is called with the place's name, the bytes that were read of it, and the bytes of all its files.

    Raises:
        SourceError: There is no such place, or not enough pictures in it to learn and to test two classes.
    """
    if fit not in FITS:
        raise SourceError(f"fit: one of {', '.join(FITS)}, not {fit}")
    with closing(place_of(path)) as place:
        asked = key_of(place.signature, size, fit)
        known = recall(asked)
        if known and (pack := Cabinet(place.signature, tuple(known["shape"]), fit).pack()):
            return _of(pack, path, known["why"])
        return _made(_Work(place, size, fit, asked, progress))


def place_of(path: Path | Address) -> Place:
    """What lies at a path, as a place of pictures.

    Raises:
        SourceError: Nothing, or nothing that pictures could be in.
    """
    if isinstance(path, Address):
        return Shards(path)
    try:
        if path.is_dir():
            return Folder(path)
        if not path.is_file():
            raise SourceError(f"{path}: neither a folder nor a file")
        if path.suffix.lower() in ENDINGS:
            return Table(path)
        if zipfile.is_zipfile(path):
            return Zip(path)
        if tarfile.is_tarfile(path):
            return Tar(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from None
    raise SourceError(
        f"{path}: no pictures to learn from: name a folder of class folders, a zip, a tar, or a CSV"
    )


@dataclass(frozen=True)
class _Work:
    """What is asked for; `asked` is the key under which the choice of a size is kept."""

    place: Place
    size: Size
    fit: str
    asked: str
    progress: Progress | None


def found_in(place: Place) -> tuple[tuple[Entry, ...], tuple[Skipped, ...], tuple[str, ...]]:
    """The files of a place with their classes, those that are left out already, and remarks."""
    listing = place.listing()
    if place.labelled:
        entries, skipped, notes = listing.entries, listing.skipped, ()
    else:
        layout = arranged(listing.entries)
        entries, skipped, notes = layout.entries, (*listing.skipped, *layout.skipped), layout.notes
    if listing.hidden:
        notes = (*notes, f"{listing.hidden:,} hidden files and folders were passed over")
    return entries, skipped, notes


def _made(work: _Work) -> Own:
    place = work.place
    entries, skipped, notes = found_in(place)
    if not entries:
        raise SourceError(nothing(place.path, skipped))
    sample = place.sample if isinstance(place, Shards) else sampled(entries, place.read)
    if not sample.sizes:
        raise SourceError(f"{place.path}: of {len(entries):,} files none is a picture that can be read")
    choice = chosen(sample, len(entries), work.size)
    looked = f" (of {len(sample.sizes):,} that were looked at)" if len(entries) > GLANCES else ""
    notes = (*notes, f"sizes{looked}: {sample.sides}")
    try:
        pack, shape = _packed(work, entries, skipped, notes, choice.shape), choice.shape
    except ColouredError:  # the sample had none: begin anew with three channels
        shape = (3, *choice.shape[1:])
        pack = _packed(work, entries, skipped, notes, shape)
    why = choice.why if shape == choice.shape else f"3{choice.why[1:]}".replace("grey", "some in colour")
    remember(work.asked, {"shape": shape, "why": why})
    return _of(pack, place.path, why)


def _packed(
    work: _Work, entries: Sequence[Entry], skipped: Sequence[Skipped], notes: Sequence[str], shape: Shape
) -> Pack:
    """The pack, in the cache; in memory where the cache cannot be written."""
    cabinet = Cabinet(work.place.signature, shape, work.fit)

    def decode(rows: Rows) -> tuple[Division, dict[str, Any]]:
        with cabinet.before() as before:
            done = packed(entries, work.place.read, rows, work.fit, before, _counter(work, entries))
        return _divided(work, entries, done, skipped, notes, shape)

    try:
        with cabinet.shelf.locked():
            if pack := cabinet.pack():  # of two that started at once, the other has made it
                return pack
            cabinet.make_room(len(entries))
            with closing(cabinet.rows()) as rows:
                division, note = decode(rows)
                return cabinet.finish(rows, *_order(division), note)
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})"
        cabinet.give_up()
    cache, size = cabinet.home.parent, len(entries) * math.prod(shape)
    if 2 * size > _free_memory():
        raise SourceError(
            f"{work.place.path}: the cache folder {cache} {reason}, and its {size / 1e9:,.1f} GB of pixels are too many for "
            f"the memory. Set CONVSCOPE_CACHE to a folder with {size / 1e9:,.1f} GB to spare, or give a smaller --size"
        )
    with closing(Rows(None, shape)) as rows:
        division, note = decode(rows)
        said = f"{reason}; decoded into memory, as each start will have to"
        return in_memory(
            rows, _order(division)[0], {**note, "problems": [*note["problems"], [str(cache), said]]}
        )


def _divided(
    work: _Work,
    entries: Sequence[Entry],
    done: Packed,
    skipped: Sequence[Skipped],
    notes: Sequence[str],
    shape: Shape,
) -> tuple[Division, dict[str, Any]]:
    """Which rows are for what, and what pack.json says of it."""
    rows = [Row(entry.name, entry.label, entry.part, content, place) for entry, content, place in done.places]
    path, skipped = work.place.path, [*skipped, *done.skipped]
    if not rows:
        raise SourceError(nothing(path, skipped))
    division = divided(rows)
    require_enough(path, division)
    lost = sorted({entry.label for entry in entries} - {row.label for row in rows})
    given = {row.part for row in rows} == {"train", "test"}
    homeless = [Skipped(r.name, f"its class {r.label} has nothing to learn from") for r in division.homeless]
    train, test = division.labels()
    return division, {
        "place": printable(str(path)),
        "classes": division.classes,
        "labels": np.concatenate([train, test]).tolist(),
        "names": [printable(row.name) for row in (*division.train, *division.test)],
        "learned": len(train),
        "problems": [[printable(s.name), s.reason] for s in [*skipped, *homeless]],
        "fingerprint": _fingerprint(division, shape, work.fit),
        "found": findings(division, given, lost, notes).as_dict(),
    }


def require_enough(path: Path | Address, division: Division) -> None:
    """Refuse what no net can learn from.

    Raises:
        SourceError: It has one class, or nothing to be tested on.
    """
    if len(division.classes) < 2:
        raise SourceError(
            f"{path}: a net tells classes apart, and there is only one: {', '.join(division.classes)}. "
            "Put pictures of something else into a folder beside it"
        )
    if not division.test:
        raise SourceError(
            f"{path}: nothing is left to be tested on: every class has a single picture. Add at least one more"
        )


def _order(division: Division) -> tuple[Int[np.ndarray, " n"], list[bytes]]:
    rows = (*division.train, *division.test)
    return np.array([row.place for row in rows], np.int64), [row.content for row in rows]


def _fingerprint(division: Division, shape: Shape, fit: str) -> str:
    sums = hashlib.sha256(repr((shape, fit, division.classes, len(division.train))).encode())
    for row in (*division.train, *division.test):
        sums.update(row.content + row.label.encode() + b"\0")
    return sums.hexdigest()


def _counter(work: _Work, entries: Sequence[Entry]) -> Callable[[int], None]:
    """Tells the progress of bytes as they are read."""
    total, came = sum(entry.bytes for entry in entries), 0

    def count(bytes: int) -> None:
        nonlocal came
        came += bytes
        if work.progress:
            work.progress(work.place.path.name, came, total)

    return count


def nothing(path: Path | Address, skipped: Sequence[Skipped]) -> str:
    """Why there is nothing to learn from."""
    first = next(iter(skipped), None)
    if first is None:
        return f"{path}: no files in it. A folder for each class, with its pictures in it, is what is learned from"
    said = f"{printable(first.name)}: {first.reason}"
    if all(s.reason == HOMELESS for s in skipped):
        said = "put those of each class into a folder named for it"
    return f"{path}: of {len(skipped):,} files none can be learned from; {said}"


def _free_memory() -> int:
    """Bytes, as far as the system tells."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4_000_000_000


def _of(pack: Pack, path: Path | Address, why: str) -> Own:
    note, found = pack.note, Findings.from_dict(pack.note["found"])
    root: Path | Address = path
    if isinstance(path, Path) and path.is_file() and path.suffix.lower() in ENDINGS:
        root = path.parent
    return Own(
        pack.pixels,
        np.array(note["labels"], np.int64),
        int(note["learned"]),
        tuple(note["classes"]),
        tuple((str(root / name) if name else str(root), reason) for name, reason in note["problems"]),
        note["fingerprint"],
        Findings(found.counts, (*found.notes, f"each is brought to {why}"), found.warnings),
        tuple(note["names"]),
    )
