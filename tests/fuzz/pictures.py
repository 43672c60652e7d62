"""Pictures made wrong, by the ten thousand: `python tests/fuzz/pictures.py [COUNT] [--seed S] [--keep FOLDER]` says what came of them.

Pictures of every format that is read, as Pillow writes them, with bits flipped, cut short, spliced, and with headers that claim
up to 65,535 pixels a side or more. Each goes the ways that a user's own do; what is no picture must be refused in one line,
within a second and the time that its pixels take, and within a gigabyte.
"""

from __future__ import annotations

import argparse
import collections
import io
import os
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.harness import Found, Judge
from fuzz.mutating import mutated

KINDS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
SIDES = (0, 1, 2, 255, 4096, 9_000, 16_383, 32_767, 65_500, 65_535)
LARGE_SIDES = (*SIDES, 2**31 - 1, 2**31, 2**32 - 1)


def whole(kind: str, rng: random.Random) -> bytes:
    """A picture of one of the sizes and modes that its format has."""
    mode = rng.choice({"JPEG": ["RGB", "L", "CMYK"], "PNG": ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"], "GIF": ["P", "L"],
                       "WEBP": ["RGB", "RGBA"], "TIFF": ["RGB", "RGBA", "L", "P", "1", "CMYK", "I;16"],
                       "BMP": ["RGB", "L", "P", "1"]}[kind])  # fmt: skip
    size = rng.randrange(1, 90), rng.randrange(1, 90)
    values = np.random.default_rng(rng.randrange(1 << 30))
    if mode == "I;16":
        image = Image.fromarray(values.integers(0, 65_536, size, np.uint16))
    else:
        image = Image.fromarray(values.integers(0, 256, (*size, 3), np.uint8)).convert(
            "RGB" if mode == "RGB" else "L" if mode in ("1", "L", "LA") else "RGB"
        ).convert(mode)  # fmt: skip
    more: dict[str, object] = {}
    if kind == "JPEG":
        more = {"progressive": rng.random() < 0.5, "quality": rng.choice([10, 75, 95])}
    if kind == "TIFF":
        more = {"compression": rng.choice([None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])}
    if kind in ("GIF", "WEBP", "PNG") and rng.random() < 0.3 and mode != "I;16":
        more = {"save_all": True, "append_images": [image.rotate(180)]}
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def giant(kind: str, data: bytes, rng: random.Random) -> bytes:
    """The same picture, whose header claims another width and height."""
    width, height = rng.choice(SIDES), rng.choice(SIDES)
    out = bytearray(data)
    if kind == "PNG":
        width, height = rng.choice(LARGE_SIDES), rng.choice(LARGE_SIDES)
        out[16:24] = struct.pack(">II", width, height)
        out[29:33] = struct.pack(">I", zlib.crc32(out[12:29]))
    elif kind == "GIF":
        out[6:10] = struct.pack("<HH", width, height)
        at = out.find(b"\x2c")
        if at > 0 and rng.random() < 0.5:
            out[at + 5 : at + 9] = struct.pack("<HH", width, height)
    elif kind == "BMP":
        out[18:26] = struct.pack(
            "<ii", rng.choice([width, -width, 2**31 - 1]), rng.choice([height, -height, -(2**31)])
        )
    elif kind == "JPEG":
        at = max(out.find(b"\xff\xc0"), out.find(b"\xff\xc2"))
        out[at + 5 : at + 9] = struct.pack(">HH", height, width)
    elif kind == "WEBP":
        out[24:30] = bytes(rng.randrange(256) for _ in range(6))
    else:  # TIFF: its numbers stand in entries of twelve bytes
        (first,) = struct.unpack_from("<I", out, 4)
        (entries,) = struct.unpack_from("<H", out, first)
        at = first + 2 + 12 * rng.randrange(max(1, entries))
        struct.pack_into("<I", out, at + rng.choice([4, 8]), rng.choice(LARGE_SIDES) & 0xFFFFFFFF)
    return bytes(out)


def cut(_kind: str, data: bytes, rng: random.Random) -> bytes:
    """The beginning of it."""
    return data[: rng.randrange(len(data) + 1)]


def flipped(_kind: str, data: bytes, rng: random.Random) -> bytes:
    """Up to 64 of its bits are others."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 4, 64])):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def spliced(kind: str, data: bytes, rng: random.Random) -> bytes:
    """Its beginning, and the end of another of its format or of any."""
    other = whole(kind if rng.random() < 0.5 else rng.choice(KINDS), rng)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def harmed(kind: str, data: bytes, rng: random.Random) -> bytes:
    """As the other surfaces' inputs are."""
    return mutated(data, whole(kind, rng), rng, 100_000)


HARMS: tuple[Callable[[str, bytes, random.Random], bytes], ...] = (flipped, cut, spliced, giant, harmed)


def pictures(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many, each format and each harm as often as any other: what was done, and the bytes."""
    rng = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        harm = HARMS[number // len(KINDS) % len(HARMS)]
        yield f"{kind} {harm.__name__}", harm(kind, whole(kind, rng), rng)


def tried(count: int, seed: int, out: Path | None = None) -> tuple[Found, collections.Counter[str]]:
    """What came of so many pictures, and how many of each kind could be read all the same."""
    judge = Judge("picture", out)
    judge.warm([whole(kind, random.Random(1)) for kind in KINDS])
    judge.found.tried = 0
    read: collections.Counter[str] = collections.Counter()
    for name, data in pictures(count, seed):
        before = judge.found.refused
        judge(data)
        read[name] += judge.found.refused == before
    return judge.found, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz/pictures"))
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    with (chosen.keep / "noise").open("wb") as noise:
        os.dup2(noise.fileno(), 2)
    began = time.monotonic()
    found, read = tried(chosen.count, chosen.seed, chosen.keep)
    lines = [
        f"{found.tried:,} pictures in {time.monotonic() - began:,.0f} s: {sum(read.values()):,} read, {found.refused:,} refused in "
        f"one line, the slowest {found.slowest:.2f} s of processor time, at most {found.peak >> 20:,} MiB, {len(found.faults)} faults"
    ]
    lines += [f"  {key}: {words}" for key, words in found.faults.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(bool(found.faults))


if __name__ == "__main__":
    main()
