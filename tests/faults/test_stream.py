"""Trainings from shards on a web server that are killed within an epoch, and go on."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from faults.killing import all_of
from faults.teaching import train
from own_pictures import some, write

import convscope as cs
from convscope.data.images import images
from convscope.data.shards.source import pack
from convscope.runs import Run, resume_state
from convscope.training.recipe import Recipe

NET = "input 3x16x16; a conv 2 5x5 stride=5 | relu | dropout 0.2; out linear 2"
RECIPE = Recipe(epochs=3, batch=8, shift=1.0, average=0.9)

CHILD = """
import os, signal, sys
from pathlib import Path
from convscope.data.images import images
from convscope.training import loop
from convscope.training.plan import make_plan
from faults.test_stream import NET, RECIPE
loop.WITHIN_SECONDS = 0.0
plan = make_plan(images(sys.argv[1], size=16), NET, RECIPE, seed=1, device="cpu")
for event in loop.training(plan, Path(sys.argv[2])):
    if isinstance(event, loop.Progress) and (event.epoch, event.step) == (2, 3):
        os.kill(os.getpid(), signal.SIGKILL)
"""


class Quiet(SimpleHTTPRequestHandler):
    """A folder's files."""

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    """Shards of forty pictures on a web server."""
    pack(str(write(tmp_path / "set", some("cat", "dog", each=20))), tmp_path / "shards", size_mb=0.03)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "shards"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"shards:http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("cache", ["as it was", "empty"])
def test_what_is_killed_within_an_epoch_goes_on_there_to_the_same_bits(cache, address, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(cs.__file__).parents[1])])
    child = subprocess.run(
        [sys.executable, "-c", CHILD, address, str(tmp_path / "killed")], timeout=120, env={**os.environ, "PYTHONPATH": paths}
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL
    note = resume_state(Run(tmp_path / "killed"))[1]
    assert (note["epoch"], note["step"]) == (2, 3)
    if cache == "empty":
        shutil.rmtree(tmp_path / "cache")
    train(tmp_path / "killed", resume=True, pictures=images(address, size=16))
    train(tmp_path / "whole", pictures=images(tmp_path / "set", size=16), net=NET, recipe=RECIPE)
    killed, whole = all_of(tmp_path / "killed"), all_of(tmp_path / "whole")
    assert killed.pop("run.json")["test"] == whole.pop("run.json")["test"]  # these tell of the source, too
    assert killed == whole and Run(tmp_path / "killed").info["status"] == "finished"
