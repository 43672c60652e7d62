"""A net's answers by the native engine, where that has all of the net's steps: several times as fast as PyTorch.

The engine computes a block of pictures at once, its numbers innermost. A large picture is a block to it, too, once it is cut
into patches that overlap by a window: the windows of a patch share their work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from convscope import native
from convscope.finding.dense import Dense
from convscope.nets.build import Net
from convscope.nets.lowered import lacking, lowered, running_of
from convscope.nets.words import Size

SIDE = 3
"""A patch is about so many windows a side: smaller ones share less, larger ones leave the cache."""
KEPT = 8
"""Engines for so many sizes of patches are kept."""


def batchwise(net: Net) -> Callable[[Float[Tensor, "n c h w"]], Float[Tensor, "n k"]]:
    """What the net answers to pictures of its size, by the engine where that has all of its steps, else the net itself."""
    if lacking(net.stack) or not _plain(net):
        return net
    engine, vector, running = native.Engine(lowered(net.stack)), _vector(net), _running(net)

    def answers(windows: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        batch = native.Batch.floats(np.ascontiguousarray(windows.numpy()))
        return torch.from_numpy(engine.outputs(batch, vector, running))

    return answers


def most_windows(window: int, jump: int) -> int:
    """The windows of a patch along an axis, at most."""
    return (SIDE - 1) * window // jump + 1


@dataclass(frozen=True)
class _Axis:
    """How an axis of so many windows, `jump` pixels apart, is cut into patches of equally many."""

    windows: int
    window: int
    jump: int

    @property
    def patches(self) -> int:
        """Fours where there are as many: the engine takes sixteen at once."""
        fewest = ceil(self.windows / most_windows(self.window, self.jump))
        return fewest if fewest < 4 else 4 * ceil(fewest / 4)

    @property
    def each(self) -> int:
        """Windows of a patch; the last patches may reach beyond the picture."""
        return ceil(self.windows / self.patches)

    @property
    def apart(self) -> int:
        return self.each * self.jump

    @property
    def side(self) -> int:
        return self.window + (self.each - 1) * self.jump

    @property
    def length(self) -> int:
        """Pixels of all patches together."""
        return (self.patches - 1) * self.apart + self.side


@dataclass(eq=False)
class Patches:
    """A dense net by the engine, with one for each size of patches."""

    made: Dense
    engines: dict[tuple[int, ...], native.Engine] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Dense) -> Patches | None:
        """The net in patches; None where the engine lacks one of its steps."""
        return None if lacking(made.net.stack) or not _plain(made.net) else cls(made)

    def __post_init__(self) -> None:
        self.vector, self.running = _vector(self.made.net), _running(self.made.net)

    @property
    def good(self) -> Size:
        """Rows and columns of windows that are well looked at together: sixteen patches a side."""
        each = [most_windows(*axis) for axis in zip(self.made.window, self.made.jump, strict=True)]
        return 16 * each[0], 16 * each[1]

    def answers(self, part: Float[Tensor, "c h w"]) -> Float[Tensor, "k rows columns"]:
        """The answers to each window, row by row from the top left one."""
        axes = list(zip(part.shape[1:], self.made.window, self.made.jump, strict=True))
        down, right = (_Axis((side - window) // jump + 1, window, jump) for side, window, jump in axes)
        page = np.zeros((len(part), down.length, right.length), np.float32)
        seen = part[:, : down.length, : right.length].numpy()
        page[:, : seen.shape[1], : seen.shape[2]] = seen
        cut = np.lib.stride_tricks.sliding_window_view(page, (down.side, right.side), (1, 2))
        cut = cut[:, :: down.apart, :: right.apart].transpose(1, 2, 0, 3, 4)
        patches = np.ascontiguousarray(cut).reshape(-1, len(part), down.side, right.side)
        said = self._engine(patches.shape[1:]).outputs(
            native.Batch.floats(patches), self.vector, self.running
        )
        maps = said.reshape(down.patches, right.patches, -1, down.each, right.each).transpose(2, 0, 3, 1, 4)
        whole = maps.reshape(len(maps), down.patches * down.each, right.patches * right.each)
        whole = np.ascontiguousarray(whole[:, : down.windows, : right.windows])
        return self.made.named(torch.from_numpy(whole)[None])[0]

    def _engine(self, shape: tuple[int, ...]) -> native.Engine:
        if shape not in self.engines:
            while len(self.engines) >= KEPT:
                del self.engines[next(iter(self.engines))]
            channels, height, width = shape
            program = lowered(self.made.net.stack.with_input((channels, height, width)))
            self.engines[shape] = native.Engine(program)
        return self.engines[shape]


def _plain(net: Net) -> bool:
    return all(p.dtype == torch.float32 and p.device.type == "cpu" for p in net.parameters())


def _vector(net: Net) -> Float[np.ndarray, " p"]:
    return torch.cat([p.detach().flatten() for p in net.parameters()]).numpy()


def _running(net: Net) -> Float[np.ndarray, " r"] | None:
    kept = [buffer.flatten() for buffer in running_of(net)]
    return torch.cat(kept).numpy() if kept else None
