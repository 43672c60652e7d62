"""Drawn things into files: whole, or not there."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.errors import PictureError

RATE = 20
HOLD = 2.0


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder, which becomes `path` when the block ends well, and is gone otherwise.

    Raises:
        PictureError: The path cannot be written.
    """
    part = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        yield part
        if path.is_dir() and part.is_dir():
            raise PictureError(f"{path}: a folder of that name is there already; name another, or remove it")
        part.replace(path)
    except OSError as error:
        raise PictureError(
            f"{path}: cannot be written ({error.strerror or error}); name another place"
        ) from None
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def write_picture(image: Image.Image, path: Path) -> None:
    """Write an image as PNG, JPEG or whatever the name's ending says.

    Raises:
        PictureError: The ending is unknown, or the path cannot be written.
    """
    if path.suffix.lower() not in Image.registered_extensions():
        raise PictureError(f"{path}: a picture's name ends in .png, .jpg or .webp")
    with beside(path) as part:
        image.save(part, Image.registered_extensions()[path.suffix.lower()])


def write_numbers(values: np.ndarray, path: Path) -> None:
    """Write an array as .npy.

    Raises:
        PictureError: The path cannot be written.
    """
    with beside(path) as part, part.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def write_animation(frames: Iterable[Image.Image], path: Path, kept: np.ndarray | None = None) -> None:
    """Write frames as .gif, as .mp4 (by ffmpeg), or, where the name has no ending, as a folder of PNGs.

    A GIF has 256 colours: those `kept` [n, 3] stay exactly as they are.

    Raises:
        PictureError: The ending is unknown, ffmpeg is missing or fails, or the path cannot be written.
    """
    writers = {".gif": partial(_gif, kept=kept), ".mp4": _mp4, "": _folder}
    if path.suffix.lower() not in writers:
        raise PictureError(
            f"{path}: an animation's name ends in .gif or .mp4, or has no ending for a folder of frames"
        )
    with beside(path) as part:
        writers[path.suffix.lower()](frames, part)


def _gif(frames: Iterable[Image.Image], path: Path, kept: np.ndarray | None) -> None:
    """All frames with the palette of the last one, which has all of the map; it stays for two seconds."""
    shown = list(frames)
    palette = _palette(shown[-1], kept)
    drawn = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in shown]
    times = [1000 // RATE] * (len(drawn) - 1) + [int(HOLD * 1000)]
    data = io.BytesIO()
    drawn[0].save(data, "GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0, optimize=False)
    with path.open("wb") as file:
        file.write(data.getvalue())


def _palette(frame: Image.Image, kept: np.ndarray | None) -> Image.Image:
    """256 colours for all frames: those to be kept, then the others of the last frame by median cut."""
    exact = [] if kept is None else [int(part) for part in kept[:192].ravel()]
    rest = frame.quantize(256 - len(exact) // 3, Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((exact + rest)[:768])
    return palette


def _mp4(frames: Iterable[Image.Image], path: Path) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise PictureError(
            f"{path.name}: .mp4 needs the program ffmpeg, which is not here; write a .gif instead"
        )
    with tempfile.TemporaryFile() as said:
        coder = None
        for frame in frames:
            even = frame.crop((0, 0, frame.width // 2 * 2, frame.height // 2 * 2))
            if coder is None:
                size = f"{even.width}x{even.height}"
                command = [
                    program,
                    "-y",
                    "-loglevel",
                    "error",
                    "-f",
                    "rawvideo",
                    "-pix_fmt",
                    "rgb24",
                    "-s",
                    size,
                ]
                command += ["-r", str(RATE), "-i", "-", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)]
                coder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
            assert coder.stdin is not None
            coder.stdin.write(even.tobytes())
        assert coder is not None and coder.stdin is not None
        coder.stdin.close()
        if coder.wait():
            said.seek(0)
            words = said.read(300).decode(errors="replace").strip()
            raise PictureError(
                f"{path.name}: ffmpeg could not write it ({words.splitlines()[-1] if words else '?'})"
            )


def _folder(frames: Iterable[Image.Image], path: Path) -> None:
    path.mkdir()
    for number, frame in enumerate(frames):
        frame.save(path / f"{number:04d}.png", "PNG")
