"""From published files to the four IDX files of the cache; whatever comes in is read as untrusted."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from convscope.data import idx
from convscope.data.cache import BLOCK, File, Sums, blocks
from convscope.errors import SourceError

Made = Iterator[tuple[File, Iterable[bytes | memoryview]]]

CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_MD5 = "md5:c32a1d4ab5d03f1284b67883e8d87530"
CIFAR_BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
CIFAR_RECORDS, CIFAR_PIXELS = 10_000, 3 * 32 * 32
MOST_MEMBERS = 50


def idx_files(files: Sequence[File], paths: Mapping[str, Path]) -> Made:
    """IDX files as they are, or gzipped.

    Raises:
        SourceError: A file cannot be read or unpacked.
    """
    for file in files:
        yield file, unzipped(paths[file.name], file.bytes)


def unzipped(path: Path, largest: int) -> Iterator[bytes]:
    """A file's content, gunzipped if it is a gzip; at most one block more than `largest` bytes.

    Raises:
        SourceError: It cannot be read, or is damaged.
    """
    came = 0
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if zipped else raw as file:
                while came <= largest and (block := file.read(BLOCK)):
                    came += len(block)
                    yield block
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: cannot be unpacked ({error})") from error


def cifar(files: Sequence[File], paths: Mapping[str, Path]) -> Made:
    """CIFAR-10's binary version, as its archive or as the six files in it.

    Raises:
        SourceError: A batch is missing or has another size, or the archive another checksum.
    """
    archive = paths.get(CIFAR_ARCHIVE)
    held = _members(archive) if archive else {n: paths[n].read_bytes() for n in CIFAR_BATCHES}
    batches = []
    for name in CIFAR_BATCHES:
        content = held.get(name, b"")
        if len(content) != CIFAR_RECORDS * (1 + CIFAR_PIXELS):
            raise SourceError(f"{archive or paths[name]}: {name} is missing in it or has the wrong size")
        batch = np.frombuffer(content, np.uint8).reshape(CIFAR_RECORDS, 1 + CIFAR_PIXELS)
        if batch[:, 0].max() > 9:
            raise SourceError(f"{archive or paths[name]}: {name} has labels over 9")
        batches.append(batch)
    for part, (images, labels) in zip((batches[:5], batches[5:]), (files[:2], files[2:]), strict=True):
        n = CIFAR_RECORDS * len(part)
        yield (
            images,
            (idx.header(n, 3, 32, 32), *(np.ascontiguousarray(b[:, 1:]).data.cast("B") for b in part)),
        )
        yield labels, (idx.header(n), *(b[:, 0].tobytes() for b in part))


def _members(archive: Path) -> dict[str, bytes]:
    """The six batches in the archive; nothing is written, whatever the names in it say."""
    if not Sums(CIFAR_MD5).after(blocks(archive)).right:
        raise SourceError(f"{archive}: its checksum is not {CIFAR_MD5}")
    held = {}
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for count, member in enumerate(tar):
                if count > MOST_MEMBERS:
                    break
                name = member.name.rsplit("/", 1)[-1]
                right = member.isfile() and member.size == CIFAR_RECORDS * (1 + CIFAR_PIXELS)
                file = tar.extractfile(member) if right and name in CIFAR_BATCHES else None
                if file is not None:
                    held[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{archive}: cannot be unpacked ({error})") from error
    return held
