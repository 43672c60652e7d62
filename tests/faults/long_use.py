"""Whether memory and open files stay flat in long use: `python tests/faults/long_use.py [--steps N] [--looks N] [--minutes M]`.

One process takes so many training steps, by the native engine and by PyTorch, and looks into LeNet-5 so many times; then the
page's server answers some clients, who draw and ask for all that the page shows of a unit, for so many minutes. What each has
in its memory and how many files it has open is told every so often. The first third is a warm-up: what is loaded, cached and
kept for later comes then. Memory is the process's own (RssAnon): which pages of files are in the memory is the system's business,
so what is resident in all is only told. After the warm-up the middle of the last samples may be above the middle of the first ones by no more than
MEMORY and FILES; else the last line says so and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import numpy as np

MEMORY, FILES = 24_000_000, 4
"""Bytes and open files more than after the warm-up that are taken for flat."""
SAMPLES, WARM = 60, 1 / 3
SIDE = 112
COMMAND = [
    sys.executable, "-c", "from convscope.cli.app import main; main()", "lab", "--no-browser", "--json", "--port", "0",
]  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Of a process at some moment: bytes of memory of its own, open files, and all bytes that are resident."""

    memory: int
    files: int
    resident: int = 0


def sample(pid: int | str = "self") -> Sample:
    """How it stands with a process just now."""
    rows = [line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    told = {row[0]: 1024 * int(row[1]) for row in rows if row and row[0] in ("RssAnon:", "VmRSS:")}
    return Sample(told["RssAnon:"], len(os.listdir(f"/proc/{pid}/fd")), told["VmRSS:"])  # noqa: PTH208


@dataclass(frozen=True)
class Told:
    """What came of one use: its samples, evenly over all of it, and how much was done."""

    name: str
    done: str
    samples: tuple[Sample, ...]

    def grown(self) -> Sample:
        """How much more after the warm-up: the middle of the last fifth of all samples less that of the first fifth after it."""
        few = max(1, len(self.samples) // 5)
        after = self.samples[int(WARM * len(self.samples)) :]
        first, last = after[:few], after[-few:]
        return Sample(
            int(median(s.memory for s in last) - median(s.memory for s in first)),
            int(median(s.files for s in last) - median(s.files for s in first)),
        )

    @property
    def flat(self) -> bool:
        """Whether it grew no more than is taken for flat."""
        grown = self.grown()
        return grown.memory <= MEMORY and grown.files <= FILES

    def line(self) -> str:
        """All of it in one line."""
        points = [self.samples[int(at * (len(self.samples) - 1))] for at in (0, 1 / 3, 2 / 3, 1)]
        memory = ", ".join(f"{p.memory / 1e6:.1f}" for p in points)
        files = ", ".join(str(p.files) for p in points)
        resident = ", ".join(f"{p.resident / 1e6:.0f}" for p in points)
        grown = self.grown()
        return (
            f"{self.name}: {self.done}; MB at the start, after one and two thirds and at the end: {memory} "
            f"(resident {resident}); open files: {files}; "
            f"grown after the warm-up by {grown.memory / 1e6:+.1f} MB and {grown.files:+d} files{'' if self.flat else ': NOT FLAT'}"
        )


def evenly(name: str, work: Iterator[object], count: int, what: str) -> Told:
    """Do the work, and take samples of this process on the way."""
    every, samples, done = max(1, count // SAMPLES), [sample()], 0
    for done, _ in enumerate(itertools.islice(work, count), 1):
        if done % every == 0:
            samples.append(sample())
    return Told(name, f"{done:,} {what}", tuple(samples))


def steps(engine: str, count: int, home: Path) -> Iterator[object]:
    """Steps of LeNet-5, in trainings of ten epochs."""
    from convscope.data.images import images
    from convscope.training.loop import Progress, training
    from convscope.training.plan import make_plan
    from convscope.training.recipe import Recipe

    every = images("mnist")
    few = replace(every.first(min(2000, 5 * count)), test=every.test.take(np.arange(100)))
    recipe = Recipe(epochs=10, batch=20, engine=engine)
    for number in itertools.count():
        plan = make_plan(few, "lenet5", recipe, seed=number, device="cpu")
        seen = 0
        for event in training(plan, home / f"{engine}-{number}"):
            if isinstance(event, Progress):
                now = (event.epoch - 1) * event.steps + event.step
                yield from range(now - seen)
                seen = now


def looks(home: Path) -> Iterator[object]:
    """Looks into a copy of LeNet-5, by turns with each method, at each convolution, with and without its pictures."""
    import convscope as cs
    from convscope.inspect.look import METHODS
    from convscope.runs import OURS

    run = cs.Run(shutil.copytree(OURS["lenet5"], home / "lenet5"))  # what is looked up is kept in the Run
    pictures = cs.images("mnist")
    few = pictures.first(50)
    ways = itertools.cycle(itertools.product(("C1", "C3", "C5"), METHODS))
    for number in itertools.count():
        layer, method = next(ways)
        picture = pictures.test.pixels[number % len(pictures.test)]
        yield cs.look(
            run, picture, images=few if number % 20 == 0 else None, layer=layer, top=2, methods=[method]
        )


def asked(number: int, rng: np.random.Generator) -> tuple[str, str, bytes | None]:
    """One thing that a page asks its server: a method, an address and a body.

    Of few pictures and units: answers are kept, up to some 100 MB, and what is kept should be so after the warm-up.
    """
    unit, picture = f"C{rng.choice([1, 3])}/{rng.integers(6)}", f"test/{rng.integers(8)}"
    kind = number % 8
    if kind < 4:
        board = np.kron(rng.random((7, 7)) < 0.3, np.full((SIDE // 7, SIDE // 7), 255)).astype(np.uint8)
        return "POST", f"/api/runs/lenet5/say?width={SIDE}&height={SIDE}", board.tobytes()
    address = {
        4: f"/api/runs/lenet5/card?unit={unit}&picture={picture}",
        5: f"/api/runs/lenet5/slide?unit={unit}&picture={picture}",
        6: f"/api/runs/lenet5/units?layer={unit[:2]}&picture={picture}",
        7: f"/api/runs/lenet5/reasons?picture={picture}",
    }[kind]
    return "GET", address, None


def client(where: str, rate: float, going: Iterable[object], seed: int, tally: list[str]) -> None:
    """Asks up to so many things a second as long as it goes on, on one connection; notes what was answered."""
    host, port = urlsplit(where).hostname or "", urlsplit(where).port
    connection, rng = http.client.HTTPConnection(host, port, timeout=120), np.random.default_rng(seed)
    for number, _ in enumerate(going, seed):
        began = time.monotonic()
        method, address, body = asked(number, rng)
        for last in (
            False,
            True,
        ):  # a connection that was idle for long is closed by the server: a new one, as browsers do
            try:
                connection.request(method, address, body)
                answer = connection.getresponse()
                answer.read()
                tally.append("" if answer.status == 200 else f"{answer.status} to {method} {address}")
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if last:
                    tally.append(f"{error!r} to {method} {address}")
        time.sleep(max(0.0, 1 / rate - (time.monotonic() - began)))
    connection.close()


@contextlib.contextmanager
def lab() -> Iterator[tuple[str, int]]:
    """The command in a folder of its own: its link, and its process."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, text=True
        )
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["link"], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            process.stdout.close()  # type: ignore[union-attr]


def served(seconds: float, clients: int, rate: float, say: Callable[[str], None]) -> Told:
    """The page's server under the load of clients, each asking so many things a second."""
    with lab() as (link, pid):
        tally: list[str] = []
        client(link, 1000, itertools.repeat(True, 40), 0, [])
        until = time.monotonic() + seconds

        def going() -> bool:
            return time.monotonic() < until

        threads = [
            threading.Thread(target=client, args=(link, rate, iter(going, False), seed, tally))
            for seed in range(clients)
        ]
        for thread in threads:
            thread.start()
        samples = []
        while going():
            samples.append(sample(pid))
            say(f"{len(tally):,} answers, {samples[-1].memory / 1e6:.1f} MB, {samples[-1].files} files")
            time.sleep(seconds / SAMPLES)
        for thread in threads:
            thread.join()
    wrong = [words for words in tally if words]
    done = f"{len(tally):,} answers to {clients} clients in {seconds / 60:g} minutes, {len(wrong)} errors"
    return Told("the lab", f"{done} {sorted(set(wrong))[:3] if wrong else ''}".rstrip(), tuple(samples))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2, help="what each client asks a second")
    chosen = parser.parse_args()
    told: list[Told] = []

    def tell(one: Told) -> None:
        told.append(one)
        sys.stdout.write(f"{one.line()}\n")
        sys.stdout.flush()

    def say(words: str) -> None:
        sys.stderr.write(f"{words}\n")

    with tempfile.TemporaryDirectory() as home:
        for engine in ("native", "torch") if chosen.steps else ():
            work = steps(engine, chosen.steps, Path(home))
            tell(evenly(f"training by the engine {engine}", work, chosen.steps, "steps"))
        if chosen.looks:
            tell(evenly("looking", looks(Path(home)), chosen.looks, "looks"))
    if chosen.minutes:
        tell(served(60 * chosen.minutes, chosen.clients, chosen.rate, say))
    sys.exit(0 if all(one.flat for one in told) else 1)


if __name__ == "__main__":
    main()
