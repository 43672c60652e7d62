"""Trainings that are killed at any moment and go on: `python tests/faults/killing.py [TIMES]` tries so many, and says what was lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

STATE = "resume/state.safetensors"
CHANGES = {"written", "train_seconds", "images_per_second", "scores"}
"""What run.json says that is of the clock, or looked at by itself."""


class Trainer:
    """The process that trains, one training after the other."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("forker.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said()

    def _said(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def train(self, path: Path, resume: bool, after: float | None = None) -> tuple[int, str]:
        """Train; where `after` is given, kill it after so many seconds. Its exit code, and its error."""
        assert self.process.stdin is not None
        print(json.dumps({"path": str(path), "resume": resume}), file=self.process.stdin, flush=True)
        pid, error = self._said()["pid"], ""
        clock = None
        if after is not None:
            clock = threading.Timer(after, _kill, (pid,))
            clock.start()
        while "status" not in (said := self._said()):
            error = said["error"]
        if clock is not None:
            clock.cancel()
        return said["status"], error

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def all_of(run: Path) -> dict[str, Any]:
    """All that a finished Run says, less the clock."""
    told: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if path.is_dir() or name == STATE:
            continue
        if name == "metrics.jsonl":
            told[name] = [
                {k: v for k, v in json.loads(line).items() if k != "seconds"}
                for line in path.read_text().splitlines()
            ]
        elif name == "run.json":
            info = json.loads(path.read_text())
            told[name] = {k: v for k, v in info.items() if k not in CHANGES} | {
                "test": info["scores"]["test_errors"]
            }
        else:
            told[name] = path.read_bytes()
    return told


@dataclass
class Tally:
    """What came of the kills: how many there were, how many came before anything was saved, and what was lost."""

    kills: int = 0
    anew: int = 0
    after_the_end: int = 0
    lost: list[str] = field(default_factory=list)


def whole_once(trainer: Trainer, home: Path) -> tuple[dict[str, Any], float]:
    """What a training that nothing stops comes to, and how long it takes."""
    began = time.perf_counter()
    status, error = trainer.train(home / "whole", False)
    assert status == 0, error
    return all_of(home / "whole"), time.perf_counter() - began


def killed(trainer: Trainer, home: Path, times: int, seed: int = 0) -> Tally:
    """Kill a training at random moments, let it go on until it ends, and compare; again, until so many kills were done."""
    wanted, seconds = whole_once(trainer, home)
    rng, tally = np.random.default_rng(seed), Tally()
    while tally.kills < times:
        path = home / "killed"
        shutil.rmtree(path, ignore_errors=True)
        resume = False
        while True:
            after = float(rng.uniform(0, seconds)) if tally.kills < times else None
            status, error = trainer.train(path, resume, after)
            if status == 0:
                tally.after_the_end += after is not None
                break
            tally.kills += status == -signal.SIGKILL
            if status != -signal.SIGKILL:
                tally.lost.append(f"after kill {tally.kills}: {error or f'exit code {status}'}")
                break
            resume = (path / "run.json").is_file()
            if not resume:  # it was no Run yet: it is begun anew, in an empty folder
                tally.anew += 1
                shutil.rmtree(path, ignore_errors=True)
        if status == 0:
            there = all_of(path)
            tally.lost += [
                f"after kill {tally.kills}: {name}" for name in sorted(wanted.keys() | there.keys())
                if wanted.get(name) != there.get(name)
            ]  # fmt: skip
    return tally


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    trainer = Trainer()
    with tempfile.TemporaryDirectory() as home:
        tally = killed(trainer, Path(home), times)
    trainer.close()
    said = f"{tally.kills} kills, {tally.anew} before anything was saved, {len(tally.lost)} losses"
    sys.stdout.write("\n  ".join([said, *tally.lost]) + "\n")
    sys.exit(bool(tally.lost))


if __name__ == "__main__":
    main()
