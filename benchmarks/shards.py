"""How fast pictures come from shards on a local web server to the first batch, beside the same pictures from their zip.

    python benchmarks/shards.py imagenette-160.zip [--size 160] [--size-mb 10] [--json]

Packs the source, serves the shards by Python's own http.server in a process beside this one, and brings them into a new,
empty cache: fetching, checking, decoding. Then the same from the source itself, then both again, from the cache; then an
epoch of batches of each, as a training by the recipe has them. The targets are 2,000 pictures a second in the first, and
no slower than the packed cache after it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

TARGET = 2000


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder on a web server of its own process."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    words = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(folder),
    ]
    program = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(address):
                break
            time.sleep(0.05)
        yield address
    finally:
        program.terminate()
        program.wait()


def brought(source: str, size: int, cache: Path) -> tuple[object, float]:
    """The pictures of a source, and the seconds until they were there."""
    from convscope.data.images import images

    os.environ["CONVSCOPE_CACHE"] = str(cache)
    start = time.perf_counter()
    opened = images(source, size=size)
    return opened, time.perf_counter() - start


def epoch_seconds(opened: object, batch: int = 64) -> float:
    """An epoch of batches by the recipe for photographs, without the net."""
    import torch

    from convscope.nets.grammar import parse
    from convscope.training.batches import Feeder
    from convscope.training.moments import Normalisation, Principal
    from convscope.training.recipe import recipe_for

    torch.set_num_threads(os.cpu_count() or 1)
    recipe = recipe_for("any", "photos").recipe
    channels, height, width = opened.shape  # type: ignore[attr-defined]
    rule = Normalisation.of(parse(f"input {channels}x{height}x{width}; out linear 2").input, opened.train)  # type: ignore[attr-defined]
    principal = Principal.of(opened.train) if recipe.lighting else None  # type: ignore[attr-defined]
    feeder = Feeder(opened.train, recipe.seen(height, width), rule, recipe, 0, "cpu", principal)  # type: ignore[attr-defined]
    start, order = time.perf_counter(), feeder.order(1)
    for step, place in enumerate(range(0, len(order), batch)):
        feeder.batch(order[place : place + batch], 1, step)
    return time.perf_counter() - start


def measured(source: str, size: int, size_mb: float) -> dict[str, float]:
    """All figures."""
    from convscope.data.shards.source import pack

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        start = time.perf_counter()
        index = pack(source, folder / "shards", size_mb=size_mb).index
        packing = time.perf_counter() - start
        files = sum(index.pictures(part) for part in ("train", "test"))
        found: dict[str, float] = {
            "pictures": files,
            "shards": len(index.shards),
            "packing, pictures a second": files / packing,
        }
        with served(folder / "shards") as address:
            for name, place in (("shards over HTTP", f"shards:{address}"), ("the source itself", source)):
                cache = folder / name.split()[0]
                first, seconds = brought(place, size, cache)
                again, later = brought(place, size, cache)
                found[f"{name}: first, pictures a second"] = files / seconds
                found[f"{name}: again, seconds"] = later
                found[f"{name}: an epoch of batches, pictures a second"] = len(first.train) / epoch_seconds(
                    again
                )  # type: ignore[attr-defined]
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--size-mb", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measured(options.source, options.size, options.size_mb)
    about = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    if options.json:
        print(json.dumps({"machine": about, "target": TARGET, **rows}))
        return
    print(about, file=sys.stderr)
    for name, value in rows.items():
        print(f"{name:58} {value:12,.2f}")


if __name__ == "__main__":
    main()
