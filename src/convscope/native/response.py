"""Local response normalisation of maps in memory, in C: of float32, or of bfloat16 with its sums in float32."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, c_float, c_int, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache

from convscope.native.library import available, library
from convscope.native.runner import MOST_THREADS


class ResponseSpec(ctypes.Structure):
    """response.c: ResponseSpec."""

    _fields_ = (
        *((name, c_int64) for name in ("pictures", "maps", "plane")),
        *((name, c_int32) for name in ("below", "above")),
        *((name, c_float) for name in ("alpha", "beta", "k")),
        ("halves", c_int32),
    )


@dataclass(frozen=True)
class Responses:
    """What is normalised: [pictures, maps, plane] values, `halves` of them bfloat16, and by which constants."""

    pictures: int
    maps: int
    plane: int
    halves: bool
    size: int
    alpha: float
    beta: float
    k: float

    def there(self, x: int, y: int, threads: int) -> None:
        """Write x / (k + alpha sum x^2)^beta to the address `y`, of the values at the address `x`."""
        self._run(x, None, y, threads)

    def back(self, x: int, slope: int, out: int, threads: int) -> None:
        """Write the gradient by x to the address `out`: that by y is at `slope`, the values are at `x`."""
        self._run(x, slope, out, threads)

    def _run(self, x: int, slope: int | None, out: int, threads: int) -> None:
        """Pictures are shared out among threads, neighbours together.

        Raises:
            MemoryError: There is too little of it.
        """
        parts = max(1, min(threads, MOST_THREADS, self.pictures))
        bounds = [self.pictures * part // parts for part in range(parts + 1)]
        bytes_each = self.maps * self.plane * (2 if self.halves else 4)

        def some(part: int) -> int:
            first, past = bounds[part], bounds[part + 1]
            spec = ResponseSpec(
                past - first, self.maps, self.plane, self.size // 2, (self.size - 1) // 2,
                self.alpha, self.beta, self.k, self.halves,
            )  # fmt: skip
            skipped = first * bytes_each
            return _function()(spec, x + skipped, None if slope is None else slope + skipped, out + skipped)

        if parts == 1:
            failed = some(0)
        else:
            with ThreadPoolExecutor(parts - 1) as pool:
                others = [pool.submit(some, part) for part in range(1, parts)]
                failed = some(0) or any(other.result() for other in others)
        if failed:
            raise MemoryError("native engine: not enough memory to normalise responses")


def ready() -> bool:
    """Whether the engine is here, and knows this function: one that was compiled long ago does not."""
    return available() and hasattr(library(), "normalise_responses")


@cache
def _function() -> Callable[..., int]:
    function = library().normalise_responses
    function.restype = c_int
    function.argtypes = (POINTER(ResponseSpec), c_void_p, c_void_p, c_void_p)
    return function
