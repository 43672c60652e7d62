"""Workers of one machine: they add up in memory without a name, notice who is gone, and wait for who is only slow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="this system has no memory without a name"
)
PAIR = list[subprocess.Popen]


@contextmanager
def pair(*asked: tuple[str, ...], machines: int = 1) -> Iterator[PAIR]:
    """Two workers, as torchrun would start them; whatever happens, none is left."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {
        "WORLD_SIZE": 2,
        "LOCAL_WORLD_SIZE": 2 // machines,
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": port,
    }
    workers = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("adding.py")), *words],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"OMP_NUM_THREADS": "1"}
            | {
                name: str(value)
                for name, value in {
                    **common,
                    "RANK": n,
                    "LOCAL_RANK": n if machines == 1 else 0,
                    "GROUP_RANK": 0 if machines == 1 else n,
                }.items()
            },
        )
        for n, words in enumerate(asked)
    ]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def heard(worker: subprocess.Popen) -> dict[str, Any]:
    assert worker.stdout is not None
    return json.loads(worker.stdout.readline())


def test_workers_of_one_machine_add_up_in_memory_that_has_no_name():
    before = set(Path("/dev/shm").iterdir()) if Path("/dev/shm").is_dir() else set()
    with pair(("on",), ("on",)) as workers:
        assert [heard(worker)["sums"] for worker in workers] == ["shared memory"] * 2
        assert [heard(worker) for worker in workers] == [{"added": 50}] * 2
        new = set(Path("/dev/shm").iterdir()) - before if before else set()
        assert not [path for path in new if "convscope" in path.name]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_killed_worker_is_noticed_within_seconds(lost):
    with pair(("on",), ("on",)) as workers:
        for worker in workers:
            assert [*heard(worker), *heard(worker)] == ["sums", "pid", "added"]
        workers[lost].kill()
        began = time.monotonic()
        said = heard(workers[1 - lost])
        assert time.monotonic() - began < 10
    assert said == {
        "lost": f"another worker is gone (worker {lost} has ended): the last saved state is whole"
    }


def test_a_worker_that_ended_is_noticed_too():
    with pair(("on",), ()) as workers:
        assert [*heard(workers[0]), *heard(workers[0])] == ["sums", "pid", "added"]
        assert heard(workers[0]) == {
            "lost": "another worker is gone (worker 1 has ended): the last saved state is whole"
        }


def test_a_stopped_worker_is_waited_for():
    with pair(("on",), ("on",)) as workers:
        for worker in workers:
            assert [*heard(worker), *heard(worker)] == ["sums", "pid", "added"]
        workers[1].send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        assert workers[0].poll() is None
        spent = Path(f"/proc/{workers[0].pid}/stat")
        before = sum(map(int, spent.read_text().rsplit(")")[1].split()[11:13]))
        time.sleep(1.0)
        used = (sum(map(int, spent.read_text().rsplit(")")[1].split()[11:13])) - before) / os.sysconf(
            "SC_CLK_TCK"
        )
        workers[1].send_signal(signal.SIGCONT)
        workers[1].kill()
        assert heard(workers[0])["lost"].startswith("another worker is gone (worker 1 has ended)")
    assert used < 0.5, f"{used:.2f} s of a second's waiting were computed"


@pytest.mark.parametrize("lacking", [0, 1])
def test_one_without_the_native_library_leaves_all_with_gloo_and_it_is_said(lacking):
    words = [("lacking",) if n == lacking else () for n in range(2)]
    with pair(*words) as workers:
        assert [heard(worker)["sums"] for worker in workers] == ["gloo (engine.so was not compiled)"] * 2
        assert [heard(worker) for worker in workers] == [{"added": 50}] * 2


def test_workers_of_several_machines_add_up_by_gloo():
    with pair((), (), machines=2) as workers:
        assert [heard(worker)["sums"] for worker in workers] == ["gloo"] * 2
        assert [heard(worker) for worker in workers] == [{"added": 50}] * 2
