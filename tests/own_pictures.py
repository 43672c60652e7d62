"""Small sets of pictures on the disk, as people have them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

Size = tuple[int, int]


def image(seed: int, size: Size = (40, 32), mode: str = "RGB") -> Image.Image:
    """A picture (width, height) that no other seed gives: a soft pattern, as photographs are."""
    width, height = size
    rng = np.random.default_rng(seed)
    bands = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    small = rng.integers(0, 256, (4, 4, bands), np.uint8).squeeze()
    return Image.fromarray(small, mode=None).convert(mode).resize((width, height)) if mode != "CMYK" else Image.merge(
        "CMYK", [Image.fromarray(small[..., i]) for i in range(4)]
    ).resize((width, height))  # fmt: skip


def encoded(seed: int, size: Size = (40, 32), mode: str = "RGB", kind: str = "PNG", **options) -> bytes:
    """The same as a file's content."""
    file = io.BytesIO()
    image(seed, size, mode).save(file, kind, **options)
    return file.getvalue()


def some(*classes: str, each: int = 10, part: str = "", **options) -> dict[str, bytes]:
    """Name -> content: `each` pictures in a folder for each class, all of them different."""
    start = sum(map(ord, part)) * 1_000_000
    return {
        f"{part}{name}/{i:03d}.png": encoded(start + 10_000 * number + i, **options)
        for number, name in enumerate(classes)
        for i in range(each)
    }


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
