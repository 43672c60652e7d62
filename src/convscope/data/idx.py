"""IDX, the format of the MNIST files: a magic number, the sizes, then the values as unsigned bytes.

The cache keeps every named source in this format, so one reader serves them all.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from jaxtyping import UInt8

UNSIGNED_BYTE = 8


def header(*sizes: int) -> bytes:
    """The first bytes of an IDX file of unsigned bytes with these sizes.

    >>> header(60000, 28, 28).hex()
    '000008030000ea600000001c0000001c'
    """
    return struct.pack(f">HBB{len(sizes)}I", 0, UNSIGNED_BYTE, len(sizes), *sizes)


def length(*sizes: int) -> int:
    """How many bytes an IDX file of unsigned bytes with these sizes has.

    >>> length(60000, 28, 28)
    47040016
    """
    return len(header(*sizes)) + math.prod(sizes)


def read(content: UInt8[np.ndarray, " bytes"]) -> UInt8[np.ndarray, " *sizes"]:
    """The array in an IDX file, as a view of its bytes: nothing is copied.

    Raises:
        ValueError: These are no unsigned bytes in IDX format, or not as many as its header says.

    >>> read(np.frombuffer(header(2, 2) + bytes([1, 2, 3, 4]), np.uint8)).tolist()
    [[1, 2], [3, 4]]
    """
    start = bytes(content[:4])
    if len(start) < 4 or start[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise ValueError(f"no IDX file of unsigned bytes: it starts with {start.hex() or 'nothing'}")
    sizes = np.frombuffer(bytes(content[4 : 4 + 4 * start[3]]), ">u4").tolist()
    if len(sizes) != start[3] or len(content) != length(*sizes):
        raise ValueError(f"an IDX file of {len(content):,} bytes that is said to hold {sizes}")
    return content[len(header(*sizes)) :].reshape(sizes)
