"""What the first layer learned: each kernel as film, its random start, and what it says about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn

from convscope.data.images import Images
from convscope.errors import RunError
from convscope.inspect.record import listening, untouched
from convscope.nets import steps
from convscope.nets.layers import TableConv
from convscope.report import film
from convscope.report.film import Film
from convscope.report.wording import signed, size
from convscope.runs import Run

MOST = 64
FEW = 16
MOST_NUMBERS = 4000


@dataclass(frozen=True)
class Kernel:
    """One kernel: its slices, one for each map below; as a colour picture where those are red, green and blue."""

    name: str
    slices: tuple[Film, ...]
    colours: str | None
    start: Film | None
    answer: Film | None
    says: str
    numbers: str


@dataclass(frozen=True)
class FirstLayer:
    """The first convolution's kernels; `peak` and `answer_peak` are the values at the scale's ends."""

    line: str
    total: int
    below: int
    size: str
    kernels: tuple[Kernel, ...]
    peak: str
    answer_peak: str | None
    sample: str | None
    sample_class: str | None
    legend: Film
    trained: bool


def first_layer(run: Run, images: Images | None) -> FirstLayer | str:
    """The kernels of the Run's first convolution, or a sentence that says why there are none to show."""
    found = next(((line, step) for line, step, _ in run.stack.walk() if isinstance(step, steps.Conv)), None)
    if found is None:
        return "This net has no convolution, so it has no kernels to show."
    line, step = found
    try:
        net = run.net()
    except RunError as error:
        return f"The kernels cannot be shown. {error}."
    weights = _weights(net, line.name)
    shown = min(MOST, len(weights))
    peak = _peak(weights)
    maps = (
        None
        if images is None or not len(images.test)
        else _answers(run, net, line.name, images.test.pixels[0])
    )
    reach = 0.0 if maps is None else _peak(maps[:shown])
    starts = _start(run, line.name)
    return FirstLayer(
        line=line.name,
        total=len(weights),
        below=weights.shape[1],
        size=size(step.kernel),
        kernels=tuple(
            _kernel(
                f"{line.name}/{i}",
                weights[i],
                peak,
                starts,
                i,
                None if maps is None else maps[i],
                reach,
                shown,
            )
            for i in range(shown)
        ),
        peak=signed(peak),
        answer_peak=None if maps is None else signed(reach),
        sample=None if maps is None or images is None else film.picture(images.test.pixels[0]),
        sample_class=None if maps is None or images is None else images.classes[int(images.test.labels[0])],
        legend=film.legend(),
        trained=bool(run.info["epochs"]),
    )


def _kernel(
    name: str,
    weights: Float[np.ndarray, "c h w"],
    peak: float,
    starts: Float[np.ndarray, "k c h w"] | None,
    index: int,
    answer: Float[np.ndarray, "h w"] | None,
    reach: float,
    shown: int,
) -> Kernel:
    few = shown <= FEW
    coloured = weights.shape[0] == 3
    longest = 96 if few else 48
    low, high = float(weights.min()), float(weights.max())
    return Kernel(
        name=name,
        slices=()
        if coloured and not few
        else tuple(film.film(film.shrunk(w, 32), peak) for w in weights[:4]),
        colours=_coloured(weights, peak) if coloured else None,
        start=None
        if starts is None or coloured or weights.shape[0] != 1 or not few
        else film.film(film.shrunk(starts[index, 0], 32), _peak(starts)),
        answer=None if answer is None else film.film(film.shrunk(answer, longest), reach),
        says=f"{signed(low)} to {signed(high)}",
        numbers=_numbers(weights[0])
        if weights.shape[0] == 1 and weights.size * shown <= MOST_NUMBERS
        else "",
    )


def _numbers(weights: Float[np.ndarray, "h w"]) -> str:
    return "\n".join("  ".join(f"{v:+.2f}" for v in row) for row in weights)


def _coloured(weights: Float[np.ndarray, "3 h w"], peak: float) -> str:
    """A kernel over red, green and blue as a colour picture: zero is middle grey."""
    scaled = weights / peak if peak > 0 else weights
    return film.picture((np.clip(scaled, -1, 1) * 127 + 128).round().astype(np.uint8), longest=64)


def _start(run: Run, line: str) -> Float[np.ndarray, "k c h w"] | None:
    if 0 not in run.epochs or not run.info["epochs"]:
        return None
    try:
        return _weights(run.net(0), line)
    except RunError:
        return None


def _weights(net: nn.Module, line: str) -> Float[np.ndarray, "k c h w"]:
    conv: Any = getattr(getattr(net, line), "conv")  # noqa: B009
    weight = conv.full_weight() if isinstance(conv, TableConv) else conv.weight
    return weight.detach().numpy().astype(np.float64)


def _answers(
    run: Run, net: nn.Module, line: str, pixels: UInt8[np.ndarray, "c h w"]
) -> Float[np.ndarray, "k y x"] | None:
    """What each kernel of `line` answers to one picture, bias included, before what follows in the line."""
    from convscope.training.parts import viewed

    seen = viewed(torch.from_numpy(pixels[None].copy()), run.stack.input.shape[1:])[0].numpy()
    if seen.shape != run.stack.input.shape:
        return None
    x = torch.from_numpy(run.normalised(seen))[None]
    with untouched(net), torch.no_grad(), listening(net, {f"{line}.conv": lambda sums: sums}) as said:
        net(x)
    return said[f"{line}.conv"][0].numpy().astype(np.float64)


def _peak(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0
