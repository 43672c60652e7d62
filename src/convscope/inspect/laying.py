"""Laying a kernel, given as text, on a picture: the map, with everything that says how it came about.

A kernel may be a learned one, RUN:UNIT such as `last:C1/3`. One of the first layer is laid on the picture itself; one of a
deeper layer is laid where it belongs, on the maps below that the net makes of the picture, with its bias.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope.conv import engines
from convscope.conv.geometry import lost_pixels
from convscope.conv.kernel_text import parse_kernel
from convscope.conv.setup import Setup, setup
from convscope.conv.tracing import ACTIVATIONS, Trace, trace_of
from convscope.data.fit import grey
from convscope.errors import KernelError
from convscope.inspect.forward import pass_of
from convscope.inspect.tracing import following, unit_of
from convscope.inspect.weights import kernel_of, shape_of
from convscope.nets.steps import Conv
from convscope.prediction import as_seen
from convscope.runs import Run


@dataclass(frozen=True, eq=False)
class Sheet:
    """A kernel and what it is laid on: `values` [channels, h, w]; `how` are the options of `convolve` it brings along.

    `channels` names the maps of a layer that `values` are, and `activation` is what that layer makes of the sums.
    """

    name: str
    kernel: Float[np.ndarray, "*shape"]
    values: Float[np.ndarray, "c h w"]
    remarks: tuple[str, ...] = ()
    how: dict[str, Any] = field(default_factory=dict)
    channels: tuple[int, ...] = ()
    activation: str = "none"


@dataclass(frozen=True, eq=False)
class Laid:
    """A kernel that was laid on a picture: its setup, its maps [maps, y, x], and remarks in words."""

    sheet: Sheet
    setup: Setup
    maps: Float[np.ndarray, "k y x"]
    remarks: tuple[str, ...]

    def traces(self, at: tuple[int, int]) -> list[Trace]:
        """What went into the value at `at` of each map.

        Raises:
            GeometryError: The maps have no such position.
        """
        name, activation = self.sheet.name, self.sheet.activation
        found = [trace_of(self.setup, at, number, activation, name) for number in range(len(self.maps))]
        return [replace(t, channels=self.sheet.channels or t.channels) for t in found]


def lay(picture: UInt8[np.ndarray, "c y x"], kernel: str, **how: Any) -> Laid:
    """Lay a kernel, given as text or as RUN:UNIT, on a picture of 0..255; it is computed as floats of 0..1.

    `how` are the options of `convolve`; None leaves one to the kernel, which is that of `convolve` but for learned
    kernels of deeper layers, which bring their layer's.

    Raises:
        KernelError: There is no such kernel, or it does not fit.
        GeometryError: The sizes do not fit.
        RunError, StackError: There is no such Run or unit.

    >>> lay(np.full((1, 4, 4), 255, np.uint8), "1 1; 1 1").maps[0, 0]
    array([4., 4., 4.], dtype=float32)
    """
    sheet = sheet_of(kernel, picture)
    asked = {name: value for name, value in how.items() if value is not None}
    made = setup(sheet.values, sheet.kernel, **{**sheet.how, **asked})
    maps = engines.aligned((made.maps, *made.size), made.dtype)
    engines.run(made, maps)
    even = asked.get("padding") == "same" and made.sides[:2] != made.sides[2:]
    return Laid(sheet, made, maps, (*sheet.remarks, *_remarks(made, maps, even)))


def sheet_of(kernel: str, picture: UInt8[np.ndarray, "c y x"]) -> Sheet:
    """The kernel that a text names, and what it is laid on."""
    run, colon, unit = kernel.rpartition(":")
    if colon and "/" in unit and not any(c in kernel for c in ";|\n("):
        return _learned(Run(run), unit, picture)
    name, numbers = parse_kernel(kernel)
    values = picture.astype(np.float32) / 255
    if numbers.ndim == 3:
        values, remarks = _channels(picture, numbers.shape[0])
        return Sheet(name, numbers, values, remarks)
    return Sheet(name, numbers, values)


def _channels(picture: np.ndarray, wanted: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """A picture of 0..1 with as many channels as a kernel has: grey for one, three alike for three."""
    remarks: tuple[str, ...] = ()
    if wanted == 1 and len(picture) != 1:
        picture, remarks = grey(picture)[None], ("the kernel has one channel: the picture was made grey",)
    elif wanted == 3 and len(picture) == 1:
        picture, remarks = (
            np.repeat(picture, 3, 0),
            ("the kernel has three channels: each sees the grey picture",),
        )
    elif wanted != len(picture):
        raise KernelError(f"a kernel of {wanted} channels cannot be laid on a picture of {len(picture)}")
    return picture.astype(np.float32) / 255, remarks


def _learned(run: Run, unit: str, picture: np.ndarray) -> Sheet:
    net = run.net()
    layer, number = unit_of(net, unit)
    seen, steps = as_seen(run, picture)
    done = pass_of(net, torch.from_numpy(run.normalised(seen)), layer)
    if not isinstance(done.step, Conv):
        convs = [line.name for line in net.stack.lines if any(isinstance(s, Conv) for s in line.steps)]
        raise KernelError(f"{layer} has no kernels that slide: {', '.join(convs) or 'no layer'} has")
    kernel, below, bias = kernel_of(done, done.step, number)
    if layer == net.stack.lines[0].name:
        values, remarks = _channels(picture, len(kernel))
        return Sheet(unit, kernel, values, remarks)
    how = {
        "stride": done.step.stride, "padding": done.step.sides(shape_of(done)), "dilation": done.step.dilation,
        "bias": bias,
    }  # fmt: skip
    after = following(done)
    said = f"{unit} is laid on maps {', '.join(map(str, below))} of the layer below; the map is its sums with the bias"
    remarks = (said if after == "none" else f"{said}, before {after}", *steps)
    activation = after if after in ACTIVATIONS else "none"
    return Sheet(unit, kernel, done.given.numpy()[list(below)], remarks, how, below, activation)


def _remarks(made: Setup, maps: np.ndarray, even: bool) -> list[str]:
    said = []
    if even:
        said.append("same padding of an even extent puts the odd pixel at the bottom and right")
    for axis, name in ((0, "rows"), (1, "columns")):
        lost = lost_pixels(
            made.picture.shape[1 + axis], made.kernels.shape[2 + axis], before=made.sides[axis],
            after=made.sides[axis + 2], stride=made.stride[axis], dilation=made.dilation[axis],
        )  # fmt: skip
        if lost:
            said.append(f"the stride leaves out the last {lost} {name if lost > 1 else name[:-1]}")
    odd = int(maps.size - np.isfinite(maps).sum())
    if odd:
        said.append(f"{odd:,} of {maps.size:,} values are NaN or infinite: they spread as arithmetic says")
    return said
