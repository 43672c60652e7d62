"""Arrays and what is said about them as one message, which the page reads without parsing a number (static/packed.js).

A message is the length of its head (4 bytes, little-endian), the head as JSON, and the arrays, each from a multiple of 8
bytes on. The head's `arrays` says of each its type, its shape, and where it begins, counted from the end of the head.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

TYPES = {np.dtype(name): name for name in ("float32", "float64", "uint8", "int32")}


def packed(head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """One message of a head, JSON's kinds of values only, and arrays of float32, float64, uint8 or int32.

    >>> message = packed({"a": 1}, {"b": np.array([1.0, 2.0])})
    >>> message[-16:] == np.array([1.0, 2.0]).tobytes(), len(message) % 8
    (True, 0)
    """
    places, parts, at = {}, [], 0
    for name, array in arrays.items():
        if array.dtype not in TYPES:
            raise ValueError(
                f"{name}: {array.dtype} cannot be sent; it is one of {', '.join(TYPES.values())}"
            )
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        places[name] = [TYPES[array.dtype], list(array.shape), at]
        parts += [data, bytes(-len(data) % 8)]
        at += len(data) + -len(data) % 8
    words = json.dumps({**head, "arrays": places}, ensure_ascii=False, allow_nan=False).encode()
    words += b" " * (-(len(words) + 4) % 8)
    return b"".join([struct.pack("<I", len(words)), words, *parts])
