"""Padding: how many pixels on each side, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Int

from convscope.conv.geometry import same_padding
from convscope.errors import GeometryError

Mode = Literal["zeros", "constant", "reflect", "replicate", "circular"]
Sides = tuple[int, int, int, int]
Padding = int | str | Sequence[int]

NUMPYS: dict[str, Literal["reflect", "edge", "wrap"]] = {
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}
MODES = ("zeros", "constant", *NUMPYS)
MOST = 1 << 20


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """One whole number for both axes, or one for each: (rows, columns); at least 1.

    Raises:
        GeometryError: It is something else.

    >>> pair(2, "stride"), pair((1, 3), "stride")
    ((2, 2), (1, 3))
    """
    given = _wholes(value)
    given = given * 2 if len(given) == 1 else given
    if len(given) != 2 or not all(1 <= v <= MOST for v in given):
        raise GeometryError(
            f"{name} is a whole number of at least 1, or one for rows and one for columns, not {value!r}"
        )
    return given[0], given[1]


def sides_of(
    padding: Padding,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> Sides:
    """Pixels of padding at the top, left, bottom and right (ONNX's order).

    `padding` is "valid" (none), "same" (ceil(size / stride) positions; the odd pixel goes after: ONNX's
    SAME_UPPER, which is torch's "same" for stride 1), "full" (every overlap), one number for all sides, two for
    (rows, columns), or four.

    Raises:
        GeometryError: It is something else, or below 0.

    >>> sides_of("same", (28, 28), (5, 2))
    (2, 0, 2, 1)
    >>> sides_of("full", (28, 28), (3, 3), dilation=(2, 2))
    (4, 4, 4, 4)
    """
    if isinstance(padding, str):
        return _named(padding, size, kernel, stride, dilation)
    given = _wholes(padding)
    given = given * (4 // len(given)) if len(given) in (1, 2) else given
    if len(given) != 4 or not all(0 <= v <= MOST for v in given):
        raise GeometryError(
            "padding is valid, same, full, or 1, 2 (rows, columns) or 4 (top, left, bottom, right) whole numbers "
            f"of at least 0, not {padding!r}"
        )
    return given[0], given[1], given[2], given[3]


def _named(
    padding: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Sides:
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "full":
        rows, columns = (d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
        return rows, columns, rows, columns
    if padding == "same":
        (top, bottom), (left, right) = (
            same_padding(n, k, stride=s, dilation=d)
            for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
        )
        return top, left, bottom, right
    raise GeometryError(f"padding is valid, same, full or numbers, not {padding!r}")


@lru_cache(maxsize=256)
def places(size: int, before: int, after: int, mode: str, axis: str = "row") -> Int[np.ndarray, " padded"]:
    """For each pixel of a padded axis, which pixel of the picture it repeats; -1 where it holds a constant. Read-only.

    Raises:
        GeometryError: There is no such mode, or a reflection is as wide as the picture.

    >>> places(4, 2, 1, "reflect").tolist(), places(4, 2, 1, "zeros").tolist()
    ([2, 1, 0, 1, 2, 3, 2], [-1, -1, 0, 1, 2, 3, -1])
    """
    found = _places(size, before, after, mode, axis)
    found.setflags(write=False)
    return found


def _places(size: int, before: int, after: int, mode: str, axis: str) -> Int[np.ndarray, " padded"]:
    own = np.arange(size, dtype=np.int32)
    if mode in ("zeros", "constant"):
        return np.pad(own, (before, after), constant_values=-1)
    if mode not in NUMPYS:
        raise GeometryError(f"the padding's mode is {', '.join(MODES[:-1])} or {MODES[-1]}, not {mode!r}")
    if mode == "reflect" and max(before, after) >= size:
        raise GeometryError(
            f"reflecting {max(before, after)} pixels needs more than {size} {axis}s: at most {size - 1}, or take "
            "mode replicate"
        )
    return np.pad(own, (before, after), mode=NUMPYS[mode])


def _wholes(value: object) -> list[int]:
    """One whole number, or a sequence of them, as a list; empty where it is something else."""
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    whole = [int(v) for v in given if isinstance(v, int | np.integer) and not isinstance(v, bool)]
    return whole if len(whole) == len(given) else []
