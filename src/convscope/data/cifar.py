"""CIFAR-10 in its binary form: records of one label and 3072 pixels. The pickled form is never read."""

from __future__ import annotations

import io
import tarfile
import zlib

import numpy as np

from convscope.data import cache, download
from convscope.data.digits import fingerprint
from convscope.data.images import Images, Pictures
from convscope.errors import SourceError

ARCHIVE = "cifar-10-binary.tar.gz"
URLS = (f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",)
CHECKSUMS = {ARCHIVE: "md5:c32a1d4ab5d03f1284b67883e8d87530"}  # as the authors' page prints it
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE = 170_052_171
RECORD = 1 + 3 * 32 * 32
BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")


def where() -> str:
    """Where the archive is."""
    if (cache.folder() / "cifar10" / ARCHIVE).is_file():
        return "in the cache"
    found = download.find([ARCHIVE])
    return f"in {found.parent}" if found else "not here (downloaded when it is asked for)"


def load() -> Images:
    """The 60,000 photographs.

    Raises:
        SourceError: The archive is neither here nor to be had, or is damaged.
    """
    checksum = CHECKSUMS[ARCHIVE]
    path = cache.verified(f"cifar10/{ARCHIVE}", checksum, _packed)
    batches = records(path.read_bytes())
    parts = [np.concatenate([batches[name] for name in BATCHES[:5]]), batches[BATCHES[5]]]
    train, test = (
        Pictures(part[:, 1:].reshape(-1, 3, 32, 32), part[:, 0].astype(np.int64)) for part in parts
    )
    return Images("cifar10", CLASSES, train, test, (), fingerprint(CHECKSUMS))


def records(archive: bytes) -> dict[str, np.ndarray]:
    """File name -> uint8 [10000, 3073], of the six batches; nothing else in the archive is looked at.

    Raises:
        SourceError: A batch is missing or has another length.
    """
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                if name in BATCHES and member.isfile() and member.size == 10_000 * RECORD:
                    file = tar.extractfile(member)
                    assert file is not None
                    found[name] = np.frombuffer(file.read(), dtype=np.uint8).reshape(10_000, RECORD)
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise SourceError(f"{ARCHIVE}: damaged; delete it and try again") from None
    missing = [name for name in BATCHES if name not in found]
    if missing:
        raise SourceError(f"{ARCHIVE}: {missing[0]} is missing or damaged; delete the archive and try again")
    return found


def _packed() -> bytes:
    found = download.find([ARCHIVE])
    if found is not None:
        return found.read_bytes()
    return download.fetch(ARCHIVE, URLS, CHECKSUMS[ARCHIVE])
