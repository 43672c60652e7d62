"""Finding digits in large pictures: speed and memory on 3840x2160, pages of forty digits, lines of two to eight.

A net is taught first (`mnist+nothing`, about ten minutes on two cores), or a Run of such a one is named. Pages are made of
test digits. The peer is the same net, window by window, in the same process. Printed, never tested.

    python benchmarks/find.py [RUN]
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch

import convscope as cs
from convscope.data.images import images
from convscope.finding.applied import applied
from convscope.finding.boxes import read
from convscope.finding.judging import mean_average_precision, right
from convscope.finding.pages import line, page
from convscope.finding.reading import read_page
from convscope.finding.search import Search, Wish
from convscope.nets.build import Net
from convscope.nets.words import Size
from convscope.runs import Run

FIRST = 1000
"""Seeds from here on: pages that nothing was chosen by."""


def taught() -> Run:
    """A net that knows digits from what is between them."""
    return cs.train(images("mnist+nothing"))


def passed(run: Run, pixels: np.ndarray, sweep: bool) -> float:
    """The seconds that a net takes over all windows of a picture, both ways at the same places."""
    net = run.net()
    how = applied(net)
    if sweep:
        how = replace(how, see=partial(window_by_window, net, how.window, how.jump))
    start = time.perf_counter()
    for _ in how.over(pixels, run.normalised):
        pass
    return time.perf_counter() - start


def window_by_window(net: Net, window: Size, jump: Size, part: torch.Tensor) -> torch.Tensor:
    """A net's answers to every window of a picture [c, h, w], in batches."""
    cut = part.unfold(1, window[0], jump[0]).unfold(2, window[1], jump[1])
    channels, rows, columns = cut.shape[:3]
    every = cut.permute(1, 2, 0, 3, 4).reshape(rows * columns, channels, *window)
    return torch.cat([net(some) for some in every.split(256)]).T.reshape(-1, rows, columns)


def speed() -> None:
    """LeNet-5 over 3840x2160, one scale, dense; and the net alone beside the same net window by window."""
    lenet = Run(Path(cs.__file__).parent / "packaged" / "lenet5")
    grey = page(images("mnist").test, count=400, size=(2160, 3840), seed=FIRST, texture=10.0).pixels
    one = Wish(largest=32, least=0.999)
    seconds = [Search(lenet, one).through(grey).seconds for _ in range(3)]
    print(f"3840x2160, LeNet-5, one scale: {min(seconds):.1f} to {max(seconds):.1f} s (3 rounds)")
    part = grey[:, :1024, :1024]
    dense, sweep = (median(passed(lenet, part, way) for _ in range(3)) for way in (False, True))
    print(
        f"1024x1024, the net alone, windows 4 apart: dense {dense:.3f} s, window by window in batches of 256 {sweep:.2f} s: "
        f"{sweep / dense:.1f} times (medians of 3)"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB, PyTorch among it")


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
    run = Run(sys.argv[1]) if len(sys.argv) > 1 else taught()
    speed()
    pages(run)
    lines(run)


if __name__ == "__main__":
    main()
