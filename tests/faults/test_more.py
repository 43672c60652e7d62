"""More that goes wrong while a net is taught: folders that may no longer be written, pictures that go, memory that is full."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faults.killing import all_of
from faults.teaching import FEW, NET, RECIPE, train
from own_pictures import some, write

import convscope as cs
import convscope.runs as runs
from convscope.data.images import images
from convscope.errors import DeviceError, RunError
from convscope.prediction import Predictor
from convscope.report import write_report
from convscope.runs import Run
from convscope.training import loop
from convscope.training.loop import EpochDone, training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe
from convscope.training.store import Held

BY_TORCH = RECIPE.changed(engine="torch")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A training that nothing stops."""
    path = tmp_path_factory.mktemp("more") / "whole"
    train(path)
    return path


@pytest.fixture(scope="module")
def by_torch(tmp_path_factory) -> Path:
    """The same, computed by PyTorch."""
    path = tmp_path_factory.mktemp("more") / "torch"
    train(path, recipe=BY_TORCH)
    return path


@pytest.fixture
def sealed(monkeypatch):
    """Makes all files below a path such that they can only be read, as a disk that is mounted anew does, root or not."""
    opened, made, unlinked, low = Path.open, Path.mkdir, Path.unlink, os.open

    def seal(home: Path):
        def refuse(path: Path) -> None:
            if path.is_relative_to(home):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        def open_(path: Path, mode: str = "r", *more, **named):
            refuse(path) if mode != "r" and mode != "rb" else None
            return opened(path, mode, *more, **named)

        def mkdir(path: Path, *more, **named) -> None:
            refuse(path) if not path.exists() else None
            made(path, *more, **named)

        def unlink(path: Path, *more, **named) -> None:
            refuse(path)
            unlinked(path, *more, **named)

        def low_(path, flags: int, *more, **named) -> int:
            refuse(Path(path)) if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else None
            return low(path, flags, *more, **named)

        for name, new in (("open", open_), ("mkdir", mkdir), ("unlink", unlink)):
            monkeypatch.setattr(Path, name, new)
        monkeypatch.setattr(os, "open", low_)

    return seal


def test_a_run_in_a_folder_that_can_only_be_read_is_used_as_any_other(whole, tmp_path, sealed):
    shutil.copytree(whole, tmp_path / "run")
    before = all_of(tmp_path / "run")
    sealed(tmp_path / "run")
    run = Run(tmp_path / "run")
    assert len(Predictor(run).answers([])) == 0 and run.weights(1) and run.metrics
    assert run.keep("something", {}, {}) is False
    with pytest.raises(
        RunError, match=r"report\.html: the report cannot be written \(Read-only file system\); make the"
    ):
        write_report(run, None)
    with pytest.raises(RunError, match=r"cannot be written \(Read-only file system\).* make the folder writ"):
        train(tmp_path / "run", resume=True)
    assert all_of(tmp_path / "run") == before


def test_a_folder_that_becomes_read_only_costs_nothing_that_was_saved(whole, tmp_path, sealed, monkeypatch):
    path, going = (
        tmp_path / "run",
        training(make_plan(FEW, NET, RECIPE, seed=1, device="cpu"), tmp_path / "run"),
    )
    for event in going:
        if isinstance(event, EpochDone):
            break
    sealed(path)
    with pytest.raises(RunError) as said:
        list(going)
    monkeypatch.undo()
    assert str(said.value).endswith(
        f"cannot be written (Read-only file system); the last state that was saved is whole: make the folder writable, "
        f"then go on with --resume {path}"
    )
    train(path, resume=True)
    assert all_of(path) == all_of(whole) and not (path / ".lock").exists()


def test_pictures_that_change_or_go_while_a_net_learns_change_nothing_and_are_said_when_it_is_resumed(
    tmp_path, monkeypatch
):
    """They are decoded once, before the first step: what is learned is what was there then."""
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    net, recipe = "input 3x16x16; a conv 2 5x5 stride=5 | relu; out linear 2", Recipe(epochs=3, batch=8)
    folder = write(tmp_path / "set", some("cat", "dog", each=12))
    plan = make_plan(images(folder, size=16), net, recipe, seed=1, device="cpu")
    for _ in training(plan, tmp_path / "whole"):
        pass
    first, second = sorted((folder / "cat").iterdir())[:2]
    kept = first.read_bytes(), second.read_bytes()
    going = training(plan, tmp_path / "run", stop=iter([False] * 4 + [True] * 99).__next__)
    for event in going:
        if isinstance(event, EpochDone) and first.exists():
            first.unlink()
            second.write_bytes(kept[0])
    assert Run(tmp_path / "run").info["status"] == "stopped"
    with pytest.raises(RunError, match="has changed since this Run began; train anew"):
        train(tmp_path / "run", resume=True, pictures=images(folder, size=16))
    first.write_bytes(kept[0])
    second.write_bytes(kept[1])
    train(tmp_path / "run", resume=True, pictures=images(folder, size=16))
    assert all_of(tmp_path / "run") == all_of(tmp_path / "whole")


@pytest.mark.parametrize("step", [0, 3])
@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 10 bytes")]
)
def test_memory_that_is_full_at_any_step_is_said_and_the_run_goes_on(
    step, error, by_torch, tmp_path, monkeypatch
):
    path, left, take = tmp_path / "run", iter(range(step)), Held.take

    def full(self, index):
        if next(left, None) is None:
            raise error
        return take(self, index)

    with monkeypatch.context() as memory:
        memory.setattr(Held, "take", full)
        with pytest.raises(DeviceError) as said:
            train(path, recipe=BY_TORCH)
    assert str(said.value) == (
        f"{path}: this machine's memory is full; the last state that was saved is whole: free some, then go on with --resume "
        f"{path}, or train anew with a smaller --batch"
    )
    train(path, resume=True)
    assert all_of(path) == all_of(by_torch)


CHILD = """
import json, resource, sys
from dataclasses import replace
import numpy as np
from pathlib import Path
from faults.teaching import FEW, NET, RECIPE, train
from convscope.errors import ConvscopeError
from convscope.training.recipe import Recipe
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
train(Path(sys.argv[1]) / "small")
resource.setrlimit(resource.RLIMIT_AS, (used + 600_000_000, -1))
net = "input 1x28x28; a conv 64 3x3 padding=1 | relu; b conv 64 3x3 padding=1 | relu; out linear 10"
wide = replace(FEW, train=FEW.train.take(np.arange(2000) % 100))
try:
    train(Path(sys.argv[1]) / "large", pictures=wide, net=net, recipe=Recipe(epochs=1, batch=2000, engine="torch"))
except ConvscopeError as error:
    print(json.dumps(str(error)))
"""


def test_a_real_limit_of_memory_is_one_line_too(tmp_path):
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests), str(Path(cs.__file__).parents[1])])
    said = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-2000:]
    assert json.loads(said.stdout).startswith(f"{tmp_path / 'large'}: this machine's memory is full; ")
    assert not (tmp_path / "large" / ".lock").exists() and not list(tmp_path.rglob("*.part"))
    Run(tmp_path / "large").net()


@pytest.mark.parametrize("start", [7, 10, 12, 15])
def test_a_run_that_is_copied_file_by_file_while_it_is_written_goes_on_to_the_same_bits(
    start, whole, tmp_path, monkeypatch
):
    """With each file that is written one is copied: the copy has files of as many moments as it has files."""
    path, copy, sure = tmp_path / "run", tmp_path / "copy", runs.write_whole
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    written = itertools.count()

    def missing() -> list[Path]:
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and p.name != ".lock"]
        return [p for p in files if not (copy / p.relative_to(path)).exists()]

    def copied(file: Path) -> None:
        target = copy / file.relative_to(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)

    def wrote(file: Path, data: bytes) -> None:
        sure(file, data)
        if next(written) >= start and (todo := missing()):
            copied(todo[0])

    monkeypatch.setattr(runs, "write_whole", wrote)
    train(path)
    for file in missing():
        copied(file)
    monkeypatch.setattr(runs, "write_whole", sure)
    Run(copy).net()
    train(copy, resume=True)
    assert all_of(copy) == all_of(path) == all_of(whole)
