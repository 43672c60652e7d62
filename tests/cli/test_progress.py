"""Progress for programs: an object a line on stderr, which says what the library's events say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from convscope.cli.progress import told
from convscope.training.loop import EpochDone, Finished, Progress

NET = "input 1x28x28; a conv 2 5x5 stride=3 | relu; b linear 10"


def said(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_steps_are_said_at_most_five_times_a_second_and_epochs_always(capsys, tmp_path):
    step = Progress(1, 2, 50, 100, 0.25, 0.91, 0.01, 20000, 65)
    events = [*[step] * 50, EpochDone({"epoch": 1, "loss": 0.5}), Finished(tmp_path, "finished")]
    assert list(told(events)) == events
    heard = said(capsys.readouterr().err)
    assert [one["progress"] for one in heard] == ["step", "epoch"]
    assert (heard[0]["epoch"], heard[0]["images_per_second"], heard[1]["loss"]) == (1, 20000, 0.5)


def test_a_training_says_it_and_what_is_asked_is_still_the_last_line(say, tmp_path):
    code, out, err = say(
        "train",
        "mnist",
        "--net",
        NET,
        "--epochs",
        2,
        "--out",
        tmp_path / "run",
        "--progress",
        "json",
        "--json",
        "--no-report",
    )
    assert code == 0
    epochs = [one for one in said(err) if one["progress"] == "epoch"]
    assert [one["epoch"] for one in epochs] == [1, 2]
    assert json.loads(out.splitlines()[-1])["epochs"] == 2


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="there is no such pause here")
def test_a_pause_is_in_none_of_the_times(tmp_path):
    words = [
        "train",
        "mnist",
        "--net",
        NET,
        "--epochs",
        "2",
        "--out",
        str(tmp_path / "run"),
        "--progress",
        "json",
        "--no-report",
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "convscope", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ,
    ) as child:
        for line in child.stderr:
            if '"step"' in line:
                child.send_signal(signal.SIGTSTP)
            if '"paused"' in line:
                break
        time.sleep(5)
        child.send_signal(signal.SIGCONT)
        out, err = child.communicate()
    assert '"continued"' in err
    done = json.loads(out.splitlines()[-1])
    assert done["wall_seconds"] > 5
    assert done["train_seconds"] < done["wall_seconds"] - 5
