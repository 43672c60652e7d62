"""Text <-> Stack. The text is parsed word by word, never evaluated.

    # anything behind a hash is a remark
    input 1x28x28                     the picture: channels x height x width
    conv1 conv 16 5x5 | relu          a line: its name, a step, and what follows it behind bars
    pool1 max 2x2
    out   linear 10

Layers follow one another. A line may begin with another layer above it, and add one that has the same shape:

    fork  from pool1 | conv 32 1x1
    sum   conv 32 3x3 padding=1 | add fork | relu

A semicolon ends a line too, so a small net fits between quotes on a command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from convscope.errors import GeometryError, StackError, instead
from convscope.nets.joins import PICTURE, Join, after
from convscope.nets.stack import Input, Stack
from convscope.nets.steps import KINDS
from convscope.nets.windows import Line, Shape, Step
from convscope.nets.words import NAME
from convscope.nets.words import limits as read_limits
from convscope.nets.words import shape as read_shape

LONGEST, LONGEST_WORD = 100_000, 200
CENTRED = "centred"
SHOWN = 8
"""So many of the layers above an error lists: the last ones."""


@dataclass(frozen=True)
class Word:
    """A word of the text and where it stands, counted from 1."""

    text: str
    line: int
    column: int

    def wrong(self, message: str) -> StackError:
        """An error that points at this word."""
        return StackError(message, self.line, self.column)


def parse(text: str) -> Stack:
    """The Stack that a net's text describes.

    Raises:
        StackError: The text is no net; line and column say where, the message what would fit.

    >>> parse("input 1x28x28; conv1 conv 8 5x5 | relu; out linear 10").shapes
    {'conv1': (8, 24, 24), 'out': (10, 1, 1)}
    """
    if len(text) > LONGEST:
        raise StackError(f"a net's text has at most {LONGEST:,} characters, not {len(text):,}")
    rows = [row for row in _rows(text) if row]
    if not rows:
        raise StackError("the text is empty: begin with a line such as `input 1x28x28`")
    picture = _input(rows[0])
    shape, lines, seen = picture.shape, [], {}
    known = {PICTURE: shape}
    for row in rows[1:]:
        line, shape = _line(row, shape, known)
        if line.name in seen:
            raise row[0].wrong(f"the name {line.name} is taken by line {seen[line.name]}: choose another")
        seen[line.name] = row[0].line
        known[line.name] = shape
        lines.append(line)
    if not lines:
        raise rows[0][0].wrong("a net has at least one layer: add a line such as `out linear 10`")
    _check_ends(rows[1:], lines)
    return Stack(picture, tuple(lines))


def show(stack: Stack) -> str:
    """The text of a Stack; parsing it gives the same Stack.

    >>> print(show(parse("input 1x8x8;a conv 2 3x3 padding=1|relu;b linear 3")))
    input 1x8x8
    a     conv 2 3x3 padding=1 | relu
    b     linear 3
    """
    head = f"{read_shape.show(stack.input.shape)}"
    if stack.input.limits is not None:
        head += f" range={read_limits.show(stack.input.limits)}"
    if stack.input.centred:
        head += f" {CENTRED}"
    width = max(len("input"), *(len(line.name) for line in stack.lines))
    rows = [("input", head)] + [(line.name, " | ".join(map(_show_step, line.steps))) for line in stack.lines]
    return "\n".join(f"{name:<{width}} {rest}" for name, rest in rows)


def _rows(text: str) -> list[list[Word]]:
    rows = []
    for number, full in enumerate(text.splitlines(), start=1):
        start = 0
        for part in full.split("#", 1)[0].split(";"):
            words = re.finditer(r"\||[^\s|]+", part)
            rows.append([_word(w.group(), number, start + w.start() + 1) for w in words])
            start += len(part) + 1
    return rows


def _word(text: str, line: int, column: int) -> Word:
    if len(text) > LONGEST_WORD:
        raise StackError(f"a word has at most {LONGEST_WORD} characters, not {len(text):,}", line, column)
    return Word(text, line, column)


def _input(row: list[Word]) -> Input:
    first, *rest = row
    if first.text != "input":
        raise first.wrong(f"the first line says the picture, such as `input 1x28x28`, not {first.text!r}")
    if not rest:
        raise first.wrong(f"input needs {read_shape.wanted}")
    shape = _read(read_shape, rest[0])
    if not rest[1:]:
        return Input(shape)
    extra = rest[1]
    key, _, value = extra.text.partition("=")
    if len(rest) > 2 or (key != "range" and extra.text != CENTRED):
        raise rest[-1].wrong(f"input takes one option, range or {CENTRED}, not {rest[-1].text!r}")
    if extra.text == CENTRED:
        return Input(shape, centred=True)
    return Input(shape, _read(read_limits, extra, value, offset=len("range=")))


def _line(row: list[Word], shape: Shape, known: Mapping[str, Shape]) -> tuple[Line, Shape]:
    name, *rest = row
    if not NAME.fullmatch(name.text):
        raise name.wrong(
            f"a layer's name is letters, digits, - and _ and begins with a letter, not {name.text!r}"
        )
    if name.text == "input":
        raise name.wrong("a net has one input, in its first line")
    steps = []
    for words in _split(name, rest):
        step = _step(words)
        if step.kind == "from" and steps:
            raise words[0].wrong("from begins a line: give what it begins a line of its own")
        if isinstance(step, Join) and step.layer not in known:
            last = f"there are {', '.join(list(known)[-SHOWN:])}"
            raise words[1].wrong(
                f"there is no layer {step.layer!r} above: {instead(step.layer, known, last)}"
            )
        try:
            shape = after(step, shape, known)
        except GeometryError as error:
            raise words[0].wrong(str(error)) from None
        steps.append(step)
    if [step.kind for step in steps] == ["from"]:
        raise rest[-1].wrong(f"a step was expected behind {rest[-1].text!r}: | and what is done with it")
    if steps[0].is_activation:
        raise rest[0].wrong(
            f"a line begins with an operation; put {rest[0].text} behind the one before: ... | {rest[0].text}"
        )
    return Line(name.text, tuple(steps)), shape


def _check_ends(rows: list[list[Word]], lines: list[Line]) -> None:
    """Every layer is taken in by another, but for the last, which answers."""
    taken = {name for line in lines for name in (line.start, *line.added)}
    for row, line, above in zip(rows, lines, lines[1:], strict=False):
        if above.start and line.name not in taken:
            raise row[0].wrong(
                f"nothing takes in what {line.name} gives: a line below must add it, or begin from it"
            )


def _split(name: Word, words: list[Word]) -> list[list[Word]]:
    groups: list[list[Word]] = [[]]
    last = name
    for word in words:
        if word.text == "|":
            if not groups[-1]:
                raise word.wrong("a step was expected before the bar")
            groups.append([])
        else:
            groups[-1].append(word)
        last = word
    if not groups[-1]:
        raise last.wrong(f"a step was expected behind {last.text!r}, such as `conv 16 5x5`")
    return groups


def _step(words: list[Word]) -> Step:
    first, *rest = words
    kind = KINDS.get(first.text)
    if kind is None:
        raise first.wrong(f"there is no step {first.text!r}: {instead(first.text, KINDS)}")
    by_place = [f for f in fields(kind) if f.metadata["by_place"]]
    by_name = {f.name: f for f in fields(kind) if not f.metadata["by_place"]}
    values: dict[str, Any] = {}
    for word in rest:
        key, equals, value = word.text.partition("=")
        if equals:
            values[key] = _option(kind, by_name, values, word, key, value)
        elif len(places := [f for f in by_place if f.name not in values]) == 0:
            raise word.wrong(f"{usage(kind)} takes no more words, but here is {word.text!r}")
        else:
            values[places[0].name] = _read(places[0].metadata["reader"], word)
    for missing in (f for f in by_place if f.name not in values):
        raise first.wrong(
            f"{first.text} needs its {missing.name}, {missing.metadata['reader'].wanted}: {usage(kind)}"
        )
    return kind(**values)


def _option(
    kind: type[Step], by_name: dict[str, Field[Any]], values: dict[str, Any], word: Word, key: str, value: str
) -> Any:
    if key not in by_name:
        raise word.wrong(f"{kind.kind} has no option {key!r}: {_choices(by_name)}")
    if key in values:
        raise word.wrong(f"{key} is said twice")
    return _read(by_name[key].metadata["reader"], word, value, offset=len(key) + 1)


def _choices(by_name: dict[str, Field[Any]]) -> str:
    return "it has " + ", ".join(by_name) if by_name else "it takes none"


def _read(reader: Any, word: Word, text: str | None = None, offset: int = 0) -> Any:
    try:
        return reader.read(word.text if text is None else text)
    except StackError as error:
        raise StackError(str(error), word.line, word.column + offset) from None


def usage(kind: type[Step]) -> str:
    """How a step is written.

    >>> usage(KINDS["avg"])
    'avg KERNEL [stride=]'
    """
    places = [f.name.upper() for f in fields(kind) if f.metadata["by_place"]]
    names = [f"[{f.name}=]" for f in fields(kind) if not f.metadata["by_place"]]
    return " ".join([kind.kind, *places, *names])


def _show_step(step: Step) -> str:
    words = [step.kind]
    for f in fields(step):
        value, reader = getattr(step, f.name), f.metadata["reader"]
        if f.metadata["by_place"]:
            words.append(reader.show(value))
        elif f.default is MISSING or value != f.default:
            words.append(f"{f.name}={reader.show(value)}")
    return " ".join(words)
