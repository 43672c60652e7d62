"""JPEGs of the plainest kind, as most photographs in sets are: decoded in half of the time that Pillow takes, to its bits.

Both call libjpeg-turbo. What is out of the ordinary in any way, or gives the decoder the least reason to warn, is Pillow's.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a decoder starts without them
    import numpy as np
    from jaxtyping import UInt8

START, SCAN = 0xD8, 0xDA
FRAMES = (0xC0, 0xC1, 0xC2)
"""Baseline, extended and progressive, coded by Huffman."""
PLAIN = (*FRAMES, 0xC4, 0xDB, 0xDD, 0xE0, 0xFE)
"""With tables, JFIF's mark and comments: nothing that says how a picture is to be turned, or of what colours it is."""


def plain(content: bytes) -> tuple[int, int, int] | None:
    r"""Width, height and channels of a JPEG of 8 bits in grey or colour; None where anything else stands before its pixels.

    Raises:
        struct.error, IndexError: It ends before its pixels begin.

    >>> plain(b"\xff\xd8\xff\xe0\0\4..\xff\xc0\0\x0b\10\0\2\0\3\1...\xff\xda")
    (3, 2, 1)
    >>> plain(b"\xff\xd8\xff\xe1\0\4..\xff\xc0\0\x0b\10\0\2\0\3\1...\xff\xda") is None  # Exif
    True
    """
    found, at = None, 2
    while content[at] == 0xFF and (kind := content[at + 1]) != SCAN:
        (length,) = struct.unpack_from(">H", content, at + 2)
        if kind not in PLAIN or length < 2:
            return None
        if kind in FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", content, at + 4)
            if found or depth != 8 or channels not in (1, 3) or not width * height:
                return None
            found = width, height, channels
        at += 2 + length
    return found if content[at] == 0xFF else None


def decoded(content: bytes, channels: int) -> UInt8[np.ndarray, "h w c"]:
    """Its pixels.

    Raises:
        ValueError: It is damaged, if ever so slightly.
    """
    import simplejpeg

    return simplejpeg.decode_jpeg(content, "GRAY" if channels == 1 else "RGB", strict=True)
