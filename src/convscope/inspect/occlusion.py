"""Occlusion: what a class loses when a patch hides a part of the picture, first far apart, then closer where it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from convscope.errors import StackError
from convscope.inspect.heat import Heat, Question, at_once, between, ground, spread, still

SHARE = 0.19
"""The part of the plain sweep's passes that are made at most: more than five times fewer."""
FEWEST = 64
"""A sweep of so few places is made as a whole."""
LEAST = 4
"""Pixels of a patch, unless it is said: it hides all of the picture when it is laid on every fourth place only."""
LEVELS = 2
WIDE = 0.34
"""The part of what is left, after the first sweep, that each wider grid takes before the finest one."""


def occlusion(
    asked: Question,
    *,
    patch: int | None = None,
    stride: int | None = None,
    fill: int | Sequence[int] | None = None,
    whole: bool = False,
) -> Heat:
    """How far the score of a class drops when a patch is laid on the picture: at a pixel, with the patch's middle there.

    D(p) = S(x) - S(x with the patch at p) (Zeiler & Fergus 2014, section 4.2), for the score, not the probability:
    probabilities saturate, and move with the other classes' scores. Positive where what was hidden spoke for the class.
    The patch is a square of `patch` pixels (without it a seventh of the picture's shorter side, but 4 at least) and moves
    by `stride` pixels (a quarter of the patch). It is of the grey `fill`, 0..255, or of one for each channel: without it the
    background of the pictures that a Run learned from, else the picture's mean colour. Between places the heat is bilinear.

    Coarse to fine: first the patch goes over every fourth place, then over every second, then over every place where the
    drop promises to be largest in size; where places are so far apart that this would leave gaps, it is made larger. Last
    come the neighbours of the largest drops, until 19 % of the plain sweep's passes are made. All other places are
    estimated from those around them. With `whole` every place is computed, as in sweeps of fewer than 64 places. The peak
    is the plain sweep's, unless the drop has a narrow one that no coarse place feels. At the edges, where no patch has its
    middle, the heat goes on as it ends.

    Raises:
        StackError: There is no such class, patch or stride.
        PictureError: There is no such grey.

    >>> from torch import nn
    >>> from convscope.inspect.subject import subject_of
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(6, 1, bias=False))
    >>> net[1].weight.data = torch.tensor([[0.0, 0.0, 0.0, 0.0, 2.0, -1.0]])
    >>> asked = Question(subject_of(net, shape=(1, 1, 6)), np.full((1, 1, 6), 255, np.uint8))
    >>> occlusion(asked, patch=1, fill=0).values.tolist()
    [[0.0, 0.0, 0.0, 0.0, 2.0, -1.0]]
    """
    subject = asked.subject
    side, step = _sizes(subject.shape[1:], patch, stride)
    with still(subject.net), torch.no_grad():
        x = asked.given
        target, score = asked.answer(x)
        cover, name = _cover(asked, x, fill)
        rows, columns = (_tops(size, side, step) for size in subject.shape[1:])
        sweep = _Sweep(asked, x, cover, target, score, side, rows, columns)
        drops = sweep.all() if whole or len(rows) * len(columns) < FEWEST else sweep.refined()
    middle = (side - 1) / 2
    places, covered = drops.size, int(sweep.known.sum())
    why = (
        f"{name[:1].upper()}{name[1:]} on squares of {side} pixels, {step} apart: the score without them, at "
    )
    why += "all" if covered == places else f"{covered} of"
    why += f" {places} places" + ("" if covered == places else ", elsewhere estimated from those around")
    return asked.heat(
        "occlusion", target, spread(drops, rows + middle, columns + middle, subject.shape[1:]), why=why,
        signed=True, passes=sweep.passes + 1,
        empty="" if drops.any() else f"whatever is hidden, the score of {subject.classes[target]} stays the same",
    )  # fmt: skip


@dataclass(eq=False)
class _Sweep:
    """All places of a patch [rows, columns], by the pixels of its upper left corner; what is known of their drops."""

    asked: Question
    x: Float[Tensor, "1 c h w"]
    cover: Float[Tensor, "1 c h w"]
    target: int
    score: float
    side: int
    rows: Int[np.ndarray, " y"]
    columns: Int[np.ndarray, " x"]
    passes: int = 0
    total: int = 0
    known: Bool[np.ndarray, "y x"] = field(init=False)
    drops: Float[np.ndarray, "y x"] = field(init=False)

    def __post_init__(self) -> None:
        self.drops = np.zeros((len(self.rows), len(self.columns)))
        self.known = np.zeros(self.drops.shape, bool)

    def all(self) -> Float[np.ndarray, "y x"]:
        """The drops at all places, each computed."""
        self.total = self.drops.size
        self._learn(np.arange(self.drops.size))
        return self.drops

    def refined(self) -> Float[np.ndarray, "y x"]:
        """The drops at all places, those that promise most computed, with at most `SHARE` of the passes."""
        self.total = int(SHARE * self.drops.size)
        coarsest = LEVELS
        while len(self._grid(coarsest)) > 0.7 * self.total:
            coarsest += 1
        self._sweep(self._grid(coarsest), coarsest)
        for level in range(coarsest - 1, -1, -1):
            left = self.total - self.passes
            self._sweep(self._promising(self._grid(level), int(left * (WIDE if level else 0.5))), level)
        while self.passes < self.total:
            found = self._around_the_best()[: self.total - self.passes]
            if not len(found):
                break
            self._learn(found)
        return self.drops

    def _sweep(self, places: Int[np.ndarray, " n"], level: int) -> None:
        """Some places of a grid; what a larger patch takes away counts by its area, and is an estimate only."""
        apart = max(np.diff(t[_nested(len(t), level)]).max(initial=1) for t in (self.rows, self.columns))
        if apart <= self.side or not level:
            self._learn(places)
        else:
            self.drops.flat[places] = self._computed(places, int(apart)) * (self.side / apart) ** 2
        self._estimate(level)

    def _grid(self, level: int) -> Int[np.ndarray, " n"]:
        """The numbers of the places whose row and column are multiples of 2 ** level, and the last ones."""
        rows, columns = (_nested(len(tops), level) for tops in (self.rows, self.columns))
        return (rows[:, None] * len(self.columns) + columns).ravel()

    def _promising(self, grid: Int[np.ndarray, " n"], count: int) -> Int[np.ndarray, " m"]:
        unknown = grid[~self.known.flat[grid]]
        return unknown[np.argsort(-np.abs(self.drops.flat[unknown]), kind="stable")][:count]

    def _around_the_best(self, least: int = 8) -> Int[np.ndarray, " m"]:
        """The neighbours of the largest drops that are not known yet: at least so many, if there are."""
        height, width = self.drops.shape
        places = np.flatnonzero(self.known)
        found: dict[int, None] = {}
        for place in places[np.argsort(-np.abs(self.drops.flat[places]), kind="stable")]:
            row, column = divmod(int(place), width)
            for y in range(max(0, row - 1), min(height, row + 2)):
                for x in range(max(0, column - 1), min(width, column + 2)):
                    if not self.known[y, x]:
                        found[y * width + x] = None
            if len(found) >= least:
                break
        return np.array(list(found), np.int64)

    def _estimate(self, level: int) -> None:
        """What is not known becomes bilinear between the places of a grid."""
        rows, columns = (_nested(len(tops), level) for tops in (self.rows, self.columns))
        grid = self.drops[np.ix_(rows, columns)]
        guessed = between(rows, len(self.rows)) @ grid @ between(columns, len(self.columns)).T
        self.drops = np.where(self.known, self.drops, guessed)

    def _learn(self, places: Int[np.ndarray, " n"]) -> None:
        self.drops.flat[places] = self._computed(places, self.side)
        self.known.flat[places] = True

    def _computed(self, places: Int[np.ndarray, " n"], side: int) -> Float[np.ndarray, " n"]:
        found, each = np.zeros(len(places)), at_once(self.x)
        for first in range(0, len(places), each):
            part = places[first : first + each]
            hidden = self._hidden(part, side)
            scores = self.asked.scored(torch.where(hidden, self.cover, self.x), self.target)
            found[first : first + each] = self.score - scores.float().cpu().numpy().astype(np.float64)
            self.passes += len(part)
            self.asked.says(self.passes, self.total)
        return found

    def _hidden(self, places: Int[np.ndarray, " n"], side: int) -> Bool[Tensor, "n 1 h w"]:
        """Where the patch lies; a larger one has the same middle, and ends at the picture's edge."""
        more, masks = side - self.side, []
        chosen = np.divmod(places, len(self.columns))
        for tops, numbers, size in zip((self.rows, self.columns), chosen, self.x.shape[2:], strict=True):
            start = tops[numbers][:, None] - more // 2
            masks.append((np.arange(size) >= start) & (np.arange(size) < start + side))
        return torch.from_numpy(masks[0][:, None, :, None] & masks[1][:, None, None, :]).to(self.x.device)


def _cover(asked: Question, x: Tensor, fill: int | Sequence[int] | None) -> tuple[Tensor, str]:
    """What hides the picture, as the net takes it, and its name."""
    run = asked.subject.run
    if fill is None and (run is None or run.info.get("background") is None):
        return x.mean((2, 3), keepdim=True).expand_as(x), "the picture's mean colour"
    plain, name = ground(asked.subject, fill)
    return asked.subject.given(plain[None]), name


def _sizes(shape: tuple[int, int], patch: int | None, stride: int | None) -> tuple[int, int]:
    shorter = min(shape)
    side = min(shorter, max(LEAST, round(shorter / 7))) if patch is None else patch
    step = max(1, side // 4) if stride is None else stride
    if not 1 <= side <= shorter:
        raise StackError(f"a patch of {side} pixels does not work: it must be from 1 to {shorter}")
    if step < 1:
        raise StackError(f"a stride of {step} pixels does not work: it must be at least 1")
    return side, step


def _tops(size: int, side: int, stride: int) -> Int[np.ndarray, " n"]:
    """Where patches begin along one axis: at most `stride` apart, the last one at the picture's end."""
    count = -(-(size - side) // stride) + 1
    return np.linspace(0, size - side, count).round().astype(np.int64)


def _nested(count: int, level: int) -> Int[np.ndarray, " n"]:
    """Every 2 ** level-th of so many numbers, and the last."""
    return np.unique(np.append(np.arange(0, count, 2**level), count - 1))
