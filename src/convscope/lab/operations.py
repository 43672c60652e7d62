"""Operations on a net as text, so that a link holds them: `mute:C1/3;scale:C3/5:2;swap:C1/0:C1/1;edit:C1/2:1,0,-1,...`.

A net that was operated on is nothing but a Run, an epoch and this text: nothing is changed on the server, and two pages
never get into each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convscope.errors import StackError

if TYPE_CHECKING:
    from convscope.inspect.subject import Subject
    from convscope.inspect.surgery import Surgery

LONGEST, MOST = 100_000, 200
"""Characters, and operations, that a text has at most."""


@dataclass(frozen=True)
class Operation:
    """One operation: its verb and what follows it."""

    verb: str
    parts: tuple[str, ...]


def parse(text: str) -> tuple[Operation, ...]:
    """The operations of a text; none for an empty one.

    Raises:
        StackError: There is no such operation, or it has too few or too many parts.

    >>> parse("mute:C1/3;scale:C3/5:2")
    (Operation(verb='mute', parts=('C1/3',)), Operation(verb='scale', parts=('C3/5', '2')))
    """
    if len(text) > LONGEST:
        raise StackError(f"operations have at most {LONGEST:,} characters, not {len(text):,}")
    done = []
    for word in filter(None, (part.strip() for part in text.split(";"))):
        verb, *parts = word.split(":")
        if verb not in _VERBS:
            raise StackError(f"there is no operation {verb!r}: there are {', '.join(_VERBS)}")
        least, most = _PARTS[verb]
        if not least <= len(parts) <= most:
            raise StackError(f"{word!r} does not say an operation: it is written {_USAGE[verb]}")
        done.append(Operation(verb, tuple(parts)))
    if len(done) > MOST:
        raise StackError(f"at most {MOST} operations at once, not {len(done)}")
    return tuple(done)


def operated(subject: Subject, operations: tuple[Operation, ...]) -> Surgery:
    """A copy of a net with the operations done on it, in order.

    Raises:
        StackError: One of them does not fit the net.
    """
    from convscope.inspect.surgery import Surgery

    surgery = Surgery(subject)
    for operation in operations:
        _VERBS[operation.verb](surgery, subject, *operation.parts)
    return surgery


def _mute(surgery: Surgery, _subject: Subject, unit: str) -> None:
    surgery.mute(unit)


def _scale(surgery: Surgery, _subject: Subject, unit: str, factor: str) -> None:
    surgery.scale(unit, _number(factor))


def _swap(surgery: Surgery, _subject: Subject, one: str, other: str) -> None:
    surgery.swap(one, other)


def _edit(surgery: Surgery, subject: Subject, unit: str, values: str, bias: str = "") -> None:
    from convscope.inspect.layers import below_of, unit_of, weights_of

    layer, number = unit_of(subject, unit)
    shape = (len(below_of(subject, layer, number)), *weights_of(subject, layer).shape[2:])
    numbers = [_number(v) for v in values.split(",")]
    if len(numbers) != int(np.prod(shape)):
        wanted = "x".join(map(str, shape))
        raise StackError(f"{unit} has a kernel of {wanted} numbers, but {len(numbers)} came")
    surgery.edit(unit, np.reshape(numbers, shape), _number(bias) if bias else None)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise StackError(f"{text[:40]!r} is no finite number: write it like -0.25")
    return value


_VERBS: Mapping[str, Callable[..., None]] = {"mute": _mute, "scale": _scale, "swap": _swap, "edit": _edit}
_PARTS = {"mute": (1, 1), "scale": (2, 2), "swap": (2, 2), "edit": (2, 3)}
_USAGE = {
    "mute": "mute:UNIT",
    "scale": "scale:UNIT:FACTOR",
    "swap": "swap:UNIT:UNIT",
    "edit": "edit:UNIT:NUMBER,NUMBER,...",
}
