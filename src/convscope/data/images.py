"""Images: pictures with labels and classes, split into training and test, and what could not be read."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.download import Progress
from convscope.data.findings import Findings
from convscope.data.load import downloaded, load
from convscope.data.sources import SOURCES
from convscope.errors import SourceError

if TYPE_CHECKING:
    from convscope.data.shards.streamed import Address

WITH_NOTHING = "+nothing"
"""What a source's name ends in that has a class of nothing besides its own."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size and their labels: uint8 [n, channels, height, width] and int64 [n].

    `names` are those of their files, as they can be shown, where they came from files.
    """

    pixels: UInt8[np.ndarray, "n c h w"]
    labels: Int[np.ndarray, " n"]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Int[np.ndarray, " m"]) -> Pictures:
        """The pictures with these numbers, in this order."""
        names = tuple(self.names[i] for i in index) if self.names else ()
        return Pictures(self.pixels[index], self.labels[index], names)


@dataclass(frozen=True)
class Problem:
    """A file that was skipped, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Images:
    """A source of pictures, ready: classes by name, pictures to learn from, pictures to be tested on.

    `fingerprint` changes when any picture or label does, or the size they are brought to. `found` says what there was,
    `prepared` by which `size`, `fit` and `background` of `images` the same pictures come again; for a named source both say
    no more than that.
    `ground` is the background where it is known beforehand.
    """

    name: str
    classes: tuple[str, ...]
    train: Pictures
    test: Pictures
    problems: tuple[Problem, ...]
    fingerprint: str
    found: Findings = field(default_factory=Findings)
    prepared: Mapping[str, Any] = field(default_factory=dict)
    ground: int | None = None

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} + {len(self.test):,} pictures of {_times(self.shape)}"
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
        if self.ground is not None:
            return self.ground
        some = self.train.pixels[:: -(-len(self.train) // 1000)]
        border = np.concatenate(
            [some[..., 0, :], some[..., -1, :], some[..., :, 0], some[..., :, -1]], axis=-1
        )
        middle = int(np.median(border))
        near = np.abs(border.astype(np.int16) - middle) <= 16
        return middle if near.mean() > 0.95 else None

    def first(self, n: int) -> Images:
        """The same source with only its first `n` training pictures."""
        return replace(self, train=self.train.take(np.arange(n)), fingerprint=f"{self.fingerprint}/first-{n}")


def images(
    source: str | Path,
    progress: Progress | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    fit: Literal["pad", "crop", "stretch"] | None = None,
    background: str | Path | None = None,
) -> Images:
    """The pictures of a named source, or of a folder, zip, tar or CSV; decoded or downloaded into the cache folder once.

    A folder holds a folder for each class, or `train/` and `test/` (or `val/`) with such folders; a CSV has paths and
    labels; `shards:` before a folder or URL is what `convscope shards` has written. Where there are no parts, a fifth of
    each class is kept for the test, always the same. Files are only ever read; those that cannot be are in `problems`.

    `size` is the side in pixels, or (height, width), that a user's own pictures are brought to, chosen to fit them when
    it is not given; `fit` is how: "pad" (which is the default), "crop" or "stretch". `progress` is called with a name,
    the bytes that are here, and bytes of the whole, while files are downloaded or decoded.

    A name that ends in `+nothing`, such as mnist+nothing, is a source with a class more, for nets that look for things in
    large pictures: what is between and beside them, made of the source's own (`convscope.data.background`). `background`, a
    folder, zip or tar of pictures that show none of the classes, adds such a class for any source: parts that are cut out
    of them at random (`convscope.data.crops`).

    Raises:
        SourceError: There is no such source, its files cannot be had, or there are not enough pictures in it.

    >>> images("mnist")
    Images('mnist': 60,000 + 10,000 pictures of 1x28x28, 10 classes)
    """
    if background is not None:
        from convscope.data.crops import with_background

        return with_background(images(source, progress, size=size, fit=fit), background, progress)
    if str(source).endswith(WITH_NOTHING):
        from convscope.data.background import with_nothing

        return with_nothing(
            images(str(source)[: -len(WITH_NOTHING)], progress, size=size, fit=fit), keep=True
        )
    wanted = next((known for known in SOURCES if known.name == str(source)), None)
    if wanted is None:
        return _own(source, progress, size, fit or "pad")
    if size is not None or fit is not None:
        raise SourceError(
            f"{wanted.name}: has a size of its own, {_times(wanted.shape)}; size and fit are for folders"
        )
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


def images_again(info: Mapping[str, Any], progress: Progress | None = None) -> Images:
    """The pictures that a run.json names, prepared as they were then.

    Raises:
        SourceError: They are not to be had any more.

    >>> images_again({"source": "mnist"}).name
    'mnist'
    """
    return images(info["source"], progress, **info.get("prepared", {}))


def holds(here: str, learned: str) -> bool:
    """Whether pictures of the fingerprint `here` are those that were learned, or hold them as a part (see `Images.first`).

    >>> holds("e21e", "e21e/first-50000"), holds("e21e/first-200", "e21e"), holds("e21f", "e21e")
    (True, False, False)
    """
    return learned == here or learned.startswith(f"{here}/")


def is_here(source: str) -> bool:
    """Whether `images` would have the pictures without a download.

    >>> is_here("mnist")
    True
    """
    if source.startswith("shards:"):
        return "://" not in source or source.startswith("shards:file://")
    wanted = next((known for known in SOURCES if known.name == source), None)
    return wanted is None or wanted.embedded or downloaded(wanted)


def address_of(source: str | Path) -> Path | Address:
    """What a source names that is none of the named ones: a path, or where shards lie.

    Raises:
        SourceError: There is nothing at that path.
    """
    from convscope.data.shards.streamed import PREFIX, Address

    if str(source).startswith(PREFIX):
        return Address(PREFIX + Address(source).where)
    named = os.path.expanduser(source)  # noqa: PTH111 - Path's raises where there is no such user
    if not _exists(named):
        raise SourceError(_unknown(str(source)))
    return Path(os.path.abspath(named))  # noqa: PTH100 - Path.resolve would lose the name that a link has


def _own(source: str | Path, progress: Progress | None, size: Any, fit: str) -> Images:
    from convscope.data.own import own  # a named source never needs all that this loads
    from convscope.data.sizing import checked_size

    path = address_of(source)
    ours = own(path, checked_size(size), fit, progress)
    train, test = slice(ours.learned), slice(ours.learned, None)
    return Images(
        str(path),
        ours.classes,
        Pictures(ours.pixels[train], ours.labels[train], ours.names[train]),
        Pictures(ours.pixels[test], ours.labels[test], ours.names[test]),
        tuple(Problem(*said) for said in ours.problems),
        ours.fingerprint,
        ours.found,
        {"size": list(ours.pixels.shape[2:]), "fit": fit},
    )


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _unknown(name: str) -> str:
    if "/" in name or os.sep in name or Path(name).suffix:
        return f"{name}: no such folder, zip, tar or CSV"
    names = [source.name for source in SOURCES]
    near = difflib.get_close_matches(name.lower(), names, n=len(names), cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    listed = ", ".join([*near, *(n for n in names if n not in near)])
    return f"{name}: no such source of pictures.{hint} There are {listed}; or name a folder of pictures"
