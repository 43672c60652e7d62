"""A Run's first kernels, epoch after epoch: how they form out of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from convscope.errors import RunError
from convscope.inspect.weights import numbers
from convscope.nets import steps
from convscope.nets.layers import TableConv
from convscope.runs import Run


@dataclass(frozen=True, eq=False)
class Forming:
    """The first units of the first convolution after some of the kept epochs, 0 being the random start.

    `limit` is the largest magnitude among all that is here; `units` how many the layer has.
    """

    layer: str
    units: int
    epochs: tuple[int, ...]
    kernels: Float[np.ndarray, "epochs k c h w"]

    @property
    def limit(self) -> float:
        """The end of the scale: one for all epochs, so that they can be compared."""
        finite = np.abs(self.kernels[np.isfinite(self.kernels)])
        return float(finite.max(initial=0.0)) or 1.0

    @property
    def colours(self) -> UInt8[np.ndarray, "epochs k 3 h w"] | None:
        """Kernels over red, green and blue as colour pictures, zero being middle grey; None of others."""
        if self.kernels.shape[2] != 3:
            return None
        scaled = np.nan_to_num(np.clip(self.kernels / self.limit, -1, 1))
        return (scaled * 127 + 128).round().astype(np.uint8)


def forming(run: Run, units: int = 32, epochs: int = 24) -> Forming | None:
    """The first `units` kernels after up to `epochs` of the kept epochs, evenly chosen; None where nothing slides.

    Raises:
        RunError: A file of the Run is damaged.
    """
    line = next((line.name for line, step, _ in run.stack.walk() if isinstance(step, steps.Conv)), None)
    kept = run.epochs
    if line is None or not kept:
        return None
    places = np.linspace(len(kept) - 1, 0, min(epochs, len(kept)))[::-1]  # of one epoch the last
    chosen = [kept[round(place)] for place in places]
    found = [_kernels(run, line, epoch) for epoch in chosen]
    return Forming(line, len(found[0]), tuple(chosen), np.stack([one[:units] for one in found]))


def _kernels(run: Run, line: str, epoch: int) -> Float[np.ndarray, "k c h w"]:
    """A layer's kernels, read without building the net, which takes long for a large one."""
    held = run.weights(epoch).get(f"{line}.conv.weight")
    if held is not None and held.ndim == 4:
        return held.astype(np.float32)
    conv = dict(run.net(epoch).named_modules()).get(f"{line}.conv")
    if isinstance(conv, TableConv):
        return conv.full_weight().detach().numpy().astype(np.float32)
    if conv is None:
        raise RunError(f"{run.path}: the weights of {line} are not where they belong; train again")
    return numbers(conv, "weight").astype(np.float32)
