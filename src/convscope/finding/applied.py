"""A net over all windows of a large picture: dense where that is exact, else window by window; tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from convscope.errors import StackError
from convscope.finding.dense import dense
from convscope.finding.quick import Patches, batchwise
from convscope.nets.build import Net
from convscope.nets.words import Size

TILE = 640
"""About so many pixels a side are looked at in one pass."""
BATCH = 256
APART = 8
"""A sweep's windows are an eighth of their size apart."""

Normalise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Cells:
    """A net's answers to some windows: cell (i, j) is the one `jump` (row + i, column + j) times from the top left."""

    row: int
    column: int
    answers: Float[Tensor, "k rows columns"]


@dataclass(frozen=True, eq=False)
class Applied:
    """A net made to be moved: `see` gives its answers to the windows of normalised pixels, `why` why it is not dense.

    `together` is how many rows and columns of windows are well looked at in one pass, where that is known.
    """

    mode: Literal["dense", "sweep"]
    why: str
    window: Size
    jump: Size
    see: Callable[[Float[Tensor, "c h w"]], Float[Tensor, "k rows columns"]]
    together: Size | None = None

    def cells(self, size: Size) -> Size:
        """How many windows a picture of `size` pixels has: rows, columns."""
        rows, columns = (
            max(0, (side - seen) // jump + 1)
            for side, seen, jump in zip(size, self.window, self.jump, strict=True)
        )
        return rows, columns

    def tiles(self, size: Size) -> Iterator[tuple[range, range]]:
        """Rows and columns of the windows that are looked at together."""
        rows, columns = self.cells(size)
        high, wide = self.together or (
            max(1, (TILE - seen) // jump + 1) for seen, jump in zip(self.window, self.jump, strict=True)
        )
        for top in range(0, rows, high):
            for left in range(0, columns, wide):
                yield range(top, min(top + high, rows)), range(left, min(left + wide, columns))

    def over(self, pixels: UInt8[np.ndarray, "c y x"], normalise: Normalise) -> Iterator[Cells]:
        """The answers to all windows of a picture, tile by tile."""
        for rows, columns in self.tiles(pixels.shape[1:]):
            top, left = rows.start * self.jump[0], columns.start * self.jump[1]
            bottom = (rows.stop - 1) * self.jump[0] + self.window[0]
            right = (columns.stop - 1) * self.jump[1] + self.window[1]
            part = torch.from_numpy(normalise(pixels[:, top:bottom, left:right]))
            with torch.inference_mode():
                yield Cells(rows.start, columns.start, self.see(part))


def applied(net: Net, *, sweep: bool = False) -> Applied:
    """The net made to be moved: as one convolution where that gives the same answers, else window by window.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> applied(build(zoo["lenet5"])).mode, applied(build(zoo["cifar"])).why
    ('dense', 'conv1 pads: beside a window lies more of the picture, not its padding')
    """
    why = "asked for"
    if not sweep:
        try:
            made = dense(net)
            if patches := Patches.of(made):
                return Applied("dense", "", made.window, made.jump, patches.answers, patches.good)
            return Applied("dense", "", made.window, made.jump, lambda part: made.answers(part[None])[0])
        except StackError as error:
            why = str(error)
    height, width = net.stack.input.shape[1:]
    jump = max(1, height // APART), max(1, width // APART)

    said = batchwise(net)

    def see(part: Float[Tensor, "c h w"]) -> Float[Tensor, "k rows columns"]:
        windows = part.unfold(1, height, jump[0]).unfold(2, width, jump[1]).permute(1, 2, 0, 3, 4)
        rows, columns = windows.shape[:2]
        # Windows overlap: all of them at once would be the picture sixty times over.
        every = torch.arange(rows * columns).split(BATCH)
        answers = torch.cat([said(windows[some // columns, some % columns]) for some in every])
        return answers.T.reshape(-1, rows, columns)

    return Applied("sweep", why, (height, width), jump, see)
