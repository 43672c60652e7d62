"""Whether a folder of shards is whole: every byte of it against its index, every class against its list."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convscope.data.shards.index import Index, Shard
from convscope.data.shards.remote import Remote, remote
from convscope.data.shards.streamed import PREFIX, Address, members, open_index, placed
from convscope.data.shards.tars import walked
from convscope.errors import SourceError
from convscope.native.runner import available_processors

LONGEST_LABEL = 10


def check(address: str) -> Index:
    """The index of a folder of shards, here or elsewhere, after each of them was read and found to be as it says.

    Raises:
        SourceError: Something is missing or damaged; it names the first such file.
    """
    where = Address(PREFIX + Address(address).where)
    far = remote(where.where)
    index = open_index(far, where)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(available_processors()) as pool:
        list(pool.map(lambda shard: _check(far, shard, index, Path(folder)), index.shards))
    return index


def _check(far: Remote, shard: Shard, index: Index, folder: Path) -> None:
    rows = members(far, shard, index, folder)
    path = far.fetch(f"{shard.name}.tar", shard.bytes, shard.sha256, folder)
    try:
        with path.open("rb") as file:
            places = placed(file, shard)
            labels = {
                name.partition(".")[0]: os.pread(file.fileno(), min(length, LONGEST_LABEL), start)
                for name, start, length in walked(file, 2 * shard.pictures)
                if name.endswith(".cls")
            }
    except SourceError as error:
        raise SourceError(f"{shard.name}.tar: {error}") from None
    finally:
        if path.parent == folder:
            path.unlink(missing_ok=True)
    for row in rows:
        told = labels.get(f"{row.number:09d}", b"")
        if row.number not in places or places[row.number][1] != row.bytes or told != str(row.label).encode():
            raise SourceError(
                f"{shard.name}.tar: picture {row.number} is not as its list says; pack it again"
            )
