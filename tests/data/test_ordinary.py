"""The short way for ordinary pictures gives the bits of the long one, or leaves the picture to it."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from own_pictures import encoded
from PIL import Image

from convscope.data import decoders, decoding
from convscope.data.decoders import Decoder, fitted
from convscope.data.jpegs import decoded, plain
from convscope.data.ordinary import ordinary
from convscope.errors import PictureError

SIZES = [(40, 32), (32, 40), (400, 9), (1, 1), (2, 90), (700, 500), (641, 1280)]
MODES = ["pad", "crop", "stretch"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["RGB", "L"])
def test_the_short_way_gives_the_bits_of_the_long_one(kind, mode):
    for number, size in enumerate(SIZES):
        content = encoded(number, size, mode=kind, kind="JPEG")
        for shape in ((3, 32, 40), (3, 90, 30)):
            assert ordinary(content, shape, mode) == fitted(content, shape, mode).tobytes()


@pytest.mark.parametrize("turned", range(1, 9))
def test_the_short_way_turns_photographs_as_the_long_one_does(turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    content = encoded(turned, (60, 40), kind="JPEG", exif=exif)
    assert ordinary(content, (3, 32, 32), "pad") == fitted(content, (3, 32, 32), "pad").tobytes()


def jpeg(size, **options) -> bytes:
    return encoded(7, size, kind="JPEG", **options)


def spliced(content: bytes, segment: bytes) -> bytes:
    return content[:2] + segment + content[2:]


ADOBE = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
PLAIN = {
    "baseline": jpeg((61, 47)),
    "progressive": jpeg((61, 47), progressive=True, quality=30),
    "all colours": jpeg((61, 47), subsampling=0),
    "half the colours": jpeg((61, 47), subsampling=1, restart_marker_blocks=2),
    "grey": jpeg((61, 47), mode="L"),
    "a comment": spliced(jpeg((61, 47)), b"\xff\xfe\0\x05hey"),
    "bytes behind its end": jpeg((61, 47)) + b"more",
    "a size as wanted": jpeg((40, 32)),
    "a point": jpeg((1, 1)),
}
NOT_PLAIN = {
    "Exif": spliced(jpeg((61, 47)), b"\xff\xe1\0\x08Exif\0\0"),
    "red, green and blue as they are": spliced(jpeg((61, 47)), ADOBE + b"\0"),
    "four colours": jpeg((61, 47), mode="CMYK"),
    "profile": jpeg((61, 47), icc_profile=bytes(200)),
    "two frames": spliced(jpeg((61, 47)), b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0"),
    "no JPEG": b"\xff\xd8\xff nothing",
}


@pytest.mark.parametrize("case", PLAIN)
def test_plain_photographs_are_decoded_as_pillow_does(case, monkeypatch):
    content = PLAIN[case]
    for shape in ((3, 32, 40), (3, 90, 30)):
        wanted = fitted(content, shape, "pad").tobytes()
        with monkeypatch.context() as alone:
            alone.setattr(Image, "open", None)
            assert ordinary(content, shape, "pad") == wanted
    with Image.open(io.BytesIO(content)) as image:
        assert plain(content) == (*image.size, len(image.getbands()))
        assert np.array_equal(decoded(content, len(image.getbands())).squeeze(), np.asarray(image).squeeze())


@pytest.mark.parametrize("case", NOT_PLAIN)
def test_what_is_not_plain_is_pillows(case):
    assert plain(NOT_PLAIN[case]) is None


@pytest.mark.parametrize("at", range(20, 900, 40))
def test_a_photograph_that_is_damaged_or_cut_short_is_what_pillow_makes_of_it(at):
    content = jpeg((61, 47))
    for harmed in (
        content[:at],
        content[:at] + b"\xff\0\x55" + content[at + 3 :],
        content[:at] + content[at + 1 :],
    ):
        try:
            wanted = fitted(harmed, (3, 32, 40), "pad").tobytes()
        except PictureError:
            wanted = None
        assert ordinary(harmed, (3, 32, 40), "pad") == wanted


def test_a_large_photograph_is_decoded_in_part_by_pillow(monkeypatch):
    monkeypatch.setattr("convscope.data.ordinary.decoded", None)
    content = jpeg((200, 161))
    assert ordinary(content, (3, 32, 40), "pad") == fitted(content, (3, 32, 40), "pad").tobytes()


LONG = {
    "no JPEG": (encoded(1), (3, 32, 40)),
    "four colours": (encoded(1, mode="CMYK", kind="JPEG"), (3, 32, 40)),
    "colour where grey is wanted": (encoded(1, kind="JPEG"), (1, 32, 40)),
    "cut short": (encoded(1, kind="JPEG")[:-200], (3, 32, 40)),
    "nothing": (b"", (3, 32, 40)),
}


@pytest.mark.parametrize("case", LONG)
def test_what_is_not_ordinary_is_left_to_the_long_way(case):
    assert ordinary(*LONG[case], "pad") is None


def test_too_many_pixels_are_not_decoded_on_the_short_way():
    assert ordinary(encoded(1, (40, 32), kind="JPEG"), (3, 32, 40), "pad", largest=40 * 32 - 1) is None


def test_a_decoder_of_photographs_starts_without_arrays():
    code = "import sys, convscope.data.decoding; print([m for m in ('numpy', 'torch') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


CONTENTS = [encoded(1, kind="JPEG"), b"no picture", encoded(2), encoded(3, (9, 70), kind="JPEG")]


@pytest.mark.parametrize("most", [16, 1, 0])
def test_pixels_come_the_same_through_memory_that_is_shared_and_through_the_pipe(most, monkeypatch):
    if not most:
        monkeypatch.setattr(decoders, "_fixed", lambda _: None)
    decoder = Decoder((3, 32, 40), "pad", most)
    try:
        said = [s if isinstance(s, PictureError) else s.copy() for s in decoder(CONTENTS)]
    finally:
        decoder.close()
    assert "it is text" in str(said[1])
    for i in (0, 2, 3):
        seen = said[i]
        assert isinstance(seen, np.ndarray) and np.array_equal(seen, fitted(CONTENTS[i], (3, 32, 40), "pad"))


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff" * 9,
        bytes([decoding.SHARED]) + bytes(7),
        bytes([decoding.PROBLEM]) + (1 << 50).to_bytes(8, "little"),
    ],
)
def test_an_answer_that_cannot_be_is_a_crash_of_the_decoder(answer, monkeypatch):
    decoder = Decoder((3, 32, 40), "pad")
    plain = decoders.exactly

    def odd(pipe, length):
        return answer[:length].ljust(length, b"\0") if length == 9 else plain(pipe, length)

    monkeypatch.setattr(decoders, "exactly", odd)
    try:
        if answer[0] == decoding.SHARED:  # pixels where none fit are as good as none
            decoder._shared = memoryview(b"")
        (said,) = decoder([encoded(1, kind="JPEG")])
    finally:
        decoder.close()
    assert isinstance(said, PictureError) and str(said) == decoders.CRASHED
