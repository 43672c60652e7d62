"""Text <-> kernel. The text is parsed word by word, never evaluated.

    sobel_x                               a classic kernel, by its name
    gabor(6, angle=45)                    one with knobs, in order or by name
    1/9 * 1 1 1; 1 1 1; 1 1 1             numbers: rows end with a semicolon or a line, a factor may stand before
    1 0; 0 1 | 0 1; 1 0                   a bar between channels; a bar at the end makes a single channel
    my/kernel.txt                         a text file that holds one of these; what follows a # in it is a remark

Numbers are separated by spaces or commas, and may be fractions such as 1/9, nan and inf.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from convscope.conv.kernels import CLASSICS, MOST, Classic
from convscope.errors import KernelError, instead

LARGEST_FILE = 1_000_000
"""Bytes that a kernel's text file has at most."""
LONGEST_PATH = 1000
TYPED = "typed"
"""The name of a kernel that was given as numbers."""
EXAMPLES = "sobel_x, gaussian(2), or numbers such as `1 0 -1; 2 0 -2; 1 0 -1`"

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|nan)", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

Numbers = Float[np.ndarray, "rows columns"] | Float[np.ndarray, "channels rows columns"]


def parse_kernel(text: str, *, files: bool = True) -> tuple[str, Numbers]:
    """The kernel that the text says, and its name: the text itself for a classic, `typed`, or a file's stem.

    Without `files` no file is read: for text that comes from elsewhere, such as a page.

    Raises:
        KernelError: The text says no kernel; the message tells where and what would fit.

    >>> name, kernel = parse_kernel("1/4 * 1 2; 3 -4")
    >>> name, kernel.tolist()
    ('typed', [[0.25, 0.5], [0.75, -1.0]])
    >>> parse_kernel("sobel-x")[0], parse_kernel("box( size = 2 )")[1].tolist()
    ('sobel_x', [[0.25, 0.25], [0.25, 0.25]])
    """
    plain = re.sub(r"#[^\n]*", "", text).strip()
    name, bracket, rest = plain.partition("(")
    known = _name(name)
    if known in CLASSICS:
        return _call(CLASSICS[known], rest if bracket else None)
    if _looks_typed(plain):
        return TYPED, _numbers(plain)
    if files and (found := _file(text.strip())) is not None:
        return _read(found)
    if not plain:
        raise KernelError(f"the kernel's text is empty: give {EXAMPLES}")
    if NAME.fullmatch(name.strip()):
        raise KernelError(_unknown(known))
    if files and re.fullmatch(r"\S*(/|\.[A-Za-z]+$)\S*", plain):
        raise KernelError(f"there is no file {_short(plain)}: give one that holds a kernel, or {EXAMPLES}")
    return TYPED, _numbers(plain)


def to_text(kernel: Numbers) -> str:
    """The text of a kernel; parsing it gives the same numbers, to the last bit, and the same shape.

    >>> to_text(np.array([[1, 0.1], [-2.5, 1e30]]))
    '1 0.1; -2.5 1e+30'
    >>> to_text(np.ones((2, 1, 2)))
    '1 1 | 1 1'

    Raises:
        KernelError: The array is not [rows, columns] or [channels, rows, columns], or has no cells.
    """
    numbers = np.asarray(kernel, dtype=np.float64)
    if numbers.ndim not in (2, 3) or not numbers.size:
        raise KernelError(
            f"a kernel is [rows, columns] or [channels, rows, columns] with at least one cell, "
            f"not an array of shape {numbers.shape}"
        )
    channels = numbers if numbers.ndim == 3 else numbers[None]
    text = " | ".join(
        "; ".join(" ".join(map(_show, row)) for row in channel) for channel in channels.tolist()
    )
    return f"{text} |" if numbers.ndim == 3 and len(channels) == 1 else text


def _show(value: float) -> str:
    return repr(value).removesuffix(".0")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _name(text: str) -> str:
    return text.strip().lower().replace("-", "_")


def _unknown(name: str) -> str:
    return f"there is no kernel {_short(name)}: {instead(name, CLASSICS)}"


def _looks_typed(text: str) -> bool:
    first = re.split(r"[\s,;|*/]", text, maxsplit=1)[0]
    return bool(NUMBER.fullmatch(first))


def _file(text: str) -> Path | None:
    if not text or len(text) > LONGEST_PATH or "\n" in text or "\0" in text:
        return None
    try:
        path = Path(text)
        return path if path.is_file() else None
    except OSError:
        return None


def _read(path: Path) -> tuple[str, Numbers]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise KernelError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if len(content) > LARGEST_FILE:
        raise KernelError(
            f"{path}: larger than {LARGEST_FILE:,} bytes; a kernel's file is text with a few numbers"
        )
    try:
        return path.stem, parse_kernel(content.decode(), files=False)[1]
    except UnicodeDecodeError:
        raise KernelError(f"{path}: not a text file; write the kernel as numbers, rows on lines") from None
    except KernelError as error:
        raise KernelError(f"{path}: {error}") from None


def _call(classic: Classic, inside: str | None) -> tuple[str, Numbers]:
    """The kernel of `name` or `name(inside`, where the closing bracket is still to be found."""
    inside = None if inside is None else inside.rstrip()
    if inside is None:
        return classic.name, classic.make()
    if not inside.endswith(")"):
        raise KernelError(
            f"the bracket behind {classic.name} is not closed at the end: write {classic.usage}"
        )
    words = [word.strip() for word in inside[:-1].split(",")]
    if words == [""]:
        return classic.name, classic.make()
    given = _arguments(classic, words)
    try:
        kernel = classic.make(**given)
    except KernelError as error:
        raise KernelError(f"{classic.name}: {error}") from None
    said = ", ".join("".join(word.split()) for word in words)
    return f"{classic.name}({said})", kernel


def _arguments(classic: Classic, words: list[str]) -> dict[str, float]:
    knobs = list(inspect.signature(classic.make).parameters)
    if not knobs:
        raise KernelError(f"{classic.name} takes no parameters, not {_short(words[0])}: write {classic.name}")
    given: dict[str, float] = {}
    named = False
    for place, word in enumerate(words, start=1):
        key, equals, value = (part.strip() for part in word.rpartition("="))
        if equals and key not in knobs:
            hint = instead(key, knobs, f"write {classic.usage}")
            raise KernelError(f"{classic.name} has no parameter {_short(key)}: {hint}")
        if not equals:
            if named:
                raise KernelError(
                    f"{classic.name}: parameter {place} needs its name, as it follows one with a name"
                )
            if place > len(knobs):
                raise KernelError(
                    f"{classic.name} has at most {_count(len(knobs), 'parameter')}, not {len(words)}: write {classic.usage}"
                )
            key = knobs[place - 1]
        named = bool(equals)
        if key in given:
            raise KernelError(f"{classic.name} has {key} twice: leave one out")
        number = _number(value)
        if isinstance(number, str):
            raise KernelError(f"{classic.name}: {key} is a number, {number}")
        given[key] = number
    return given


def _number(word: str) -> float | str:
    """A number or a fraction; for any other word, what it is instead."""
    top, slash, bottom = word.partition("/")
    if not NUMBER.fullmatch(top) or (slash and not NUMBER.fullmatch(bottom)):
        return f"not {_short(word)}"
    if not slash:
        return float(top)
    return float(top) / float(bottom) if float(bottom) else f"and {_short(word)} divides by zero"


def _numbers(text: str) -> Numbers:
    head, star, body = text.rpartition("*")
    factor = _number(re.sub(r"\s", "", head)) if star else 1.0
    if isinstance(factor, str):
        raise KernelError(f"the factor before * is a number, {factor}: write such as `1/9 * 1 1 1; 1 1 1`")
    parts = body.split("|")
    single = len(parts) == 2 and not parts[1].strip()
    if single:
        parts.pop()
    channels = [
        _channel(part, f"channel {place}, " if len(parts) > 1 else "")
        for place, part in enumerate(parts, start=1)
    ]
    for place, channel in enumerate(channels, start=1):
        if channel.shape != channels[0].shape:
            raise KernelError(
                f"channel {place} is {_size(channel)} where channel 1 is {_size(channels[0])}: "
                "give every channel the same rows and columns"
            )
    numbers = np.stack(channels) if single or len(parts) > 1 else channels[0]
    with np.errstate(all="ignore"):
        return numbers * factor if star else numbers


def _size(channel: Float[np.ndarray, "rows columns"]) -> str:
    return " x ".join(map(str, channel.shape))


def _channel(text: str, where: str) -> Float[np.ndarray, "rows columns"]:
    rows = [line.strip() for line in re.split(r"[;\n]", text)]
    rows = [line for line in rows if line]
    if not rows:
        raise KernelError(
            f"{where}no numbers, where a kernel was expected: give such as `1 0 -1; 2 0 -2; 1 0 -1`"
        )
    cells: list[list[float]] = []
    for place, row in enumerate(rows, start=1):
        cells.append(_row(row, f"{where}row {place}"))
        if len(cells[-1]) != len(cells[0]):
            raise KernelError(
                f"{where}row {place} has {_count(len(cells[-1]), 'number')} where row 1 has {len(cells[0])}: "
                "give every row the same"
            )
    if max(len(cells), len(cells[0])) > MOST:
        raise KernelError(
            f"{where}a kernel has at most {MOST} x {MOST} cells, not {len(cells)} x {len(cells[0])}: "
            "leave some out"
        )
    return np.array(cells, dtype=np.float64)


def _row(text: str, where: str) -> list[float]:
    words = re.split(r"\s*,\s*|\s+", text.removesuffix(",").rstrip())
    numbers = []
    for place, word in enumerate(words, start=1):
        number = _number(word) if word else "not an empty place at a comma"
        if isinstance(number, str):
            raise KernelError(
                f"{where}, number {place}: a number such as -1, 0.5 or 1/9 was expected, {number}"
            )
        numbers.append(number)
    return numbers
