"""Programs beside this one that decode pictures: threads of one Python hardly help where pictures are small.

What runs in one is `decoding`. When it dies of a picture, which no reader of strangers' files can rule out, that picture is
a problem and a new one goes on.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from convscope.data.decoding import COLOURED, PROBLEM, SHARED, exactly, memory
from convscope.data.fit import fit
from convscope.data.ordinary import FINER, ordinary
from convscope.data.pictures import read_picture
from convscope.data.rows import Shape
from convscope.data.sizing import is_grey
from convscope.errors import PictureError

Pixels = UInt8[np.ndarray, "c h w"]
PIPE_BYTES = 1 << 20
MOST_WORDS = 100_000
CRASHED = "the decoder crashed on it. Save it again as PNG or JPEG, or leave it out"


class ColouredError(Exception):
    """A picture in colour where all were taken to be grey."""


def fitted(content: bytes, shape: Shape, mode: str) -> UInt8[np.ndarray, "c h w"]:
    """A picture file's content as it is packed: the long way, that any picture can go.

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
    if planes := ordinary(content, shape, mode):
        return np.frombuffer(planes, np.uint8).reshape(shape)
    try:
        return fitted(content, shape, mode)
    except PictureError as error:
        return error
    except MemoryError:
        return PictureError("too large for this machine's memory. Make it smaller")


class Decoder:
    """One such program, started when it is first needed; used by one thread at a time.

    Its pixels come through memory that both share, of up to `most` pictures at once; else through the pipe.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, shape: Shape, mode: str, most: int = 16):
        self.shape, self.mode = shape, mode
        self._bytes = math.prod(shape)
        self._file = _fixed(most * self._bytes)
        self._shared = memory(self._file)
        self._program = self._started()

    def __call__(self, contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        """The pixels of these files' contents, or what is wrong with each; the pixels are there until the next call.

        Raises:
            ColouredError: One is in colour, and the shape is grey.
        """
        try:
            return self._asked(contents)
        except (OSError, EOFError, ValueError, struct.error):
            self._end()
            self._program = self._started()
            if len(contents) == 1:
                return [PictureError(CRASHED)]
            return [copy(said) for content in contents for said in self([content])]

    def close(self) -> None:
        """End it."""
        self._end()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _end(self) -> None:
        self._program.kill()
        for pipe in (self._program.stdin, self._program.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._program.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        root = str(Path(__file__).parents[2])
        paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        words = [sys.executable, "-P", "-m", "convscope.data.decoding", self.mode, *map(str, self.shape)]
        files = () if self._file is None else (self._file,)
        program = subprocess.Popen(
            [*words, *map(str, files)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=files, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        _widen(program.stdin, program.stdout)
        return program

    def _asked(self, contents: Sequence[bytes]) -> list[Pixels | PictureError]:
        pipe, answers = self._program.stdin, self._program.stdout
        assert pipe is not None and answers is not None
        pipe.write(struct.pack(f"<{1 + len(contents)}Q", len(contents), *map(len, contents)))
        pipe.write(b"".join(contents))
        pipe.flush()
        heads = exactly(answers, 9 * len(contents))
        return [self._answer(answers, i, *head) for i, head in enumerate(struct.iter_unpack("<BQ", heads))]

    def _answer(self, answers: IO[bytes], number: int, kind: int, length: int) -> Pixels | PictureError:
        if kind == COLOURED:
            raise ColouredError
        if kind == SHARED:
            return np.frombuffer(self._shared, np.uint8, self._bytes, number * self._bytes).reshape(
                self.shape
            )
        if length > max(self._bytes, MOST_WORDS):
            raise ValueError
        said = exactly(answers, length)
        if kind == PROBLEM:
            return PictureError(said.decode())
        return np.frombuffer(said, np.uint8).reshape(self.shape)


def _fixed(size: int) -> int | None:
    """A file in memory that neither side can make smaller or larger, where the system has such."""
    try:
        import fcntl

        file = os.memfd_create("pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (ImportError, AttributeError, OSError):
        return None
    try:
        os.truncate(file, size)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except (AttributeError, OSError):
        os.close(file)
        return None
    return file


def _widen(*pipes: IO[bytes] | None) -> None:
    """Let more wait in pipes, where the system can: each time that one is full costs a change of programs."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        from fcntl import F_SETPIPE_SZ, fcntl

        for pipe in filter(None, pipes):
            fcntl(pipe.fileno(), F_SETPIPE_SZ, PIPE_BYTES)
