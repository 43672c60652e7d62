"""The picture that a unit likes best, found by climbing its sum: activation maximisation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convscope.errors import StackError, instead
from convscope.inspect.display import block, picture_image
from convscope.inspect.layers import Layer, unit_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.runs import Run

GREY = 128
PARAMETRISATIONS = ("auto", "pixels", "fourier")
REGIONS = ("field", "whole")

SMOOTH, MODEST = 0.1, 0.1
"""What the regularisers weigh against the mean pull of the unit on a pixel, pixels counted 0..1."""

STEPS = {"pixels": 64, "fourier": 128}
LARGE, JITTERED = 48, 12
"""Fields from so many pixels on are searched in waves, and shifted while they are searched."""

STARTS = (1.0, 5.0, 10.0)
"""How strong the start's noise is: stronger where a weaker one leaves every ReLU shut."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Favourite:
    """The picture that a unit likes best: `pixels` [c, h, w], 0..255, and the unit's sum on exactly these.

    They are the unit's receptive field around `place` (row * columns + column of its map), cut where it reaches beyond
    the picture; or the whole picture, grey (128) outside the field. `start` is the sum on the picture it began with,
    `best_seen` that on a set's best picture, if it was handed over. `says` is that in words, and what went wrong.
    """

    unit: str
    pixels: UInt8[np.ndarray, "c h w"]
    value: float
    start: float
    best_seen: float | None
    steps: int
    says: str
    place: int

    def _repr_html_(self) -> str:
        return block(self.unit, [(picture_image(self.pixels, self.says), self.says)])


def favourite(
    model: Run | Subject | nn.Module,
    unit: str,
    *,
    steps: int | None = None,
    seed: int = 0,
    parametrisation: str = "auto",
    region: str = "field",
    regularisation: float = 1.0,
    best_seen: float | None = None,
    progress: Progress | None = None,
) -> Favourite:
    """The pixels, each 0..255, for which a unit's sum in the middle of its map is largest (Erhan et al. 2009).

    Found by gradient ascent (Adam) from seeded grey noise; a local optimum, for the first layer the global one. The pixels
    are searched as they are, kept in their range by projection ("pixels"), or as waves scaled by 1/frequency through a
    sigmoid ("fourier", Olah et al. 2017); "auto" takes waves for fields from 48 pixels on. Two mild regularisers, total
    variation (Mahendran & Vedaldi 2015) and the distance from grey, pull with a tenth of the unit's mean pull on a pixel,
    times `regularisation`; and fields from 12 pixels on are shifted by a pixel, large ones by up to 8, at each of the first
    three quarters of the steps. With `regularisation` 0 there is none of this, and the value is as high as it gets.
    What a pixel of grey says: the unit does not care.

    Raises:
        StackError: There is no such unit, parametrisation or region; steps below 1.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> liked = favourite(build(zoo["lenet5"]), "C3/5", steps=20)
    >>> liked.pixels.shape, liked.value > liked.start
    ((1, 14, 14), True)
    """
    subject = subject_of(model)
    layer, number = unit_of(subject, unit)
    _check("parametrisation", parametrisation, PARAMETRISATIONS)
    _check("region", region, REGIONS)
    if steps is not None and steps < 1:
        raise StackError(f"{steps} steps do not climb: take at least 1")
    stage = _Stage.of(subject, layer, number)
    if parametrisation == "auto":
        parametrisation = "fourier" if min(stage.size) >= LARGE else "pixels"
    count = steps or STEPS[parametrisation]
    with untouched(subject.net), torch.enable_grad():
        for parameter in subject.net.parameters():
            parameter.requires_grad_(False)
        patch, start, count = _climbed(stage, parametrisation, count, seed, regularisation, progress)
        pixels = (patch * 255).round().byte().cpu().numpy()
        whole = stage.framed(pixels)
        with torch.no_grad():
            value = float(stage.sum_of(subject.given(whole[None])))
    shown = whole if region == "whole" else pixels
    return compared(unit, shown, value, start, best_seen, count, stage.place)


def compared(
    unit: str,
    pixels: UInt8[np.ndarray, "c h w"],
    value: float,
    start: float,
    best_seen: float | None,
    steps: int,
    place: int,
) -> Favourite:
    """A favourite picture that was found, with what is said of it beside the best of a set."""
    says = _says(unit, value, start, best_seen, steps)
    return Favourite(unit, pixels, value, start, best_seen, steps, says, place)


def _check(what: str, came: str, wanted: tuple[str, ...]) -> None:
    if came not in wanted:
        raise StackError(f"there is no {what} {came!r}: {instead(came, wanted)}")


def _says(unit: str, value: float, start: float, best_seen: float | None, steps: int) -> str:
    if not steps:
        if not np.isfinite(value):
            return f"{unit} gives {value} on plain grey: its weights are no finite numbers"
        return f"{unit} gives {value:.3g} whatever the pixels: no change of the picture reaches it"
    said = f"{unit} reaches {value:.3g}, from {start:.3g} on grey noise"
    if best_seen is None:
        return said
    if value < best_seen:
        return f"{said}; a picture of the set reached more, {best_seen:.3g}"
    return f"{said}; the best picture of the set reached {best_seen:.3g}"


class _Enough(BaseException):
    """No error, and nothing that a net may catch: the unit was heard, so the rest of the net need not be computed."""


@dataclass(frozen=True, eq=False)
class _Stage:
    """One unit, in the middle of its map, and the part of the picture that it sees."""

    subject: Subject
    heard: str
    number: int
    place: int
    rows: slice
    columns: slice

    @classmethod
    def of(cls, subject: Subject, layer: Layer, number: int) -> _Stage:
        """The middle of the map, where the field lies within the picture if it does anywhere."""
        place = layer.size[0] // 2 * layer.size[1] + layer.size[1] // 2
        height, width = subject.shape[1:]
        rows, columns = (
            slice(max(0, s.start), min(s.stop, size))
            for s, size in zip(layer.window(place, subject.shape), (height, width), strict=True)
        )
        return cls(subject, layer.heard, number, place, rows, columns)

    @property
    def size(self) -> tuple[int, int]:
        """The field's rows and columns within the picture."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def framed(self, pixels: UInt8[np.ndarray, "c y x"]) -> UInt8[np.ndarray, "c h w"]:
        """The field in a picture that is grey elsewhere."""
        whole = np.full(self.subject.shape, GREY, np.uint8)
        whole[:, self.rows, self.columns] = pixels
        return whole

    def of_patch(self, patch: Float[Tensor, "c y x"]) -> Tensor:
        """The unit's sum, of the field's pixels given as 0..1."""
        height, width = self.subject.shape[1:]
        around = (self.columns.start, width - self.columns.stop, self.rows.start, height - self.rows.stop)
        whole = F.pad(patch, around, value=GREY / 255)
        scale, shift = (patch.new_tensor(v)[:, None, None] for v in (self.subject.scale, self.subject.shift))
        return self.sum_of((whole * 255 * scale + shift)[None])

    def sum_of(self, x: Float[Tensor, "1 c h w"]) -> Tensor:
        """The unit's sum, of a picture as the net takes it; the layers above are not computed."""
        sums: list[Tensor] = []

        def heed(said: Tensor) -> None:
            sums.append(said[0, self.number].flatten()[self.place])
            raise _Enough

        with listening(self.subject.net, {self.heard: heed}), suppress(_Enough):
            self.subject.net(x)
        return sums[0]


class _Pixels:
    """The field's pixels themselves, kept within 0..1."""

    rate, noise = 0.06, 0.05

    def __init__(self, shape: tuple[int, int, int], strength: float, generator: torch.Generator) -> None:
        noise = torch.randn(shape, generator=generator) * self.noise * strength
        self.values = (GREY / 255 + noise).clamp(0, 1)

    def patch(self, values: Tensor) -> Float[Tensor, "c y x"]:
        """The pixels, 0..1."""
        return values

    def moved(self, values: Tensor) -> Tensor:
        """The nearest values that are allowed."""
        return values.clamp(0, 1)


class _Waves:
    """The field's waves, so scaled that a step changes all of them as natural pictures have them: 1/f."""

    rate, noise = 0.05, 0.01
    mixed = ((1.0, 0.5, -0.25), (1.0, 0.0, 0.5), (1.0, -0.5, -0.25))
    """Red, green and blue from what vary by themselves in pictures: light, red against blue, green against both (Ohta,
    Kanade & Sakai 1980); light the most."""

    def __init__(self, shape: tuple[int, int, int], strength: float, generator: torch.Generator) -> None:
        channels, self.rows, self.columns = shape
        down, along = torch.fft.fftfreq(self.rows)[:, None], torch.fft.rfftfreq(self.columns)[None]
        self.scale = 0.25 / (down**2 + along**2).sqrt().clamp(min=1 / max(self.rows, self.columns))
        size = (2, channels, *self.scale.shape)
        self.values = torch.randn(size, generator=generator) * self.noise * strength

    def patch(self, values: Tensor) -> Float[Tensor, "c y x"]:
        """The pixels, 0..1."""
        spectrum = torch.complex(values[0], values[1]) * self.scale.to(values.device)
        waves = torch.fft.irfft2(spectrum, s=(self.rows, self.columns), norm="ortho")
        if len(waves) == len(self.mixed):
            waves = torch.einsum("kc,cyx->kyx", waves.new_tensor(self.mixed), waves)
        return waves.sigmoid()

    def moved(self, values: Tensor) -> Tensor:
        """All values are allowed."""
        return values


def _climbed(
    stage: _Stage,
    parametrisation: str,
    steps: int,
    seed: int,
    regularisation: float,
    progress: Progress | None,
) -> tuple[Float[Tensor, "c y x"], float, int]:
    """The best patch, 0..1; the start's sum; steps taken, 0 where there was nothing to climb."""
    generator = torch.Generator().manual_seed(seed)
    kind, shape = _Pixels if parametrisation == "pixels" else _Waves, (stage.subject.shape[0], *stage.size)
    jitter = 0 if min(stage.size) < JITTERED or not regularisation else max(1, min(stage.size) // 28)
    for strength in STARTS:
        search = kind(shape, strength, generator)
        values = search.values.to(stage.subject.device)
        start, pull = _pull(stage, search.patch(values).detach(), 0, generator)
        if pull.abs().max() > 0 and pull.isfinite().all():
            break
    else:
        grey = torch.full(shape, GREY / 255, device=stage.subject.device)
        return grey, float(stage.of_patch(grey).detach()), 0
    mean, square = torch.zeros_like(values), torch.zeros_like(values)
    for step in range(1, steps + 1):
        values = values.detach().requires_grad_()
        patch = search.patch(values)
        still = jitter if step <= 0.75 * steps else 0
        _, pull = _pull(stage, patch.detach(), still, generator)
        pull = pull / pull.abs().mean().clamp(min=torch.finfo(pull.dtype).tiny)
        pull = pull - regularisation * _roughness(patch.detach())
        (gradient,) = torch.autograd.grad(patch, values, pull)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        root = (square / (1 - 0.99**step)).sqrt() + 1e-8
        values = search.moved(values.detach() + search.rate * mean / (1 - 0.9**step) / root)
        if progress:
            progress(step, steps)
    return search.patch(values).detach(), start, steps


def _pull(
    stage: _Stage, patch: Float[Tensor, "c y x"], jitter: int, generator: torch.Generator
) -> tuple[float, Float[Tensor, "c y x"]]:
    """The unit's sum on a patch that is shifted by up to `jitter` pixels, and its change with each pixel."""
    patch = patch.requires_grad_()
    shown = patch
    if jitter:
        down, along = torch.randint(0, 2 * jitter + 1, (2,), generator=generator).tolist()
        wide = F.pad(patch[None], (jitter, jitter, jitter, jitter), mode="replicate")[0]
        shown = wide[:, down : down + patch.shape[1], along : along + patch.shape[2]]
    value = stage.of_patch(shown)
    (pull,) = torch.autograd.grad(value, patch)
    return float(value.detach()), pull


def _roughness(patch: Float[Tensor, "c y x"]) -> Float[Tensor, "c y x"]:
    """What the regularisers change with each pixel: the total variation, and half the squared distance from grey."""
    down, along = (torch.diff(patch, dim=d) for d in (1, 2))
    down, along = (d / (d**2 + 1e-4).sqrt() for d in (down, along))  # the slope of |d|, rounded off at 0
    smooth = F.pad(down, (0, 0, 1, 0)) - F.pad(down, (0, 0, 0, 1))
    smooth = smooth + F.pad(along, (1, 0)) - F.pad(along, (0, 1))
    return SMOOTH * smooth + MODEST * (patch - GREY / 255)
