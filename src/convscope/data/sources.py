"""The named sources of pictures: each registered once, with its size, licence, citation and checksums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convscope.data import cifar, digits, fashion
from convscope.data.images import Images


@dataclass(frozen=True)
class Source:
    """A set of pictures that has a name."""

    name: str
    title: str
    pictures: int
    classes: int
    shape: tuple[int, int, int]
    size: int
    licence: str
    citation: str
    checksums: dict[str, str]
    where: Callable[[], str]
    load: Callable[[], Images]


SOURCES = (
    Source(
        "mnist",
        "70,000 handwritten digits",
        70_000,
        10,
        (1, 28, 28),
        digits.packed_bytes(),
        "CC BY-SA 3.0 (uncertain, see LICENCE.md)",
        "LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
        digits.CHECKSUMS,
        digits.where,
        digits.load,
    ),
    Source(
        "fashion-mnist",
        "70,000 pieces of clothing, drop-in for MNIST",
        70_000,
        10,
        (1, 28, 28),
        fashion.SIZE,
        "MIT (Zalando SE)",
        "Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
        fashion.CHECKSUMS,
        fashion.where,
        fashion.load,
    ),
    Source(
        "cifar10",
        "60,000 small photographs of ten kinds of things",
        60_000,
        10,
        (3, 32, 32),
        cifar.SIZE,
        "none stated",
        "Krizhevsky 2009, Learning multiple layers of features from tiny images",
        cifar.CHECKSUMS,
        cifar.where,
        cifar.load,
    ),
)


def catalogue() -> list[dict[str, Any]]:
    """What there is, a dictionary a source, with `where`: in the package, in the cache, in a folder, or not here.

    >>> [row["name"] for row in catalogue()]
    ['mnist', 'fashion-mnist', 'cifar10']
    """
    return [
        {
            "name": s.name,
            "title": s.title,
            "pictures": s.pictures,
            "classes": s.classes,
            "shape": list(s.shape),
            "bytes": s.size,
            "licence": s.licence,
            "citation": s.citation,
            "checksums": s.checksums,
            "where": s.where(),
        }
        for s in SOURCES
    ]
