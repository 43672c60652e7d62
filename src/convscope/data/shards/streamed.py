"""Shards as a place of pictures: brought in the order in which they are read, ahead of it, and gone when they are read.

Only index.json is needed to know whether the pictures are in the cache already. A shard is fetched when the first of its
pictures is asked for, a few more along with it; while they come those that are here are decoded. At no time do more lie on
the disk than are being read, and those few.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from convscope.data.cache import cache_folder
from convscope.data.listing import LARGEST_FILE, MOST_ENTRIES, Entry, Listing, content_of
from convscope.data.shards.index import INDEX, LARGEST_INDEX, Index, Member, Shard, index_of, members_of
from convscope.data.shards.remote import Remote, remote
from convscope.data.shards.tars import walked
from convscope.data.sizing import Sample
from convscope.data.zips import Part
from convscope.errors import PictureError, SourceError

PREFIX = "shards:"
"""What the name of such a source begins with."""
AHEAD = 4
FOLDER = "shards"


class Address(str):
    """Where shards lie, as a source is called: `shards:` and a folder or URL."""

    __slots__ = ()

    @property
    def where(self) -> str:
        """Without what it begins with; of a folder the whole path."""
        said = self.removeprefix(PREFIX)
        return said if "://" in said else str(Path(said).expanduser().absolute())

    @property
    def name(self) -> str:
        """Its last part."""
        return self.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> str:
        return f"{self}/{name}"


class Shards:
    """A folder of shards that `convscope shards` has written, here or elsewhere, as a place of pictures.

    Raises:
        SourceError: There is no index, or none that can be read.
    """

    labelled = True

    def __init__(self, address: str):
        self.path = Address(PREFIX + Address(address).where)
        self._remote = remote(self.path.where)
        self.index = open_index(self._remote, self.path)
        self.signature = self.index.signature
        self._lock = threading.Lock()
        self._at: dict[int, Future[_Here]] = {}

    @property
    def sample(self) -> Sample:
        """What the pictures are like, as it was seen when they were packed."""
        return self.index.sample

    def listing(self) -> Listing:
        return Listing(tuple(entry for entry, _, _ in self._entries.values()))

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        _, number, member = self._entries[entry.name]
        here = self._here(number)
        content = here.read(member, first)
        if first is None and here.was_last():
            with self._lock:
                self._at.pop(number, None)
            here.close()
        return content

    def close(self) -> None:
        with self._lock:
            waiting, self._at = list(self._at.values()), {}
        if "_pool" in vars(self):
            self._pool.shutdown(wait=True, cancel_futures=True)
        for future in waiting:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().close()
        if "_folder" in vars(self):
            shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def _entries(self) -> dict[str, tuple[Entry, int, Member]]:
        if sum(shard.pictures for shard in self.index.shards) > MOST_ENTRIES:
            raise SourceError(
                f"{self.path}: more than {MOST_ENTRIES:,} pictures; pack a part of them by itself"
            )
        folder = self._folder
        lists = self._pool.map(
            lambda shard: members(self._remote, shard, self.index, folder), self.index.shards
        )
        found: dict[str, tuple[Entry, int, Member]] = {}
        for number, (shard, rows) in enumerate(zip(self.index.shards, lists, strict=True)):
            for row in rows:
                # The names that files had may be anything: two that are equal get their shards' beside.
                name = row.name if row.name not in found else f"{row.name} ({shard.name}/{row.number})"
                label = self.index.classes[row.label]
                found[name] = Entry(name, row.bytes, "", label, shard.part), number, row
        return found

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(AHEAD, thread_name_prefix="shards")

    @cached_property
    def _folder(self) -> Path:
        home = cache_folder() / FOLDER
        try:
            home.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=home))
        except OSError:
            return Path(tempfile.mkdtemp(prefix="convscope-shards-"))

    def _here(self, number: int) -> _Here:
        with self._lock:
            for wanted in range(number, min(number + AHEAD, len(self.index.shards))):
                if wanted not in self._at:
                    self._at[wanted] = self._pool.submit(self._brought, self.index.shards[wanted])
            future = self._at[number]
        return future.result()

    def _brought(self, shard: Shard) -> _Here:
        name = f"{shard.name}.tar"
        try:
            path = self._remote.fetch(name, shard.bytes, shard.sha256, self._folder)
            return _Here(path, shard, path.parent == self._folder)
        except OSError as error:
            raise SourceError(
                f"{self._folder}: no room for {name} ({error.strerror or error}); make some"
            ) from None
        except SourceError as error:
            raise SourceError(f"{PREFIX}{error}") from None


class _Here:
    """A shard that has come: its pictures, until each was read."""

    def __init__(self, path: Path, shard: Shard, ours: bool):
        self._shard = shard
        self._file: BinaryIO = path.open("rb")
        if ours:  # who has it open keeps it, and a program that is killed leaves nothing
            path.unlink()
        self._left = shard.pictures
        self._lock = threading.Lock()
        try:
            self._places = placed(self._file, shard)
        except SourceError as error:
            self.close()
            raise SourceError(f"{shard.name}.tar: {error}") from None

    def read(self, member: Member, first: int | None) -> bytes:
        if member.number not in self._places:
            raise PictureError(f"not in {self._shard.name}.tar")
        start, length = self._places[member.number]
        if length > LARGEST_FILE or length != member.bytes:
            raise PictureError(f"{length:,} bytes, and the list of {self._shard.name} has {member.bytes:,}")
        return content_of(Part(self._file.fileno(), start, length), first)

    def was_last(self) -> bool:
        """Whether all have been read with this one."""
        with self._lock:
            self._left -= 1
            return self._left == 0

    def close(self) -> None:
        self._file.close()


def open_index(far: Remote, where: str) -> Index:
    """The index of a folder of shards.

    Raises:
        SourceError: There is none, or it is damaged.
    """
    try:
        content = far.content(INDEX, LARGEST_INDEX)
    except SourceError as error:
        raise SourceError(f"{PREFIX}{error}") from None
    try:
        return index_of(content)
    except SourceError as error:
        raise SourceError(f"{where}/{INDEX}: {error}") from None


def members(far: Remote, shard: Shard, index: Index, folder: Path) -> list[Member]:
    """A shard's list of members, as the index says it is.

    Raises:
        SourceError: It is not to be had, or is another.
    """
    name = f"{shard.name}.json"
    path = far.fetch(name, shard.list_bytes, shard.list_sha256, folder)
    try:
        return members_of(path.read_bytes(), shard, len(index.classes))
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from None
    finally:
        if path.parent == folder:
            with contextlib.suppress(OSError):
                path.unlink()


def placed(file: BinaryIO, shard: Shard) -> dict[int, tuple[int, int]]:
    """Where the pictures of a tar lie, by number; members with any other name are left alone.

    Raises:
        SourceError: The tar is damaged; the reason alone.
    """
    found: dict[int, tuple[int, int]] = {}
    for name, start, length in walked(file, 2 * shard.pictures):
        number, _, kind = name.partition(".")
        if len(number) == 9 and number.isascii() and number.isdecimal() and kind != "cls":
            found.setdefault(int(number), (start, length))
    return found
