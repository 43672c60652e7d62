"""Power cuts: whatever order a disk wrote in, the Run opens in its last good state, and goes on to the same bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faults import disk
from faults.killing import all_of
from faults.teaching import train

from convscope.data.whole import write_whole
from convscope.runs import Run, resume_state
from convscope.training import loop

RESUMED = 12
"""So many of the states are also gone on from, in each run of the tests."""


STATE, INFO = "runs/1/resume/state.safetensors", "runs/1/run.json"


def replayed(home: Path, patch: pytest.MonkeyPatch, every: int | None = None) -> dict[str, int]:
    """Try every state that a power cut may leave of a training, and go on from each `every`th: how many were of which kind."""
    patch.setattr(loop, "SAVE_SECONDS", 0.0)
    whole, made = home / "disk" / "runs" / "1", home / "made"
    (home / "disk").mkdir()
    tape = disk.Tape(home / "disk")
    with patch.context() as taped:
        tape.record(taped)
        train(whole)
    wanted, all_states = all_of(whole), list(disk.states(tape))
    tally = {"done": len(tape.done), "states": len(all_states), "nothing yet": 0, "opened": 0, "resumed": 0}
    order = list(dict.fromkeys(state[STATE] for _, _, state in all_states if state.get(STATE)))
    every = every or max(1, len(all_states) // RESUMED)
    for number, promised, state in all_states:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        disk.write(state, made)
        path, where = made / "runs" / "1", f"after {number} of {tally['done']}"
        if not (path / "run.json").is_file():
            assert INFO not in promised, f"the Run is gone {where}"
            tally["nothing yet"] += 1
            continue
        run = Run(path)
        run.net()
        resume_state(run)
        assert len(run.metrics) <= 2 and run.recipe["epochs"] == 2
        if STATE in promised:
            assert order.index(state[STATE]) >= order.index(promised[STATE]), f"a saved state is lost {where}"
        tally["opened"] += 1
        if tally["opened"] % every == 0:
            train(path, resume=True)
            assert all_of(path) == wanted, f"other bits {where}"
            assert not list(made.rglob("*.part")) and not list(made.rglob(".lock"))
            tally["resumed"] += 1
    return tally


def test_whatever_a_power_cut_leaves_the_run_opens_in_its_last_good_state(tmp_path, monkeypatch):
    tally = replayed(tmp_path, monkeypatch)
    assert tally["opened"] > 50 and tally["resumed"] > 5 and tally["nothing yet"] > 10, tally


def test_a_file_is_the_old_one_or_the_new_one_whatever_a_power_cut_leaves(tmp_path, monkeypatch):
    tape = disk.Tape(tmp_path)
    with monkeypatch.context() as taped:
        tape.record(taped)
        write_whole(tmp_path / "a", b"the old one")
        first = len(tape.done)
        write_whole(tmp_path / "a", [b"the ", b"new one"])
    found = {(number >= first, state.get("a")) for number, _, state in disk.states(tape)}
    assert found == {(False, None), (False, b"the old one"), (True, b"the old one"), (True, b"the new one")}


def test_a_writer_that_does_not_sync_is_found_out(tmp_path, monkeypatch):
    """The disk that forgets is one that can: without fsync a file may be there without its bytes."""
    tape = disk.Tape(tmp_path)
    with monkeypatch.context() as taped:
        taped.setattr("os.fsync", lambda _: None)
        tape.record(taped)
        write_whole(tmp_path / "a", b"something")
        tape.done = [what for what in tape.done if what[0] != "sync"]
    assert b"" in {state.get("a") for *_, state in disk.states(tape)}


def test_a_run_whose_folders_were_not_synced_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("convscope.runs.make_folder", lambda path: path.mkdir(parents=True, exist_ok=True))
    with pytest.raises(AssertionError, match="the Run is gone"):
        replayed(tmp_path, monkeypatch)


if __name__ == "__main__":  # all of it: every state is gone on from
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        sys.stdout.write(f"{replayed(Path(folder), patch, every=1)}\n")
