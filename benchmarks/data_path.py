"""How fast pictures come from files to a net: the first epoch, decoding included, and the epochs after it.

    python benchmarks/data_path.py imagenette-160.zip [--size 160] [--recipe photos] [--batch 64] [--threads 2] [--json]

The cache is a new, empty folder, so every file is read and decoded as on the first start. Then come two epochs of batches,
as a training by the recipe has them, without the net. The table below has decoders beside the one in use, one thread, on
1,000 of the files: those that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

DECODED = 1000


def first_epochs(options: argparse.Namespace) -> dict[str, float]:
    """Seconds until the pictures are there, and for two epochs of batches."""
    from convscope.data.images import images
    from convscope.training.batches import Feeder
    from convscope.training.moments import Normalisation, Principal
    from convscope.training.recipes import recipe_for

    recipe = recipe_for("any", options.recipe).recipe
    start, before = time.perf_counter(), computed()
    opened = images(options.source, size=options.size)
    decoded, worked = time.perf_counter() - start, computed() - before
    _, height, width = opened.shape
    start, before = time.perf_counter(), computed()
    rule = Normalisation.of(parsed(opened.shape), opened.train)
    principal = Principal.of(opened.train) if recipe.lighting else None
    feeder = Feeder(opened.train, recipe.seen(height, width), rule, recipe, 0, "cpu", principal)
    counted = time.perf_counter() - start
    epochs = []
    for epoch in (1, 2):
        start = time.perf_counter()
        order = feeder.order(epoch)
        for step, place in enumerate(range(0, len(order), options.batch)):
            feeder.batch(order[place : place + options.batch], epoch, step)
        epochs.append(time.perf_counter() - start)
    learned = computed() - before
    files, n = len(opened.train) + len(opened.test), len(opened.train)
    return {
        "files": files,
        "decoding, files a second": files / decoded,
        "decoding, files a second of a processor": files / worked,
        "means and deviations, pictures a second": n / counted,
        "both epochs and those, pictures a second of a processor": 2 * n / learned,
        "batches, first epoch, pictures a second": n / epochs[0],
        "batches, second epoch, pictures a second": n / epochs[1],
        "first epoch in all, files a second": files / (decoded + counted + epochs[0]),
    }


def computed() -> float:
    """Seconds that processors have worked for this program and for those it has ended; what others take is not in it."""
    return sum(os.times()[:4])


def parsed(shape: tuple[int, int, int]) -> object:
    """The input of a net for such pictures."""
    from convscope.nets.grammar import parse

    return parse(f"input {'x'.join(map(str, shape))}; out linear 2").input


def decoders(options: argparse.Namespace) -> dict[str, float]:
    """Pictures a second of each decoder that is installed, to pixels [height, width, 3], one thread."""
    contents = some_files(Path(options.source))
    found: dict[str, float] = {}
    for name, decode in ways().items():
        start = time.perf_counter()
        for content in contents:
            decode(content)
        found[name] = len(contents) / (time.perf_counter() - start)
    return found


def ways() -> dict[str, Callable[[bytes], object]]:
    """Name -> decoder."""
    from convscope.data.ordinary import ordinary
    from convscope.data.pictures import read_picture

    found: dict[str, Callable[[bytes], object]] = {
        "in use, to planes of 160x160": lambda c: ordinary(c, (3, 160, 160), "pad"),
        "in use, the long way": read_picture,
    }
    try:
        import cv2

        found[f"OpenCV {cv2.__version__}"] = lambda c: cv2.imdecode(
            np.frombuffer(c, np.uint8), cv2.IMREAD_COLOR
        )
    except ImportError:
        pass
    try:
        import simplejpeg

        found["simplejpeg"] = simplejpeg.decode_jpeg
    except ImportError:
        pass
    try:
        from torchvision.io import ImageReadMode, decode_jpeg

        def by_torchvision(content: bytes) -> object:
            return decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8), ImageReadMode.RGB)

        found["torchvision.io"] = by_torchvision
    except (ImportError, RuntimeError):
        pass
    return found


def some_files(source: Path) -> list[bytes]:
    """The contents of some JPEG files of a zip or a folder, evenly chosen."""
    if source.is_file():
        with zipfile.ZipFile(source) as archive:
            names = [n for n in archive.namelist() if n.lower().endswith((".jpg", ".jpeg"))]
            return [archive.read(n) for n in names[:: max(1, len(names) // DECODED)]]
    paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    return [p.read_bytes() for p in paths[:: max(1, len(paths) // DECODED)]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--recipe", default="photos")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["CONVSCOPE_CACHE"] = cache
        rows = first_epochs(options)
    beside = decoders(options)
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    about = {"machine": f"{platform.processor() or platform.machine()}, {cores}", "torch": torch.__version__}
    if options.json:
        print(json.dumps({**about, **rows, "decoders": beside}))
        return
    print(", ".join(f"{k} {v}" for k, v in about.items()), file=sys.stderr)
    for name, value in rows.items():
        print(f"{name:58} {value:12,.0f}")
    for name, value in beside.items():
        print(f"decoder, one thread: {name:24} {value:12,.0f} a second")


if __name__ == "__main__":
    main()
