"""A training done again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from convscope.cli.app import app
from convscope.data.images import images
from convscope.errors import RunError
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe
from convscope.training.repeat import compared, elsewhere, plan_again

NET = "input 1x28x28; a conv 4 5x5 stride=2 | relu; p max 2x2; out linear 10"
FEW = images("mnist").first(600)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    where = tmp_path_factory.mktemp("repeat") / "run"
    return taught(make_plan(FEW, NET, Recipe(epochs=2, batch=50, shift=2.0), seed=3, device="cpu"), where)


def taught(plan, where: Path, **more) -> Run:
    for _ in training(plan, where, **more):
        pass
    return Run(where)


def test_the_same_plan_gives_the_same_bits(run, tmp_path):
    done = compared(run, taught(plan_again(run, FEW), tmp_path / "again"))
    assert done.same and done.difference == "" and done.largest == 0 and done.elsewhere == ()


def test_another_seed_is_said_with_the_place_where_it_first_differs(run, tmp_path):
    other = taught(replace(plan_again(run, FEW), seed=4), tmp_path / "other")
    done = compared(run, other)
    assert not done.same and done.difference == "a.conv.weight after epoch 0" and done.largest > 0


def test_one_bit_at_the_end_is_seen(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    arrays = load_file(copy / "weights.safetensors")
    name = max(arrays)
    arrays[name] = arrays[name].copy()
    arrays[name].reshape(-1).view(np.uint32)[0] ^= 1
    save_file(arrays, copy / "weights.safetensors")
    done = compared(run, Run(copy))
    assert done.difference == f"{name} at the end" and 0 < done.largest < 1e-6


def test_what_is_other_around_it_is_said(run):
    info = {**run.info, "machine": {**run.info["machine"], "torch": "1.0", "threads": 64}}
    said = elsewhere(info)
    assert [line.split(":")[0] for line in said] == ["threads", "torch"]
    assert elsewhere({"engine": "native"})[0].startswith("processor: unknown, now ")


def test_a_run_that_was_stopped_has_nothing_to_compare_with(tmp_path):
    plan = make_plan(FEW, NET, Recipe(epochs=2, batch=50), seed=0, device="cpu")
    asked = iter([False, True])
    stopped = taught(plan, tmp_path / "stopped", stop=lambda: next(asked, True))
    with pytest.raises(RunError, match="is stopped, so there is nothing to compare with"):
        plan_again(stopped, FEW)


def test_the_command_says_so_and_ends_with_1_where_they_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    rng = np.random.default_rng(0)
    from PIL import Image

    for name, low in (("dark", 0), ("light", 150)):
        (folder / name).mkdir(parents=True)
        for n in range(8):
            Image.fromarray(rng.integers(low, low + 100, (20, 20), np.uint8)).save(folder / name / f"{n}.png")
    words = ["train", str(folder), "--net", "lenet1", "--size", "28", "--epochs", "1", "--no-report"]
    assert CliRunner().invoke(app, words).exit_code == 0
    done = CliRunner().invoke(app, ["repeat", "last", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["same"] and (told["run"], told["again"]) == ("runs/1", "runs/2")
    info = json.loads((tmp_path / "runs/1/run.json").read_text())
    (tmp_path / "runs/1/run.json").write_text(json.dumps({**info, "seed": 5}))
    other = CliRunner().invoke(app, ["repeat", "1"])
    assert other.exit_code == 1 and "not the same: " in other.stdout
