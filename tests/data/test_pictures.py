"""Any picture file is read right, or refused with one line; nothing is decoded that is too large."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convscope.data.ordinary import ordinary
from convscope.data.pictures import FORMATS, read_picture
from convscope.errors import PictureError


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def scene() -> Image.Image:
    """40 x 30 pixels, red above and green below."""
    image = Image.new("RGB", (40, 30), (200, 30, 40))
    image.paste((20, 180, 60), (0, 15, 40, 30))
    return image


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_as_channels_height_width(kind, tmp_path):
    (tmp_path / "picture").write_bytes(saved(scene(), kind))
    pixels = read_picture(tmp_path / "picture")
    assert pixels.shape == (3, 30, 40) and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert np.abs(pixels[:, 5, 20].astype(int) - (200, 30, 40)).max() < 12
    assert np.abs(pixels[:, 25, 20].astype(int) - (20, 180, 60)).max() < 12


MODES = {
    # mode of the saved picture -> the pixel that was put in, and the one that comes out
    "1": (1, [255]),
    "L": (77, [77]),
    "LA": ((0, 127), [128]),
    "P": (0, [10, 20, 30]),
    "RGB": ((1, 2, 3), [1, 2, 3]),
    "RGBA": ((255, 0, 0, 51), [255, 204, 204]),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_comes_out_as_grey_or_colour(mode):
    given_, expected = MODES[mode]
    image = Image.new(mode, (3, 2), given_)
    if mode == "P":
        image.putpalette([10, 20, 30] * 256)
    assert read_picture(saved(image))[:, 1, 1].tolist() == expected


def test_cmyk_comes_out_as_red_green_blue():
    pixels = read_picture(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))
    assert pixels[:, 4, 4].tolist() == [255, 0, 0]


def test_a_palette_with_a_transparent_colour_gets_white_behind_it():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 9, 9, 9])
    image.putpixel((1, 1), 1)
    pixels = read_picture(saved(image, transparency=0))
    assert (pixels[:, 0, 0].tolist(), pixels[:, 1, 1].tolist()) == ([255] * 3, [9] * 3)


def test_a_white_drawing_on_nothing_gets_black_behind_it():
    image = Image.new("LA", (4, 4), (0, 0))
    image.putpixel((2, 1), (255, 255))
    assert read_picture(saved(image))[0].tolist() == [[0] * 4, [0, 0, 255, 0], [0] * 4, [0] * 4]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_become_8_so_that_white_stays_white(kind):
    values = np.array([[0, 128, 129, 257, 65535 - 129, 65535]], np.uint16)
    assert read_picture(saved(Image.fromarray(values), kind)).tolist() == [[[0, 0, 1, 1, 254, 255]]]


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    pixels = read_picture(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert pixels[:, 3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize(("orientation", "where"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_a_photograph_is_turned_as_its_exif_data_says(orientation, where):
    image = Image.new("L", (32, 16), 0)
    image.paste(255, (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_picture(saved(image, "JPEG", exif=exif))
    assert pixels.shape == ((1, 16, 32) if orientation in (1, 3) else (1, 32, 16))
    assert pixels[0][where] > 200 and pixels[0].mean() < 60


def half(kind: str) -> bytes:
    whole = saved(Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 60, 3), np.uint8)), kind)
    return whole[: len(whole) // 2]


def no_picture(why: str) -> str:
    return f"not a readable picture ({why}). Save it again as PNG or JPEG, or leave it out"


def cut_short(kind: str) -> str:
    return no_picture(f"damaged, or cut short after {len(half(kind)):,} bytes")


def too_large(pixels: int) -> str:
    return f"{pixels:,} pixels, and at most 100,000,000 are opened. Make it smaller, or cut out a part"


BAD = {
    "empty": (b"", no_picture("it is empty")),
    "text": (b"Dear diary,\n", no_picture("it is text")),
    "other text": ("grüße ".encode() * 99, no_picture("it is text")),
    "svg": (b"<svg/>", no_picture("it is text")),
    "bytes": (bytes(range(256)), no_picture("none of PNG, JPEG, WEBP, GIF, TIFF, BMP")),
    "a format not tried": (b"P6 1 1 255 \xff\xfe\xfd", no_picture("none of PNG, JPEG, WEBP, GIF, TIFF, BMP")),
    "png 0x0": (png(0, 0), no_picture("0 x 0 pixels")),
    "bmp 0x5": (bmp(0, 5), no_picture("0 x 5 pixels")),
    "gif 0x0": (b"GIF89a" + bytes(7) + b";", no_picture("0 x 0 pixels")),
    "png's head": (b"\x89PNG\r\n\x1a\n", no_picture("a damaged PNG")),
    "half a png": (half("PNG"), cut_short("PNG")),
    "half a jpeg": (half("JPEG"), cut_short("JPEG")),
    "half a gif": (half("GIF"), cut_short("GIF")),
    "half a bmp": (half("BMP"), no_picture("truncated after 4,527 of 9,054 bytes")),
    "float tiff": (
        saved(Image.new("F", (2, 2)), "TIFF"), no_picture("32 bits a pixel do not say what white is"),
    ),
    "100,000 x 100,000": (png(100_000, 100_000), too_large(10_000_000_000)),
    "11,000 x 10,000": (png(11_000, 10_000), too_large(110_000_000)),
    "bmp 100,000 x 100,000": (bmp(100_000, 100_000), too_large(10_000_000_000)),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_picture_is_refused_in_one_line_that_names_the_file(content, message, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(PictureError) as from_file:
        read_picture(path)
    with pytest.raises(PictureError) as from_bytes:
        read_picture(content)
    assert str(from_file.value) == f"{path}: {message}"
    assert str(from_bytes.value) == f"the picture: {message}"


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    expected = {
        tmp_path: "a folder, not a picture. Name the files in it",
        tmp_path / "none.png": "no such file",
        tmp_path / "pipe": "not a file, so not a picture",
        "a\0b": "cannot be read (embedded null byte)",
    }
    for path, message in expected.items():
        with pytest.raises(PictureError) as error:
            read_picture(path)
        assert str(error.value) == f"{path}: {message}"


def test_a_file_without_permission_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(saved(scene()))

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(PictureError) as error:
        read_picture(tmp_path / "a.png")
    assert str(error.value) == f"{tmp_path}/a.png: may not be read by you; chmod u+r gives you the right to"


@pytest.mark.parametrize("kind", FORMATS)
def test_the_limit_on_pixels_is_held_for_every_format(kind):
    assert read_picture(saved(scene(), kind), largest=1200).shape == (3, 30, 40)
    with pytest.raises(PictureError, match=r"^the picture: 1,200 pixels, and at most 1,199 are opened"):
        read_picture(saved(scene(), kind), largest=1199)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(FORMATS), data=st.data())
def test_a_damaged_file_is_read_or_refused_but_never_anything_else(kind, data):
    content = bytearray(saved(scene(), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        pixels = read_picture(bytes(content[:cut]), largest=100_000)
    except PictureError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8 and pixels.shape[0] in (1, 3)


def with_scans(more: int, side: int = 40) -> bytes:
    """A progressive JPEG whose last scan stands in it so many times more."""
    file = io.BytesIO()
    Image.new("L", (side, side), 120).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    start, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[start:end] * more + data[end:]


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(tmp_path):
    words = r"1,206 scans, and pictures have ten or so\. Save it again as PNG or JPEG$"
    (tmp_path / "a.jpg").write_bytes(with_scans(1200))
    for source in (with_scans(1200), tmp_path / "a.jpg"):
        with pytest.raises(PictureError, match=words):
            read_picture(source)
    assert ordinary(with_scans(1200), (1, 8, 8), "pad") is None
    assert (read_picture(with_scans(100)) == read_picture(with_scans(0))).all()
    with pytest.raises(PictureError, match="26 scans"):  # few bytes and hours, over a hundred million pixels
        read_picture(with_scans(20, side=9990))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_is_the_same_in_one_band_and_in_many(mode, monkeypatch):
    values = np.random.default_rng(1).integers(0, 256, (37, 23, 3), np.uint8)
    image = (
        Image.fromarray(values[..., 0].astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(values).convert("L" if mode == "LA" else "RGB").convert(mode)
    )
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(values[..., 1]))
    file = io.BytesIO()
    image.save(file, "PNG", **({"transparency": 7} if mode == "P" else {}))
    whole = read_picture(file.getvalue())
    monkeypatch.setattr("convscope.data.pictures.BAND", 100)
    assert (read_picture(file.getvalue()) == whole).all()
