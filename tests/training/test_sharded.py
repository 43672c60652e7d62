"""A net that lies with several workers, each with a part of every layer: what one process would have come to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from training.test_together import NORMED, STEADY, apart, bars_folder, few_digits, pair

from convscope.cli.workers import is_one
from convscope.errors import RecipeError, RunError, WorkersError
from convscope.nets.build import build
from convscope.runs import Run
from convscope.training.learners import learner_for
from convscope.training.loop import train, training
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe
from convscope.training.together import Group

TORCH = {**STEADY, "rate": 1e-3, "engine": "torch"}
ODD = "input 1x28x28; c conv 5 5x5 | relu; p max 2x2; d conv 7 3x3 | relu; e linear 11 | tanh; out linear 10"
"""Layers that cannot be divided evenly: the last worker of three has fewer rows, and of the biases of one layer none."""
CASES = {
    "lenet5": ("lenet5", {**TORCH, "rate": 1e-4, "validation": 0.1, "average": 0.9, "shift": 1.0}, 1e-6),
    "odd": (ODD, {**TORCH, "optimizer": "adamw", "decay": 0.1, "layerwise": 0.5}, 1e-6),
    "frozen": (ODD, {**TORCH, "freeze": 1}, 1e-6),
    "normed": (NORMED, {**TORCH, "mixup": 0.5}, 1e-5),
}
"""Name -> net, knobs, and by how much a weight may differ."""
NET, KNOBS, _ = CASES["odd"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Each case by one process (NAME-1) and divided over two (NAME-2); what one began and others went on with."""
    folder = tmp_path_factory.mktemp("sharded")
    few = few_digits()
    for name, (net, knobs, _) in CASES.items():
        train(few, net, Recipe(**knobs), seed=3, out=folder / f"{name}-1")
    steps = iter(range(1000))
    for _ in training(
        make_plan(few, NET, Recipe(**KNOBS), seed=3), folder / "to-two", stop=lambda: next(steps) == 11
    ):
        pass
    asked = [
        {"path": str(folder / f"{name}-2"), "net": net, "knobs": knobs, "sharded": True}
        for name, (net, knobs, _) in CASES.items()
    ]
    begun = {"net": NET, "knobs": KNOBS, "steps": 12, "sharded": True}
    asked += [{"path": str(folder / name), **begun} for name in ("to-one", "to-three", "to-whole", "hurt")]
    pair([*asked, {"path": str(folder / "to-two"), "sharded": True}, {"path": str(folder / "to-whole")},
          {"path": str(folder / "half"), "net": NET, "knobs": KNOBS, "wire": "bfloat16", "sharded": True}])  # fmt: skip
    shutil.copytree(folder / "to-three", folder / "as-left")
    pair([{"path": str(folder / "to-three"), "sharded": True}], size=3)
    for _ in training(resumed_plan(Run(folder / "to-one"), few, "cpu"), folder / "to-one", resume=True):
        pass
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_divided_net_comes_to_the_weights_of_a_whole_one(trained, name):
    alone, both = Run(trained / f"{name}-1"), Run(trained / f"{name}-2")
    assert apart(alone, both) < CASES[name][2]
    assert alone.info["scores"] == both.info["scores"]
    for one, other in zip(alone.metrics, both.metrics, strict=True):
        assert one["train_accuracy"] == other["train_accuracy"]
        assert one.get("validation_accuracy") == other.get("validation_accuracy")
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)
    assert both.info["workers"]["sharded"] is True
    np.testing.assert_allclose(
        alone.arrays("test.safetensors")["answers"], both.arrays("test.safetensors")["answers"], atol=1e-4
    )


@pytest.mark.parametrize("name", ["to-one", "to-two", "to-three", "to-whole"])
def test_any_number_of_workers_goes_on_divided_or_not(trained, name):
    run = Run(trained / name)
    assert run.info["status"] == "finished"
    assert apart(run, Run(trained / "odd-1")) < 1e-6
    assert run.info["scores"] == Run(trained / "odd-1").info["scores"]


def test_a_state_is_one_folder_of_pieces_without_a_pickle(trained):
    left = trained / "as-left"
    number = int(Run(left).arrays("resume/state.safetensors")["pieces"])
    assert sorted(str(path.relative_to(left / "resume")) for path in (left / "resume").rglob("*")) == [
        str(number),
        f"{number}/shard-00001-model-00001-of-00001.safetensors",
        f"{number}/shard-00002-model-00001-of-00001.safetensors",
        "state.safetensors",
    ]
    assert [path.name for path in (trained / "to-one" / "resume").iterdir()] == ["state.safetensors"]


def test_gradients_that_travel_as_bfloat16_lead_nearly_there(trained):
    assert 1e-7 < apart(Run(trained / "half"), Run(trained / "odd-1")) < 2e-2


def test_a_folder_that_no_state_names_yet_is_not_read(trained, tmp_path):
    """A worker killed while pieces were written leaves a folder behind; the former state counts, and the next one clears it."""
    path = shutil.copytree(trained / "as-left", tmp_path / "cut")
    stray = path / "resume" / "99"
    stray.mkdir()
    (stray / "shard-00001-model-00001-of-00001.safetensors").write_bytes(b"half of")
    pair([{"path": str(path), "sharded": True}])
    assert apart(Run(path), Run(trained / "odd-1")) < 1e-6
    assert not stray.exists()
    assert len([folder for folder in (path / "resume").iterdir() if folder.is_dir()]) == 1


@pytest.mark.parametrize("hurt", ["cut", "gone", "missing"])
def test_damaged_pieces_are_said_in_a_line(trained, tmp_path, hurt):
    path = shutil.copytree(trained / "as-left", tmp_path / "hurt")
    (folder,) = (one for one in (path / "resume").iterdir() if one.is_dir())
    piece = folder / "shard-00002-model-00001-of-00001.safetensors"
    if hurt == "cut":
        piece.write_bytes(piece.read_bytes()[:1000])
    elif hurt == "gone":
        piece.unlink()
    else:
        shutil.rmtree(folder)
    plan = resumed_plan(Run(path), few_digits(), "cpu")
    with pytest.raises(RunError) as raised:
        next(training(plan, path, resume=True))
    message = str(raised.value)
    assert message.startswith(
        f"{folder}: the state to resume from is damaged, or of another net or recipe ("
    ), message
    assert message.endswith("); train anew") and "\n" not in message


def test_what_cannot_be_divided_is_said(bar_images):
    message = (
        r"^--shard divides a net over several workers: give --workers, too, or start them with torchrun$"
    )
    with pytest.raises(WorkersError, match=message):
        is_one(None, sharded=True)
    plan = make_plan(bar_images, "input 1x12x12; out linear 3", Recipe(engine="native"))
    message = r"^engine=native cannot teach a net that is divided over workers: use engine=torch$"
    with pytest.raises(RecipeError, match=message):
        learner_for(build(plan.stack), plan, Group(0, 2, sharded=True))


def test_the_command_divides_a_net_over_its_workers():
    bars_folder(Path("bars"))
    command = [
        "train",
        "bars",
        "--net",
        "input 1x12x12; c conv 4 3x3 | tanh; out linear 2",
        "--batch",
        "16",
        "--epochs",
        "3",
    ]
    command += ["--workers", "2", "--shard", "--out", "divided", "--json"]
    done = subprocess.run([sys.executable, "-m", "convscope", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["run"] == "divided"
    info = Run("divided").info
    assert (info["status"], info["engine"], info["workers"]["sharded"]) == ("finished", "torch", True)
