"""How long the program takes to say its help, and the package to be imported. Best of several runs.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 10
PROGRAM = Path(sys.executable).with_name("convscope")
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import convscope": [sys.executable, "-c", "import convscope"],
    "convscope --help": [str(PROGRAM), "--help"],
    "convscope train --help": [str(PROGRAM), "train", "--help"],
    "import torch (for comparison)": [sys.executable, "-c", "import torch"],
}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    print(f"{'':32}best    median  of {ROUNDS} runs, seconds")
    for name, command in CASES.items():
        seconds(command)
        times = [seconds(command) for _ in range(ROUNDS)]
        print(f"{name:32}{min(times):.3f}   {statistics.median(times):.3f}")


if __name__ == "__main__":
    main()
