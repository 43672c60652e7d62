"""The shrink ladder: what each layer does to the picture, as a table and drawn to scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from markupsafe import Markup

from convscope.nets import steps
from convscope.nets.foreign import Timm
from convscope.nets.joins import PICTURE, Add, From
from convscope.nets.stack import Stack
from convscope.nets.windows import Line, Shape, Step, window_of
from convscope.report.wording import plural, size

LARGEST = 136.0
SHEETS = 6
SHEET_STEP = 4.0
MOST_CELLS = 400
WORDS = {"relu": "ReLU", "batchnorm": "batch normalisation", "lrn": "local response normalisation"}


@dataclass(frozen=True)
class Row:
    """One layer, or the input: what it does, the shape it gives, its counts, and its drawing."""

    name: str
    does: str
    output: str
    parameters: int
    connections: int
    field: str
    drawing: Markup


def ladder(stack: Stack) -> tuple[Row, ...]:
    """The input and every layer, in order."""
    picture = stack.input.shape
    scale = LARGEST / max(max(shape[1:]) for shape in (picture, *stack.shapes.values()))
    rows = [Row("input", "the picture", _shape(picture), 0, 0, "1×1", _drawing(picture, scale))]
    for line, rung in zip(stack.lines, stack.ladder, strict=True):
        rows.append(
            Row(
                line.name,
                describe(line),
                _shape(rung.output),
                rung.parameters,
                rung.connections,
                size(rung.receptive_field),
                _drawing(rung.output, scale),
            )
        )
    return tuple(rows)


def describe(line: Line) -> str:
    """What a layer does, in words.

    >>> from convscope.nets.grammar import parse
    >>> describe(parse("input 1x28x28; c conv 8 5x5 padding=2 | relu").lines[0])
    '8 kernels of 5×5, padding 2×2; then ReLU'
    """
    first, *rest = line.steps
    return "; then ".join([_does(first), ", ".join(map(_does, rest))]) if rest else _does(first)


def _does(step: Step) -> str:
    match step:
        case steps.Conv():
            partly = ", each over some of the maps below" if step.maps or step.groups > 1 else ""
            return f"{plural(step.width, 'kernel')} of {size(step.kernel)}{partly}{_places(step)}"
        case steps.Subsample():
            return f"sums of {size(step.kernel)} values, times a weight, plus a bias{_places(step)}"
        case steps.MaxPool():
            return f"the largest of {size(step.kernel)} values{_places(step)}"
        case steps.AveragePool():
            return f"the mean of {size(step.kernel)} values{_places(step)}"
        case Timm():
            return f"all of timm's {step.model} up to its features"
        case Add():
            return f"what {step.layer} gives is added"
        case From():
            return f"begins with {'the picture' if step.layer == PICTURE else f'what {step.layer} gives'}"
        case steps.Adaptive():
            return f"the means of {size(step.size)} areas"
        case steps.Global():
            return "the mean of each map"
        case steps.Linear():
            return f"{plural(step.width, 'unit')}, each over everything below"
        case steps.Rbf():
            return f"distances to {step.width} fixed codes; the nearest is the answer"
        case steps.Dropout():
            return f"dropout of {100 * step.probability:g}\u00a0% while learning"
        case _:
            return WORDS.get(step.kind, step.kind)


def _places(step: steps.Conv | steps.Subsample | steps.MaxPool | steps.AveragePool) -> str:
    kernel, stride, padding, dilation = window_of(step)
    usual = (1, 1) if isinstance(step, steps.Conv) else kernel
    words = [f"stride {size(stride)}"] if stride != usual else []
    if padding == "same":
        words.append("padding that keeps the size")
    elif not isinstance(padding, str) and any(padding):
        words.append(f"padding {size(padding)}")
    if dilation != (1, 1):
        words.append(f"dilation {size(dilation)}")
    return "".join(f", {word}" for word in words)


def _shape(shape: Shape) -> str:
    return f"{shape[0]:,}" if shape[1:] == (1, 1) else f"{shape[0]:,} × {size(shape[1:])}"


def _drawing(shape: Shape, scale: float) -> Markup:
    return _cells(shape[0], scale) if shape[1:] == (1, 1) else _sheets(shape, scale)


def _sheets(shape: Shape, scale: float) -> Markup:
    """Maps to scale, one behind the other; more than `SHEETS` are drawn as that many."""
    sheets = min(SHEETS, shape[0])
    height, width = (max(1.0, side * scale) for side in shape[1:])
    reach = SHEET_STEP * (sheets - 1)
    drawn = Markup("").join(
        Markup('<rect class="sheet" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>').format(
            1 + reach - SHEET_STEP * back, 1 + SHEET_STEP * back, width, height
        )
        for back in reversed(range(sheets))
    )
    return _framed(width + reach + 2, height + reach + 2, drawn)


def _cells(count: int, scale: float) -> Markup:
    """Single values, each a cell to scale, in columns."""
    cell = max(1.0, scale)
    rows = min(count, max(10, ceil(sqrt(count))))
    columns = ceil(count / rows)
    if count <= MOST_CELLS:
        side = max(1.0, cell - 0.8)
        path = "".join(
            f"M{1 + cell * (i // rows):.2f} {1 + cell * (i % rows):.2f}h{side:.2f}v{side:.2f}h-{side:.2f}z"
            for i in range(count)
        )
        drawn = Markup('<path class="cells" d="{}"/>').format(path)
    else:
        drawn = Markup('<rect class="cells" x="1" y="1" width="{:.2f}" height="{:.2f}"/>').format(
            cell * columns, cell * rows
        )
    return _framed(cell * columns + 2, cell * rows + 2, drawn)


def _framed(width: float, height: float, drawn: Markup) -> Markup:
    return Markup(
        '<svg width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.2f} {h:.2f}" aria-hidden="true">{d}</svg>'
    ).format(w=width, h=height, d=drawn)
