"""Numbers and names as the report's sentences say them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

SPACE = "\u00a0"
LONGEST_NAME = 48


def percent(value: float, places: int = 2) -> str:
    """A percentage 0..100 with its sign, which is not torn off at a line's end.

    >>> percent(0.9512).replace(SPACE, " ")
    '0.95 %'
    """
    return f"{value:.{places}f}{SPACE}%"


def chance(probability: float) -> str:
    """A probability 0..1 in percent; it is never rounded up to certainty, nor down to impossibility.

    >>> chance(0.99996).replace(SPACE, " "), chance(0.998).replace(SPACE, " "), chance(1e-9).replace(SPACE, " ")
    ('over 99.9 %', '99.8 %', 'under 0.1 %')
    """
    if probability >= 0.9995:
        return f"over {percent(99.9, 1)}"
    return percent(100 * probability, 1) if probability >= 0.0005 else f"under {percent(0.1, 1)}"


def number(value: float) -> str:
    """A measured value in three figures, or a whole one in full.

    >>> number(2400), number(0.01234), number(22.8315)
    ('2,400', '0.0123', '22.8')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.1f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}"


def signed(value: float) -> str:
    """A value with its sign, in two figures; the minus is a real one.

    >>> signed(0.3), signed(-12.3), signed(0.0), signed(0.00123)
    ('+0.30', '−12', '0', '+0.0012')
    """
    if value == 0:
        return "0"
    sign = "−" if value < 0 else "+"
    places = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2
    return sign + (f"{abs(value):.{places}f}" if abs(value) >= 0.1 else f"{abs(value):.2g}")


def duration(seconds: float) -> str:
    """How long something took, in units a person would use.

    >>> duration(69.108).replace(SPACE, " "), duration(3723).replace(SPACE, " ")
    ('69.1 s', '1 h 2 min')
    """
    if seconds < 120:
        return f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest}{SPACE}s"
    return f"{minutes // 60}{SPACE}h {minutes % 60}{SPACE}min"


def date(written: str) -> str:
    """A Run's time as a person writes it; what is no time is left as it is.

    >>> date("2026-11-22T22:28:19+00:00")
    '22 November 2026, 22:28 UTC'
    """
    try:
        when = datetime.fromisoformat(written)
    except ValueError:
        return written
    zone = "UTC" if when.utcoffset() is not None and not when.utcoffset() else when.strftime("%z")
    return f"{when.day} {when:%B %Y, %H:%M} {zone}".rstrip()


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name, cut in its middle when it is too long for a table.

    >>> short("abcdefghij", 7)
    'abc…hij'
    """
    name = " ".join(str(name).split()) or "(no name)"
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "picture"), plural(1200, "picture"), plural(2, "class", "classes")
    ('1 picture', '1,200 pictures', '2 classes')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def size(values: Sequence[int]) -> str:
    """A size as rows x columns, with a real multiplication sign.

    >>> size((28, 28))
    '28×28'
    """
    return "×".join(map(str, values))
