"""The named sources of pictures, each registered once: what it is, whose, and where its files come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.data import archives, idx, mnist, places
from convscope.data.cache import File, Shelf, cache_folder
from convscope.data.download import Download

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Source:
    """A set of pictures that has a name.

    Attributes:
        shape: Channels, height, width.
        files: The four IDX files the cache keeps: training pictures and labels, test pictures and labels.
        downloads: What is published, none for a source that is inside the package.
        forms: Sets of file names, each of them enough to make the four files from.
        folders: Where those lie, seen from a folder for data sets.
        unpack: Makes the four files from a form's paths.
        pickles: Names of a version that is never loaded.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train: int
    test: int
    licence: str
    citation: str
    files: tuple[File, ...]
    downloads: tuple[Download, ...] = ()
    forms: tuple[tuple[str, ...], ...] = ()
    folders: tuple[str, ...] = ()
    unpack: Callable[[Sequence[File], Mapping[str, Path]], archives.Made] = archives.idx_files
    pickles: tuple[str, ...] = ()

    @property
    def pictures(self) -> int:
        """How many, training and test together."""
        return self.train + self.test

    @property
    def embedded(self) -> bool:
        """Whether the package itself holds it."""
        return not self.downloads

    @property
    def bytes(self) -> int:
        """What it takes: in the package, or to be downloaded."""
        if self.embedded:
            return sum(part.stat().st_size for file in self.files for part in mnist.parts(file.name))
        return sum(download.bytes for download in self.downloads)

    @property
    def checksums(self) -> dict[str, str]:
        """Of each file as published; for the embedded source, of the original files that it is decoded into."""
        return {f.name: f.checksum for f in (self.downloads or self.files)}

    @property
    def shelf(self) -> Shelf:
        """Its folder in the cache."""
        return Shelf(cache_folder() / self.name)

    @property
    def where(self) -> str:
        """Where its pictures are, or how much is to be downloaded."""
        shelf = self.shelf
        if self.embedded:
            return "embedded"
        if all(shelf.whole(file) for file in self.files):
            return "cached"
        if here := next(places.found(self), None):
            return f"found at {here.folder}"
        return f"not here (download {self.bytes / 1e6:.0f} MB)"


def _idx(train: int, test: int, *picture: int, checksums: Sequence[str] = ("",) * 4) -> tuple[File, ...]:
    sizes = ((train, *picture), (train,), (test, *picture), (test,))
    return tuple(File(n, idx.length(*s), c) for n, s, c in zip(NAMES, sizes, checksums, strict=True))


def _fashion(name: str, size: int, md5: str) -> Download:
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    return Download(f"{name}.gz", size, f"md5:{md5}", tuple(f"{mirror}{name}.gz" for mirror in mirrors))


SOURCES = (
    Source(
        name="mnist",
        title="70,000 handwritten digits",
        classes=tuple("0123456789"),
        shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        licence="CC BY-SA 3.0 (uncertain, see LICENCE.md)",
        citation="LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
        # Eight to ten independent public copies agree on each of these.
        files=_idx(60_000, 10_000, 28, 28, checksums=(
            "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )),
    ),
    Source(
        name="fashion-mnist",
        title="70,000 pieces of clothing, drop-in for MNIST",
        classes=("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        shape=(1, 28, 28),
        train=60_000,
        test=10_000,
        licence="MIT (Zalando SE)",
        citation="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking machine learning "
        "algorithms",
        # Of the unpacked files: five public repositories agree. Those of the .gz files are the authors' and torchvision's.
        files=_idx(60_000, 10_000, 28, 28, checksums=(
            "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "md5:9018921c3c673c538a1fc5bad174d6f9",
            "md5:8181f5470baa50b63fa0f6fddb340f0a",
            "md5:15d484375f8d13e6eb1aabb0c3f46965",
        )),
        downloads=(
            _fashion(NAMES[0], 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            _fashion(NAMES[1], 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            _fashion(NAMES[2], 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
            _fashion(NAMES[3], 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        forms=(NAMES,),
        folders=("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "fashion_mnist", "fashion"),
    ),
    Source(
        name="cifar10",
        title="60,000 small photographs of ten kinds of things",
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        shape=(3, 32, 32),
        train=50_000,
        test=10_000,
        licence="none stated",
        citation="Krizhevsky 2009, Learning multiple layers of features from tiny images",
        files=_idx(50_000, 10_000, 3, 32, 32),
        # The binary version: the Python one is a pickle. Size and MD5 are printed on the authors' page
        # (cs.toronto.edu/~kriz/cifar.html) and repeated by several public loaders.
        downloads=(
            Download(archives.CIFAR_ARCHIVE, 170_052_171, archives.CIFAR_MD5, (
                f"https://www.cs.toronto.edu/~kriz/{archives.CIFAR_ARCHIVE}",
                f"https://cave.cs.toronto.edu/kriz/{archives.CIFAR_ARCHIVE}",
                f"https://storage.googleapis.com/mirror.tensorflow.org/www.cs.toronto.edu/~kriz/{archives.CIFAR_ARCHIVE}",
            )),
        ),
        forms=((archives.CIFAR_ARCHIVE,), archives.CIFAR_BATCHES),
        folders=("cifar-10-batches-bin", "cifar10", "cifar-10", "cifar10/cifar-10-batches-bin"),
        unpack=archives.cifar,
        pickles=("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    ),
)  # fmt: skip


def catalogue() -> list[dict[str, Any]]:
    """What there is, a dictionary a source; `where` is embedded, cached, found at a folder, or not here.

    >>> [row["name"] for row in catalogue()]
    ['mnist', 'fashion-mnist', 'cifar10']
    """
    return [
        {
            "name": s.name,
            "title": s.title,
            "pictures": s.pictures,
            "classes": len(s.classes),
            "shape": list(s.shape),
            "bytes": s.bytes,
            "licence": s.licence,
            "citation": s.citation,
            "checksums": s.checksums,
            "where": s.where,
        }
        for s in SOURCES
    ]
