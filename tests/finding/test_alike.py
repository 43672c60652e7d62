"""Search by example: where a layer answers as it does to a patch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import convscope
from convscope.cli.app import app
from convscope.errors import PictureError, StackError
from convscope.finding.alike import example, find_like, layers
from convscope.runs import Run

LENET = Path(convscope.__file__).parent / "packaged" / "lenet5"


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(LENET)


def cross(page: np.ndarray, x: int, y: int) -> None:
    page[0, y : y + 20, x + 8 : x + 12] = 0
    page[0, y + 8 : y + 12, x : x + 20] = 0


def ring(page: np.ndarray, x: int, y: int) -> None:
    page[0, y : y + 20, x : x + 20] = 0
    page[0, y + 4 : y + 16, x + 4 : x + 16] = 255


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    """Two crosses and two rings, sixteen pixels' steps apart, so that a layer sees each pair alike."""
    made = np.full((1, 120, 160), 255, np.uint8)
    cross(made, 16, 16), cross(made, 112, 80), ring(made, 96, 16), ring(made, 32, 80)
    return made


def test_the_patch_itself_comes_first_and_its_twin_next(run, page):
    for layer in ("C1", "S2", "C3", "S4", None):
        found = find_like(run, page, (12, 12, 28, 28), layer=layer, least=0.3)
        assert [(p.x, p.y, p.width, p.height) for p in found[:2]] == [(12, 12, 28, 28), (108, 76, 28, 28)], (
            layer
        )
        assert found[0].score == pytest.approx(1, abs=1e-4) and found[1].score == pytest.approx(1, abs=1e-4)
        assert all(place.score < 0.9 for place in found[2:]), "a ring is no cross"


def test_scores_are_the_cosine_of_what_lies_under_the_kernel(run, page):
    made = example(run, page, (12, 12, 28, 28), "C3")
    given = torch.from_numpy(run.normalised(255 - page[None]))
    with torch.inference_mode():
        values = next(v for line, v in run.net().through(given) if line.name == "C3")[0].double()
    values = values - values.mean((1, 2), keepdim=True)
    (place,) = (p for p in find_like(run, page, (12, 12, 28, 28), layer="C3", least=0.9) if p.x > 100)
    first, jump = made.rung.fields[0].span(0), made.rung.jump[0]
    middle = (first[0] + first[1]) / 2
    row, column = ((at + made.offset[k] - middle) / jump for k, at in enumerate((place.y, place.x)))
    assert row == int(row) and column == int(column)
    high, wide = made.kernel.shape[1:]
    under = values[:, int(row) : int(row) + high, int(column) : int(column) + wide].flatten()
    kernel = made.kernel.double().flatten()
    assert place.score == pytest.approx(float(under @ kernel / (under.norm() * kernel.norm())), abs=1e-4)


def test_it_looks_among_other_pictures(run, page):
    rings, none = np.full((1, 60, 60), 255, np.uint8), np.full((1, 60, 60), 255, np.uint8)
    ring(rings, 16, 16)
    found = find_like(run, page, (92, 12, 28, 28), [("none", none), ("rings", rings)], layer="S2", least=0.6)
    assert found[0].picture == "rings" and (found[0].x, found[0].y) == (12, 12)


def test_layers_are_those_with_places(run):
    assert [rung.name for rung in layers(run)] == ["C1", "S2", "C3", "S4"]


@pytest.mark.parametrize(
    ("frame", "layer", "says"),
    [
        ((150, 10, 28, 28), None, "the example 150,10,28,28 is not inside of the picture of 160x120 pixels"),
        ((10, 10, 2, 2), "S4", "holds no value of S4"),
    ],
)
def test_bad_examples_are_said(run, page, frame, layer, says):
    with pytest.raises(PictureError, match=says):
        find_like(run, page, frame, layer=layer)


def test_a_layer_that_is_not_there_is_said(run, page):
    with pytest.raises(StackError, match="there is no layer 'F6' to compare by"):
        find_like(run, page, (12, 12, 28, 28), layer="F6")


def test_the_command_ranks_a_folder_and_draws_what_it_found(page, tmp_path):
    picture, folder = tmp_path / "page.png", tmp_path / "others"
    folder.mkdir()
    Image.fromarray(page[0]).save(picture)
    Image.fromarray(page[0, :, 80:]).save(folder / "right.png")
    (folder / "broken.png").write_bytes(b"\x89PNG nothing")
    Image.fromarray(page[0, :8, :8]).save(folder / "small.png")
    words = ["find", str(LENET), str(picture), "--like", "12,12,28,28", "--layer", "C3"]
    own = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "own.png"), "--json"])
    assert own.exit_code == 0, own.output
    told = json.loads(own.stdout)
    assert told["layer"] == "C3" and told["places"][0]["score"] == pytest.approx(1, abs=1e-4)
    done = CliRunner().invoke(app, [*words, "--among", str(folder), "-o", str(tmp_path / "sheet.png")])
    assert done.exit_code == 0, done.output
    assert "right.png" in done.stdout
    assert "broken.png" in done.stderr and "small.png: a picture of 8x8 is smaller" in done.stderr
    with Image.open(tmp_path / "own.png") as own_picture, Image.open(tmp_path / "sheet.png") as sheet:
        assert own_picture.size == (160, 120) and sheet.width > 160


def test_a_folder_without_pictures_and_flags_that_are_for_classes_are_said(page, tmp_path):
    picture, empty = tmp_path / "page.png", tmp_path / "empty"
    Image.fromarray(page[0]).save(picture)
    empty.mkdir()
    words = ["find", str(LENET), str(picture), "--like", "12,12,28,28"]
    done = CliRunner().invoke(app, [*words, "--among", str(empty)])
    assert done.exit_code == 1 and str(done.exception) == f"{empty}: no picture in it"
    for flag in (["--read"], ["--heat", "7"], ["--smallest", "20"], ["--sweep"], ["--fine", "2"]):
        done = CliRunner().invoke(app, [*words, *flag])
        assert done.exit_code == 2 and f"{flag[0]} is for finding classes" in done.output
    few, many = (
        json.loads(CliRunner().invoke(app, [*words, "--least", least, "--json"]).stdout)["places"]
        for least in ("0.9", "0.1")
    )
    assert len(few) == 2 < len(many)


def test_an_example_that_is_no_frame_is_said(page, tmp_path):
    picture = tmp_path / "page.png"
    Image.fromarray(page[0]).save(picture)
    for words, says in (
        (["--like", "1,2,3"], "an example is X,Y,WIDTH,HEIGHT"),
        (["--layer", "C3"], "--like X,Y"),
    ):
        done = CliRunner().invoke(app, ["find", str(LENET), str(picture), *words])
        assert done.exit_code != 0 and says in str(done.exception or "") + done.output
