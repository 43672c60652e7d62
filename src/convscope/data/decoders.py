"""Programs beside this one that decode pictures: threads of one Python hardly help where pictures are small.

A decoder gets the contents of some files on its standard input and gives pixels, or what is wrong, on its standard output.
It opens no file. When one dies of a picture, which no reader of strangers' files can rule out, that picture is a problem and
a new one goes on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from convscope.data.fit import fit
from convscope.data.pictures import read_picture
from convscope.data.rows import Shape
from convscope.data.sizing import is_grey
from convscope.errors import PictureError

Pixels = UInt8[np.ndarray, "c h w"]
# A JPEG is decoded at up to twice the size that is wanted: what is left to shrink is filtered properly.
FINER = 2
FITTED, PROBLEM, COLOURED = range(3)
CRASHED = "the decoder crashed on it. Save it again as PNG or JPEG, or leave it out"


class ColouredError(Exception):
    """A picture in colour where all were taken to be grey."""


def fitted(content: bytes, shape: Shape, mode: str) -> UInt8[np.ndarray, "c h w"]:
    """A picture file's content as it is packed.

    Raises:
        PictureError: It is no picture.
        ColouredError: It is in colour, and the shape is grey.
    """
    channels, *size = shape
    picture = read_picture(content, near=FINER * max(size))
    pixels = fit(picture, (len(picture), *size), mode=mode).pixels  # type: ignore[arg-type]
    if len(pixels) < channels:
        return np.repeat(pixels, channels, 0)
    if len(pixels) > channels:
        if not is_grey(picture):
            raise ColouredError
        return pixels[:1]
    return pixels


def pixels_or_problem(content: bytes, shape: Shape, mode: str) -> Pixels | PictureError:
    """A picture file's content as it is packed, or what is wrong with it.

    Raises:
        ColouredError: It is in colour, and the shape is grey.
    """
    try:
        return fitted(content, shape, mode)
    except PictureError as error:
        return error
    except MemoryError:
        return PictureError("too large for this machine's memory. Make it smaller")


class Decoder:
    """One such program, started when it is first needed; used by one thread at a time.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, shape: Shape, mode: str):
        self.shape, self.mode = shape, mode
        self._program = self._started()

    def __call__(self, contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        """The pixels of these files' contents, or what is wrong with each.

        Raises:
            ColouredError: One is in colour, and the shape is grey.
        """
        try:
            return self._asked(contents)
        except (OSError, EOFError):
            self.close()
            self._program = self._started()
            if len(contents) == 1:
                return [PictureError(CRASHED)]
            return [said for content in contents for said in self([content])]

    def close(self) -> None:
        """End it."""
        self._program.kill()
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._program.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).parents[2])
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        words = [sys.executable, "-P", "-m", "convscope.data.decoders", self.mode, *map(str, self.shape)]
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip

    def _asked(self, contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        pipe, answers = self._program.stdin, self._program.stdout
        assert pipe is not None and answers is not None
        pipe.write(struct.pack(f"<{1 + len(contents)}Q", len(contents), *map(len, contents)))
        for content in contents:
            pipe.write(content)
        pipe.flush()
        return [self._answer(answers) for _ in contents]

    def _answer(self, answers: IO[bytes]) -> Pixels | PictureError:
        kind, length = struct.unpack("<BQ", _exactly(answers, 9))
        said = _exactly(answers, length)
        if kind == COLOURED:
            raise ColouredError
        if kind == PROBLEM:
            return PictureError(said.decode())
        return np.frombuffer(said, np.uint8).reshape(self.shape)


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    said = pipe.read(length)
    if len(said) < length:
        raise EOFError
    return said


def main() -> None:
    """Decode what comes, until nothing more does."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the business of the program that started this one
    mode, *shape = sys.argv[1:]
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asked.read(8)) == 8:
        (count,) = struct.unpack("<Q", head)
        lengths = struct.unpack(f"<{count}Q", _exactly(asked, 8 * count))
        contents = [_exactly(asked, length) for length in lengths]  # all of them before the first answer
        for content in contents:
            kind, said = _decoded(content, (int(shape[0]), int(shape[1]), int(shape[2])), mode)
            answers.write(struct.pack("<BQ", kind, len(said)) + said)
        answers.flush()


def _decoded(content: bytes, shape: Shape, mode: str) -> tuple[int, bytes]:
    try:
        said = pixels_or_problem(content, shape, mode)
    except ColouredError:
        return COLOURED, b""
    return (PROBLEM, str(said).encode()) if isinstance(said, PictureError) else (FITTED, said.tobytes())


if __name__ == "__main__":
    main()
