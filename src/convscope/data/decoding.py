"""What runs beside the program that learns: contents of files come on standard input, pixels go to standard output.

It opens no file. Arrays are loaded with the first plain JPEG, and all that goes with them where a picture takes
the long way.
"""

from __future__ import annotations

import mmap
import signal
import struct
import sys
import warnings
from typing import IO

from convscope.data.ordinary import Shape, ordinary

FITTED, SHARED, PROBLEM, COLOURED = range(4)
# What comes of a picture: its pixels here or in the memory that is shared, words, or nothing.


def exactly(pipe: IO[bytes], length: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: They do not come.
    """
    said = pipe.read(length)
    if len(said) < length:
        raise EOFError
    return said


def memory(file: int | None) -> memoryview:
    """What the program that learns and a decoder share; nothing where there is no such file."""
    return memoryview(b"") if file is None else memoryview(mmap.mmap(file, 0))


def main() -> None:
    """Decode what comes, until nothing more does: for each lot its number and lengths, then the contents."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is the business of the program that started this one
    warnings.simplefilter("ignore")
    mode, channels, high, wide, *files = sys.argv[1:]
    shape = (int(channels), int(high), int(wide))
    room = memory(int(files[0]) if files else None)
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asked.read(8)) == 8:
        (count,) = struct.unpack("<Q", head)
        lengths = struct.unpack(f"<{count}Q", exactly(asked, 8 * count))
        contents = exactly(asked, sum(lengths))  # all of them before the first answer
        heads, said, at = [], [], 0
        for number, length in enumerate(lengths):
            kind, words = _decoded(contents[at : at + length], shape, mode)
            at += length
            place = number * len(words)
            if kind == FITTED and place + len(words) <= len(room):
                room[place : place + len(words)] = words
                kind, words = SHARED, b""
            heads.append(struct.pack("<BQ", kind, len(words)))
            said.append(words)
        answers.write(b"".join(heads + said))
        answers.flush()


def _decoded(content: bytes, shape: Shape, mode: str) -> tuple[int, bytes]:
    planes = ordinary(content, shape, mode)
    if planes is not None:
        return FITTED, planes
    from convscope.data.decoders import ColouredError, pixels_or_problem
    from convscope.errors import PictureError

    try:
        said = pixels_or_problem(content, shape, mode)
    except ColouredError:
        return COLOURED, b""
    return (PROBLEM, str(said).encode()) if isinstance(said, PictureError) else (FITTED, said.tobytes())


if __name__ == "__main__":
    main()
