"""A line of strokes read as a whole: where it is cut and what the parts are, decided together.

LeCun et al. 1998, section V, heuristic over-segmentation: a line is cut wherever two signs might meet; the net names every
part between two cuts; of all ways through the line the one is taken whose parts are likeliest together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from convscope.data.background import NOTHING
from convscope.data.fit import fit, resized
from convscope.data.strokes import centre_of_mass, centred
from convscope.finding.boxes import Box, read
from convscope.finding.quick import batchwise
from convscope.finding.strokes import parts
from convscope.nets.answers import probabilities
from convscope.nets.words import Size
from convscope.runs import Run

INK = 100
"""A pixel that differs so much from its ground, of 255, is ink."""
WIDEST, LOWEST = 1.6, 0.5
"""A sign is at most so many heights of its line wide, and at least so many high."""
APART = 0.1
"""Cuts are so many heights of the line apart, or more."""
OWN, OTHER = 0.85, 0.15
"""A stroke of which a part holds so much is all its own; one of which it holds less than `OTHER` is none of it."""
INKED = 3
"""A sign has about so many pixels of ink for each of its height."""
FRAME = 20 / 28
"""MNIST's digits fill so much of their pictures (LeCun et al. 1998, section III.A)."""
SMALLER = 18 / 28
ALONE, AMONG = 2.0, 1.0
"""How much a picture of a part alone weighs, beside one with its neighbours around it."""
ASIDE = 1.2 / 28
"""Windows with neighbours are also moved by so much of their side."""
THROUGH, GAP, EACH = 0.1, 1.0, -0.3
"""What a cut costs for each pixel of ink it goes through, a part for each empty column in it, and each part, in nats.

These and the weights were chosen on 400 lines of training digits, by a net that had not learned from them.
"""
LANCZOS = 3
"""Its filter reaches so many pixels of the result beyond a window (`data.fit.resized`)."""
BATCH = 512


@dataclass(frozen=True, eq=False)
class Part:
    """What lies between two cuts: its strokes alone, light on dark, where they are (left, top, right, bottom), how much ink
    they are, and how many empty columns lie among them."""

    first: int
    last: int
    alone: UInt8[np.ndarray, "y x"]
    edges: tuple[int, int, int, int]
    middle: tuple[float, float]
    ink: int
    empty: int

    def moved(self, right: int) -> Part:
        """The same so many columns further right."""
        (start, top, stop, bottom), (y, x) = self.edges, self.middle
        return replace(self, edges=(start + right, top, stop + right, bottom), middle=(y, x + right))


@dataclass(eq=False)
class Reader:
    """Reads lines of signs that a Run was taught, of strokes on a ground."""

    run: Run

    def __post_init__(self) -> None:
        self.asked = batchwise(self.run.net())
        self.known = [i for i, name in enumerate(self.run.classes) if name != NOTHING]

    def read(self, drawn: UInt8[np.ndarray, "y x"]) -> tuple[Box, ...]:
        """The signs of one line from left to right; `drawn` are its strokes, light on dark, with nothing of other lines.

        >>> "".join(box.label for box in Reader(run).read(drawn))  # doctest: +SKIP
        '1998'
        """
        ink = drawn > INK
        rows = np.flatnonzero(ink.any(1))
        if not len(rows):
            return ()
        high = int(rows[-1]) + 1 - int(rows[0])
        cuts = places_to_cut(ink, high)
        pieces = list(_parts(drawn, ink, cuts, high))
        chances = self._chances(drawn, pieces)
        best = chances.argmax(1)
        sure = chances[np.arange(len(pieces)), best]
        through = [
            THROUGH * int((ink[:, x - 1] & ink[:, x]).sum()) if 0 < x < ink.shape[1] else 0.0 for x in cuts
        ]
        boxes = []
        for n in _likeliest(pieces, -np.log(np.maximum(sure, 1e-12)), through, high):
            left, top, right, bottom = pieces[n].edges
            label = self.run.classes[self.known[int(best[n])]]
            boxes.append(Box(label, round(float(sure[n]), 4), left, top, right - left, bottom - top))
        return tuple(boxes)

    def _chances(self, drawn: np.ndarray, pieces: Sequence[Part]) -> Float[np.ndarray, "n k"]:
        """How likely each part is to be each class: a mean over several pictures of it."""
        size = self.run.stack.input.shape[1], self.run.stack.input.shape[2]
        sums, weights = np.zeros((len(pieces), len(self.known))), 0.0
        for weight, views in _views(drawn, pieces, size):
            sums += weight * self._answers(views)
            weights += weight
        return sums / weights

    def _answers(self, pictures: UInt8[np.ndarray, "n 1 h w"]) -> Float[np.ndarray, "n k"]:
        said = []
        for start in range(0, len(pictures), BATCH):
            some = torch.from_numpy(self.run.normalised(pictures[start : start + BATCH]))
            with torch.inference_mode():
                said.append(probabilities(self.run.stack, self.asked(some))[:, self.known].numpy())
        return np.concatenate(said) if said else np.zeros((0, len(self.known)))


def read_page(run: Run, picture: UInt8[np.ndarray, "c y x"], found: Sequence[Box]) -> list[tuple[Box, ...]]:
    """The lines of a picture in reading order, of what was found in it.

    Strokes on a ground are read line by line as a whole, so that no ink is two signs' and none is left over; of other
    pictures it is the order of what was found.
    """
    ground = None if run.info.get("prepared", {}).get("fit") else run.info["background"]
    lines = read(found)
    if ground is None or run.stack.input.shape[0] != 1:
        return [tuple(line) for line in lines]
    brought = fit(picture, (1, *picture.shape[1:]), ground).pixels[0]
    drawn = np.abs(brought.astype(np.int16) - ground).astype(np.uint8)
    labels, reader = parts(drawn > INK), Reader(run)
    sizes = np.maximum(np.bincount(labels.ravel()), 1)
    return [signs for line in lines if (signs := _line(reader, drawn, labels, sizes, line))]


def _line(
    reader: Reader, drawn: np.ndarray, labels: np.ndarray, sizes: np.ndarray, line: Sequence[Box]
) -> tuple[Box, ...]:
    """What stands around a line's finds, a sign further on each side, without the strokes of other lines."""
    high = max(box.height for box in line)
    top, bottom = min(box.y for box in line) - high / 4, max(box.y + box.height for box in line) + high / 4
    left, right = line[0].x - high, max(box.x + box.width for box in line) + high
    rows, columns = slice(max(0, round(top)), round(bottom)), slice(max(0, round(left)), round(right))
    names, inside = np.unique(labels[rows, columns], return_counts=True)
    own = names[(names > 0) & (inside >= OWN * sizes[names])]
    mask = _widened(np.isin(labels[rows, columns], own))
    signs = reader.read(np.where(mask, drawn[rows, columns], 0).astype(np.uint8))
    return tuple(replace(box, x=box.x + columns.start, y=box.y + rows.start) for box in signs)


def places_to_cut(ink: Bool[np.ndarray, "y x"], high: int) -> list[int]:
    """Columns before which a line may be cut, both its ends among them: in each gap, and through ink where there is least.

    >>> places_to_cut(np.array([[1, 1, 0, 0, 0, 1]], bool), 30)
    [0, 3, 6]
    """
    count = ink.sum(0)
    inked = np.flatnonzero(count)
    first, last = int(inked[0]), int(inked[-1]) + 1
    cuts = [
        first,
        *((one + other + 1) // 2 for one, other in pairwise(inked.tolist()) if other > one + 1),
        last,
    ]
    apart = max(1, round(APART * high))
    for x in sorted(range(first + 1, last), key=lambda x: (int(count[x]), x)):
        if count[x] and min(abs(x - cut) for cut in cuts) >= apart:
            cuts.append(x)
    return sorted(cuts)


def _parts(drawn: np.ndarray, ink: np.ndarray, cuts: Sequence[int], high: int) -> Iterator[Part]:
    """All that may be a sign between two cuts, by its first cut."""
    labels, widest = parts(ink), ceil(WIDEST * high)
    sizes = np.maximum(np.bincount(labels.ravel()), 1)
    for i, left in enumerate(cuts):
        # A sign's strokes may reach over its cuts, but not further than a sign is wide.
        start = max(0, left - widest)
        near = slice(start, left + 2 * widest)
        for j in range(i + 1, len(cuts)):
            if cuts[j] - left > widest:
                break
            between = slice(left - start, cuts[j] - start)
            part = _part(drawn[:, near], labels[:, near], sizes, between, high)
            if part is not None:
                yield replace(part.moved(start), first=i, last=j)


def _part(drawn: np.ndarray, labels: np.ndarray, sizes: np.ndarray, between: slice, high: int) -> Part | None:
    """The strokes between two columns; None where they are too low for a sign."""
    names, count = np.unique(labels[:, between], return_counts=True)
    # Of a stroke that runs through several signs, too, no more may be left over than of one sign's.
    size = np.minimum(sizes[names], INKED * high)
    own, other = sizes[names] - count <= (1 - OWN) * size, count <= OTHER * size
    whole, divided = names[(names > 0) & own], names[(names > 0) & ~own & ~other]
    mask = np.isin(labels, whole)
    mask[:, between] |= np.isin(labels[:, between], divided)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows) or rows[-1] + 1 - rows[0] < LOWEST * high:
        return None
    top, bottom, start, stop = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    with_edge = slice(max(top - 1, 0), bottom + 1), slice(max(start - 1, 0), stop + 1)
    y, x = centre_of_mass(np.where(mask, drawn, 0)[top:bottom, start:stop])
    alone = np.ascontiguousarray(np.where(_widened(mask), drawn, 0)[with_edge])
    empty = int(np.count_nonzero(~(labels[:, start:stop] > 0).any(0)))
    return Part(
        0, 0, alone, (start, top, stop, bottom), (top + y + 0.5, start + x + 0.5), int(mask.sum()), empty
    )


def _widened(mask: np.ndarray) -> np.ndarray:
    """With the soft edge around it."""
    wide = np.pad(mask, 1)
    return wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:] | mask


def _views(drawn: np.ndarray, pieces: Sequence[Part], size: Size) -> Iterator[tuple[float, np.ndarray]]:
    """Pictures of the parts as the net knows them, and their weights: alone at two sizes, and with what stands around."""
    yield ALONE, np.stack([centred(one.alone, size)[0][None] for one in pieces])
    small = [
        _window(one.alone, _half(one.alone.shape), max(one.alone.shape) / SMALLER, size) for one in pieces
    ]
    yield ALONE, np.stack(small)
    sides = [max(one.edges[2] - one.edges[0], one.edges[3] - one.edges[1]) / FRAME for one in pieces]
    for down, right in ((0, 0), (0, -ASIDE), (0, ASIDE), (-ASIDE, 0)):
        views = [
            _window(drawn, (one.middle[0] + down * side, one.middle[1] + right * side), side, size)
            for one, side in zip(pieces, sides, strict=True)
        ]
        yield AMONG, np.stack(views)


def _half(shape: tuple[int, ...]) -> tuple[float, float]:
    return shape[0] / 2, shape[1] / 2


def _window(
    drawn: UInt8[np.ndarray, "y x"], middle: tuple[float, float], side: float, size: Size
) -> UInt8[np.ndarray, "1 h w"]:
    """A square of a drawing around a place (row, column), with more of its ground where it reaches over the edge."""
    reach = ceil(LANCZOS * side / min(size)) + 1
    first = [floor(at - side / 2) - reach for at in middle]
    last = [ceil(at + side / 2) + reach for at in middle]
    there = Image.fromarray(drawn).crop((first[1], first[0], last[1], last[0]))  # beyond the edge it is 0
    top, left = (at - side / 2 - begun for at, begun in zip(middle, first, strict=True))
    return resized(np.asarray(there)[None], size, (left, top, left + side, top + side))


def _likeliest(pieces: Sequence[Part], costs: np.ndarray, through: Sequence[float], high: int) -> list[int]:
    """The parts of the likeliest way from the first cut to the last (Viterbi); a part weighs as much as its ink."""
    least, before = np.full(len(through), np.inf), np.full(len(through), -1)
    least[0] = 0.0
    for n, piece in enumerate(pieces):  # by their first cut: all ways to it are known
        own = piece.ink / high * costs[n] + through[piece.last] + GAP * piece.empty + EACH
        if least[piece.first] + own < least[piece.last]:
            least[piece.last], before[piece.last] = least[piece.first] + own, n
    way, at = [], len(through) - 1
    while at > 0 and before[at] >= 0:
        way.append(int(before[at]))
        at = pieces[way[-1]].first
    return way[::-1]
