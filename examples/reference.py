"""The reference results on MNIST, measured: several seeds each, mean and spread, against what must be reached.

    python examples/reference.py lenet5 lenet5-distorted digits --seeds 5

Each seed is one `convscope train` as a user would type it, a process of its own; the test digits are looked at
once, at its end. Exits with 1 if a mean error is above its target.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from convscope.cli.output import table
from convscope.scores import mean_and_spread
from convscope.training.account import machine


@dataclass(frozen=True)
class Case:
    """A net, a recipe (None: the net's own), and the mean test error it must reach, in percent."""

    net: str
    recipe: str | None
    target: float


CASES = {
    "lenet5": Case("lenet5", None, 0.95),
    "lenet5-distorted": Case("lenet5", "lenet5-distorted", 0.80),
    "digits": Case("digits", None, 0.35),
}


def measured(case: Case, seed: int) -> dict:
    """One training; what `convscope train --json` says, and the seconds of the whole process."""
    program = str(Path(sys.executable).with_name("convscope"))
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "train", "mnist", "--net", case.net, "--seed", str(seed), "--json", "--no-report"]
        command += ["--out", f"{folder}/run", *(["--recipe", case.recipe] if case.recipe else [])]
        began = time.perf_counter()
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return {**json.loads(done.stdout.splitlines()[-1]), "process_seconds": time.perf_counter() - began}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    rows, missed = [], 0
    for name in args.cases:
        case, runs = CASES[name], []
        for seed in range(args.seeds):
            runs.append(measured(case, seed))
            print(
                f"{name}, seed {seed}: {runs[-1]['test_error_percent']:.2f} %, {runs[-1]['process_seconds']:.1f} s",
                flush=True,
            )
        mean, spread = mean_and_spread([r["test_error_percent"] for r in runs])
        seconds, _ = mean_and_spread([r["process_seconds"] for r in runs])
        speed, _ = mean_and_spread([r["images_per_second"] for r in runs])
        missed += mean > case.target
        cells = [
            f"{mean:.3f} %",
            f"{spread:.3f}",
            str(len(runs)),
            f"{case.target:.2f} %",
            f"{seconds:.0f} s",
            f"{speed:,.0f}",
        ]
        rows.append([name, *cells])
    print("\n" + table(["mnist", "mean error", "sd", "n", "target", "process", "pictures/s"], rows))
    print(machine())
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
