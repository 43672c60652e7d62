"""Reads the lab's messages, as static/packed.js does."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np


def unpacked(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The head of a message, and its arrays."""
    (length,) = struct.unpack("<I", message[:4])
    head, arrays = json.loads(message[4 : 4 + length]), {}
    for name, (kind, shape, at) in head["arrays"].items():
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(message, kind, count, 4 + length + at).reshape(shape)
    return head, arrays
