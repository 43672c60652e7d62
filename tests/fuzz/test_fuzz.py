"""Some harm to each place where bytes come in, the same in every run of the tests; `make fuzz` goes on for as long as is given."""

from __future__ import annotations

import os
import time

import pytest
from fuzz.harness import Judge, plain
from fuzz.pictures import HARMS, KINDS, tried
from fuzz.surfaces import SURFACES

TIMES = {"stack": 200, "kernel": 500, "picture": 500, "run": 25, "shards": 500, "lab": 200, "serve": 150}


@pytest.fixture
def quiet(tmp_path):
    """What libtiff and others write to the terminal by themselves goes to a file."""
    kept = os.dup(2)
    with (tmp_path / "noise").open("wb") as noise:
        os.dup2(noise.fileno(), 2)
    yield
    os.dup2(kept, 2)
    os.close(kept)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", SURFACES)
def test_bytes_that_mean_harm_are_refused_in_one_line(name, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", "cache")
    found = plain(Judge(name), time.monotonic() + 60, seed=1, times=TIMES[name])
    assert found.faults == {}
    assert found.tried >= TIMES[name]


@pytest.mark.usefixtures("quiet")
def test_pictures_that_mean_harm_are_read_or_refused_in_one_line():
    found, read = tried(240, seed=2)
    assert found.faults == {}
    assert found.tried == 240 and found.refused > 50 and sum(read.values()) > 50
    assert len(read) == len(KINDS) * len(HARMS)
