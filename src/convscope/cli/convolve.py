"""`convscope convolve`: a kernel over a picture, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.output import as_json, remark
from convscope.errors import GeometryError, KernelError

if TYPE_CHECKING:
    from convscope.conv.tracing import Trace
    from convscope.inspect.laying import Laid

FINEST = 11


def register(app: typer.Typer) -> None:
    """Add the verb to the program."""
    app.command("convolve")(convolve)


PictureArgument = Annotated[Path, typer.Argument(help="A picture file of any kind and size.")]
Kernels = Annotated[
    list[str],
    typer.Option(
        "--kernel",
        "-k",
        help="sobel_x, gaussian(2), numbers such as '1 0 -1; 2 0 -2; 1 0 -1', a text file, or a learned "
        "one, RUN:UNIT such as last:C1/3. Several make a sheet.",
    ),
]
Sides = typer.Option(
    help="valid, same, full, pixels on all sides, 2x1 (rows x columns), or top,left,bottom,right."
)
Modes = typer.Option(help="What padding holds: zeros, constant, reflect, replicate, circular.")
Out = typer.Option(
    "--out", "-o", help="Write the map: .png, or .npy for its numbers. Of several kernels: the sheet."
)
Film = typer.Option(help="Write the kernel sliding: .gif, .mp4 (needs ffmpeg), or a folder of frames.")
Step = typer.Option(help="Pixels from position to position: 2, or 2x1 (rows x columns).")
Spread = typer.Option(help="Pixels from cell to cell of the kernel.")
Flip = typer.Option("--flip", help="Turn the kernel by 180 degrees, as mathematics does.")


def convolve(
    picture: PictureArgument,
    kernel: Kernels,
    stride: Annotated[str | None, Step] = None,
    padding: Annotated[str | None, Sides] = None,
    dilation: Annotated[str | None, Spread] = None,
    mode: Annotated[str | None, Modes] = None,
    constant: Annotated[float | None, typer.Option(help="The value of --mode constant.")] = None,
    flip: Annotated[bool, Flip] = False,
    out: Annotated[Path | None, Out] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write picture, kernels and maps as one picture.")] = None,
    at: Annotated[str | None, typer.Option(help="Row,column of the map: print what went into this value.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Draw what --at prints.")] = None,
    animate: Annotated[Path | None, Film] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw on dark paper.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Lay kernels on a picture: the feature maps, their sizes and why, and any value traced back to its window.

    Example: convscope convolve photo.jpg --kernel sobel_x --at 10,20 -o map.png
    """
    from convscope.data.pictures import read_picture
    from convscope.inspect.laying import lay

    _check(kernel, at, trace, animate, mode, constant)
    pixels = read_picture(picture)
    how: dict[str, Any] = {
        "stride": _numbers(stride, "--stride"), "padding": _padding(padding), "dilation": _numbers(dilation, "--dilation"),
        "mode": "constant" if constant is not None else mode, "constant": constant, "flip": flip or None,
    }  # fmt: skip
    laid = [lay(pixels, text, **how) for text in kernel]
    position = None if at is None else _position(at)
    traces = [] if position is None else [one.traces(position) for one in laid]
    _draw(
        laid,
        traces,
        {"out": out, "sheet": sheet, "trace": trace, "animate": animate},
        "dark" if dark else "light",
    )
    for one in laid:
        for words in one.remarks:
            remark(f"  {one.sheet.name}: {words}")
    if json:
        entries = [entry(one, traces[n] if traces else None) for n, one in enumerate(laid)]
        return as_json(entries[0] if len(entries) == 1 else {"kernels": entries})
    for n, one in enumerate(laid):
        print(described(picture.name, one))
        for found in traces[n] if traces else ():
            print(printed(found))
    return None


def _check(
    kernel: Sequence[str],
    at: str | None,
    trace: Path | None,
    animate: Path | None,
    mode: str | None,
    constant: float | None,
) -> None:
    """Refuse what would otherwise be left out in silence."""
    if trace is not None and at is None:
        raise GeometryError("--trace draws one value: say which with --at ROW,COLUMN")
    if constant is not None and mode not in (None, "constant"):
        raise GeometryError(
            f"--constant is the value of --mode constant, not of {mode}: leave one of them out"
        )
    if animate is not None and len(kernel) > 1:
        raise KernelError(f"--animate slides one kernel, not {len(kernel)}: name one --kernel")


def described(name: str, laid: Laid) -> str:
    """The sizes in and out of a convolution, and why; the range of its map."""
    made = laid.setup
    lines = [
        f"{name} {_by(made.picture.shape)} -> {_by(laid.maps.shape)}  kernel {laid.sheet.name} {_by(made.kernels.shape[2:])}"
    ]
    for axis, word in ((0, "rows"), (1, "columns")):
        size, cells = made.picture.shape[1 + axis], made.kernels.shape[2 + axis]
        spread, step = made.dilation[axis], made.stride[axis]
        extent = f"({cells} - 1) x {spread} + 1" if spread > 1 else str(cells)
        sum_ = f"({size} + {made.sides[axis]} + {made.sides[axis + 2]} - {extent})"
        whole = "" if step == 1 else f" / {step}, rounded down,"
        lines.append(f"  {word}: {sum_}{whole} + 1 = {made.size[axis]}")
    low, high, mean = _range(laid)
    lines.append(f"  map: {_short(low)} to {_short(high)}, mean {_short(mean)}")
    return "\n".join(lines)


def printed(found: Trace) -> str:
    """A trace as small tables: window, kernel and products of each channel, and their sum."""
    y, x = found.position
    lines = [
        f"{found.name} at row {y}, column {x}: window rows {_span(found.rows)}, columns {_span(found.columns)}"
    ]
    for n, channel in enumerate(found.channels):
        if max(found.padded.shape) <= FINEST:
            lines += _cells(found, n)
        lines.append(f"  channel {channel}: products sum to {found.channel_sums[n]:.6g}")
    if max(found.padded.shape) > FINEST:
        lines.append("  (its cells are too many to print; --json has them)")
    parts = " + ".join(f"{v:.6g}" for v in found.channel_sums)
    after = "" if found.activation == "none" else f"; {found.activation} makes {found.value:.6g} of it"
    lines.append(f"  sum {parts} + bias {found.bias:.6g} = {found.sum:.6g}{after}")
    return "\n".join(lines)


def entry(laid: Laid, traces: Sequence[Trace] | None) -> dict[str, Any]:
    """What --json says of one kernel."""
    import numpy as np

    made = laid.setup
    low, high, mean = _range(laid)
    said: dict[str, Any] = {
        "input": list(made.picture.shape), "output": list(laid.maps.shape), "kernel_name": laid.sheet.name,
        "kernel": _plain(laid.sheet.kernel), "padding": list(made.sides), "stride": list(made.stride),
        "dilation": list(made.dilation), "mode": made.mode,
        "map": {"min": _finite(low), "max": _finite(high), "mean": _finite(mean)},
        "remarks": list(laid.remarks),
    }  # fmt: skip
    if traces is not None:
        parts = {
            key: np.concatenate([getattr(t, key) for t in traces])
            for key in ("window", "products", "channel_sums")
        }
        bias = sum(t.bias for t in traces)
        said["at"] = {
            "position": list(traces[0].position), **{key: _plain(value) for key, value in parts.items()},
            "bias": bias, "sum": _finite(float(parts["channel_sums"].sum()) + bias),
            "values": [_finite(t.sum) for t in traces], "activation": traces[0].activation,
            "activated": [_finite(t.value) for t in traces],
        }  # fmt: skip
    return said


def _draw(
    laid: Sequence[Laid], traces: Sequence[Sequence[Trace]], paths: dict[str, Path | None], theme: Any
) -> None:
    if not any(paths.values()):
        return
    from convscope.drawing.colours import limit_of
    from convscope.drawing.sheet import Panel, draw_map, sheet
    from convscope.drawing.slide import frames, kept_colours
    from convscope.drawing.trace_picture import draw_trace, stacked
    from convscope.drawing.writing import write_animation, write_numbers, write_picture

    sheets = [paths["sheet"], paths["out"] if len(laid) > 1 else None]
    out = paths["out"] if len(laid) == 1 else None
    if out is not None and out.suffix == ".npy":
        write_numbers(laid[0].maps, out)
    elif out is not None:
        limit = limit_of(laid[0].maps)
        write_picture(draw_map(laid[0].maps, limit, theme), out)
        remark(f"  {out}: purple is -{limit:.4g}, neutral is 0, green is {limit:.4g}")
    panels = [Panel(one.sheet.name, one.sheet.kernel, one.maps) for one in laid]
    for whole in sheets:
        if whole is not None:
            write_picture(sheet(laid[0].setup.picture, panels, theme=theme), whole)
    if paths["trace"] is not None:
        write_picture(stacked([draw_trace(t, theme) for of_one in traces for t in of_one]), paths["trace"])
    if paths["animate"] is not None:
        write_animation(frames(_scene(laid[0]), theme=theme), paths["animate"], kept_colours(theme))


def _scene(laid: Laid) -> Any:
    from convscope.drawing.slide import Scene

    made, name, picture = laid.setup, laid.sheet.name, laid.setup.picture
    if len(laid.maps) > 1:  # a flat kernel on each channel: the first of them is shown
        name, picture = f"{name} on {'red' if len(laid.maps) == 3 else 'channel 0'}", picture[:1]
    return Scene(picture, laid.sheet.kernel, laid.maps[0], name, made.stride, made.dilation, made.sides)


def _numbers(text: str | None, option: str) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.strip().isdecimal() for part in parts) or len(parts) not in (1, 2, 4):
        raise GeometryError(f"{option} is a whole number, or rows x columns such as 2x1, not {text!r}")
    numbers = tuple(int(part) for part in parts)
    return numbers * 2 if len(numbers) == 1 else numbers


def _padding(text: str | None) -> Any:
    return text if text is None or text in ("valid", "same", "full") else _numbers(text, "--padding")


def _position(text: str) -> tuple[int, int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise GeometryError(f"--at is a row and a column of the map, such as 10,20, not {text!r}")
    return int(parts[0]), int(parts[1])


def _range(laid: Laid) -> tuple[float, float, float]:
    """Least, largest and mean value of the finite ones; NaN where there are none."""
    import numpy as np

    values = laid.maps[np.isfinite(laid.maps)].astype(np.float64)
    if not values.size:
        return np.nan, np.nan, np.nan
    return float(values.min()), float(values.max()), float(values.mean())


def _cells(found: Trace, channel: int) -> list[str]:
    blocks = []
    for part in (found.window[channel], found.kernel[channel], found.products[channel]):
        texts = [[f"{v:.4g}" for v in row] for row in part]
        wide = max(len(t) for row in texts for t in row)
        blocks.append([" ".join(t.rjust(wide) for t in row) for row in texts])
    sign = {"times": "x", "largest": "?", "squared difference": "-"}[found.operation]
    middle = len(blocks[0]) // 2
    return [
        f"    {w}  {sign if n == middle else ' '}  {k}  {'=' if n == middle else ' '}  {p}"
        for n, (w, k, p) in enumerate(zip(*blocks, strict=True))
    ]


def _span(cells: Any) -> str:
    return f"{cells[0]} to {cells[-1]}"


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _short(value: float) -> str:
    return f"{value:.6g}"


def _plain(values: Any) -> Any:
    """An array as lists; what is not finite as null, since JSON has no word for it."""
    return [_plain(v) for v in values] if values.ndim else _finite(float(values))


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
