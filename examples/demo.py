"""The first thing a newcomer runs (`make demo`): teach LeNet-5 the digits, and show what came of it.

Fails if the test error is above what the recipe must reach, so a broken training cannot look fine.
"""

from __future__ import annotations

import sys
import time

from convscope.cli.output import table
from convscope.cli.progress import shown
from convscope.data.images import images
from convscope.report import write_report
from convscope.runs import Run, next_folder
from convscope.training.loop import training
from convscope.training.plan import make_plan

PAPER_ERROR_PERCENT = 0.95  # LeCun et al. 1998, section III.B
MUST_REACH_PERCENT = 1.5


def main() -> int:
    began, path = time.perf_counter(), next_folder()
    digits = images("mnist")
    print("Teaching LeNet-5, as published in 1998, the 60,000 handwritten digits that come with convscope.\n")
    for _ in shown(training(make_plan(digits, "lenet5", "lenet5-quick"), path)):
        pass
    run = Run(path)
    report = write_report(run, digits)
    scores, info = run.info["scores"], run.info
    low, high = scores["test_interval_percent"]
    rows = [
        ["test error", f"{scores['test_error_percent']:.2f} %", f"{PAPER_ERROR_PERCENT} %"],
        ["95 % interval", f"{low:.2f} to {high:.2f} %", "about 0.1 % either way"],
        ["training time", f"{info['train_seconds']:.1f} s", "2 to 3 days"],
        ["all in all", f"{time.perf_counter() - began:.1f} s", ""],
    ]
    print("\n" + table(["LeNet-5 on MNIST", "here", "in 1998"], rows))
    print(f"\nThe report, to be opened in a browser: {report.resolve()}")
    print(f"A picture of your own:                 .venv/bin/convscope predict {path} PICTURE")
    return int(scores["test_error_percent"] > MUST_REACH_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
