"""A short form of `make long-use`, and that it sees what grows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults.long_use import FILES, MEMORY, Sample, Told, evenly

import convscope as cs

SCRIPT = Path(__file__).with_name("long_use.py")


def test_memory_and_open_files_stay_flat_in_use():
    short = ["--steps", "300", "--looks", "18", "--minutes", "0.1", "--rate", "20"]
    paths = os.pathsep.join([str(SCRIPT.parents[1]), str(Path(cs.__file__).parents[1])])
    said = subprocess.run(
        [sys.executable, str(SCRIPT), *short], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr[-2000:]
    rows = [line.split(":")[0] for line in said.stdout.splitlines()]
    assert rows == ["training by the engine native", "training by the engine torch", "looking", "the lab"]
    assert "300 steps" in said.stdout and "18 looks" in said.stdout and " 0 errors" in said.stdout


def test_memory_that_is_kept_and_files_that_stay_open_are_seen():
    kept = []

    def leaking():
        for _ in range(60):
            kept.append(bytearray(os.urandom(1 << 20)))
            kept.append(os.open("/dev/null", os.O_RDONLY))
            yield

    try:
        told = evenly("a leak", leaking(), 60, "steps")
    finally:
        for file in filter(lambda one: isinstance(one, int), kept):
            os.close(file)
    assert not told.flat and told.line().endswith(": NOT FLAT")
    assert told.done == "60 steps" and told.grown().files > FILES and told.grown().memory > MEMORY


@pytest.mark.parametrize(("memory", "files"), [(MEMORY + 30, 0), (0, FILES + 3)])
def test_either_of_both_is_enough(memory, files):
    assert Told("x", "", tuple(Sample(0, 0) for _ in range(60))).flat
    grown = [Sample(memory * (i > 45), files * (i > 45)) for i in range(60)]
    assert not Told("x", "", tuple(grown)).flat


def test_what_is_loaded_at_first_is_a_warm_up():
    grown = [Sample(10**9 * (i > 15), 50 * (i > 15)) for i in range(60)]
    assert Told("x", "", tuple(grown)).flat
