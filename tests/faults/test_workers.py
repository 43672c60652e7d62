"""Of two workers that teach one net, one is stopped for a while, and slowed: the other waits, and nothing changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults.killing import all_of
from own_pictures import some, write

NET = "input 3x16x16; c conv 4 3x3 | tanh; out linear 2"
FLAGS = ["--size", "16", "--batch", "16", "--epochs", "60", "--optimizer", "sgd", "--rate", "0.01", "--no-report"]  # fmt: skip


def below(parent: int) -> list[int]:
    """The processes that one has started and that still run."""
    table = subprocess.run(["ps", "-eo", "pid,ppid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [row.split() for row in table.splitlines()[1:]]
    return [int(pid) for pid, above, state in rows if int(above) == parent and not state.startswith("Z")]


def taught(out: str, harm: list[tuple[float, float]]) -> list[str]:
    """Train by two workers; from the first epoch on stop one for so long, then let it go on for so long. What was said."""
    command = [sys.executable, "-m", "convscope", "train", "set", "--net", NET, *FLAGS, "--out", out, "--workers", "2"]  # fmt: skip
    said: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as both:
        assert both.stderr is not None
        for line in both.stderr:
            said.append(line)
            if line.startswith("epoch") and harm:
                worker = below(both.pid)[-1]
                for stopped, going in harm:
                    os.kill(worker, signal.SIGSTOP)
                    time.sleep(stopped)
                    os.kill(worker, signal.SIGCONT)
                    time.sleep(going)
                harm = []
    assert both.returncode == 0 and not harm, said
    return said


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are stopped by signals")
def test_a_worker_that_is_stopped_for_a_while_and_slowed_changes_no_bit():
    write(Path("set"), some("cat", "dog", each=60, size=(16, 16)))
    undisturbed = taught("run", [])
    whole = all_of(Path("run").rename("whole"))
    disturbed = taught("run", [(2.0, 0.1)] + 20 * [(0.05, 0.005)])
    found = all_of(Path("run"))
    assert found["run.json"]["workers"].pop("job") != whole["run.json"]["workers"].pop("job")
    assert found == whole
    assert not any(word in line for line in disturbed for word in ("again", "going on", "Error"))
    assert len(undisturbed) == len(disturbed)
    assert not list(Path("run").rglob("*.part")) and not Path("run/.lock").exists()
