"""Numbers as a table shows them: a few figures, the same decimals for all that belong together, a real minus."""

from __future__ import annotations

import math
from collections.abc import Iterable

FIGURES = 3
MOST_PLACES = 4


def numerals(values: Iterable[float], figures: int = FIGURES) -> list[str]:
    """Numbers of one table with common decimals: as few as say them exactly, else `figures` for the largest.

    >>> numerals([1.0, -2.0, 0.0]), numerals([0.5, -0.25])
    (['1', '−2', '0'], ['0.50', '−0.25'])
    >>> numerals([12.3456, -0.001]), numerals([3e-7, float("nan")])
    (['12.3', '0.0'], ['3.00e−7', 'NaN'])
    """
    numbers = [float(value) for value in values]
    largest = max((abs(value) for value in numbers if math.isfinite(value)), default=0.0)
    if largest >= 1e6 or 0 < largest < 1e-3:
        return [_scientific(value, figures) for value in numbers]
    places = min(MOST_PLACES, max(0, figures - 1 - (math.floor(math.log10(largest)) if largest else 0)))
    while places and all(_shorter(value, places) for value in numbers if math.isfinite(value)):
        places -= 1
    return [_plain(value, places) for value in numbers]


def numeral(value: float, figures: int = FIGURES) -> str:
    """One number by itself.

    >>> numeral(0.123456), numeral(-28), numeral(float("-inf"))
    ('0.123', '−28', '−inf')
    """
    return numerals([value], figures)[0]


def marked(value: float, figures: int = FIGURES) -> str:
    """One number with its sign, plus too; zero has none.

    >>> marked(2.5), marked(-2.5), marked(0.0)
    ('+2.5', '−2.5', '0')
    """
    return f"+{numeral(value, figures)}" if value > 0 else numeral(value, figures)


def _shorter(value: float, places: int) -> bool:
    return round(value, places) == round(value, places - 1)


def _plain(value: float, places: int) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "−inf" if value < 0 else "inf"
    written = f"{abs(value):,.{places}f}"
    return f"−{written}" if value < 0 and written.strip("0.,") else written


def _scientific(value: float, figures: int) -> str:
    if not math.isfinite(value) or not value:
        return _plain(value, 0)
    mantissa, exponent = f"{abs(value):.{figures - 1}e}".split("e")
    return f"{'−' if value < 0 else ''}{mantissa}e{int(exponent)}".replace("e-", "e−")
