"""What goes wrong while a net is taught: after each of it the last good state is whole, and the end is the same to the bit."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from faults.killing import Trainer, all_of, killed

import convscope.runs as runs
from convscope.data.images import images
from convscope.errors import RunError
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe

NET = "input 1x28x28; a conv 3 5x5 stride=3 | relu; out linear 10"
FEW = images("mnist").first(200)


def train(path: Path, resume: bool = False) -> None:
    plan = (
        resumed_plan(Run(path), FEW, "cpu")
        if resume
        else make_plan(FEW, NET, Recipe(epochs=2, batch=50, average=0.9), seed=1, device="cpu")
    )
    for _ in training(plan, path, resume=resume):
        pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A training that nothing stops."""
    path = tmp_path_factory.mktemp("faults") / "whole"
    train(path)
    return path


def test_a_training_that_is_killed_at_any_moment_ends_with_the_same_bits(tmp_path):
    trainer = Trainer()
    try:
        tally = killed(trainer, tmp_path, times=5, seed=1)
    finally:
        trainer.close()
    assert tally.kills == 5 and tally.lost == []


def test_a_disk_that_is_full_at_any_write_costs_nothing_that_was_saved(whole, tmp_path, monkeypatch):
    sure, calls = runs.write_whole, []

    def counted(path: Path, data: bytes) -> None:
        calls.append(path.name)
        sure(path, data)

    monkeypatch.setattr(runs, "write_whole", counted)
    train(tmp_path / "counted")
    assert len(calls) > 10
    for number in range(len(calls)):
        left = iter(range(number))

        def full(path: Path, data: bytes, left=left) -> None:
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sure(path, data)

        path = tmp_path / str(number)
        monkeypatch.setattr(runs, "write_whole", full)
        with pytest.raises(RunError, match=r"cannot be written \(the disk is full\)") as said:
            train(path)
        assert "\n" not in str(said.value)
        monkeypatch.setattr(runs, "write_whole", sure)
        begun = (path / "run.json").is_file()
        assert ("go on with --resume" if begun else "start again") in str(said.value)
        if begun:
            train(path, resume=True)
            assert all_of(path) == all_of(whole), f"write {number}, {calls[number]}"


def test_what_was_not_synced_is_not_relied_on(tmp_path, monkeypatch):
    """A file takes its name only after its bytes are on the disk, and the name is on the disk before the next write."""
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").readlink()
        done.append(f"synced {'folder' if path.is_dir() else path.name.split('.')[0]}")
        sync(number)

    def replaced(self: Path, target: Path) -> Path:
        done.append(f"named {Path(target).name.split('.')[0]}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    train(tmp_path / "run")
    named = [n for n, word in enumerate(done) if word.startswith("named")]
    assert len(named) > 10
    for n in named:
        assert done[n - 1] == done[n].replace("named", "synced") and done[n + 1] == "synced folder"


@pytest.mark.parametrize("part", ["half", "nothing", "other"])
def test_a_torn_state_is_said_and_nothing_is_made_of_it(whole, tmp_path, part):
    path = tmp_path / "run"
    train(path)
    state = path / "resume" / "state.safetensors"
    content = state.read_bytes()
    state.write_bytes(
        {"half": content[: len(content) // 2], "nothing": b"", "other": bytes(len(content))}[part]
    )
    with pytest.raises(RunError, match=r"state\.safetensors"):
        train(path, resume=True)
    assert (path / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()


def test_a_clock_that_goes_back_changes_no_number(whole, tmp_path, monkeypatch):
    import time

    ticks = iter(range(10**9, 0, -1))
    monkeypatch.setattr(time, "time", lambda: float(next(ticks)))
    train(tmp_path / "run")
    assert all_of(tmp_path / "run") == all_of(whole)


def test_a_second_training_into_one_run_is_refused(whole, tmp_path):
    path = tmp_path / "run"
    plan = make_plan(FEW, NET, Recipe(epochs=2, batch=50, average=0.9), seed=1, device="cpu")
    going = training(plan, path)
    next(going)
    with pytest.raises(RunError, match="another training is writing into this folder"):
        train(path, resume=True)
    for _ in going:
        pass
    assert all_of(path) == all_of(whole)


def test_a_run_that_is_copied_while_it_is_written_goes_on_from_what_was_copied(whole, tmp_path):
    import shutil

    path, copy = tmp_path / "run", tmp_path / "copy"
    plan = make_plan(FEW, NET, Recipe(epochs=2, batch=50, average=0.9), seed=1, device="cpu")
    for event in training(plan, path):
        if type(event).__name__ == "EpochDone" and not copy.exists():
            shutil.copytree(path, copy)
    if (copy / "resume" / "state.safetensors").is_file():
        train(copy, resume=True)
        assert all_of(copy) == all_of(whole)
    assert json.loads((path / "run.json").read_text())["status"] == "finished"
