"""The words of a net's text: how each kind of value is read and printed.

A `Reader` is a pair of functions, text -> value and value -> text, that undo each other. A field of a
step declares its reader with `word` (by place) or `option` (by name), so the grammar, the printer and
the help are one table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from convscope.errors import StackError

Size = tuple[int, int]
Padding = Size | str


@dataclass(frozen=True)
class Reader:
    """Reads and prints one kind of value; `wanted` says in words what it takes."""

    wanted: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str

    def read(self, text: str) -> Any:
        """The value that a word says.

        Raises:
            StackError: The word says no such value.
        """
        try:
            return self.parse(text)
        except ValueError:
            raise StackError(f"{self.wanted} was expected, not {text!r}") from None


LARGEST = 1_000_000


MODEL = re.compile(r"[A-Za-z0-9_.]{1,100}")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _layer(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError
    return text


def _model(text: str) -> str:
    if not MODEL.fullmatch(text):
        raise ValueError
    return text


def _count(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise ValueError
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 7 or int(text) > LARGEST:
        raise ValueError
    return int(text)


def _size(text: str, least: Callable[[str], int] = _count) -> Size:
    parts = text.split("x")
    if len(parts) not in (1, 2):
        raise ValueError
    return least(parts[0]), least(parts[-1])


def _padding(text: str) -> Padding:
    if text == "same":
        return text
    return (0, 0) if text == "valid" else _size(text, _whole)


def _show_size(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _show_padding(padding: Padding) -> str:
    if isinstance(padding, str):
        return padding
    return str(padding[0]) if padding[0] == padding[1] else _show_size(padding)


def _show_short(size: Size) -> str:
    return str(size[0]) if size[0] == size[1] else _show_size(size)


def _maps(text: str) -> tuple[tuple[int, ...], ...]:
    table = tuple(tuple(_whole(i) for i in row.split(",")) for row in text.split("/"))
    if any(len(set(row)) != len(row) for row in table):
        raise ValueError
    return table


def _show_maps(table: tuple[tuple[int, ...], ...]) -> str:
    return "/".join(",".join(map(str, row)) for row in table)


def _switch(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError
    return text == "yes"


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise ValueError
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < LARGEST:
        raise ValueError
    return value


def _init(text: str) -> tuple[float, float]:
    deviation, comma, bias = text.partition(",")
    start = float(bias) if comma else 0.0
    if not -LARGEST < start < LARGEST:
        raise ValueError
    return _positive(deviation), start


def _show_number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _show_init(init: tuple[float, ...]) -> str:
    return ",".join(map(_show_number, init if init[1] else init[:1]))


def _shape(text: str) -> tuple[int, int, int]:
    channels, height, width = (_count(part) for part in text.split("x"))
    return channels, height, width


def _range(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(".."))
    if not (-1e6 < low < high < 1e6):
        raise ValueError
    return low, high


def show_shape(shape: tuple[int, ...]) -> str:
    """A shape as people write it.

    >>> show_shape((6, 28, 28))
    '6x28x28'
    """
    return "x".join(map(str, shape))


count = Reader("a whole number of at least 1", _count)
size = Reader("a size such as 5x5", _size, _show_size)
stride = Reader("a stride such as 2 or 2x1", _size, _show_short)
padding = Reader("a padding such as 2, 2x1, same or valid", _padding, _show_padding)
maps = Reader("a table such as 0,1,2/1,2,3 (for each map, the maps below it, each once)", _maps, _show_maps)
switch = Reader("yes or no", _switch, lambda on: "yes" if on else "no")
fraction = Reader("a fraction from 0 up to 1, such as 0.5", _fraction)
model = Reader("a model of timm by its name, such as resnet18", _model)
layer = Reader("the name of a layer above", _layer)
positive = Reader("a number above 0, such as 0.75", _positive, _show_number)
init = Reader(
    "the standard deviation of the first weights and, behind a comma, the first biases, such as 0.01 or 0.01,1",
    _init,
    _show_init,
)
shape = Reader("channels x height x width, such as 1x28x28", _shape, show_shape)
limits = Reader("the values of black and white, such as -0.1..1.175", _range, lambda r: f"{r[0]}..{r[1]}")


def name(*known: str) -> Reader:
    """A reader that takes one of a few names."""

    def parse(text: str) -> str:
        if text not in known:
            raise ValueError
        return text

    return Reader("one of " + ", ".join(known), parse)


def word(reader: Reader) -> Any:
    """A dataclass field that is read by its place in the line."""
    return field(metadata={"reader": reader, "by_place": True})


def option(reader: Reader, default: Any) -> Any:
    """A dataclass field that is read as name=value, and not printed where it has its default."""
    return field(default=default, metadata={"reader": reader, "by_place": False})
