"""`convscope nets` and `convscope shapes`: which nets there are, and how a picture shrinks in one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convscope.cli.output import as_json, table
from convscope.errors import StackError
from convscope.nets.stack import Rung, Stack
from convscope.nets.words import show_shape


def register(app: typer.Typer) -> None:
    """Add the verbs to the program."""
    app.command("nets")(nets)
    app.command("shapes")(shapes)


def nets(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the nets of the zoo.

    Example: convscope nets
    """
    from convscope.nets.zoo import ENTRIES, zoo

    if json:
        rows = [
            {"name": e.name, "title": e.title, "source": e.source, "chosen": e.chosen, "parameters": zoo[e.name].parameters,
             "input": list(zoo[e.name].input.shape), "text": str(zoo[e.name])}
            for e in ENTRIES
        ]  # fmt: skip
        return as_json({"nets": rows})
    rows = [
        [e.name, show_shape(zoo[e.name].input.shape), f"{zoo[e.name].parameters:,}", e.title] for e in ENTRIES
    ]
    print(
        table(
            ["net", "input", "parameters", "what it is"],
            [[r[0], r[1], r[2].rjust(10), r[3]] for r in rows],
            left=4,
        )
    )
    print("\nconvscope shapes NET shows one from the inside.")
    return None


def shapes(
    net: Annotated[
        str, typer.Argument(help="A net of the zoo, a file of stack text, or the text in quotes.")
    ],
    input: Annotated[
        str | None, typer.Option("--input", help="Another input: channels x height x width.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the shrink ladder of a net: every layer's size, kernel, parameters and receptive field.

    Example: convscope shapes lenet5
    """
    from convscope.nets import words
    from convscope.nets.zoo import find

    stack = find(net)
    if input is not None:
        try:
            stack = stack.with_input(words.shape.read(input))
        except StackError as error:
            raise StackError(f"--input: {error}") from None
    if json:
        layers = [_row(rung) for rung in stack.ladder]
        return as_json(
            {"net": net, "input": list(stack.input.shape), "layers": layers, "parameters": stack.parameters}
        )
    print(ladder(stack))
    return None


def ladder(stack: Stack) -> str:
    """The shrink ladder as a table."""
    heads = [
        "layer",
        "kind",
        "output",
        "kernel",
        "stride",
        "padding",
        "parameters",
        "connections",
        "products",
        "sees",
        "jump",
    ]
    rows = [["input", "", show_shape(stack.input.shape), *[""] * 6, "1x1", "1"]]
    for r in stack.ladder:
        window = (
            [show_shape(r.kernel), _short(r.stride), _sides(r.padding)]
            if r.kernel and r.stride and r.padding
            else [""] * 3
        )
        counts = [f"{n:,}" for n in (r.parameters, r.connections, r.multiply_adds)]
        rows.append(
            [
                r.name,
                r.kind,
                show_shape(r.output),
                *window,
                *counts,
                show_shape(r.receptive_field),
                _short(r.jump),
            ]
        )
    sums = [sum(getattr(r, k) for r in stack.ladder) for k in ("parameters", "connections", "multiply_adds")]
    rows.append(["total", "", "", "", "", "", *[f"{n:,}" for n in sums], "", ""])
    return table(heads, rows, left=2)


def _row(rung: Rung) -> dict[str, Any]:
    padding = rung.padding and (
        [*rung.padding[:2]] if rung.padding[:2] == rung.padding[2:] else [*rung.padding]
    )
    return {
        "name": rung.name,
        "kind": rung.kind,
        "output": list(rung.output),
        "kernel": rung.kernel and list(rung.kernel),
        "stride": rung.stride and list(rung.stride),
        "padding": padding,
        "parameters": rung.parameters,
        "connections": rung.connections,
        "multiply_adds": rung.multiply_adds,
        "receptive_field": _one(rung.receptive_field),
        "jump": _one(rung.jump),
    }


def _one(pair: tuple[int, int]) -> int | list[int]:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _short(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else show_shape(pair)


def _sides(sides: tuple[int, ...]) -> str:
    return _short((sides[0], sides[1])) if sides[:2] == sides[2:] else ",".join(map(str, sides))
