"""Bytes made wrong in the ways that find faults: the same seed gives the same ones.

Bits are flipped, parts cut out, doubled, moved and spliced with another input; numbers become the largest and the smallest
that there are. Where the bytes are JSON, or have it behind a prefix, a value in it may become another kind of value instead.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 2**31 - 1, 2**31, -(2**31), 2**53, 2**63, 2**64, 10**30, 10**400, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "x", "0", "\0", "\n", "\ud800", "é", "x" * 10_000, "../../x", [], {}, [[]], [1], {"x": 1},
]  # fmt: skip
DIGITS = [
    b"0",
    b"-1",
    b"1e9",
    b"99999999999999999999",
    b"1e400",
    b"nan",
    b"inf",
    b"0x1",
    b"1_0",
    "\u0663".encode(),
]
EDGES = [0, 1, 0x7F, 0x80, 0xFF]
DEEP = 100_000
"""So many brackets are deeper than any parser that calls itself may go."""


def mutated(data: bytes, other: bytes, rng: random.Random, most: int, words: Sequence[bytes] = ()) -> bytes:
    """One to four changes of `data`, some of them with a part of `other`; at most `most` bytes come out."""
    if rng.random() < 0.4 and (said := _json(data, rng)) is not None:
        return said[:most]
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        rng.choice(CHANGES)(out, other, rng, words)
    return bytes(out[:most])


def _json(data: bytes, rng: random.Random) -> bytes | None:
    """One value of a JSON document replaced, removed or made absurdly deep; None where there is no such document."""
    start = min((at for at in (data.find(b"{"), data.find(b"[")) if at >= 0), default=-1)
    if start < 0:
        return None
    try:
        value, stop = json.JSONDecoder().raw_decode(data[start:].decode())
    except (ValueError, RecursionError):
        return None
    if rng.random() < 0.02:
        return data[:start] + b"[" * DEEP + data[start + stop :]
    places = list(_places(value))
    if not places:
        return None
    inside, key = rng.choice(places)
    if rng.random() < 0.2:
        del inside[key]
    elif isinstance(inside[key], int) and rng.random() < 0.5:
        inside[key] = inside[key] + rng.choice([-1, 1, 100])
    else:
        inside[key] = rng.choice(ODD)
    told = json.dumps(value).encode()
    head = data[:start]
    if (
        len(head) >= 8 and int.from_bytes(head[-8:], "little") == stop
    ):  # safetensors: the length stands before it
        head = head[:-8] + len(told).to_bytes(8, "little")
    return head + told + data[start:][stop:]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each place of a value within a list or a dictionary."""
    found, left = [], [value]
    while left:
        now = left.pop()
        keys = list(now) if isinstance(now, dict) else range(len(now)) if isinstance(now, list) else []
        found += [(now, key) for key in keys]
        left += [now[key] for key in keys]
    return found


def _span(out: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(out) + 1)
    return start, min(len(out), start + rng.choice([1, 2, 4, 16, 64, 1024]))


def _flip(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    for _ in range(rng.choice([1, 1, 8, 64])):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)


def _flip_early(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    if out:
        out[rng.randrange(min(len(out), 64))] = rng.choice([*EDGES, rng.randrange(256)])


def _cut(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    del out[rng.randrange(len(out) + 1) :]


def _remove(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    start, stop = _span(out, rng)
    del out[start:stop]


def _double(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    start, stop = _span(out, rng)
    out[start:start] = out[start:stop] * rng.choice([1, 1, 3, 100])


def _splice(out: bytearray, other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    at = rng.randrange(len(out) + 1)
    start = rng.randrange(len(other) + 1)
    if rng.random() < 0.5:
        out[at:] = other[start:]
    else:
        length = rng.choice([1, 4, 16, 64])
        out[at : at + length] = other[start : start + length]


def _number(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    """Two, four or eight bytes that say the largest, the smallest, or a middling number, either end first."""
    size = rng.choice([2, 4, 4, 8])
    at = rng.randrange(max(1, len(out) - size + 1))
    top = 1 << (8 * size)
    value = rng.choice([0, 1, top - 1, top // 2, top // 2 - 1, 10_000, 65_500]) % top
    out[at : at + size] = value.to_bytes(size, rng.choice(["little", "big"]))


def _digits(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    """A number in text becomes another."""
    at = [i for i, c in enumerate(out[:2000]) if 48 <= c <= 57]
    if at:
        start = stop = rng.choice(at)
        while stop < len(out) and 48 <= out[stop] <= 57:
            stop += 1
        out[start:stop] = rng.choice(DIGITS)


def _word(out: bytearray, _other: bytes, rng: random.Random, words: Sequence[bytes]) -> None:
    if words:
        at = rng.randrange(len(out) + 1)
        out[at : at + rng.choice([0, 0, 1, 8])] = rng.choice(words)


def _fill(out: bytearray, _other: bytes, rng: random.Random, _words: Sequence[bytes]) -> None:
    start, stop = _span(out, rng)
    out[start:stop] = bytes([rng.choice(EDGES)]) * (stop - start)


Change = Callable[[bytearray, bytes, random.Random, Sequence[bytes]], None]
CHANGES: list[Change] = [
    _flip, _flip, _flip_early, _flip_early, _cut, _remove, _double, _splice, _splice, _number, _number, _digits, _word, _word,
    _fill,
]  # fmt: skip
