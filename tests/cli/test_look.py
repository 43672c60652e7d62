"""`convscope look`, as a newcomer would call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import convscope as cs

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> cs.Run:
    return cs.train(cs.images("mnist"), "lenet5-modern", cs.Recipe(epochs=1), out=tmp_path / "run")


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    path = tmp_path / "seven.png"
    Image.fromarray(cs.images("mnist").test.pixels[0, 0]).save(path)
    return path


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the net learned are its 300 digits: the fingerprint says so."""
    import convscope.data.images as data

    whole = data.images
    monkeypatch.setattr(data, "images", lambda source, *_: whole(source).first(300))


def test_it_writes_a_page_and_says_what_the_first_units_are(
    say: Say, run: cs.Run, seven: Path, tmp_path: Path
):
    code, out, err = say(
        "look", run.path, seven, "--layer", "conv1", "--top", 2, "-o", tmp_path / "seven.html"
    )
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith(f"{seven}: ") and lines[1].startswith("  conv1/") and "fires" in lines[1]
    assert lines[-1] == str(tmp_path / "seven.html")
    page = (tmp_path / "seven.html").read_text()
    assert page.count('<details class="unit"') == 2 and "conv2" not in page.split("<main")[0]


def test_json_says_it_to_programs_and_writes_nothing(say: Say, run: cs.Run, seven: Path):
    code, out, _ = say("look", run.path, seven, "--unit", "conv2/3", "--class", "4", "--json")
    said: dict[str, Any] = json.loads(out)
    assert code == 0 and said["explained"] == "4" and said["look"] is None and not Path("look.html").exists()
    assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    (layer,) = said["layers"]
    assert layer["name"] == "conv2" and [c["unit"] for c in layer["cards"]] == ["conv2/3"]
    assert 0 <= layer["cards"][0]["fires"] <= 1 and 0 <= layer["cards"][0]["muted_accuracy"] <= 1
    assert len(layer["ranked"]) == 16 and {w["method"] for w in said["where"]} >= {"grad-cam", "occlusion"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--unit", "conv1/9"], "'conv1/9' is no unit of conv1: it has conv1/0 to conv1/5"),
        (["--layer", "conv4"], "there is no layer 'conv4' with kernels: did you mean conv"),
        (["--class", "eight"], "there is no class 'eight'"),
        (["-o", "no/such/look.html"], "the look cannot be written"),
    ],
)
def test_what_is_not_there_is_one_line(say: Say, run: cs.Run, seven: Path, words: list[str], says: str):
    code, out, err = say("look", run.path, seven, *words)
    assert code == 1 and not out and says in err and err.startswith("convscope: ") and err.count("\n") == 1


def test_a_source_that_has_changed_is_said_and_the_rest_is_shown(
    say: Say, run: cs.Run, seven: Path, monkeypatch: pytest.MonkeyPatch
):
    import convscope.data.images as data

    few = data.images
    monkeypatch.setattr(data, "images", lambda source, *_: few(source).first(200))
    code, out, err = say("look", run.path, seven, "--layer", "conv1", "--json")
    card = json.loads(out)["layers"][0]["cards"][0]
    assert code == 0 and "without the pictures it learned: the source has changed" in err
    assert card["fires"] is None and card["missing"]


def test_a_file_that_is_no_picture(say: Say, run: cs.Run, tmp_path: Path):
    (tmp_path / "words.png").write_text("words")
    code, out, err = say("look", run.path, tmp_path / "words.png")
    assert code == 1 and not out and "words.png" in err


def test_a_net_without_kernels(say: Say, tmp_path: Path, seven: Path):
    run = cs.train(
        cs.images("mnist").first(100),
        "input 1x28x28; out linear 10",
        cs.Recipe(epochs=1),
        out=tmp_path / "flat",
    )
    code, _, err = say("look", run.path, seven)
    assert code == 1 and "has no convolutions, so it has no kernels to look at" in err
