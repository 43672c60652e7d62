"""Reading a picture file that nobody vouches for: the one way in, whatever its format, mode or size."""

from __future__ import annotations

import io
import mmap
import os
import re
import stat
import struct
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from convscope.data.ordinary import JPEG, LARGEST, overlaid
from convscope.errors import PictureError

# Only these decoders are ever tried: Pillow knows dozens more, some of them old and rarely looked at.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
MAGIC = {
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
}  # fmt: skip
# Where width and height stand in a file: for the word about a picture without pixels, which no decoder opens.
SIZES: dict[str | None, tuple[str, int]] = {"PNG": (">II", 16), "GIF": ("<HH", 6), "BMP": ("<ii", 18)}

GREYS = ("1", "L", "LA", "La", "I")

BAND = 1 << 20
"""Pixels that are brought to uint8 at once."""

T = TypeVar("T")


class _Quietly:
    """Within it Pillow warns of nothing: odd EXIF or a size that it finds large are harmless, or held below.

    Python's own way is not safe in threads: of two that overlap, the second restores what the first had set.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


quietly = _Quietly()


@dataclass(frozen=True)
class Glance:
    """What a picture's first bytes say: width and height in pixels, before any turning, and whether it is grey."""

    width: int
    height: int
    grey: bool


def read_picture(
    source: str | Path | bytes, *, largest: int = LARGEST, near: int | None = None
) -> UInt8[np.ndarray, "channels h w"]:
    """A picture as uint8 [channels, height, width], 0 black: 1 channel for grey, 3 (red, green, blue) for colour.

    Reads PNG, JPEG, WebP, GIF, TIFF and BMP, from a file or from bytes. It is turned as its EXIF data says;
    of an animation the first frame is taken; 16 bits become 8 (v / 257, rounded). What is transparent gets
    white behind it: drawings with transparency are made for a page, and most hide black under their alpha.
    Only where nothing at all would be seen on white is it black.

    `largest` is in pixels, and held before anything is decoded. Of a JPEG whose both sides are at least twice `near`
    only that is decoded of which the shorter side has `near` pixels or more: halves, quarters or eighths.

    Raises:
        PictureError: There is no such file, it cannot be read, it is no picture, or it has too many pixels.

    >>> white = io.BytesIO()
    >>> Image.new("RGB", (3, 2), "white").save(white, "PNG")
    >>> read_picture(white.getvalue()).shape
    (3, 2, 3)
    """
    name = "the picture" if isinstance(source, bytes) else str(source)

    def whole(image: Image.Image) -> np.ndarray:
        _require_few_scans(name, file, image.width * image.height)
        if near is not None:
            image.draft(None, (near, near))  # type: ignore[arg-type] - a mode of None keeps the picture's own
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _pixels(name, image)

    with _opened(name, source) as file, quietly:
        return _decoded(name, file, largest, whole)


def glance(source: str | Path | bytes, *, largest: int = LARGEST) -> Glance:
    """A picture's size and whether it is grey, from its first bytes: nothing is decoded.

    Raises:
        PictureError: As `read_picture`, as far as it shows without decoding.

    >>> white = io.BytesIO()
    >>> Image.new("L", (3, 2), "white").save(white, "PNG")
    >>> glance(white.getvalue())
    Glance(width=3, height=2, grey=True)
    """
    name = "the picture" if isinstance(source, bytes) else str(source)

    def first(image: Image.Image) -> Glance:
        return Glance(image.width, image.height, image.mode in GREYS or image.mode.startswith("I;16"))

    with _opened(name, source) as file, quietly:
        return _decoded(name, file, largest, first)


def _opened(name: str, source: str | Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        file: BinaryIO = io.BytesIO(source)
        size = len(source)
    else:
        try:
            kind = Path(source).stat()
            if stat.S_ISDIR(kind.st_mode):
                raise PictureError(f"{name}: a folder, not a picture. Name the files in it")
            if not stat.S_ISREG(kind.st_mode):  # reading a pipe or a device might never end
                raise PictureError(f"{name}: not a file, so not a picture")
            file, size = Path(source).open("rb"), kind.st_size  # noqa: SIM115 - the caller closes it
        except FileNotFoundError:
            raise PictureError(f"{name}: no such file") from None
        except PermissionError:
            raise PictureError(f"{name}: may not be read by you; chmod u+r gives you the right to") from None
        except (OSError, ValueError) as error:
            raise PictureError(f"{name}: cannot be read ({_reason(error)})") from None
    if not size:
        file.close()
        raise unreadable(name, "it is empty")
    return file


def _decoded(name: str, file: BinaryIO, largest: int, wanted: Callable[[Image.Image], T]) -> T:
    """What is wanted of the opened picture."""
    try:
        image = Image.open(file, formats=FORMATS)
        _within(name, image.width * image.height, largest)
        if not image.width * image.height:
            raise unreadable(name, f"{image.width} x {image.height} pixels")
        return wanted(image)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        # Raised by Pillow before decoding, at twice its own limit; only its text knows the size.
        pixels = int((re.findall(r"\d+", str(error)) or [largest + 1])[0])
        _within(name, pixels, min(largest, pixels - 1))
        raise
    except UnidentifiedImageError:
        raise unreadable(name, _what_it_is(file)) from None
    except MemoryError:
        raise PictureError(f"{name}: too large for this machine's memory. Make it smaller") from None
    except Exception as error:  # decoders fail on damaged files in every way there is
        raise unreadable(name, _damage(error, file)) from error


def unreadable(name: str, why: str) -> PictureError:
    """The error for a file that holds no picture."""
    return PictureError(
        f"{name}: not a readable picture ({why}). Save it again as PNG or JPEG, or leave it out"
    )


def _within(name: str, pixels: int, largest: int) -> None:
    if pixels > largest:
        raise PictureError(
            f"{name}: {pixels:,} pixels, and at most {largest:,} are opened. Make it smaller, or cut out a part"
        )


def _what_it_is(file: BinaryIO) -> str:
    """What a file is that no decoder took, as far as its first bytes tell."""
    file.seek(0)
    start = file.read(512)
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)
    layout, offset = SIZES.get(kind, ("", 0))
    if layout and len(start) >= offset + struct.calcsize(layout):
        width, height = struct.unpack_from(layout, start, offset)
        if not width * height:
            return f"{width} x {height} pixels"
    if kind:
        return _cut_short(file) or f"a damaged {kind}"
    try:
        text = start.decode()
    except UnicodeDecodeError as error:  # the last letter may be cut in two
        text = start[: error.start].decode() if error.start > 500 else "\0"
    is_text = all(c.isprintable() or c.isspace() for c in text)
    return "it is text" if is_text else f"none of {', '.join(FORMATS)}"


def _damage(error: Exception, file: BinaryIO) -> str:
    words = _reason(error)
    ended = ("truncated", "not enough", "unexpected end", "unrecognized data stream", "decoder error -2")
    if short := _cut_short(file):
        return short
    if isinstance(error, EOFError) or any(word in words.lower() for word in ended):
        return f"damaged, or cut short after {file.seek(0, os.SEEK_END):,} bytes"
    return f"damaged: {words}"


def _cut_short(file: BinaryIO) -> str | None:
    """The formats that say how long they are also tell when they were cut short."""
    file.seek(0)
    start, length = file.read(12), file.seek(0, os.SEEK_END)
    whole = 0
    if start.startswith(b"BM") and len(start) >= 6:
        whole = struct.unpack_from("<I", start, 2)[0]
    elif start.startswith(b"RIFF") and start.endswith(b"WEBP"):
        whole = struct.unpack_from("<I", start, 4)[0] + 8
    return f"truncated after {length:,} of {whole:,} bytes" if length < whole else None


def _reason(error: Exception) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(words.split())  # one line, whatever a decoder says


def _require_few_scans(name: str, file: BinaryIO, pixels: int) -> None:
    at = file.tell()
    file.seek(0)
    if file.read(len(JPEG)) == JPEG:
        held = isinstance(file, io.BytesIO)
        content = file.getbuffer() if held else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with content:
            scans = overlaid(content, pixels)
        if scans:
            raise PictureError(
                f"{name}: {scans:,} scans, and pictures have ten or so. Save it again as PNG or JPEG"
            )
    file.seek(at)


def _pixels(name: str, image: Image.Image) -> UInt8[np.ndarray, "channels h w"]:
    """A decoded picture's values, band by band: nothing but the picture and its values takes memory as a whole."""
    wide = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if image.mode in ("I", "F") and not wide:
        raise unreadable(name, "32 bits a pixel do not say what white is")
    if wide:
        return _banded(
            image, 1, lambda part: ((np.asarray(part).astype(np.uint32) + 128) // 257).astype(np.uint8)
        )
    if image.has_transparency_data:
        return _on_a_page(image)
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes all of them for Adobe's, which are stored inverted.
        return _banded(image, 3, lambda part: np.asarray(ImageChops.invert(part).convert("RGB")))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return _banded(image, len(mode), lambda part: np.asarray(part.convert(mode)))


def _banded(
    image: Image.Image, channels: int, values: Callable[[Image.Image], np.ndarray]
) -> UInt8[np.ndarray, "channels h w"]:
    """The values of an image, some rows of it at a time."""
    out = np.empty((channels, image.height, image.width), np.uint8)
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        stop = min(image.height, top + rows)
        part = image if stop - top == image.height else image.crop((0, top, image.width, stop))
        part = values(part)
        out[:, top:stop] = part[None] if channels == 1 else part.transpose(2, 0, 1)
    return out


def _on_a_page(image: Image.Image) -> UInt8[np.ndarray, "channels h w"]:
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"

    def over(colour: str) -> np.ndarray:
        def values(part: Image.Image) -> np.ndarray:
            layer = part.convert("RGBA")
            page = Image.new("RGBA", layer.size, colour)
            return np.asarray(Image.alpha_composite(page, layer).convert(mode))

        return _banded(image, len(mode), values)

    page = over("white")
    return over("black") if page.min() == 255 else page
