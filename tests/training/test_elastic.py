"""Machines that join a training and leave it, by torchrun itself: it goes on from the last state with as many as there are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from training.test_together import alive, bars_folder, children

from convscope.data.images import images
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "killpg"), reason="processes are told apart by their sessions"),
]
NET = "input 1x12x12; c conv 4 3x3 | tanh; out linear 2"
KNOBS = {"batch": 16, "epochs": 100_000, "optimizer": "sgd", "rate": 0.01, "schedule": "constant"}


@contextmanager
def machine(port: int) -> Iterator[subprocess.Popen]:
    """One of one or two machines, with one worker; what it says is in NAME.log, and nothing of it is left."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "1:2", "--nproc-per-node", "1"]
    launcher += [
        "--rdzv-backend",
        "c10d",
        "--rdzv-endpoint",
        f"localhost:{port}",
        "--rdzv-id",
        "bars",
        "--max-restarts",
        "3",
    ]
    launcher += [
        "--rdzv-conf",
        "last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=3",
        "--monitor-interval",
        "0.2",
    ]
    flags = [text for name, value in KNOBS.items() for text in (f"--{name}", str(value))]
    command = ["-m", "convscope", "train", "bars", "--net", NET, *flags, "--out", "run", "--no-report"]
    with (
        Path("said.log").open("a") as log,
        subprocess.Popen(
            [*launcher, *command],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
        ) as agent,
    ):
        try:
            yield agent
        finally:
            for pid in [*children(agent.pid), agent.pid]:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


def until(state: str, seconds: float = 120) -> None:
    """Wait until the Run says that so many workers train, and that epochs were learned by them."""
    count, began, first = int(state), time.monotonic(), None
    while time.monotonic() - began < seconds:
        try:
            run = Run("run")
            workers, epochs = run.info.get("workers", {}).get("count"), len(run.metrics)
        except Exception:
            workers, epochs = None, 0
        if workers == count and first is None:
            first = epochs
        if first is not None and workers == count and epochs > first + 2:
            return
        time.sleep(0.2)
    raise AssertionError(f"no {state} workers within {seconds} s: {Path('said.log').read_text()[-3000:]}")


def test_a_machine_joins_and_leaves_and_the_training_is_that_of_one():
    bars_folder(Path("bars"))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with machine(port) as one:
        until("1")
        with machine(port) as other:
            until("2")
            os.killpg(other.pid, signal.SIGKILL)
            for pid in children(other.pid):
                os.kill(pid, signal.SIGKILL)
            until("1")
        one.send_signal(signal.SIGTERM)
        one.wait(60)
    run, said = Run("run"), Path("said.log").read_text()
    assert run.info["status"] == "stopped", said
    assert said.count("going on with run, which these workers began") == 2, said
    epochs = [line["epoch"] for line in run.metrics]
    assert epochs == list(range(1, len(epochs) + 1))
    last = max(epoch for epoch in run.epochs if epoch <= epochs[-1])
    fewer = Recipe().changed(**{**KNOBS, "epochs": last})
    for _ in training(make_plan(images("bars"), NET, fewer), Path("alone")):
        pass
    one_alone, all_of_them = Run("alone").weights(last), run.weights(last)
    assert max(float(np.abs(one_alone[name] - all_of_them[name]).max()) for name in one_alone) < 1e-5
