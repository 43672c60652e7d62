"""Finding digits in large pictures: speed and memory, pages of forty digits, lines of two to eight.

Pages are made of test digits, with seeds that nothing was chosen by. The peer is the same net, window by window, at the same
places, in the same process: by PyTorch and by the engine, both in batches. Printed, never tested.

    python benchmarks/find.py [RUN] [--only speed|memory|pages|lines]

RUN is `finder`, which comes along, unless another is named that was taught `mnist+nothing`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from PIL import Image

from convscope.data.images import images
from convscope.finding.applied import applied
from convscope.finding.boxes import read
from convscope.finding.dense import dense_stack
from convscope.finding.judging import mean_average_precision, right
from convscope.finding.pages import line, page
from convscope.finding.quick import batchwise
from convscope.finding.reading import read_page
from convscope.finding.search import Search, Wish
from convscope.nets.stack import Stack
from convscope.nets.words import Size
from convscope.runs import Run

FIRST = 1000
"""Seeds from here on: pages that nothing was chosen by."""


ROUNDS = 5

Asked = Callable[[torch.Tensor], torch.Tensor]


def passed(run: Run, pixels: np.ndarray, asked: Asked | None = None, batch: int = 0) -> float:
    """The seconds that a net takes over all windows of a picture: densely, or as `asked` about them in batches."""
    how = applied(run.net())
    if asked is not None:
        how = replace(how, see=partial(window_by_window, asked, batch, how.window, how.jump))
    start = time.perf_counter()
    for _ in how.over(pixels, run.normalised):
        pass
    return time.perf_counter() - start


def window_by_window(asked: Asked, batch: int, window: Size, jump: Size, part: torch.Tensor) -> torch.Tensor:
    """A net's answers to every window of a picture [c, h, w], in batches."""
    windows = part.unfold(1, window[0], jump[0]).unfold(2, window[1], jump[1]).permute(1, 2, 0, 3, 4)
    rows, columns = windows.shape[:2]
    every = torch.arange(rows * columns).split(batch)
    return torch.cat([asked(windows[n // columns, n % columns]) for n in every]).T.reshape(-1, rows, columns)


def products(stack: Stack) -> int:
    """Multiplications of one pass."""
    return sum(rung.multiply_adds for rung in stack.ladder)


def speed() -> None:
    """LeNet-5 over 3840x2160, one scale, dense; and the net alone beside the same net window by window."""
    lenet = Run("lenet5")
    grey = page(images("mnist").test, count=400, size=(2160, 3840), seed=FIRST, texture=10.0).pixels
    search = Search(lenet, Wish(largest=32, least=0.999))
    seconds = [search.through(grey).seconds for _ in range(ROUNDS)]
    print(f"3840x2160, LeNet-5, one scale: {spread(seconds)}")
    part, net = np.ascontiguousarray(grey[:, :1024, :1024]), lenet.net()
    rows, columns = applied(net).cells((1024, 1024))
    alone, shared = (
        products(net.stack) * rows * columns,
        products(dense_stack(net.stack).with_input((1, 1024, 1024))),
    )
    print(
        f"1024x1024, windows 4 apart: {rows * columns:,} windows; products window by window {alone / 1e9:.2f} billion, "
        f"dense {shared / 1e9:.2f} billion: {alone / shared:.2f} times"
    )
    ways: dict[str, Callable[[], float]] = {"dense": lambda: passed(lenet, part)}
    for batch in (256, 1024):
        ways[f"window by window, the engine, batches of {batch}"] = partial(
            passed, lenet, part, batchwise(net), batch
        )
    ways["window by window, PyTorch, batches of 256"] = partial(passed, lenet, part, net, 256)
    middle = {}
    for way, call in ways.items():
        times = [call() for _ in range(ROUNDS)]
        middle[way], count = median(times), shared if way == "dense" else alone
        print(
            f"  {way}: {spread(times)}, {2 * count / middle[way] / 1e9:.0f} GFLOP/s, "
            f"{middle[way] / middle['dense']:.1f} times"
        )


def spread(seconds: list[float]) -> str:
    """Median, least and most."""
    return f"{median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} rounds)"


def memory() -> None:
    """The verb itself on large drawings: the most memory that its process ever held, PyTorch and the picture among it."""
    tile = page(images("mnist").test, count=60, size=(1000, 1000), seed=FIRST).pixels[0]
    with tempfile.TemporaryDirectory() as folder:
        for wide, high in ((3840, 2160), (10_000, 10_000)):
            drawn = np.tile(tile, (-(-high // 1000), -(-wide // 1000)))[:high, :wide]
            Image.fromarray(drawn).save(path := Path(folder) / "page.png", compress_level=1)
            words = ["find", "lenet5", path, "--smallest", 32, "--largest", 32, "--least", 0.999, "--json"]
            command = [sys.executable, "-c", CHILD, *map(str, words)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            said, peak = json.loads(done.stdout.splitlines()[-2]), int(done.stdout.splitlines()[-1])
            print(
                f"{wide}x{high}, LeNet-5, one scale, the verb: {said['seconds']:.1f} s, {len(said['boxes']):,} finds, "
                f"peak memory {peak / 1e6:.2f} GB"
            )


CHILD = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "convscope", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def pages(run: Run, count: int = 20) -> None:
    """Pages of 40 digits of three sizes at random places; and empty ones."""
    test = images("mnist").test
    search = Search(run, Wish(least=0.5, smallest=24, largest=64))
    made = [page(test, seed=FIRST + n) for n in range(count)]
    found = [search.through(one.pixels) for one in made]
    pairs = [(one.boxes, there.boxes) for one, there in zip(found, made, strict=True)]
    false = [sum(not hit for hit in right(*pair)) for pair in pairs]
    print(
        f"{count} pages of 40: mean average precision {mean_average_precision(pairs):.3f}, "
        f"false finds a page {mean(false):.2f} (most {max(false)}), {mean(one.seconds for one in found):.1f} s a page"
    )
    empty = [page(test, count=0, seed=n, texture=5.0 * (n % 6)) for n in range(10)]
    print(f"10 blank or textured pages: {sum(len(search.through(one.pixels).boxes) for one in empty)} finds")


def lines(run: Run, count: int = 200) -> None:
    """Lines of 2 to 8 digits, of which some touch: what was found in its order, and read as a whole."""
    test = images("mnist").test
    search = Search(run, Wish(least=0.5, smallest=24, largest=34, fine=2))
    ordered, whole, seconds = 0, 0, 0.0
    for n in range(count):
        made = line(test, 2 + n % 7, seed=FIRST + n)
        found = search.through(made.pixels).boxes
        start = time.perf_counter()
        signs = read_page(run, made.pixels, found)
        seconds += time.perf_counter() - start
        ordered += ["".join(box.label for box in one) for one in read(found)] == [made.text]
        whole += ["".join(box.label for box in one) for one in signs] == [made.text]
    print(
        f"{count} lines of 2 to 8 digits, three in ten touching: {100 * whole / count:.1f} % read rightly as a whole "
        f"({seconds / count:.2f} s a line), {100 * ordered / count:.1f} % in the order of what was found"
    )


def main() -> None:
    parts = {"speed": speed, "memory": memory, "pages": pages, "lines": lines}
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", nargs="?", default="finder")
    parser.add_argument("--only", choices=parts)
    asked = parser.parse_args()
    for name, part in parts.items():
        if asked.only in (None, name):
            part(*(() if name in ("speed", "memory") else (Run(asked.run),)))


if __name__ == "__main__":
    main()
