"""MNIST, embedded in the package: unpacked byte for byte into the four original IDX files, then mapped."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Mapping
from importlib import resources

import numpy as np

from convscope.data import cache
from convscope.data.images import Images, Pictures, Problem
from convscope.errors import SourceError

# Name -> SHA-256 of the unpacked file; eight to ten independent public copies agree on each.
CHECKSUMS = {
    "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MAGIC = {2049: 1, 2051: 3}


def packed_bytes() -> int:
    """How many bytes of the package the digits take."""
    return sum(len(_packed(name)) for name in CHECKSUMS)


def where() -> str:
    """Where the digits are: always here."""
    unpacked = all((cache.folder() / "mnist" / name).is_file() for name in CHECKSUMS)
    return f"in the package, unpacked in {cache.folder()}" if unpacked else "in the package"


def load() -> Images:
    """All 70,000 digits: memory-mapped from the cache folder, or in memory where that cannot be written.

    Raises:
        SourceError: The package's own files are damaged.
    """
    arrays, problems = {}, []
    for name, checksum in CHECKSUMS.items():
        try:
            path = cache.verified(f"mnist/{name}", checksum, lambda name=name: unpack(name))
            data = np.memmap(path, dtype=np.uint8, mode="r")
        except OSError as error:
            problems.append(
                Problem(str(cache.folder()), f"the cache cannot be written ({error.strerror}): unpacked anew")
            )
            data = np.frombuffer(cache.checked(name, unpack(name), checksum), dtype=np.uint8)
        arrays[name] = idx(data, name)
    train = Pictures(
        arrays["train-images-idx3-ubyte"][:, None], arrays["train-labels-idx1-ubyte"].astype(np.int64)
    )
    test = Pictures(
        arrays["t10k-images-idx3-ubyte"][:, None], arrays["t10k-labels-idx1-ubyte"].astype(np.int64)
    )
    return Images("mnist", tuple("0123456789"), train, test, tuple(problems[:1]), fingerprint(CHECKSUMS))


def unpack(name: str) -> bytes:
    """One of the four original files.

    Raises:
        SourceError: The package's copy is damaged.
    """
    try:
        return lzma.decompress(_packed(name))
    except lzma.LZMAError:
        raise SourceError(f"{name}.xz: the package's copy is damaged; install convscope anew") from None


def idx(data: np.ndarray, name: str) -> np.ndarray:
    """The array that an IDX file of uint8 holds, without a copy.

    Raises:
        SourceError: It is no such file, or has another length than it says.
    """
    magic = int.from_bytes(bytes(data[:4]), "big")
    if magic not in MAGIC:
        raise SourceError(f"{name}: no IDX file of bytes (magic {magic}, not 2049 or 2051)")
    ends = 4 * (1 + MAGIC[magic])
    shape = [int.from_bytes(bytes(data[i : i + 4]), "big") for i in range(4, ends, 4)]
    if len(data) - ends != int(np.prod(shape, dtype=np.int64)):
        raise SourceError(
            f"{name}: damaged, it says {'x'.join(map(str, shape))} but has {len(data) - ends:,} bytes"
        )
    return data[ends:].reshape(shape)


def fingerprint(checksums: Mapping[str, str]) -> str:
    """One checksum for a set of files, from theirs."""
    lines = "".join(f"{name} {checksum}\n" for name, checksum in sorted(checksums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _packed(name: str) -> bytes:
    return resources.files("convscope.data.mnist").joinpath(f"{name}.xz").read_bytes()
