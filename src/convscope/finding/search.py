"""What is in a large picture, and where: a Run's net over all windows at all sizes, turned into boxes and heat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from convscope.data.background import NOTHING
from convscope.data.fit import Fitted, border, fit
from convscope.errors import PictureError
from convscope.finding.applied import Applied, Cells, applied
from convscope.finding.boxes import Box, apart, suppressed
from convscope.finding.pyramid import Level, levels, scales, shifted
from convscope.finding.strokes import Strokes
from convscope.nets.answers import familiar, probabilities
from convscope.nets.build import Net
from convscope.nets.words import Size
from convscope.runs import Run

HEAT_SIDE = 512
"""A heat map has at most so many cells a side, whatever the picture has."""
MOST, AREA = 5_000, 8_000_000
"""So many windows may stand out at each size in so many pixels; of more only the surest are looked at further."""
FRAME = 20 / 28
"""MNIST's digits fill so much of their pictures (LeCun et al. 1998, section III.A); others are taken to fill theirs."""


@dataclass(frozen=True)
class Wish:
    """What is looked for: scores of at least `least`; things as large as a window of `smallest` to `largest` pixels of the
    picture, None for the window's own size and for the whole picture; boxes that overlap by at most `overlap`. `fine` moves
    the windows that many times as finely, at the square of the cost."""

    least: float = 0.9
    smallest: float | None = None
    largest: float | None = None
    overlap: float = 0.5
    fine: int = 1
    sweep: bool = False


@dataclass(frozen=True)
class Line:
    """Middles of windows along an axis (0 rows, 1 columns), in pixels of the picture."""

    axis: int
    first: float
    apart: float
    count: int


@dataclass(eq=False)
class Heat:
    """Per class how sure the net is of something around each place of the picture: the most over all sizes.

    `sizes` has at each place which window that was, counted from the first size that was looked at; `windows` each size's
    (height, width) in pixels of the picture.
    """

    values: Float[np.ndarray, "k rows columns"]
    sizes: UInt8[np.ndarray, "k rows columns"]
    pixels_a_cell: float
    windows: list[tuple[float, float]] = field(default_factory=list)

    def warm(
        self, chances: Float[np.ndarray, "k n m"], rows: Line, columns: Line, window: tuple[float, float]
    ) -> None:
        """Take in the chances of windows of a size whose middles lie in these rows and columns of the picture."""
        if window not in self.windows:
            self.windows.append(window)
        places, windows = zip(*(self._met(line) for line in (rows, columns)), strict=True)
        before = self.values[:, places[0][:, None], places[1]]
        part = before.copy()
        for i in windows[0]:
            for j in windows[1]:
                np.maximum(part, chances[:, i[:, None], j], out=part)
        self.values[:, places[0][:, None], places[1]] = part
        sizes = self.sizes[:, places[0][:, None], places[1]]
        sizes[part > before] = self.windows.index(window)
        self.sizes[:, places[0][:, None], places[1]] = sizes

    def window(self, kind: int, row: int, column: int) -> tuple[float, float, float, float]:
        """What the net saw where it was surest of a class at a cell: left, top, width and height in pixels of the picture,
        exact to half of a cell and of the windows' distance.
        """
        high, wide = self.windows[self.sizes[kind, row, column]]
        down, right = ((n + 0.5) * self.pixels_a_cell for n in (row, column))
        return right - wide / 2, down - high / 2, wide, high

    def _met(self, line: Line) -> tuple[Int[np.ndarray, " cells"], list[Int[np.ndarray, " cells"]]]:
        """The cells along an axis that windows stand for, and, again and again until there are no more, a window of each."""
        size, half = self.pixels_a_cell, line.apart / 2
        last = line.first + (line.count - 1) * line.apart
        most = self.values.shape[1 + line.axis] - 1
        cells = np.arange(max(0, int((line.first - half) / size)), min(most, int((last + half) / size)) + 1)
        first = np.ceil((cells * size - half - line.first) / line.apart)
        after = np.floor(((cells + 1) * size + half - line.first) / line.apart)
        first, after = (np.clip(edge, 0, line.count - 1).astype(int) for edge in (first, after))
        return cells, [np.minimum(first + n, after) for n in range(int((after - first).max(initial=0)) + 1)]


@dataclass(frozen=True, eq=False)
class Found:
    """All that was found in a picture, best first, and what it took.

    `forward_passes` counts those of the net: one a tile of many windows where it is dense, else one a window.
    """

    boxes: tuple[Box, ...]
    heat: Heat
    classes: tuple[str, ...]
    size: Size
    mode: Literal["dense", "sweep"]
    why: str
    seconds: float
    forward_passes: int
    steps: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Progress:
    """So many of the windows of all sizes have been looked at; `heat` is what they gave so far, and grows; `boxes` sorts
    out what they found so far, which takes a moment."""

    windows: int
    of: int
    heat: Heat
    boxes: Callable[[], Sequence[Box]]


@dataclass(frozen=True, eq=False)
class _Looked:
    """Windows that stand out: class, score, left, top, right, bottom, and how like to what the net knows."""

    rows: Float[np.ndarray, "n 7"]
    heat: Heat
    passes: int
    brought: Fitted


@dataclass(eq=False)
class Search:
    """A Run made ready to look through pictures, one after the other; `net` is one to take in the place of its own."""

    run: Run
    wish: Wish = field(default_factory=Wish)
    net: Net | None = None

    def __post_init__(self) -> None:
        self.how: Applied = applied(self.net or self.run.net(), sweep=self.wish.sweep)
        self.classes = tuple(name for name in self.run.classes if name != NOTHING)
        self._wanted = [i for i, name in enumerate(self.run.classes) if name != NOTHING]
        self.floor = -np.inf

    def learn_nothing(self, pictures: Iterable[UInt8[np.ndarray, "c y x"]]) -> int:
        """Raise the floor until nothing is found in these pictures, which hold nothing; how many windows stood out in them.

        The floor is how much a window must be like what the net knows: see `convscope.nets.answers.familiar`.

        Raises:
            PictureError: A picture is smaller than the smallest window that is wanted.
        """
        most, count = self.floor, 0
        for picture in pictures:
            rows = self._looked(picture, lambda _: None).rows
            most, count = max(most, rows[:, 6].max(initial=-np.inf)), count + len(rows)
        self.floor = float(np.nextafter(np.float32(most), np.float32(np.inf)))
        return count

    def through(
        self, picture: UInt8[np.ndarray, "c y x"], tell: Callable[[Progress], None] = lambda _: None
    ) -> Found:
        """Look for everything the net knows.

        Raises:
            PictureError: The picture is smaller than the smallest window that is wanted.
        """
        began = time.perf_counter()
        looked = self._looked(picture, tell)
        boxes = self._boxes(looked.rows, looked.brought.pixels)
        return Found(
            tuple(boxes), looked.heat, self.classes, picture.shape[1:], self.how.mode, self.how.why,
            time.perf_counter() - began, looked.passes, looked.brought.steps,
        )  # fmt: skip

    def _looked(self, picture: UInt8[np.ndarray, "c y x"], tell: Callable[[Progress], None]) -> _Looked:
        """What stands out at all sizes."""
        size = picture.shape[1:]
        wanted = self._scales(size)
        brought = fit(picture, (self.run.stack.input.shape[0], *size), self._ground())
        heat = _cold(len(self.classes), size)
        done, passes = 0, 0
        candidates: list[np.ndarray] = []
        seen: list[np.ndarray] = []

        def so_far() -> Sequence[Box]:
            return self._boxes(np.concatenate([*candidates, *seen]), brought.pixels)

        total = sum(self._windows(size, scale) for scale in wanted) * self.wish.fine**2
        for level in shifted(self._levels(brought.pixels, wanted), self.how.jump, self.wish.fine):
            seen = []
            for cells in self.how.over(level.pixels, self.run.normalised):
                seen.append(self._stands_out(cells, level, size, heat))
                windows = cells.answers[0].numel()
                done, passes = done + windows, passes + (1 if self.how.mode == "dense" else windows)
                tell(Progress(min(done, total), total, heat, so_far))
            candidates.append(_best(np.concatenate(seen), MOST * -(-size[0] * size[1] // AREA)))
        seen = []
        tell(Progress(total, total, heat, so_far))
        return _Looked(np.concatenate(candidates), heat, passes, brought)

    def _scales(self, size: Size) -> list[float]:
        window, wish = self.how.window, self.wish
        smallest = wish.smallest or min(window)
        if min(size) < smallest:
            raise PictureError(
                f"a picture of {size[1]}x{size[0]} pixels is smaller than the smallest thing that is looked for, "
                f"{smallest:g}: ask for smaller ones"
            )
        return scales(size, window, wish.smallest, wish.largest)

    def _windows(self, size: Size, scale: float) -> int:
        margins = (round(side * scale) + seen for side, seen in zip(size, self.how.window, strict=True))
        rows, columns = self.how.cells(tuple(margins))  # type: ignore[arg-type]
        return rows * columns

    def _levels(self, pixels: np.ndarray, wanted: list[float]) -> Iterator[Level]:
        ground = self._ground()
        colour = np.median(border(pixels), axis=1) if ground is None else np.full(len(pixels), ground)
        return levels(pixels, self.how.window, self.how.jump, wanted, colour.astype(np.uint8))

    def _ground(self) -> int | None:
        return None if self.run.info.get("prepared", {}).get("fit") else self.run.info["background"]

    def _strokes(self, pixels: UInt8[np.ndarray, "c y x"]) -> Strokes | None:
        """The strokes of a picture that has such; None for other pictures."""
        ground = self._ground()
        return None if ground is None else Strokes(pixels, ground)

    def _stands_out(self, cells: Cells, level: Level, size: Size, heat: Heat) -> Float[np.ndarray, "n 7"]:
        """The windows that are sure enough, and enough like what the net knows; their edges in pixels of the picture."""
        chances, known = self._chances(cells.answers)
        edges, spans, middles, lines = [], [], [], []
        for axis, (first, n) in enumerate(zip((cells.row, cells.column), chances.shape[1:], strict=True)):
            scale = level.scale[axis]
            edges.append(((first + np.arange(n)) * self.how.jump[axis] - level.margin[axis]) / scale)
            spans.append(self.how.window[axis] / scale)
            middles.append(edges[axis] + spans[axis] / 2)
            lines.append(Line(axis, float(middles[axis][0]), self.how.jump[axis] / scale, n))
        heat.warm(chances, lines[0], lines[1], (spans[0], spans[1]))
        best = chances.argmax(0)
        score = np.take_along_axis(chances, best[None], 0)[0]
        within = [(middle >= 0) & (middle <= side) for middle, side in zip(middles, size, strict=True)]
        sure = (score >= self.wish.least) & (known >= self.floor) & _peaks(score)
        i, j = np.nonzero(sure & within[0][:, None] & within[1])
        top, left = edges[0][i], edges[1][j]
        sides = [left, top, left + spans[1], top + spans[0]]
        return np.stack([best[i, j], score[i, j], *sides, known[i, j]], axis=1)

    def _chances(
        self, answers: Float[Tensor, "k rows columns"]
    ) -> tuple[Float[np.ndarray, "c rows columns"], Float[np.ndarray, "rows columns"]]:
        """How sure the net is of each class, and how like each window is to what it knows."""
        each, places = answers.flatten(1).T, answers.shape[1:]
        chances = probabilities(self.run.stack, each)[:, self._wanted]
        known = familiar(self.run.stack, each[:, self._wanted])
        return (
            chances.T.reshape(-1, *places).to(torch.float32).numpy(),
            known.reshape(places).to(torch.float32).numpy(),
        )

    def _boxes(self, rows: np.ndarray, pixels: UInt8[np.ndarray, "c y x"]) -> list[Box]:
        """What is left of the windows: each class's thing once, as the tightest box that is known of it."""
        if not len(rows):
            return []
        strokes, size = self._strokes(pixels), pixels.shape[1:]
        edges = rows[:, 2:6].copy()
        if strokes is not None:
            _shrink(edges, FRAME)
        boxes, kept = [], suppressed(edges, rows[:, 1], self.wish.overlap)
        for n in apart(edges, rows[:, 0], kept) if strokes is None else kept:
            left, top, right, bottom = edges[n]
            if strokes is not None:
                given = strokes.give((round(left), round(top), round(right), round(bottom)))
                if given is None:
                    continue
                left, top, right, bottom = given
            left, right = max(left, 0), min(right, size[1])
            top, bottom = max(top, 0), min(bottom, size[0])
            box = (round(float(v), 2) for v in (left, top, right - left, bottom - top))
            boxes.append(Box(self.classes[int(rows[n, 0])], round(float(rows[n, 1]), 4), *box))
        return boxes


def find(run: Run, picture: UInt8[np.ndarray, "c y x"], **wish: Any) -> Found:
    """What a Run's net finds in a large picture, uint8 [channels, height, width], by what a `Wish` says.

    LeCun et al. 1998, section VII.

    Raises:
        PictureError: The picture is smaller than the smallest window that is wanted.

    >>> import convscope as cs
    >>> said = cs.find(cs.Run("runs/1"), page, smallest=24, largest=64)  # doctest: +SKIP
    >>> [box.label for box in said.boxes]  # doctest: +SKIP
    ['7', '2', '1']
    """
    return Search(run, Wish(**wish)).through(picture)


def _cold(classes: int, size: Size) -> Heat:
    per = max(1.0, max(size) / HEAT_SIDE)
    rows, columns = (max(1, int(np.ceil(side / per))) for side in size)
    shape = (classes, rows, columns)
    return Heat(np.zeros(shape, np.float32), np.zeros(shape, np.uint8), per)


def _peaks(score: Float[np.ndarray, "n m"]) -> Bool[np.ndarray, "n m"]:
    """The windows that are as sure as each of the eight beside them."""
    rows, columns = score.shape
    around = np.pad(score, 1, constant_values=-np.inf)
    shifts = [around[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    return score >= np.maximum.reduce(shifts)


def _shrink(edges: Float[np.ndarray, "n 4"], to: float) -> None:
    """Each box to a part of its size, around its middle."""
    spare = (edges[:, 2:] - edges[:, :2]) * (1 - to) / 2
    edges[:, :2] += spare
    edges[:, 2:] -= spare


def _best(rows: np.ndarray, most: int) -> np.ndarray:
    return rows[np.argsort(-rows[:, 1], kind="stable")[:most]]
