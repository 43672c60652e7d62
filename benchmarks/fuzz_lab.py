"""Asks the page's server for a long time all that its description allows, and looks for faults: a tool, not a measure.

    python benchmarks/fuzz_lab.py [--minutes 10] [--examples 200] [--seed 0]

Round after round schemathesis asks every operation with other values, of Runs in a folder of their own; among them are a
damaged one and half of one, and any may be deleted. Prints each fault once with what was asked, and how often each operation
answered with what; exits with 1 where there was a fault: an answer of 5xx, or one that the description does not allow.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fuzzing import Found, fuzz, ground

from convscope.lab.app import make_app
from convscope.lab.desk import Desk
from convscope.lab.shelf import Shelf


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until, number, found = time.monotonic() + 60 * options.minutes, options.seed, Found()
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CONVSCOPE_CACHE"] = f"{folder}/cache"
            ground(Path(folder) / "runs")
            desk = Desk(Shelf(Path(folder) / "runs"))
            desk._warm()
            round_ = fuzz(make_app(desk), examples=options.examples, until=until, start=number)
            desk.close()
        found.asked += round_.asked
        found.answers += round_.answers
        for where, what in round_.faults.items():
            if where not in found.faults:
                print(f"seed {number}: {where}\n  {what}\n", flush=True)
            found.faults.setdefault(where, what)
        number += 1
    for answer, count in sorted(found.answers.items()):
        print(f"{count:>7} {answer}")
    print(f"{found.asked:,} questions in {number - options.seed} rounds, {len(found.faults)} faults")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
