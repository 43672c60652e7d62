"""Finding digits in large pictures: speed and memory on 3840x2160, pages of forty digits, lines of two to eight.

A net is taught first (`mnist+nothing`, about ten minutes on two cores), or a Run of such a one is named. Pages are made of
test digits. The peer is the same net, window by window, in the same process. Printed, never tested.

    python benchmarks/find.py [RUN]
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from statistics import mean

import convscope as cs
from convscope.data.images import images
from convscope.finding.judging import mean_average_precision, right
from convscope.finding.pages import line, page
from convscope.finding.reading import read_page
from convscope.finding.search import Search, Wish
from convscope.runs import Run

FIRST = 1000
"""Seeds from here on: pages that nothing was chosen by."""


def taught() -> Run:
    """A net that knows digits from what is between them."""
    return cs.train(images("mnist+nothing"))


def speed() -> None:
    """LeNet-5 over 3840x2160, one scale, dense; and window by window over a sixteenth of that."""
    lenet = Run(Path(cs.__file__).parent / "lab" / "lenet5")
    grey = page(images("mnist").test, count=400, size=(2160, 3840), seed=FIRST, texture=10.0).pixels
    one = Wish(largest=32, least=0.999)
    seconds = [Search(lenet, one).through(grey).seconds for _ in range(3)]
    print(f"3840x2160, LeNet-5, one scale: {min(seconds):.1f} to {max(seconds):.1f} s (3 rounds)")
    small = grey[:, :540, :960]
    dense, sweep = (
        min(Search(lenet, Wish(largest=32, least=0.999, sweep=way)).through(small).seconds for _ in range(3))
        for way in (False, True)
    )
    print(
        f"960x540: dense {dense:.2f} s, window by window, 4 apart, {sweep:.2f} s: {sweep / dense:.1f} times"
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
    """Lines of 2 to 8 digits, of which some touch."""
    test = images("mnist").test
    search = Search(run, Wish(least=0.5, smallest=24, largest=34, fine=2))
    read = 0
    for n in range(count):
        made = line(test, 2 + n % 7, seed=FIRST + n)
        found = read_page(run, made.pixels, search.through(made.pixels).boxes)
        read += ["".join(box.label for box in line) for line in found] == [made.text]
    print(f"{count} lines of 2 to 8 digits, three in ten touching: {100 * read / count:.1f} % read rightly")


def main() -> None:
    run = Run(sys.argv[1]) if len(sys.argv) > 1 else taught()
    speed()
    pages(run)
    lines(run)


if __name__ == "__main__":
    main()
