"""Images: pictures with labels and classes, split into training and test, and what could not be read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.download import Progress
from convscope.data.load import load
from convscope.data.sources import SOURCES
from convscope.errors import SourceError


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size and their labels: uint8 [n, channels, height, width] and int64 [n]."""

    pixels: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Int[np.ndarray, " m"]) -> Pictures:
        """The pictures with these numbers, in this order."""
        return Pictures(self.pixels[index], self.labels[index])


@dataclass(frozen=True)
class Problem:
    """A file that was skipped, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Images:
    """A source of pictures, ready: classes by name, pictures to learn from, pictures to be tested on.

    `fingerprint` changes when any picture or label does.
    """

    name: str
    classes: tuple[str, ...]
    train: Pictures
    test: Pictures
    problems: tuple[Problem, ...]
    fingerprint: str

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} + {len(self.test):,} pictures of {'x'.join(map(str, self.shape))}"
        return f"Images({self.name!r}: {sizes}, {len(self.classes)} classes)"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The pictures' (channels, height, width)."""
        _, channels, height, width = self.train.pixels.shape
        return channels, height, width

    @cached_property
    def background(self) -> int | None:
        """The grey that nearly all borders have, 0..255, or None where borders differ; of up to 1,000 pictures.

        >>> images("mnist").background
        0
        """
        some = self.train.pixels[:1000]
        border = np.concatenate(
            [some[..., 0, :], some[..., -1, :], some[..., :, 0], some[..., :, -1]], axis=-1
        )
        middle = int(np.median(border))
        near = np.abs(border.astype(np.int16) - middle) <= 16
        return middle if near.mean() > 0.95 else None

    def first(self, n: int) -> Images:
        """The same source with only its first `n` training pictures."""
        return replace(self, train=self.train.take(np.arange(n)), fingerprint=f"{self.fingerprint}/first-{n}")


def images(source: str | Path, progress: Progress | None = None) -> Images:
    """The pictures of a named source, from the cache folder, or decoded or downloaded into it first.

    `progress` is called with a file's name, bytes that are here, and bytes of the whole, while it downloads.

    Raises:
        SourceError: There is no such source, or its files cannot be had.

    >>> images("mnist")
    Images('mnist': 60,000 + 10,000 pictures of 1x28x28, 10 classes)
    """
    wanted = next((known for known in SOURCES if known.name == str(source)), None)
    if wanted is None:
        raise SourceError(_unknown(str(source)))
    loaded = load(wanted, progress)
    pixels, labels, test_pixels, test_labels = loaded.arrays
    return Images(
        wanted.name,
        wanted.classes,
        Pictures(pixels.reshape(-1, *wanted.shape), labels.astype(np.int64)),
        Pictures(test_pixels.reshape(-1, *wanted.shape), test_labels.astype(np.int64)),
        (Problem(*loaded.remark),) if loaded.remark else (),
        loaded.fingerprint,
    )


def _unknown(name: str) -> str:
    names = [source.name for source in SOURCES]
    near = difflib.get_close_matches(name.lower(), names, n=len(names), cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    listed = ", ".join([*near, *(n for n in names if n not in near)])
    return f"{name}: no such source of pictures.{hint} There are {listed}"
