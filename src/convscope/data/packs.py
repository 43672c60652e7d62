"""The cache of a user's own pictures, decoded: a folder a pack, found again by what the place's files look like.

    pictures/<shape>-<fit>-<key>/   pixels, sha256 (of each picture's file), pack.json: whole or not counted; <fit> is
                                    `nothing` where pictures were made of others (`kept`), which have no files
                                    rows, rows.sha256: the beginning of one, from a start that was interrupted
    pictures/chosen/<key>.json      the size that was chosen for a place, so that it need not be looked into again

All of it may be deleted at any time. It is bounded: the pack that was used longest ago goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.cache import Shelf, cache_folder, times
from convscope.data.rows import Kept, Rows, Shape, remove_rows
from convscope.data.whole import write_whole

# Changes when the same files would be packed otherwise.
VERSION = 3
MOST_BYTES = 20_000_000_000
SPARE_BYTES = 500_000_000
DONORS = 8
CHOSEN = "chosen"
PACKED = "pictures"
"""The folder of the cache with the packs."""
LARGEST_NOTE = 400_000_000
WRITTEN_AT_ONCE = 1 << 20


def key_of(*parts: object) -> str:
    """A short name for all of these."""
    return hashlib.sha256(repr((VERSION, *parts)).encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True, eq=False)
class Pack:
    """Decoded pictures [n, channels, height, width], memory-mapped, and what pack.json says of them."""

    pixels: UInt8[np.ndarray, "n c h w"]
    note: Mapping[str, Any]


class Cabinet:
    """Where one pack is, or will be: for a place's signature, a shape and a way of fitting."""

    def __init__(self, signature: str, shape: Shape, fit: str):
        self.shape, self.home = shape, cache_folder() / PACKED
        self.group = f"{'x'.join(map(str, shape))}-{fit}"
        self.folder = self.home / f"{self.group}-{key_of(signature, shape, fit)}"
        self.shelf = Shelf(self.folder)

    def pack(self) -> Pack | None:
        """The pack, if it is there and whole."""
        note = whole(self.folder)
        if note is None or note["times"][0][0] != note["pictures"] * math.prod(self.shape):
            return None
        with contextlib.suppress(OSError):  # this is what "used longest ago" is told by
            os.utime(self.folder / "pack.json")
        # Copy-on-write: an array that is written to never reaches the disk.
        pixels = np.memmap(self.folder / "pixels", np.uint8, "c", shape=(note["pictures"], *self.shape))
        return Pack(np.asarray(pixels), note)

    def rows(self) -> Rows:
        """The growing file, continued where one is left.

        Raises:
            OSError: There is no room, or no right to write.
        """
        return Rows(self.folder, self.shape)

    def finish(
        self, rows: Rows, places: Int[np.ndarray, " n"], contents: list[bytes], note: Mapping[str, Any]
    ) -> Pack:
        """Make the pack of these rows, in this order.

        Raises:
            OSError: The disk is full.
        """
        rows.arrange(places)
        (self.folder / "rows").replace(self.folder / "pixels")
        return self._closed(len(places), contents, note)

    def keep(self, parts: Sequence[UInt8[np.ndarray, "_ c h w"]], note: Mapping[str, Any]) -> Pack:
        """Make the pack of these pictures, which have no files: one part after the other.

        Raises:
            OSError: The disk is full.
        """
        write_whole(self.folder / "pixels", _pieces(parts))
        return self._closed(sum(map(len, parts)), [], note)

    def _closed(self, pictures: int, contents: list[bytes], note: Mapping[str, Any]) -> Pack:
        """The pack, now that its pixels lie there."""
        _write(self.folder / "sha256", b"".join(contents))
        note = {**note, "pictures": pictures, "times": _times(self.folder)}
        _write(self.folder / "pack.json", json.dumps(note, ensure_ascii=False).encode())
        pack = self.pack()
        if pack is None:
            raise OSError("the pack that was written is not whole")
        return pack

    @contextmanager
    def before(self) -> Iterator[list[Kept]]:
        """What was packed before in the same shape, whole or begun: the latest few, while this is entered."""
        found: list[Kept] = []
        for folder in _by_use(self.home.glob(f"{self.group}-*"))[::-1][:DONORS]:
            pairs = [("pixels", "sha256")] if whole(folder) else []
            if folder != self.folder:
                pairs.append(("rows", "rows.sha256"))
            for pixels, digests in pairs:
                with contextlib.suppress(OSError, ValueError):
                    found.append(Kept(folder / pixels, folder / digests, self.shape))
        try:
            yield found
        finally:
            for kept in found:
                kept.close()

    def make_room(self, pictures: int) -> None:
        """Remove what was used longest ago, until this many pictures fit into the cache's measure and on the disk.

        Raises:
            OSError: There is still no room.
        """
        import errno

        wanted = pictures * int(np.prod(self.shape))
        self.folder.mkdir(parents=True, exist_ok=True)
        others = [folder for folder in packs() if folder != self.folder]
        used = sum(map(_size, others))
        for folder in others:
            free = shutil.disk_usage(self.home).free
            if used + wanted <= MOST_BYTES and free > wanted + SPARE_BYTES:
                break
            size = _size(folder)
            if remove_pack(folder):
                used -= size
        if shutil.disk_usage(self.home).free < wanted:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def give_up(self) -> None:
        """Leave nothing behind where there is no room."""
        with contextlib.suppress(OSError):
            remove_rows(self.folder)


def _pieces(parts: Sequence[np.ndarray]) -> Iterator[bytes]:
    """The bytes of pictures, some at a time: those of a file that is mapped need not all fit the memory."""
    for part in parts:
        step = max(1, WRITTEN_AT_ONCE // max(1, math.prod(part.shape[1:])))
        for first in range(0, len(part), step):
            yield part[first : first + step].tobytes()


def whole(folder: Path) -> dict[str, Any] | None:
    """What pack.json says, if there is a pack whose files nobody has touched since they were written."""
    try:
        note = _json(folder / "pack.json")
        return note if note["times"] == _times(folder) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _times(folder: Path) -> list[list[int]]:
    return [times(folder / name) for name in ("pixels", "sha256")]


def packs() -> list[Path]:
    """The folders of all packs, whole or begun, used longest ago first."""
    home = cache_folder() / PACKED
    return [folder for folder in _by_use(home.glob("*-*")) if folder.name != CHOSEN]


def in_memory(rows: Rows, places: Int[np.ndarray, " n"], note: Mapping[str, Any]) -> Pack:
    """The pack where no cache can be written."""
    rows.arrange(places)
    return Pack(rows.content.reshape(-1, *rows.shape), note)


def recall(key: str) -> dict[str, Any] | None:
    """What was chosen before."""
    try:
        return _json(cache_folder() / PACKED / CHOSEN / f"{key}.json")
    except (OSError, ValueError):
        return None


def remember(key: str, chosen: Mapping[str, Any]) -> None:
    """Keep what was chosen, where the cache can be written."""
    folder = cache_folder() / PACKED / CHOSEN
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{key}.json", json.dumps(chosen).encode())


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_NOTE:
        raise ValueError
    said = json.loads(path.read_bytes())
    if not isinstance(said, dict):
        raise ValueError
    return said


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _by_use(folders: Iterator[Path]) -> list[Path]:
    """Used longest ago first."""

    def used(folder: Path) -> float:
        times = [0.0]
        for name in ("pack.json", "rows.sha256", "rows"):
            with contextlib.suppress(OSError):
                times.append((folder / name).stat().st_mtime)
        return max(times)

    return sorted((folder for folder in folders if folder.is_dir()), key=used)


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        total = sum(path.stat().st_size for path in folder.iterdir())
    return total


def remove_pack(folder: Path) -> bool:
    """Remove a pack, unless somebody is making it just now; who has it mapped keeps it until the end."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "lock", timeout=0):
            for name in (
                "pack.json",
                "pixels",
                "pixels.part",
                "sha256",
                "rows",
                "rows.sha256",
            ):
                (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except (Timeout, OSError):
        return False
    return True
