"""Drawn things into files: whole, or not there."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

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
        elif part.exists():
            part.unlink()


def write_picture(image: Image.Image, path: Path) -> None:
    """Write an image as PNG, JPEG or whatever the name's ending says.

    Raises:
        PictureError: The ending is unknown, or the path cannot be written.
    """
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise PictureError(f"{path}: a picture's name ends in .png, .jpg or .webp")
    with beside(path) as part:
        try:
            image.save(part, kind)
        except ValueError as error:  # a format's own limits, such as WebP's 16,383 pixels a side
            raise PictureError(f"{path}: cannot be written ({error}); write a .png instead") from None


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


def gif(frames: Iterable[Image.Image], kept: np.ndarray | None = None) -> bytes:
    """Frames as a GIF with the palette of the last one, which has all of the map; it stays for two seconds.

    Raises:
        PictureError: There are no frames.

    >>> gif([Image.new("RGB", (8, 8))])[:6]
    b'GIF89a'
    """
    shown = list(frames)
    if not shown:
        raise PictureError("an animation of no frames cannot be written: give at least one")
    drawn = list(_indexed(shown, _palette(shown[-1], kept)))
    times = [1000 // RATE] * (len(drawn) - 1) + [int(HOLD * 1000)]
    data = io.BytesIO()
    drawn[0].save(data, "GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0, optimize=False)
    return data.getvalue()


def _gif(frames: Iterable[Image.Image], path: Path, kept: np.ndarray | None) -> None:
    data = gif(frames, kept)
    with path.open("wb") as file:
        file.write(data)


def _palette(frame: Image.Image, kept: np.ndarray | None) -> Image.Image:
    """256 colours for all frames: those to be kept, then the others of the last frame by median cut."""
    exact = [] if kept is None else [int(part) for part in kept[:192].ravel()]
    rest = frame.quantize(256 - len(exact) // 3, Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((exact + rest)[:768])
    return palette


def _indexed(frames: Sequence[Image.Image], palette: Image.Image) -> Iterator[Image.Image]:
    """Frames in a palette's nearest colours; Pillow's own search is coarse, and draws zero as a neighbour of it."""
    colours = np.array(palette.getpalette(), dtype=np.int32).reshape(-1, 3)
    nearest = np.full(1 << 24, -1, dtype=np.int16)  # by colour, found when first met
    for frame in frames:
        packed = np.frombuffer(frame.convert("RGBX").tobytes(), dtype="<u4").reshape(
            frame.height, frame.width
        )
        pixels = packed & 0xFFFFFF
        index = nearest[pixels]
        new = np.unique(pixels[index < 0]).astype(np.int32)
        if new.size:
            apart = np.stack([new & 255, (new >> 8) & 255, new >> 16], axis=1)[:, None] - colours
            nearest[new] = (apart**2).sum(axis=2).argmin(axis=1)
            index = nearest[pixels]
        image = Image.fromarray(index.astype(np.uint8)).convert("P")
        image.putpalette(colours.astype(np.uint8).tobytes())
        yield image


def _mp4(frames: Iterable[Image.Image], path: Path) -> None:
    program = shutil.which("ffmpeg")
    if program is None:
        raise PictureError("an .mp4 needs the program ffmpeg, which is not here; write a .gif instead")
    last = None
    with tempfile.TemporaryFile() as said, ExitStack() as stack:
        coder = None
        try:
            for frame in frames:
                last = frame.crop((0, 0, frame.width // 2 * 2, frame.height // 2 * 2))
                coder = coder or stack.enter_context(_coder(program, last.size, path, said))
                coder.write(last.tobytes())
            for _ in range(int(HOLD * RATE) - 1):
                if coder is not None and last is not None:
                    coder.write(last.tobytes())
            stack.close()
        except (BrokenPipeError, subprocess.CalledProcessError):
            said.seek(0)
            words = said.read(300).decode(errors="replace").split("\n")[0].strip()
            raise PictureError(
                f"ffmpeg could not write the .mp4 ({words or 'it did not say why'}); write a .gif instead"
            ) from None
    if last is None:
        raise PictureError("an animation of no frames cannot be written: give at least one")


@contextmanager
def _coder(program: str, size: tuple[int, int], path: Path, said: IO[bytes]) -> Iterator[IO[bytes]]:
    """ffmpeg's ear for raw frames; it has ended when the block is left, killed where the block failed."""
    raw = f"-f rawvideo -pix_fmt rgb24 -s {size[0]}x{size[1]} -r {RATE} -i -"
    command = [
        program,
        "-y",
        "-loglevel",
        "error",
        *raw.split(),
        "-pix_fmt",
        "yuv420p",
        "-f",
        "mp4",
        str(path),
    ]
    coder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
    assert coder.stdin is not None
    try:
        yield coder.stdin
        coder.stdin.close()
        if coder.wait():
            raise subprocess.CalledProcessError(coder.returncode, program)
    finally:
        if coder.poll() is None:
            coder.kill()
            coder.wait()
        with suppress(BrokenPipeError):
            coder.stdin.close()


def _folder(frames: Iterable[Image.Image], path: Path) -> None:
    path.mkdir()
    for number, frame in enumerate(frames):
        frame.save(path / f"{number:04d}.png", "PNG")
