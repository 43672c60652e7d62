"""Which size, and how many channels, a user's own pictures are brought to; and why, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from convscope.data.listing import Entry
from convscope.data.pictures import Glance, glance, read_picture
from convscope.errors import PictureError, SourceError

SIDES = (28, 32, 48, 64, 96, 128, 160, 224)
EXACT_UP_TO = 64
SMALLEST, LARGEST = 8, 1024
# `cifar` on two cores takes some 1.7 million pixels of colour a second: an epoch takes about half a minute at the most.
PIXELS_AN_EPOCH = 60_000_000
LARGEST_CHOSEN = 128
GLANCES = 1000
LOOKS = 32

# Enough of nearly every file to hold its size; where it is not, the whole is read.
FIRST = 1 << 16


class Reader(Protocol):
    """Gives a file's bytes, or only so many of the first ones."""

    def __call__(self, entry: Entry, first: int | None = None, /) -> bytes: ...


@dataclass(frozen=True)
class Sample:
    """What some of the pictures are like: (width, height) of each, and whether all of them are grey."""

    sizes: tuple[tuple[int, int], ...]
    grey: bool

    @property
    def sides(self) -> str:
        """Smallest, middle and largest of those that were looked at, in words."""
        by_area = sorted(self.sizes, key=lambda size: size[0] * size[1])
        low, middle, high = ("x".join(map(str, by_area[i])) for i in (0, len(by_area) // 2, -1))
        return f"all are {low}" if low == high else f"from {low} to {high}, {middle} in the middle"


@dataclass(frozen=True)
class Chosen:
    """The shape (channels, height, width) that every picture is brought to, and why, in words."""

    shape: tuple[int, int, int]
    why: str


def sampled(entries: Sequence[Entry], read: Reader) -> Sample:
    """What up to 1,000 of the pictures are like, evenly spread over all; only their first bytes are decoded.

    A file in colour may show greys only: a few such are decoded to tell.
    """
    step = max(1, -(-len(entries) // GLANCES))
    seen: list[tuple[int, int]] = []
    grey, coloured = True, []
    for entry in entries[::step]:
        try:
            first = _glance(entry, read)
        except PictureError:
            continue
        seen.append((first.width, first.height))
        if not first.grey:
            coloured.append(entry)
    for entry in coloured[:: max(1, -(-len(coloured) // LOOKS))]:
        try:
            grey = grey and is_grey(read_picture(read(entry), near=EXACT_UP_TO))
        except PictureError:
            continue
    return Sample(tuple(seen), grey)


def _glance(entry: Entry, read: Reader) -> Glance:
    try:
        return glance(read(entry, FIRST))
    except PictureError:
        return glance(read(entry))


def is_grey(picture: np.ndarray) -> bool:
    """Whether a picture [channels, height, width] has one channel, or three that are equal."""
    return len(picture) == 1 or bool((picture[0] == picture[1]).all() and (picture[0] == picture[2]).all())


def chosen(sample: Sample, pictures: int, size: tuple[int, int] | None = None) -> Chosen:
    """The shape for these pictures, as wide as most of them are and as two processor cores can learn from in minutes.

    >>> chosen(Sample(((500, 375), (300, 400), (640, 480)), grey=False), 9000)
    Chosen(shape=(3, 64, 64), why='3x64x64: half of the pictures have 375 pixels or more on their shorter side, but 9,000
    of that size would take two cores too long an epoch; --size chooses another')
    >>> chosen(Sample(((28, 28),), grey=True), 9000).why
    '1x28x28: all are 28x28, and grey'
    """
    channels = 1 if sample.grey else 3
    colour = "grey" if sample.grey else "in colour"
    if size is not None:
        return Chosen((channels, *size), f"{channels}x{size[0]}x{size[1]}: as asked; {colour}")
    alike = len(set(sample.sizes)) == 1
    width, height = sample.sizes[0]
    if alike and all(SIDES[0] <= side <= EXACT_UP_TO for side in (width, height)):
        return Chosen(
            (channels, height, width), f"{channels}x{height}x{width}: all are {width}x{height}, and {colour}"
        )
    middle = int(np.median([min(size) for size in sample.sizes]))
    fits = [side for side in SIDES if side <= middle] or [SIDES[0]]
    quick = [side for side in SIDES if side <= LARGEST_CHOSEN and pictures * side**2 <= PIXELS_AN_EPOCH]
    side = min(fits[-1], (quick or [SIDES[0]])[-1])
    why = (
        f"{channels}x{side}x{side}: half of the pictures have {middle:,} pixels or more on their shorter side"
    )
    if side < fits[-1]:
        why += f", but {pictures:,} of that size would take two cores too long an epoch"
    elif middle < side:
        why += ", and no net here takes fewer pixels than this"
    return Chosen((channels, side, side), f"{why}; --size chooses another")


def checked_size(size: int | tuple[int, int] | list[int] | None) -> tuple[int, int] | None:
    """A size that was asked for, as (height, width).

    Raises:
        SourceError: It is no size for pictures.

    >>> checked_size(64)
    (64, 64)
    """
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(s, int) and SMALLEST <= s <= LARGEST for s in sides):
        raise SourceError(f"size: from {SMALLEST} to {LARGEST} pixels a side, not {size}")
    return sides[0], sides[1]
