"""The protocol: the same pictures, choices made aside, the test once, kept and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convscope.comparison import catalogue, worker
from convscope.comparison.budget import BUDGETS
from convscope.comparison.contest import Began, Contest, compare
from convscope.comparison.rows import between, status_of
from convscope.comparison.store import Store, code_version
from convscope.comparison.task import Task
from convscope.data.images import Images
from convscope.errors import MethodError, RunError


@pytest.fixture(scope="module")
def done(bar_images: Images, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("contest") / "bars"
    return compare(bar_images, only=["linear", "knn"], budget="quick", out=out)


def test_each_method_has_a_row_with_its_evidence(done, bar_images):
    assert [row.method.name for row in done.rows] == ["linear", "knn"]
    for row in done.rows:
        told = row.as_dict(published=False)
        assert told["error_percent"] == pytest.approx(100 * np.mean(row.said != bar_images.test.labels))
        low, high = told["interval_percent"]
        assert low <= told["error_percent"] <= high
        assert told["published_error_percent"] is None, "these are no digits of MNIST"
        assert told["memory_bytes"] > 1_000_000
        assert told["fit_seconds"] >= 0
    json.dumps(done.as_dict(), allow_nan=False)


def test_what_is_there_is_not_computed_again(done, bar_images):
    contest = Contest(bar_images, only=("linear", "knn"), budget="quick", out=done.path)
    assert [e.known for e in contest.events() if isinstance(e, Began)] == [True, True]
    assert contest.comparison.rows[0].error_percent == done.rows[0].error_percent
    other = replace(bar_images, fingerprint="other")
    assert Contest(other, only=("linear",), budget="quick", out=done.path).stem(
        contest.jobs()[0]
    ) != contest.stem(contest.jobs()[0])


def test_the_key_knows_settings_seed_and_code(bar_images, tmp_path, monkeypatch):
    contest = Contest(bar_images, only=("knn",), budget="quick", out=tmp_path)
    (job,) = contest.jobs()
    stems = {
        contest.stem(job),
        contest.stem(replace(job, seed=1)),
        contest.stem(replace(job, settings=(("k", 5),))),
    }
    monkeypatch.setattr("convscope.comparison.store.code_version", lambda modules: "changed")  # noqa: ARG005
    assert len(stems | {contest.stem(job)}) == 4


def test_code_of_a_package_is_all_its_files():
    one, both = code_version(("convscope.scores",)), code_version(("convscope.scores", "convscope.errors"))
    assert len({one, both, code_version(("convscope.native",))}) == 3


def test_the_pictures_are_cleared_away(done):
    assert not (done.path / "pictures").exists()


def test_choices_are_made_without_the_pictures_kept_aside(tmp_path):
    seen = []

    class Remembering:
        parameters = 1

        def answers(self, pixels: np.ndarray) -> np.ndarray:
            seen.append(("asked", len(pixels), int(pixels.max())))
            return np.zeros((len(pixels), 2), np.float32)

    def teach(task: Task, k: int) -> Remembering:  # noqa: ARG001
        seen.append(("learned", len(task.labels), int(task.pixels.max())))
        return Remembering()

    pixels = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    task = Task(pixels, np.arange(60) % 2, 2, 0, tmp_path)
    method = replace(catalogue.METHODS["knn"], teach=teach, choices={"k": (1, 3)})
    chosen, tried, _ = worker.choose(method, task, {"k": 3})
    assert seen == [("learned", 50, 49), ("asked", 10, 59)] * 2
    assert chosen == {"k": 1}
    assert [row["k"] for row in tried] == [1, 3]


def test_shifted_pictures_go_four_ways_and_lose_what_leaves():
    pixels = np.arange(4 * 9, dtype=np.uint8).reshape(4, 1, 3, 3) + 1
    right, down, left, up = worker.shifted(pixels, 1)[:, 0]
    assert right.tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    assert down.tolist() == [[0, 0, 0], [10, 11, 12], [13, 14, 15]]
    assert left.tolist() == [[20, 21, 0], [23, 24, 0], [26, 27, 0]]
    assert up.tolist() == [[31, 32, 33], [34, 35, 36], [0, 0, 0]]


def test_a_method_that_takes_too_long_is_a_row_that_says_so(bar_images, tmp_path, monkeypatch):
    monkeypatch.setitem(BUDGETS, "quick", replace(BUDGETS["quick"], limit_seconds=1))
    unknown = replace(catalogue.METHODS["boosted-trees"], cost=(0.0, 0.0))
    monkeypatch.setitem(catalogue.METHODS, "boosted-trees", unknown)
    (row,) = compare(bar_images, only=["boosted-trees"], budget="quick", out=tmp_path).rows
    assert row.status == "stopped after its limit of 1 s of processor time"
    assert row.error_percent is None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (3, "out of memory"),
        (-9, "out of memory"),
        (1, "failed: ValueError: no"),
        (-24, "stopped after its limit of 5 s of processor time"),
    ],
)
def test_why_there_is_no_figure(code, says):
    assert status_of(code, 5, "ValueError: no") == says


def test_a_method_that_breaks_is_a_row_and_the_contest_goes_on(bar_images, tmp_path):
    broken = replace(bar_images, classes=("across",))  # three classes are named, and there is one
    rows = compare(broken, only=["linear", "knn"], budget="quick", out=tmp_path).rows
    assert len(rows) == 2
    assert rows[0].status.startswith("failed: IndexError")


def test_methods_that_do_not_fit_are_left_out_and_say_why(bar_images, tmp_path):
    colour = replace(
        bar_images,
        train=replace(bar_images.train, pixels=np.repeat(bar_images.train.pixels, 3, axis=1)),
        test=replace(bar_images.test, pixels=np.repeat(bar_images.test.pixels, 3, axis=1)),
    )
    rows = compare(colour, only=["knn", "knn-deslanted"], budget="quick", out=tmp_path).rows
    assert [row.measured for row in rows] == [True, False]
    assert rows[1].status == "left out: deslanted is for strokes on black, one channel, up to 64 pixels"
    with pytest.raises(MethodError, match="none of these methods fits"):
        Contest(colour, only=("knn-deslanted",), out=tmp_path)


def test_neighbours_are_tested_on_the_pictures_that_only_one_names_wrongly(done):
    a, b = done.rows
    test = between(a, b)
    assert test.better_only == int((a.wrong & ~b.wrong).sum())
    assert test.worse_only == int((b.wrong & ~a.wrong).sum())
    assert 0 < test.p <= 1


def test_an_unknown_budget_is_told_from_the_known(bar_images):
    with pytest.raises(MethodError, match="there is no budget 'tiny': there are quick, default, full"):
        Contest(bar_images, budget="tiny")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(RunError, match="a file, where the contest's folder should be"):
        Store(tmp_path / "x")


def test_a_second_contest_does_not_write_into_the_folder_of_a_first(bar_images, tmp_path):
    first = Contest(bar_images, only=("knn",), budget="quick", out=tmp_path).events()
    next(first)
    with pytest.raises(RunError, match="another contest is running there"):
        next(Contest(bar_images, only=("knn",), budget="quick", out=tmp_path).events())
    first.close()
    assert not (tmp_path / "pictures").exists(), "what was left in the middle is cleared away"


def test_a_damaged_result_is_computed_again(bar_images, tmp_path):
    contest = Contest(bar_images, only=("knn",), budget="quick", out=tmp_path)
    stem = contest.stem(contest.jobs()[0])
    (tmp_path / "results" / f"{stem}.json").write_text('{"format": 1, "sta')
    assert [e.known for e in contest.events() if isinstance(e, Began)] == [False]
    assert contest.comparison.rows[0].measured


def test_a_worker_ends_when_its_caller_is_killed(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "inner = 'from convscope.comparison.worker import _end_with_the_caller as e; import time; e(); time.sleep(60)'\n"
        "p = subprocess.Popen([sys.executable, '-c', inner], stdin=subprocess.PIPE)\n"
        "print(p.pid, flush=True); time.sleep(60)\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    inner = int(caller.stdout.readline())
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    caller.stdout.close()
    stops = time.monotonic() + 100
    while alive(inner) and time.monotonic() < stops:
        time.sleep(0.05)
    assert not alive(inner)
    del tmp_path


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_photographs_have_a_table_of_their_own(bar_images, tmp_path):
    pixels = np.repeat(np.pad(bar_images.train.pixels, ((0, 0), (0, 0), (4, 0), (4, 0))), 3, axis=1)
    colour = replace(bar_images, train=replace(bar_images.train, pixels=pixels), ground=None)
    contest = Contest(colour, out=tmp_path)
    assert contest.methods == catalogue.table_of(photographs=True)
    assert contest.unfit(catalogue.METHODS["alexnet"]) == "it is for pictures of 96 pixels and more (--size)"
    assert contest.command == "convscope compare bars"
    sized = replace(colour, prepared={"size": [16, 16], "fit": "crop"})
    assert Contest(sized, out=tmp_path).command == "convscope compare bars --size 16 --fit crop"
    assert Contest(bar_images, out=tmp_path).methods == catalogue.table_of(photographs=False)
    assert {job.method.name for job in Contest(colour, experiments=("permutation",), out=tmp_path).jobs()} == {
        "knn", "same-size"
    }  # fmt: skip


def test_what_takes_hours_is_left_out_unless_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr("convscope.comparison.budget.has_gpu", lambda: False)
    monkeypatch.setattr("convscope.comparison.budget.available_processors", lambda: 2)
    net = replace(catalogue.METHODS["alexnet"], photographs=36_000)
    why = BUDGETS["default"].too_much(net, 9_469, photographs=True)
    assert why == "needs about 5 hours here: --budget full, or a GPU"
    assert BUDGETS["default"].too_much(net, 300, photographs=True) == ""
    assert BUDGETS["full"].too_much(net, 9_469, photographs=True) == ""
    monkeypatch.setattr("convscope.comparison.budget.has_gpu", lambda: True)
    assert BUDGETS["default"].too_much(net, 9_469, photographs=True) == ""


def test_no_method_of_the_table_of_digits_is_left_out_for_its_cost():
    for budget, digits in (("quick", 10_000), ("default", 60_000)):
        for method in catalogue.table_of(photographs=False):
            assert BUDGETS[budget].too_much(method, digits, photographs=False) == "", method.name
