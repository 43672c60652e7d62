"""Fashion-MNIST: MNIST's format with clothes; downloaded, or found on this machine."""

from __future__ import annotations

import gzip
import zlib

import numpy as np

from convscope.data import cache, download
from convscope.data.digits import fingerprint, idx
from convscope.data.images import Images, Pictures
from convscope.errors import SourceError

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
# Name of the .gz file -> MD5, as torchvision 0.26.0 has them.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
CLASSES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SIZE = 30_878_645
LARGEST_FILE = 60_000_000


def where() -> str:
    """Where the files are."""
    if all((cache.folder() / "fashion-mnist" / name).is_file() for name in CHECKSUMS):
        return "in the cache"
    found = download.find([f"{place}/{next(iter(CHECKSUMS))}" for place in _places()])
    return f"in {found.parent}" if found else "not here (downloaded when it is asked for)"


def load() -> Images:
    """The 70,000 pictures.

    Raises:
        SourceError: The files are neither here nor to be had.
    """
    arrays = {name: idx(np.frombuffer(_unpacked(name), dtype=np.uint8), name) for name in CHECKSUMS}
    train, labels, test, test_labels = (arrays[name] for name in CHECKSUMS)
    return Images(
        "fashion-mnist",
        CLASSES,
        Pictures(train[:, None], labels.astype(np.int64)),
        Pictures(test[:, None], test_labels.astype(np.int64)),
        (),
        fingerprint(CHECKSUMS),
    )


def _places() -> tuple[str, ...]:
    return ("fashion-mnist", "FashionMNIST/raw", "fashion_mnist")


def _unpacked(name: str) -> bytes:
    path = cache.verified(f"fashion-mnist/{name}", CHECKSUMS[name], lambda: _packed(name))
    try:
        unpacker = zlib.decompressobj(wbits=31)
        data = unpacker.decompress(path.read_bytes(), LARGEST_FILE)
    except (zlib.error, gzip.BadGzipFile):
        raise SourceError(f"{path}: damaged; delete it and try again") from None
    return data


def _packed(name: str) -> bytes:
    found = download.find([f"{place}/{name}" for place in _places()])
    if found is not None:
        return found.read_bytes()
    return download.fetch(f"fashion-mnist-{name}", [mirror + name for mirror in MIRRORS], CHECKSUMS[name])
