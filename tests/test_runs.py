"""The Run folder: whole or not there, and clear about what is wrong with it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from convscope import runs
from convscope.errors import RunError
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.runs import FORMAT, Run, Writer, keeps_epoch, resume_state

TEXT = "input 1x6x6; c conv 2 3x3 | relu; out linear 3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    stack = parse(TEXT)
    with Writer(path) as writer:
        writer.json("run.json", {"format": FORMAT, "classes": ["a", "b", "c"], "net": "own", "source": "x"})
        writer.text("stack.txt", str(stack))
        writer.json("recipe.json", {"epochs": 1})
        writer.lines("metrics.jsonl", [{"epoch": 1}])
        weights = {k: v.numpy() for k, v in build(stack).state_dict().items()}
        writer.arrays("weights.safetensors", weights)
        writer.arrays("epochs/000.safetensors", weights)
        writer.arrays("resume/state.safetensors", {"theta": np.zeros(3)}, note={"epoch": 2})
    return path


def test_what_was_written_is_read_back(folder):
    run = Run(folder)
    assert run.stack == parse(TEXT)
    assert run.classes == ("a", "b", "c")
    assert run.metrics == [{"epoch": 1}]
    assert run.epochs == (0,)
    arrays, note = resume_state(run)
    assert note == {"epoch": 2}
    assert arrays["theta"].tolist() == [0, 0, 0]
    for name, tensor in build(parse(TEXT)).state_dict().items():
        assert np.array_equal(run.net(0).state_dict()[name], tensor)


def break_nothing(folder: Path) -> None:
    pass


def remove(name):
    return lambda folder: (folder / name).unlink()


def overwrite(name, data: bytes):
    return lambda folder: (folder / name).write_bytes(data)


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-20])


def newer(folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps({"format": FORMAT + 1}))


def other_net(folder: Path) -> None:
    (folder / "stack.txt").write_text("input 1x6x6; c conv 5 3x3 | relu; out linear 3")


DAMAGES = [
    (remove("run.json"), "{}: the folder has no run.json, so it is no Run"),
    (overwrite("run.json", b"{"), "{}/run.json: damaged (not a JSON object); restore it or train again"),
    (overwrite("run.json", b"[1]"), "{}/run.json: damaged (not a JSON object); restore it or train again"),
    (overwrite("run.json", b"{}"), "{}/run.json: it has no format version, so it is no Run's"),
    (overwrite("run.json", b"[" * 100_000), "{}/run.json: damaged (not a JSON object); restore it or train again"),
    (
        newer,
        f"{{}}: this Run has format {FORMAT + 1}, but convscope 0.1.0 knows up to {FORMAT}: "
        "upgrade convscope (pip install --upgrade convscope)",
    ),
    (remove("stack.txt"), "{}/stack.txt: missing, so the Run is not whole; restore it or train again"),
    (
        overwrite("stack.txt", b"input 1x6x6; c cnv"),
        "{}/stack.txt: damaged (line 1, column 16: there is no step 'cnv': did you mean conv?); "
        "restore it or train again",
    ),
    (remove("weights.safetensors"), "{}/weights.safetensors: missing, so the Run is not whole; restore it or train again"),
    (cut("weights.safetensors"), "{}/weights.safetensors: damaged (not whole safetensors); restore it or train again"),
    (
        overwrite("weights.safetensors", b""),
        "{}/weights.safetensors: damaged (not whole safetensors); restore it or train again",
    ),
    (
        overwrite("weights.safetensors", b"\xff" * 64),
        "{}/weights.safetensors: damaged (not whole safetensors); restore it or train again",
    ),
    (
        other_net,
        "{}: the weights are of another net: stack.txt says c.conv.weight is (5, 1, 3, 3), "
        "the file has (2, 1, 3, 3); copy both files from one Run",
    ),
    (overwrite("metrics.jsonl", b'{"epoch": 1}\n{"ep'), "{}/metrics.jsonl, line 2: damaged; train again"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[m[:70] for _, m in DAMAGES])
def test_a_damaged_run_is_said_to_be_damaged_where_and_how(folder, damage, message):
    damage(folder)
    with pytest.raises(RunError) as caught:
        run = Run(folder)
        run.net()
        _ = run.metrics
    assert str(caught.value) == message.format(folder)


def test_a_run_that_is_not_there_is_said_so():
    with pytest.raises(
        RunError,
        match=r"^nowhere: there is no such Run; make one with: convscope train mnist, or take lenet5 or finder$",
    ):
        Run("nowhere")


def test_runs_are_found_by_number_and_by_last(folder, tmp_path):
    (tmp_path / "runs").mkdir()
    folder.rename(tmp_path / "runs" / "7")
    assert Run("7").path == Run("last").path == Path("runs/7")
    assert runs.next_folder() == Path("runs/8")
    with pytest.raises(RunError, match=r"^8: there is no such Run; runs/ has 7$"):
        Run("8")


def test_an_epoch_that_was_not_kept_is_said_so(folder):
    with pytest.raises(RunError, match="epoch 3 was not kept; there are 0"):
        Run(folder).weights(3)


def test_a_full_disk_leaves_the_old_file_whole_and_no_other(folder, monkeypatch):
    before = (folder / "run.json").read_bytes()

    def full(handle: int) -> None:  # noqa: ARG001
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with (
        Writer(folder, resume=True) as writer,
        pytest.raises(RunError, match=r"cannot be written \(the disk is full\)"),
    ):
        writer.json("run.json", {"format": 1, "classes": []})
    assert (folder / "run.json").read_bytes() == before
    assert not list(folder.rglob("*.part"))


def test_a_killed_writers_leftovers_are_cleared_away(folder):
    (folder / "run.json.123.part").write_bytes(b"half")
    with Writer(folder, resume=True):
        pass
    assert not list(folder.rglob("*.part"))


def test_a_folder_that_holds_something_else_is_not_taken(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(RunError, match=r"^photos: the folder is not empty; give another$"):
        Writer("photos")


def test_a_place_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        Writer("file/run")


def test_small_nets_keep_every_epoch_and_large_ones_a_bounded_number():
    assert all(keeps_epoch(e, 100, 240_000) for e in range(101))
    kept = [e for e in range(91) if keeps_epoch(e, 90, 244_000_000)]
    assert kept == [0, 90]
    kept = [e for e in range(101) if keeps_epoch(e, 100, 5_000_000)]
    assert kept[0] == 0
    assert kept[-1] == 100
    assert len(kept) * 5_000_000 <= 60_000_000


def test_a_run_that_comes_along_is_found_by_its_name_unless_one_has_it_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Run("finder").classes[-1] == "nothing" and Run("lenet5").path == runs.OURS["lenet5"]
    (tmp_path / "lenet5").mkdir()
    with pytest.raises(RunError, match=r"^lenet5: the folder has no run.json, so it is no Run$"):
        Run("lenet5")


def test_what_is_found_out_about_a_run_of_the_package_goes_to_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path))
    run = Run("lenet5")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    name = next(run.path.glob("kept/units-*")).stem
    packaged = run.kept(name)
    assert packaged is not None
    assert run.keep(name, {"a": np.ones(2)}, {"who": "me"})
    arrays, note = run.kept(name) or ({}, {})
    assert arrays["a"].tolist() == [1, 1] and note == {"who": "me"}
    (tmp_path / "kept" / "lenet5" / f"{name}.safetensors").unlink()
    again = run.kept(name)
    assert again is not None and again[1] == packaged[1]
    assert before == {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
