"""The program as a person meets it: help, results on stdout, remarks on stderr, exit codes, no tracebacks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from convscope.cli.train import train
from convscope.nets.zoo import zoo
from convscope.runs import Run

VERBS = ("train", "predict", "report", "nets", "shapes", "data")
SMALL = "input 1x28x28; c conv 4 5x5 stride=2 | relu; out linear 10"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    words = ["train", "mnist", "--net", SMALL, "--epochs", "1", "--out", str(folder), "--json"]
    done = subprocess.run([sys.executable, "-m", "convscope", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "stdout.txt").write_text(done.stdout)
    return folder


def test_help_names_every_verb_and_begins_with_an_example(say):
    code, out, _ = say("--help")
    assert code == 0
    assert out.index("Example: convscope train mnist") < out.index("Options:")
    assert all(f"\n  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verbs_help_begins_with_an_example(say, verb):
    code, out, _ = say(verb, "--help")
    assert code == 0
    assert f"Example: convscope {verb}" in out
    assert out.index("Example:") < out.index("Options:")
    assert "--json" in out


def test_version_is_said(say):
    assert say("--version")[1] == "0.1.0\n"


def test_a_wrong_option_is_wrong_usage(say):
    code, out, err = say("train", "mnist", "--epcohs", "3")
    assert (code, out) == (2, "")
    assert "--epochs" in err


@pytest.mark.parametrize("name", list(zoo))
def test_shapes_as_json_has_every_layer(say, name):
    code, out, _ = say("shapes", name, "--json")
    said = json.loads(out.splitlines()[-1])
    assert code == 0
    assert said["parameters"] == zoo[name].parameters == sum(layer["parameters"] for layer in said["layers"])
    assert [layer["name"] for layer in said["layers"]] == list(zoo[name].shapes)
    keys = {
        "name",
        "kind",
        "output",
        "kernel",
        "stride",
        "padding",
        "parameters",
        "connections",
        "receptive_field",
        "jump",
    }
    assert all(keys <= set(layer) for layer in said["layers"])


def test_shapes_takes_another_input(say):
    _, out, _ = say("shapes", "lenet5-modern", "--input", "3x40x40", "--json")
    said = json.loads(out)
    assert said["input"] == [3, 40, 40]
    assert said["layers"][0]["output"] == [6, 40, 40]


FAULTS = [
    (("shapes", "lenet9"), "convscope: lenet9: no net of the zoo and no file; did you mean lenet"),
    (
        ("shapes", "lenet5", "--input", "1x8x8"),
        "convscope: a window of 5x5 does not fit the map before it, 2x2 with its padding: conv 2x2 would fit",
    ),
    (
        ("shapes", "lenet5", "--input", "8x8"),
        "convscope: --input: channels x height x width, such as 1x28x28",
    ),
    (("shapes", "input 1x28x28; a cnv 3 3x3"), "convscope: line 1, column 18: there is no step 'cnv'"),
    (("train", "mnits"), "convscope: mnits: "),
    (("train", "mnist", "--recipe", "fst"), "convscope: there is no recipe 'fst'"),
    (("train", "mnist", "--epochs", "0"), "convscope: epochs goes from 1 to 100000, not 0"),
    (("train", "mnist", "--from", "nowhere"), "convscope: nowhere: there is no such Run"),
    (
        ("train", "mnist", "--freeze", "C9"),
        "convscope: freeze is a number of layers, or the name of the last one that is kept: C1, S2, C3, S4, C5, F6; not 'C9'",
    ),
    (("train", "mnist", "--device", "tpu"), "convscope: device 'tpu' is not here; this machine has cpu"),
    (
        ("train", "mnist", "--out", "/proc/nowhere/run"),
        "convscope: /proc/nowhere/run: the Run folder cannot be written",
    ),
    (
        ("predict", "nowhere", "a.png"),
        "convscope: nowhere: there is no such Run; make one with: convscope train mnist, or take lenet5 or finder",
    ),
    (
        ("report", "nowhere"),
        "convscope: nowhere: there is no such Run; make one with: convscope train mnist, or take lenet5 or finder",
    ),
    (
        ("train", "--resume", "nowhere"),
        "convscope: nowhere: there is no such Run; make one with: convscope train mnist, or take lenet5 or finder",
    ),
]


@pytest.mark.parametrize(("words", "message"), FAULTS, ids=[" ".join(w) for w, _ in FAULTS])
def test_a_fault_is_one_clear_line_and_exit_code_1(say, words, message):
    code, out, err = say(*words)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith(message), err
    assert "Traceback" not in err


def test_a_net_begins_with_what_a_run_learned_and_says_so(say, trained):
    words = ["--from", trained, "--freeze", "c", "--epochs", "1", "--out", "next", "--no-report", "--json"]
    code, out, err = say("train", "mnist", *words)
    assert code == 0, err
    assert f"begins with c, out of {trained}" in err.splitlines()
    before, after = Run(trained).weights(), Run(json.loads(out)["run"]).weights()
    assert {name.split(".")[0] for name in before if (before[name] != after[name]).any()} == {"out"}
    assert Run("next").recipe["freeze"] == 1


def test_training_as_json_says_all_that_was_promised(trained):
    said = json.loads((trained / "stdout.txt").read_text().splitlines()[-1])
    assert set(said) == {
        "run", "net", "source", "epochs", "test_accuracy", "test_error_percent", "test_interval_percent",
        "train_seconds", "wall_seconds", "images_per_second", "parameters", "device", "seed",
    }  # fmt: skip
    assert said["test_accuracy"] == pytest.approx(1 - said["test_error_percent"] / 100)
    low, high = said["test_interval_percent"]
    assert low < said["test_error_percent"] < high
    assert said["source"] == "mnist"
    assert said["wall_seconds"] > said["train_seconds"]
    assert (trained / "report.html").stat().st_size > 10_000


def test_a_digit_from_the_test_set_is_named(say, trained, tmp_path):
    from convscope.data.images import images

    digits = images("mnist").test
    wanted = {}
    for i in range(20):
        Image.fromarray(digits.pixels[i, 0]).save(tmp_path / f"{i}.png")
        wanted[str(tmp_path / f"{i}.png")] = str(digits.labels[i])
    code, out, _ = say("predict", trained, *wanted, "--json")
    said = json.loads(out.splitlines()[-1])["predictions"]
    assert code == 0
    assert [p["picture"] for p in said] == list(wanted)
    assert sum(p["label"] == wanted[p["picture"]] for p in said) >= 17
    for p in said:
        assert sum(p["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert p["probability"] == max(p["probabilities"].values()) == p["probabilities"][p["label"]]


def test_a_file_that_is_no_picture_is_said_and_the_others_are_still_named(say, trained, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    code, out, err = say("predict", trained, tmp_path / "text.png", tmp_path / "blank.png", "--json")
    assert code == 1
    assert [p["picture"] for p in json.loads(out)["predictions"]] == [str(tmp_path / "blank.png")]
    assert sum(line.startswith("convscope: ") for line in err.splitlines()) == 1
    assert "text.png" in err


def test_the_report_can_be_made_again(say, trained):
    (trained / "report.html").unlink()
    code, out, _ = say("report", trained)
    assert code == 0
    assert Path(out.strip()).stat().st_size > 10_000


def test_a_run_cannot_be_resumed_with_other_knobs(say, trained):
    code, _, err = say("train", "--resume", trained, "--epochs", "5")
    assert code == 1
    assert "--resume goes on with what" in err
    assert "takes no --epochs" in err


def test_every_knob_of_a_recipe_is_a_flag(say):
    from convscope.training.recipe import KNOBS

    _, out, _ = say("train", "--help")
    assert all(f"--{knob} " in out for knob in KNOBS)
    assert train.__doc__


def test_ctrl_c_saves_and_the_training_goes_on_to_the_same_bits(tmp_path):
    words = [
        sys.executable,
        "-m",
        "convscope",
        "train",
        "mnist",
        "--net",
        SMALL,
        "--epochs",
        "3",
        "--no-report",
    ]
    quiet = {"capture_output": True, "text": True}
    assert subprocess.run([*words, "--out", "whole"], **quiet).returncode == 0
    began = subprocess.Popen(
        [*words, "--out", "parts"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "parts" / "epochs" / "001.safetensors").exists():
        time.sleep(0.01)
        assert began.poll() is None, began.communicate()
    os.kill(began.pid, signal.SIGINT)
    _, err = began.communicate(timeout=60)
    assert began.returncode == 1, err
    assert "stopped and saved; go on with: convscope train --resume parts" in err
    assert "Traceback" not in err
    done = subprocess.run(
        [sys.executable, "-m", "convscope", "train", "--resume", "parts", "--no-report"], **quiet
    )
    assert done.returncode == 0, done.stderr
    whole, parts = Run("whole"), Run("parts")
    assert (whole.path / "weights.safetensors").read_bytes() == (
        parts.path / "weights.safetensors"
    ).read_bytes()
    assert whole.info["scores"] == parts.info["scores"]


def test_compare_lists_its_methods_and_what_they_cost(say):
    code, out, _ = say("compare", "--list")
    assert code == 0
    assert "tangent" in out
    assert "two idle cores" in out
    code, out, _ = say("compare", "--list", "--json")
    rows = json.loads(out)["methods"]
    assert {"name", "about", "preprocessing", "seconds", "published_error_percent"} <= set(rows[0])


def test_compare_writes_a_report_a_table_and_json(say, tmp_path):
    words = (
        "compare",
        "mnist",
        "--budget",
        "quick",
        "--only",
        "pca-quadratic",
        "--out",
        tmp_path / "c",
        "--json",
    )
    code, out, err = say(*words)
    assert code == 0, err
    told = json.loads(out.splitlines()[-1])
    assert told["source"] == "mnist"
    (row,) = told["results"]
    assert row["method"] == "pca-quadratic"
    assert row["published_error_percent"] == 3.3
    assert 2 < row["error_percent"] < 8
    assert (tmp_path / "c" / "report.html").is_file()
    head, line = (tmp_path / "c" / "results.csv").read_text().splitlines()
    assert head.startswith("method,title,preprocessing")
    assert line.startswith("pca-quadratic,")
    code, _, err = say(*words)
    assert code == 0
    assert "(kept)" in err


def test_compare_says_which_methods_there_are(say):
    code, _, err = say("compare", "mnist", "--only", "tangents")
    assert code == 1
    assert "there is no method 'tangents': did you mean tangent?" in err
