"""Search by example: a patch of a picture, as a layer of a net answers to it, laid over what it answers to others.

The patch's values in the layer are a kernel of their own, a learned magnet paper: where another place answers alike, the
correlation of both is near 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import conv2d

from convscope.data.fit import fit
from convscope.errors import PictureError, StackError, instead
from convscope.finding.boxes import suppressed
from convscope.nets import steps
from convscope.nets.build import Net
from convscope.nets.stack import Rung
from convscope.runs import Run

LARGEST = 24_000_000
"""Pixels of a picture that is looked through."""
CELLS = 4
"""The layer that is taken where none is named has so many values a side over the patch, or more."""
MOST = 2_000
"""So many places of a picture are looked at when those that overlap are sorted out."""
OVERLAP = 0.3


@dataclass(frozen=True)
class Alike:
    """A place that answers like the example: which picture it is in, the correlation (-1 to 1), and where."""

    picture: str
    score: float
    x: float
    y: float
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Example:
    """What a layer answers to a patch, made ready to be laid over other pictures.

    `kernel` are its values less their mean over the whole picture, `mean` that mean, `offset` how far the kernel's first
    field's middle lies from the patch's left and top edge, in pixels.
    """

    run: Run
    net: Net
    rung: Rung
    size: tuple[int, int]
    kernel: Float[Tensor, "c h w"]
    mean: Float[Tensor, "c 1 1"]
    offset: tuple[float, float]

    def places(self, picture: UInt8[np.ndarray, "c y x"], name: str = "", least: float = 0.5) -> list[Alike]:
        """Where a picture answers like the example by `least` or more, best first, none on another.

        Raises:
            PictureError: It is smaller than the example, or too large.
        """
        values = _answers(self.run, self.net, self.rung.name, picture, name) - self.mean
        if any(have < want for have, want in zip(values.shape[1:], self.kernel.shape[1:], strict=True)):
            raise PictureError(
                f"{name or 'the picture'} is smaller than the example, {self.size[1]}x{self.size[0]}"
            )
        score = _correlation(values, self.kernel)
        rows, columns = (
            axis.numpy() for axis in torch.nonzero(_peaks(score) & (score >= least), as_tuple=True)
        )
        found = score.numpy()[rows, columns]
        order = np.argsort(-found, kind="stable")[:MOST]
        rows, columns, found = rows[order], columns[order], found[order]
        top, left = (
            _middles(self.rung, axis, places) - self.offset[axis]
            for axis, places in enumerate((rows, columns))
        )
        high, wide = self.size
        edges = np.stack([left, top, left + wide, top + high], axis=1)
        return [
            Alike(
                name, round(float(found[n]), 4), round(float(left[n]), 1), round(float(top[n]), 1), wide, high
            )
            for n in suppressed(edges, found, OVERLAP)
        ]


def example(
    run: Run, picture: UInt8[np.ndarray, "c y x"], frame: tuple[int, int, int, int], layer: str | None = None
) -> Example:
    """The part of a picture in `frame` (x, y, width, height) as `layer` answers to it.

    By default the layer is the deepest with at least four values a side over the patch.

    Raises:
        PictureError: The frame is not inside of the picture, or smaller than what the layer tells apart.
        StackError: There is no such layer, or its answers have no places.
    """
    x, y, width, height = frame
    high, wide = picture.shape[1:]
    if min(x, y) < 0 or min(width, height) < 1 or x + width > wide or y + height > high:
        raise PictureError(
            f"the example {x},{y},{width},{height} is not inside of the picture of {wide}x{high} pixels"
        )
    net, rung = run.net(), _layer(run, (height, width), layer)
    values = _answers(run, net, rung.name, picture)
    spans = []
    for axis, (first, side) in enumerate(((y, height), (x, width))):
        middles = _middles(rung, axis, np.arange(values.shape[1 + axis]))
        inside = np.flatnonzero((middles >= first) & (middles < first + side))
        if not len(inside):
            raise PictureError(
                f"an example of {width}x{height} pixels holds no value of {rung.name}, which lie "
                f"{rung.jump[1]}x{rung.jump[0]} pixels apart: take a larger one, or a layer further down (--layer)"
            )
        spans.append((slice(int(inside[0]), int(inside[-1]) + 1), float(middles[inside[0]]) - first))
    (rows, down), (columns, right) = spans
    mean = values.mean((1, 2), keepdim=True)
    return Example(
        run, net, rung, (height, width), (values - mean)[:, rows, columns].contiguous(), mean, (down, right)
    )


def find_like(
    run: Run,
    picture: UInt8[np.ndarray, "c y x"],
    frame: tuple[int, int, int, int],
    among: Iterable[tuple[str, UInt8[np.ndarray, "c y x"]]] | None = None,
    *,
    layer: str | None = None,
    least: float = 0.5,
    most: int = 20,
) -> tuple[Alike, ...]:
    """Where a layer answers as it does to a part of a picture (x, y, width, height), best first.

    In the picture itself, uint8 [channels, height, width], or in each (name, picture) of `among`.

    Raises:
        PictureError: The frame is not inside of the picture.
        StackError: There is no such layer.

    >>> import convscope as cs
    >>> cs.find_like(cs.Run("runs/1"), page, (40, 60, 28, 28), layer="C3")  # doctest: +SKIP
    (Alike(picture='', score=1.0, x=40.0, y=60.0, width=28, height=28), ...)
    """
    wanted = example(run, picture, frame, layer)
    return ranked(wanted, among if among is not None else [("", picture)], least=least, most=most)


def ranked(
    wanted: Example,
    among: Iterable[tuple[str, UInt8[np.ndarray, "c y x"]]],
    left_out: Callable[[str], None] = lambda _: None,
    *,
    least: float = 0.5,
    most: int = 20,
) -> tuple[Alike, ...]:
    """The places of all pictures together that are most like the example; why a picture is left out is told."""
    found: list[Alike] = []
    for name, picture in among:
        try:
            found += wanted.places(picture, name, least)
        except PictureError as error:
            left_out(f"left out: {error}")
    return tuple(sorted(found, key=lambda place: -place.score)[:most])


def layers(run: Run) -> Iterator[Rung]:
    """The layers whose answers have places on a picture of any size: those before the first that sees all of it."""
    for place in run.stack.places:
        if isinstance(place.step, steps.Linear | steps.Global | steps.Adaptive | steps.Rbf):
            stop = place.line.name
            break
    else:
        stop = ""
    for rung in run.stack.ladder:
        if rung.name == stop or rung.output[1:] == (1, 1):
            return
        yield rung


def _layer(run: Run, size: tuple[int, int], name: str | None) -> Rung:
    """The layer of that name; else the deepest that still tells places of a patch of `size` apart."""
    known = {rung.name: rung for rung in layers(run)}
    if not known:
        raise StackError("no layer of this net has answers with places: it sees its pictures as a whole")
    if name is not None and name not in known:
        raise StackError(f"there is no layer {name!r} to compare by: {instead(name, known)}")
    if name is not None:
        return known[name]
    fine = [
        r
        for r in known.values()
        if all(side >= CELLS * jump for side, jump in zip(size, r.jump, strict=True))
    ]
    return fine[-1] if fine else next(iter(known.values()))


def _answers(
    run: Run, net: Net, layer: str, picture: UInt8[np.ndarray, "c y x"], name: str = ""
) -> Float[Tensor, "c rows columns"]:
    """What a layer answers to a picture of any size."""
    high, wide = picture.shape[1:]
    which = f"{name}: " if name else ""
    if high * wide > LARGEST:
        raise PictureError(
            f"{which}a picture of {wide}x{high} has more than {LARGEST:,} pixels: make it smaller"
        )
    own = run.stack.input.shape
    if high < own[1] or wide < own[2]:
        raise PictureError(
            f"{which}a picture of {wide}x{high} is smaller than the net's own, {own[2]}x{own[1]}"
        )
    ground = None if run.info.get("prepared", {}).get("fit") else run.info["background"]
    brought = fit(picture, (own[0], high, wide), ground).pixels
    given = torch.from_numpy(run.normalised(brought[None]))
    with torch.inference_mode():
        return next(made for line, made in net.through(given) if line.name == layer)[0]


def _middles(rung: Rung, axis: int, places: np.ndarray) -> Float[np.ndarray, " n"]:
    """The middles of what values see, in pixels of the picture."""
    (first, after), jump = rung.fields[axis].span(0), rung.jump[axis]
    return (first + after) / 2 + places * float(jump)


def _correlation(
    values: Float[Tensor, "c n m"], kernel: Float[Tensor, "c h w"]
) -> Float[Tensor, "rows columns"]:
    """The cosine between the kernel and what lies under it, at each of its places."""
    both = conv2d(values[None], kernel[None])[0, 0]
    energy = conv2d(values.square().sum(0)[None, None], torch.ones_like(kernel[:1])[None])[0, 0]
    return (both / (energy.clamp_min(0).sqrt() * kernel.norm()).clamp_min(1e-12)).clamp(-1, 1)


def _peaks(score: Float[Tensor, "n m"]) -> Tensor:
    """The places that are as good as each of the eight beside them."""
    return score >= torch.nn.functional.max_pool2d(score[None], 3, stride=1, padding=1)[0]
