"""In a notebook: the kernel that slides over a picture, as a widget. Needs `pip install "convscope[notebook]"`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import anywidget
import numpy as np
import traitlets

from convscope.conv.setup import Options, setup
from convscope.conv.tracing import trace_of
from convscope.drawing.colours import ThemeName, film, limit_of
from convscope.errors import GeometryError, KernelError

MOST = 400_000
"""Numbers that a widget holds: more would make the page slow."""


class SlidingTrace(anywidget.AnyWidget):
    """A kernel sliding over a picture [h, w] or [c, h, w] while the map fills; play, step, scrub, or point at the map.

    Everything it shows was computed here: the products and the sum of each place are in `scene`; the page draws. `place` is
    where the kernel lies, row * columns + column, and may be set and observed. `how` are the options of `convolve`.

    Raises:
        GeometryError: The sizes do not fit, or the picture is too large to be shown number by number.
        KernelError: The kernel does not fit, or there are several.

    >>> slide = SlidingTrace(np.eye(4), [[1, 0], [0, 1]])
    >>> slide.scene["map"], slide.scene["size"]
    ([2.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0], [3, 3])
    """

    _esm = Path(__file__).parent / "slide.js"
    _css = Path(__file__).parent / "slide.css"
    scene = traitlets.Dict().tag(sync=True)
    place = traitlets.Int(0).tag(sync=True)

    def __init__(self, picture: Any, kernel: Any, *, name: str = "kernel", **how: Unpack[Options]):
        super().__init__(scene=scene_of(picture, kernel, name, **how))

    @traitlets.validate("place")
    def _inside(self, proposal: dict[str, Any]) -> int:
        rows, columns = self.scene["size"]
        return int(min(max(proposal["value"], 0), rows * columns - 1))


def scene_of(picture: Any, kernel: Any, name: str = "kernel", **how: Unpack[Options]) -> dict[str, Any]:
    """All that a sliding trace shows, as plain numbers: what `SlidingTrace` sends to the page."""
    made = setup(picture, kernel, **how)
    if made.maps != 1:
        raise KernelError(f"a sliding trace shows one kernel, which gives one map; these give {made.maps}")
    rows, columns = made.size
    cells = made.kernels[0].size
    if rows * columns * cells + made.picture.size > MOST:
        raise GeometryError(
            f"{rows}x{columns} places of {cells} products each are too many to be shown one by one: "
            "take a smaller part of the picture, or a stride"
        )
    traces = [trace_of(made, (y, x), name=name) for y in range(rows) for x in range(columns)]
    values = np.array([t.sum for t in traces])
    return {
        "name": name,
        "picture": _plain(made.picture),
        "shape": list(made.picture.shape),
        "range": [float(made.picture.min()), float(made.picture.max())],
        "kernel": _plain(made.kernels[0]),
        "kernel_shape": list(made.kernels[0].shape),
        "kernel_limit": limit_of(made.kernels[0]),
        "size": [rows, columns],
        "map": _plain(values),
        "map_limit": limit_of(values),
        "rows": [t.rows.tolist() for t in traces],
        "columns": [t.columns.tolist() for t in traces],
        "windows": [_plain(t.window) for t in traces],
        "products": [_plain(t.products) for t in traces],
        "sums": [_plain(t.channel_sums) for t in traces],
        "bias": traces[0].bias,
        "film": {"light": _hexed("light"), "dark": _hexed("dark")},
    }


def _hexed(theme: ThemeName) -> list[str]:
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in film(theme).tolist()]


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as a flat list; what is not finite becomes none, which JSON has a word for."""
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, np.float64).ravel()]
