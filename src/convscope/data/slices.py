"""Parts of lines, as whoever reads a line cuts it: between two columns stands one thing, or none that is whole.

LeCun et al. 1998, section V: a line is cut wherever two things may meet, and the net names what lies between two cuts. Most
cuts are wrong, so the net must have seen what they give: two things as one, halves, things with a slice of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from convscope.data.fit import resized
from convscope.data.images import Pictures

INK = 60
"""What differs from the ground by more, of 255, is ink."""
WHOLE, SLIVER = 0.9, 0.1
"""A part that holds so much of a thing, and no more of others than so much of that, is the thing."""
HARDLY, MUCH = 0.75, 0.25
"""A part that holds less of each thing, or so much more of others, is none."""
OWN, OTHER = 0.85, 0.15
"""A thing that stands free and of which so much, or less than so little, lies between the cuts, is not cut."""
NARROW = 0.35
"""A thing less wide than so much of its height has no halves: a slice of a stroke is a stroke."""
LOWEST = 0.5
"""A part is at least so many heights of the line high, or nobody would read it."""
SMALLER = 0.9
"""Of the parts that are shown alone half are shown so much smaller."""
AMONG = 0.3
"""How many are shown with what stands around them."""
TRIES = 1000
NONE = -1

Columns = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Row:
    """Things beside each other: a picture, whose ink is whose, the things' numbers and columns, and which touch the next."""

    page: UInt8[np.ndarray, "c y x"]
    owner: Int[np.ndarray, "y x"]
    numbers: tuple[int, ...]
    columns: tuple[Columns, ...]
    touching: tuple[bool, ...]
    high: int


@dataclass(eq=False)
class Slices:
    """Cuts parts out of rows of things on their ground."""

    part: Pictures
    ground: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.pixels = np.asarray(self.part.pixels)
        self.channels, self.high, self.wide = self.pixels.shape[1:]
        some = self._ink(self.pixels[:: -(-len(self.pixels) // 200)])
        sides = [
            max(np.ptp(np.flatnonzero(one.any(axis))) + 1 for axis in (0, 1)) for one in some if one.any()
        ]
        self.frame = float(np.median(sides)) / min(self.high, self.wide) if sides else 1.0

    def things(self, numbers: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n c h w"]:
        """These things out of rows, cut about right: each held as a whole, and hardly anything of others."""
        return np.stack([self._one(int(number)) for number in numbers])

    def nothing(self, n: int) -> UInt8[np.ndarray, "n c h w"]:
        """Parts that hold no thing as a whole, or more than one."""
        return np.array([self._one(None) for _ in range(n)], np.uint8).reshape(n, *self.pixels.shape[1:])

    def _one(self, number: int | None) -> UInt8[np.ndarray, "c h w"]:
        for _ in range(TRIES):
            first = int(self.rng.integers(len(self.pixels))) if number is None else number
            row = self._row(first)
            if first not in row.numbers:
                continue
            held = self._held(row, self._across(row) if number is None else self._around(row, first))
            if self._name(row, held) == (NONE if number is None else row.numbers.index(first)):
                return self._shown(row, held)
        # Pictures without ink, or of which no half is high enough, have no slices: they are what they are.
        return (
            np.full(self.pixels.shape[1:], self.ground, np.uint8) if number is None else self.pixels[number]
        )

    def _row(self, middle: int) -> Row:
        """Three things as one writes them: sizes and heights vary a little, half of them touch the one before."""
        spare = self.high, 2 * self.wide
        shape = self.high + 2 * spare[0], 5 * self.wide + 2 * spare[1]
        page = np.full((self.channels, *shape), self.ground, np.uint8)
        most, owner = np.zeros(shape, np.int16), np.full(shape, -1)
        numbers, columns, touching, right, tallest = [], [], [], float(spare[1]), 1
        first, last = self.rng.integers(len(self.pixels), size=2)
        for number in (int(first), middle, int(last)):
            scale = self.rng.uniform(0.85, 1.15)
            size = max(1, round(self.high * scale)), max(1, round(self.wide * scale))
            thing = resized(self.pixels[number], size)
            inked = np.flatnonzero(self._ink(thing[None])[0].any(0))
            if not len(inked):
                continue
            close = bool(self.rng.random() < 0.5)
            gap = self.rng.uniform(-2, 1) if close else self.rng.uniform(1, 8)
            x = round(right + gap) - int(inked[0])
            y = spare[0] + (self.high - size[0]) // 2 + int(self.rng.integers(-4, 5))
            there = slice(max(y, 0), y + size[0]), slice(max(x, 0), x + size[1])
            away = np.abs(thing.astype(np.int16) - self.ground).max(0)
            away = away[: there[0].stop - there[0].start, : there[1].stop - there[1].start]
            more = away > most[there]
            page[:, there[0], there[1]][:, more] = thing[:, : more.shape[0], : more.shape[1]][:, more]
            owner[there][more & (away > INK)] = len(numbers)
            most[there][more] = away[more]
            left, right = float(x + inked[0]), float(x + inked[-1] + 1)
            tallest = max(tallest, int(np.ptp(np.flatnonzero(self._ink(thing[None])[0].any(1)))) + 1)
            numbers.append(number)
            columns.append((left, right))
            touching.append(close)
        return Row(
            page, owner, tuple(numbers), tuple(columns), (*touching[1:], False)[: len(numbers)], tallest
        )

    def _around(self, row: Row, number: int) -> Columns:
        """Cuts beside a thing, a little off."""
        left, right = row.columns[row.numbers.index(number)] if number in row.numbers else (0.0, 0.0)
        off = self.rng.normal(0, 0.8, 2)
        return left + off[0], right + off[1]

    def _across(self, row: Row) -> Columns:
        """Cuts of which one at least goes through a thing, or that hold two things."""
        if len(row.columns) < 2:
            return 0.0, 0.0
        first = int(self.rng.integers(len(row.columns) - 1))
        (left, right), (start, stop) = row.columns[first], row.columns[first + 1]
        kind, some = self.rng.random(), self.rng.uniform(0.2, 0.8, 2)
        if kind < 0.3:
            return left, stop
        if kind < 0.6:  # a half
            at = left + some[0] * (right - left)
            return (left, at) if self.rng.random() < 0.5 else (at, right)
        if kind < 0.8:  # a thing and a slice of the one beside it
            if self.rng.random() < 0.5:
                return left, start + some[0] * (stop - start)
            return left + some[0] * (right - left), stop
        return left + some[0] * (right - left), start + some[1] * (stop - start)

    def _held(self, row: Row, between: Columns) -> Bool[np.ndarray, "y x"]:
        """The ink between two columns; a thing that stands free is whole or not there where it nearly is."""
        inside = np.zeros(row.owner.shape, bool)
        inside[:, max(0, round(between[0])) : max(0, round(between[1]))] = True
        held = inside & (row.owner >= 0)
        for n, close in enumerate(row.touching):
            own = row.owner == n
            part = (own & inside).sum() / max(1, own.sum())
            if not close and not (n and row.touching[n - 1]):
                held[own] = True if part >= OWN else False if part <= OTHER else held[own]
        return held

    def _name(self, row: Row, held: Bool[np.ndarray, "y x"]) -> int | None:
        """Which thing of the row is held, `NONE` where none is; None where that is a matter of opinion."""
        rows = np.flatnonzero(held.any(1))
        if not len(rows) or rows[-1] + 1 - rows[0] < LOWEST * row.high:
            return None
        parts = self._parts(row, held)
        best = int(parts.argmax())
        own, ink = parts[best], (held & (row.owner == best)).sum()
        others = (held.sum() - ink) / max(1, ink)
        if own >= WHOLE and others <= SLIVER:
            return best
        left, right = row.columns[best]
        if others < MUCH and right - left < NARROW * row.high:
            return None
        return NONE if own < HARDLY or others >= MUCH else None

    @staticmethod
    def _parts(row: Row, held: Bool[np.ndarray, "y x"]) -> Float[np.ndarray, " n"]:
        """How large a part of each thing is held."""
        every = [row.owner == n for n in range(len(row.numbers))]
        return np.array([(held & own).sum() / max(1, own.sum()) for own in every])

    def _shown(self, row: Row, held: Bool[np.ndarray, "y x"]) -> UInt8[np.ndarray, "c h w"]:
        """What is held as large as things are: alone, in two ways, or among what stands around it."""
        rows, columns = np.flatnonzero(held.any(1)), np.flatnonzero(held.any(0))
        box = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        side, kind = max(box[1] - box[0], box[3] - box[2]) / self.frame, self.rng.random()
        middle = [float(at.mean()) + 0.5 for at in np.nonzero(held)]
        # Around a half stands the other half: a whole thing, only a little aside.
        halves = [HARDLY > part > SLIVER for part in self._parts(row, held)]
        among = kind < AMONG and not any(halves)
        page = row.page if among else np.where(_widened(held), row.page, np.uint8(self.ground))
        if not among and self.rng.random() < 0.5:
            side, middle = side / SMALLER, [(box[0] + box[1]) / 2, (box[2] + box[3]) / 2]
        return _window(page, (middle[0], middle[1]), side, (self.high, self.wide), self.ground)

    def _ink(self, pictures: np.ndarray) -> Bool[np.ndarray, "n h w"]:
        return np.asarray((np.abs(pictures.astype(np.int16) - self.ground) > INK).any(1))


def _widened(mask: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """With the soft edge around it."""
    wide = np.pad(mask, 1)
    near = (wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:])
    return np.asarray(np.logical_or.reduce((mask, *near)))


def _window(
    page: UInt8[np.ndarray, "c y x"], middle: Columns, side: float, size: tuple[int, int], ground: int
) -> UInt8[np.ndarray, "c h w"]:
    """A part of a page around a place (row, column), its shorter side `side` pixels; beyond the page is ground."""
    high, wide = (side * n / min(size) for n in size)
    spare = int(max(high, wide)) + 1
    around = np.pad(page, ((0, 0), (spare, spare), (spare, spare)), constant_values=ground)
    top, left = middle[0] + spare - high / 2, middle[1] + spare - wide / 2
    return resized(around, size, (left, top, left + wide, top + high))
