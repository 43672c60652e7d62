"""Bytes that mean harm, for each place where bytes come in: `python tests/fuzz/harness.py SURFACE [--minutes M] [--seed S]`.

Guided by coverage where atheris is installed (`pip install --group fuzz`); otherwise, and with --plain, by a mutator with a
seed. A fault is any error that is none of convscope's own, a refusal of more than one line, more than a second of processor
time, and more than a gigabyte of memory. What was found is written to --out, one file a fault, and said at the end.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import importlib.util
import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

MOST_SECONDS, MOST_BYTES = 1.0, 1 << 30
STUCK_SECONDS = 600
"""Of the clock, after which the process ends itself and says where it was."""


@dataclass
class Found:
    """What came of it: how often each answer was given, the slowest input in seconds, the most memory of the process in bytes,
    and each fault once with what it said."""

    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, bytes] = field(default_factory=dict)


class Judge:
    """Gives bytes to a surface and judges what comes of it."""

    def __init__(self, name: str, out: Path | None = None):
        from fuzz.surfaces import SURFACES

        self.surface, self.found, self.out = SURFACES[name], Found(), out
        self.name, self._most = name, 0

    def warm(self, seeds: Sequence[bytes]) -> None:
        """Load all that a first input loads; from here on memory is counted."""
        for data in seeds:
            self(data)
        self.found.slowest, self._most = 0.0, _peak() + MOST_BYTES
        slow = [fault for fault in self.found.faults if fault.startswith("slow")]
        for fault in slow:  # that was loading
            del self.found.faults[fault], self.found.inputs[fault]

    def __call__(self, data: bytes) -> None:
        from fuzz.surfaces import require_line

        from convscope.errors import ConvscopeError

        if self.out is not None:
            (self.out / "now").write_bytes(data)  # for what ends the process
        faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
        began = time.process_time()
        self.found.tried += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.surface.use(data)
        except ConvscopeError as error:
            self.found.refused += 1
            try:
                require_line(error)
            except AssertionError as wrong:
                self._fault(f"message: {type(error).__name__}", str(wrong), data)
        except Exception as error:
            self._fault(_where(error), "".join(traceback.format_exception(error))[-1500:], data)
        took = time.process_time() - began
        faulthandler.cancel_dump_traceback_later()
        self.found.slowest = max(self.found.slowest, took)
        if took > MOST_SECONDS and took > MOST_SECONDS + self.surface.extra(data):
            self._fault("slow", f"{took:.2f} s of processor time", data)
        self.found.peak = _peak()
        if self._most and self.found.peak > self._most:
            self._fault("memory", f"{_peak() >> 20:,} MiB at its peak", data)
            self._most = _peak() + MOST_BYTES

    def _fault(self, key: str, words: str, data: bytes) -> None:
        if key not in self.found.faults:
            self.found.faults[key], self.found.inputs[key] = words, data
            if self.out is not None:
                path = self.out / f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(f"{key}\n{words}\n", errors="replace")


def _where(error: Exception) -> str:
    """What went wrong where: the last line of ours that was on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/convscope/" in f.filename] or list(frames)
    return f"{type(error).__name__} at {'/'.join(Path(ours[-1].filename).parts[-2:])}:{ours[-1].lineno}"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def corpus(name: str) -> list[bytes]:
    """The inputs that are kept, in the order of their names; those that once were faults are among them."""
    from fuzz.surfaces import CORPUS

    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutations(name: str, seed: int) -> Iterator[bytes]:
    """Endless mutations of the corpus, the same ones for the same seed."""
    from fuzz.mutating import mutated
    from fuzz.surfaces import SURFACES

    rng, seeds, surface = random.Random(f"{name} {seed}"), corpus(name), SURFACES[name]
    while True:
        yield mutated(rng.choice(seeds), rng.choice(seeds), rng, surface.most, surface.words)


def plain(judge: Judge, until: float, seed: int, times: int | None = None) -> Found:
    """Give the corpus, then so many mutations of it, or as many as go until then (time.monotonic)."""
    judge.warm(corpus(judge.name))
    for number, data in enumerate(mutations(judge.name, seed)):
        if number == times or time.monotonic() > until:
            break
        judge(data)
    return judge.found


def guided(judge: Judge, seconds: float, seed: int, folder: Path) -> None:
    """The same by atheris, which keeps what reaches new code in `folder`; it ends the process when it is done."""
    import atheris
    from fuzz.mutating import mutated
    from fuzz.surfaces import CORPUS

    seeds, surface = corpus(judge.name), judge.surface
    judge.warm(seeds)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.5:
            return atheris.Mutate(data, most)
        return mutated(bytes(data), rng.choice(seeds), rng, min(most, surface.most), surface.words)

    until = time.monotonic() + seconds

    def one(data: bytes) -> None:
        judge(bytes(data))
        if time.monotonic() > until:
            os._exit(said(judge, "guided by coverage", until - seconds))

    words = [
        sys.argv[0], f"-max_len={surface.most}", f"-seed={seed + 1}", "-rss_limit_mb=0",
        "-timeout=600", "-verbosity=0", "-print_final_stats=1", str(folder), str(CORPUS / judge.name),
    ]  # fmt: skip
    atheris.Setup(words, one, custom_mutator=mutate)
    atheris.Fuzz()


def said(judge: Judge, how: str, began: float) -> int:
    """Say what was found; 1 if there are faults."""
    found = judge.found
    lines = [
        f"{judge.name}, {how}: {found.tried:,} inputs in {time.monotonic() - began:,.0f} s, {found.refused:,} refused, "
        f"the slowest {found.slowest:.2f} s, at most {found.peak >> 20:,} MiB, {len(found.faults)} faults"
    ]
    lines += [f"  {key}: {words}" for key, words in found.faults.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return bool(found.faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("surface")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    chosen = parser.parse_args()
    out = (chosen.out / chosen.surface).resolve()
    (out / "found").mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (out / "noise").open("wb") as noise:  # libtiff and others write to the terminal by themselves
        os.dup2(noise.fileno(), 2)
    if chosen.plain or importlib.util.find_spec("atheris") is None:
        judge = Judge(chosen.surface, out)
        plain(judge, time.monotonic() + 60 * chosen.minutes, chosen.seed)
        sys.exit(said(judge, "mutated", began))
    import atheris

    with atheris.instrument_imports(include=["convscope", "fuzz", "PIL"], enable_loader_override=False):
        judge = Judge(chosen.surface, out)
    guided(judge, 60 * chosen.minutes, chosen.seed, out / "found")


if __name__ == "__main__":
    main()
