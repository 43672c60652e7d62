"""How fast pictures come from shards on a local web server to the first batch, beside the same pictures from their zip.

    python benchmarks/shards.py imagenette-160.zip [--size 160] [--size-mb 10] [--rounds 3] [--json]

Packs the source, and serves the shards by Python's own http.server in a process beside this one. A round brings them, and
the source itself, into new, empty caches (fetching, checking, decoding), opens both again from there, and makes an epoch of
batches of each, as a training by the recipe for photographs has them; who is first changes with each round. The targets are
2,000 pictures a second in the first, and no slower than the packed cache after it.
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
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch

from convscope.data.images import Images, images
from convscope.data.shards.source import pack
from convscope.nets.grammar import parse
from convscope.training.batches import Feeder
from convscope.training.moments import Normalisation, Principal
from convscope.training.recipes import recipe_for

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


def brought(source: str, size: int, cache: Path) -> tuple[Images, float]:
    """The pictures of a source, and the seconds until they were there."""
    os.environ["CONVSCOPE_CACHE"] = str(cache)
    start = time.perf_counter()
    opened = images(source, size=size)
    return opened, time.perf_counter() - start


def epoch_seconds(opened: Images, batch: int = 64) -> float:
    """An epoch of batches by the recipe for photographs, without the net."""
    recipe = recipe_for("any", "photos").recipe
    channels, height, width = opened.shape
    rule = Normalisation.of(parse(f"input {channels}x{height}x{width}; out linear 2").input, opened.train)
    principal = Principal.of(opened.train) if recipe.lighting else None
    feeder = Feeder(opened.train, recipe.seen(height, width), rule, recipe, 0, "cpu", principal)
    start, order = time.perf_counter(), feeder.order(1)
    for step, place in enumerate(range(0, len(order), batch)):
        feeder.batch(order[place : place + batch], 1, step)
    return time.perf_counter() - start


def measured(source: str, size: int, size_mb: float, rounds: int) -> dict[str, list[float]]:
    """All figures, one for each round."""
    found: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        start = time.perf_counter()
        index = pack(source, folder / "shards", size_mb=size_mb).index
        files = sum(index.pictures(part) for part in ("train", "test"))
        found["packing, pictures a second"].append(files / (time.perf_counter() - start))
        with served(folder / "shards") as address:
            places = [("shards over HTTP", f"shards:{address}"), ("the source itself", source)]
            for number in range(rounds):
                for name, place in places[:: 1 if number % 2 == 0 else -1]:
                    with tempfile.TemporaryDirectory(dir=home) as cache:
                        first, seconds = brought(place, size, Path(cache))
                        found[f"{name}: first, pictures a second"].append(files / seconds)
                        del first
                        again, seconds = brought(place, size, Path(cache))
                        found[f"{name}: again, seconds"].append(seconds)
                        speed = len(again.train) / epoch_seconds(again)
                        found[f"{name}: an epoch of batches, pictures a second"].append(speed)
                        del again
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--size-mb", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    rows = measured(options.source, options.size, options.size_mb, options.rounds)
    about = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end"
    if options.json:
        print(json.dumps({"machine": about, "target": TARGET, **rows}))
        return
    print(about, file=sys.stderr)
    for name, values in sorted(rows.items()):
        print(f"{name:58} {median(values):10,.2f}   ({', '.join(f'{value:,.2f}' for value in values)})")


if __name__ == "__main__":
    main()
