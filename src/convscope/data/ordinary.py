"""The short way for ordinary pictures: as few steps as lead to the same bits as `fitted` does.

Photographs by the thousand are JPEGs of 8 bits in colour or grey. The plainest ones are decoded by `jpegs`, the others by
Pillow, which also brings them to a shape.
"""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from convscope.data.jpegs import decoded, plain
from convscope.data.proportions import placed

if TYPE_CHECKING:  # a decoder starts without them
    import numpy as np
    from jaxtyping import UInt8

Shape = tuple[int, int, int]

LARGEST = 100_000_000
"""In pixels: a picture with more is decoded nowhere."""
# A JPEG is decoded at up to twice the size that is wanted: what is left to shrink is filtered properly.
FINER = 2
JPEG = b"\xff\xd8\xff"
# Each scan of a JPEG goes over all of its pixels, and a few bytes are one: of a real picture there are ten or so.
MOST_SCANS, MOST_SCANNED = 1000, 20 * LARGEST
SCAN = re.compile(b"\xff\xda")
TURNING = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
"""Where Pillow finds how a picture is to be turned."""


def ordinary(content: bytes, shape: Shape, mode: str, largest: int = LARGEST) -> bytes | None:
    """A JPEG's bytes [channels, height, width] as it is packed; None where it takes the long way, or is damaged.

    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 2), 7).save(file, "JPEG")
    >>> ordinary(file.getvalue(), (1, 2, 4), "pad") == bytes([7] * 8)
    True
    >>> ordinary(b"no JPEG", (1, 2, 4), "pad") is None
    True
    """
    if not content.startswith(JPEG) or shape[0] not in (1, 3):
        return None
    try:
        return _planes(content, shape, mode, largest)
    except Exception:  # decoders fail on damaged files in every way there is; the long way finds the words
        return None


def overlaid(content: bytes | memoryview | mmap.mmap, pixels: int) -> int:
    r"""How many scans a JPEG has, where they are more than may be decoded over so many pixels; else 0.

    >>> overlaid(b"..\xff\xda" * 1001, 4), overlaid(b"..\xff\xda" * 1000, 4)
    (1001, 0)
    """
    scans = sum(1 for _ in SCAN.finditer(content))
    return scans if scans > MOST_SCANS or scans * pixels > MOST_SCANNED else 0


def _planes(content: bytes, shape: Shape, mode: str, largest: int) -> bytes | None:
    channels, size = shape[0], (shape[1], shape[2])
    near = FINER * max(size)
    pixels = _quick(content, channels, near, largest)
    if pixels is not None and pixels.shape[:2] == size:
        bands = [pixels[:, :, band].tobytes() for band in range(pixels.shape[2])]
    else:
        image = _by_pillow(content, channels, near, largest) if pixels is None else _image(pixels)
        if image is None:
            return None
        image = _sized(image, size, mode)
        bands = [image.tobytes()] if image.mode == "L" else [image.tobytes("raw", band) for band in "RGB"]
    return b"".join(bands if len(bands) == channels else channels * bands)


def _quick(content: bytes, channels: int, near: int, largest: int) -> UInt8[np.ndarray, "h w c"] | None:
    """The pixels of a plain JPEG that Pillow would decode as a whole; None where it is no such."""
    said = plain(content)
    if said is None or said[2] > channels or min(said[:2]) >= 2 * near:
        return None
    pixels = said[0] * said[1]
    if pixels > largest or overlaid(content, pixels):
        return None
    try:
        return decoded(content, said[2])
    except ValueError:  # Pillow takes more than this decoder does
        return None


def _image(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    mode, size = ("L" if pixels.shape[2] == 1 else "RGB"), (pixels.shape[1], pixels.shape[0])
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


def _by_pillow(content: bytes, channels: int, near: int, largest: int) -> Image.Image | None:
    """Any JPEG of 8 bits in grey, or in colour where there are channels for it, upright."""
    modes = ("L", "RGB") if channels == 3 else ("L",)
    image: Image.Image = Image.open(io.BytesIO(content), formats=("JPEG",))
    pixels = image.width * image.height
    if pixels > largest or image.mode not in modes or overlaid(content, pixels):
        return None
    image.draft(None, (near, near))  # type: ignore[arg-type] - a mode of None keeps the picture's own
    image.load()
    if not TURNING.isdisjoint(image.info):
        ImageOps.exif_transpose(image, in_place=True)
    return None if "transparency" in image.info else image


def _sized(image: Image.Image, size: tuple[int, int], mode: str) -> Image.Image:
    """As `convscope.data.fit.fit` does it; Pillow filters each channel by itself."""
    given = (image.height, image.width)
    if given == size:
        return image
    place = placed(given, size, mode)
    by, wanted = Image.Resampling.LANCZOS, (place.near[1], place.near[0])
    scaled = image.resize(wanted, by, place.box) if place.near != given or place.box else image
    if place.near == size:
        return scaled
    page = Image.new(image.mode, (size[1], size[0]), _border(image))
    page.paste(scaled, (place.left, place.top))
    return page


def _border(image: Image.Image) -> tuple[int, ...] | int:
    """The median of the outermost rows and columns, channel by channel."""
    wide, high = image.size
    strips = ((0, 0, wide, 1), (0, high - 1, wide, high), (0, 0, 1, high), (wide - 1, 0, wide, high))
    counts = [sum(bins) for bins in zip(*(image.crop(strip).histogram() for strip in strips), strict=True)]
    found = tuple(_median(counts[first : first + 256]) for first in range(0, len(counts), 256))
    return found if len(found) != 1 else found[0]


def _median(counts: Sequence[int]) -> int:
    """Of so many 0s, 1s, 2s ...; the whole part of it where two are in the middle.

    >>> _median([2, 0, 1, 1])
    1
    """
    total, seen = sum(counts), 0
    middle = []
    for value, count in enumerate(counts):
        seen += count
        while len(middle) < 2 and seen > (total - 1 + len(middle)) // 2:
            middle.append(value)
    return (middle[0] + middle[1]) // 2
