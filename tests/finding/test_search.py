"""`convscope find`: things on a page, by a net that was taught them beside nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.cli.app import app
from convscope.data.background import NOTHING, with_nothing
from convscope.data.images import Images, Pictures, images
from convscope.errors import PictureError, SourceError
from convscope.finding.boxes import Box
from convscope.finding.picture import _framed, _place
from convscope.finding.search import Search, Wish
from convscope.runs import Run
from convscope.training.loop import training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe

NET = "input 1x12x12; a conv 8 3x3 | relu; p max 2x2; b conv 24 5x5 | relu; out linear 3"


def crosses(n: int, seed: int) -> Pictures:
    """Crosses (class 0) and rings (class 1) of 6x6 in the middle of 12x12."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    pixels = np.zeros((n, 1, 12, 12), np.uint8)
    for picture, label in zip(pixels[:, 0], labels, strict=True):
        draw(picture, int(label), 3 + int(rng.integers(-1, 2)), 3 + int(rng.integers(-1, 2)), 6)
    return Pictures(pixels, labels.astype(np.int64))


def draw(page: np.ndarray, label: int, y: int, x: int, side: int) -> None:
    if label == 0:
        page[y : y + side, x + side // 2 - 1 : x + side // 2 + 1] = 255
        page[y + side // 2 - 1 : y + side // 2 + 1, x : x + side] = 255
    else:
        page[y : y + side, x : x + side] = 255
        wide = side // 3
        page[y + wide : y + side - wide, x + wide : x + side - wide] = 0


SHAPES = Images("shapes", ("cross", "ring"), crosses(400, 0), crosses(100, 1), (), "shapes-1")


def taught(source: Images, where: Path) -> Run:
    net = NET.replace("linear 3", f"linear {len(source.classes)}")
    plan = make_plan(source, net, Recipe(epochs=6, batch=32, rate=0.01, shift=1.0), device="cpu")
    for _ in training(plan, where):
        pass
    return Run(where)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A net that knows what nothing is."""
    return taught(with_nothing(SHAPES), tmp_path_factory.mktemp("finding") / "run")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Run:
    """A net that knows crosses and rings only."""
    return taught(SHAPES, tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture
def scene() -> np.ndarray:
    """Dark on light: a cross, a ring, and a ring twice as large."""
    page = np.zeros((70, 90), np.uint8)
    draw(page, 0, 10, 12, 6)
    draw(page, 1, 50, 70, 6)
    draw(page, 1, 30, 30, 12)
    return 255 - page[None]


def test_all_that_stands_on_a_page_is_found_where_it_stands(run, scene):
    found = Search(run, Wish(least=0.8, largest=26)).through(scene)
    assert (found.mode, found.classes) == ("dense", ("cross", "ring"))
    there = {("cross", 12, 10, 6, 6), ("ring", 70, 50, 6, 6), ("ring", 30, 30, 12, 12)}
    said = {
        (box.label, round(box.x), round(box.y), round(box.width), round(box.height)) for box in found.boxes
    }
    assert there <= said
    assert len(said - there) <= 1
    assert found.heat.values[1, 53, 73] > 0.8 > found.heat.values[1, 10, 60]
    assert "inverted" in found.steps[0]


def test_a_sweep_finds_the_same_and_takes_a_pass_a_window(run, scene):
    one = Search(run, Wish(least=0.8, largest=12)).through(scene)
    other = Search(run, Wish(least=0.8, largest=12, sweep=True)).through(scene)
    assert {(b.label, b.x, b.y) for b in other.boxes} >= {(b.label, b.x, b.y) for b in one.boxes[:2]}
    assert other.mode == "sweep" and other.forward_passes > 1000 > one.forward_passes


def test_an_empty_page_is_empty(run):
    assert Search(run, Wish(least=0.8)).through(np.full((1, 80, 60), 240, np.uint8)).boxes == ()


def test_what_is_found_where_nothing_is_is_never_found_again(plain, scene):
    """A net without a class of nothing names whatever there is: dots, until it is told that they are nothing."""
    search = Search(plain, Wish(least=0.8, largest=14))
    empty = np.full((1, 60, 60), 255, np.uint8)
    empty[0, 20:40:7, 10:50:5] = 0
    assert search.through(empty).boxes
    assert search.learn_nothing([empty]) > 0
    assert not search.through(empty).boxes
    assert {"cross", "ring"} == {box.label for box in search.through(scene).boxes}


def test_how_much_may_be_found_grows_with_the_picture(run, monkeypatch):
    page = np.zeros((96, 144), np.uint8)
    for n in range(24):
        draw(page, 0, 9 + 24 * (n // 6), 9 + 24 * (n % 6), 6)
    search = Search(run, Wish(least=0.8, smallest=12, largest=12))
    monkeypatch.setattr("convscope.finding.search.MOST", 4)
    for area, least, most in ((96 * 144, 1, 4), (96 * 144 // 60, 24, 24)):
        monkeypatch.setattr("convscope.finding.search.AREA", area)
        assert least <= sum(box.label == "cross" for box in search.through(255 - page[None]).boxes) <= most


def test_a_picture_smaller_than_what_is_looked_for_is_a_clear_line(run):
    with pytest.raises(
        PictureError, match=r"8x20 pixels is smaller than the smallest thing that is looked for, 12"
    ):
        Search(run).through(np.zeros((1, 20, 8), np.uint8))


def test_the_verb_prints_writes_and_says_what_it_did(run, scene, capsys):
    Image.fromarray(scene[0]).save("page.png")
    command = ["find", str(run.path), "page.png", "--least", "0.8", "--largest", "26"]
    app([*command, "--json", "-o", "found.png", "--heat", "all"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"picture", "size", "boxes", "seconds", "forward_passes", "mode"}
    assert said["size"] == [90, 70]
    assert set(said["boxes"][0]) == {"label", "score", "x", "y", "width", "height"}
    drawn = np.asarray(Image.open("found.png"))
    assert drawn.shape == (70, 90, 3)
    assert (drawn != 255 - np.repeat(255 - scene[0][..., None], 3, 2)).any()
    app([*command, "--read"], standalone_mode=False)
    assert "ring" in capsys.readouterr().out
    Path("empty").mkdir()
    Image.new("L", (40, 50), 255).save("empty/white.png")
    Path("empty/notes.txt").write_text("no picture")
    app([*command, "--empty", "empty"], standalone_mode=False)
    said = capsys.readouterr().err
    assert "left out: empty/notes.txt" in said and "of 1 empty pictures looked like something" in said
    app(command, standalone_mode=False)
    captured = capsys.readouterr()
    assert "what" in captured.out and "found in" in captured.err
    with pytest.raises(PictureError, match="there is no class 'rung' to draw the heat of: did you mean ring"):
        app([*command, "--heat", "rung"], standalone_mode=False)
    with pytest.raises(PictureError, match="the smallest window, 30, is larger than the largest, 26"):
        app([*command, "--smallest", "30"], standalone_mode=False)


def test_a_source_with_nothing_has_a_class_more_and_its_own_pictures_twice(monkeypatch):
    source = Images("shapes", ("cross", "ring"), crosses(60, 0), crosses(20, 1), (), "shapes-1")
    made = with_nothing(source)
    assert made.classes == ("cross", "ring", NOTHING)
    assert made.name == "shapes+nothing"
    assert made.background == 0
    assert (made.train.pixels[:60] == source.train.pixels).all()
    assert (made.train.labels[60:120] == source.train.labels).all()
    assert set(made.train.labels[120:]) == {2}
    assert len(made.train) == 120 + 2 * 90 + 120, "windows of nothing, and wrong cuts"
    assert len(made.test) == 20 + 30
    assert (with_nothing(source).train.pixels == made.train.pixels).all(), "the same each time"
    monkeypatch.setattr("convscope.data.images._own", lambda *_: source)
    assert images("shapes+nothing").classes == made.classes


def test_photographs_have_no_nothing_of_their_own():
    noise = np.random.default_rng(0).integers(0, 256, (20, 3, 12, 12), np.uint8)
    source = Images("noise", ("a", "b"), Pictures(noise, np.arange(20) % 2), crosses(2, 0), (), "noise-1")
    with pytest.raises(SourceError, match="noise: its pictures have no background that they share"):
        with_nothing(source)


def test_words_beside_frames_never_lie_on_those_of_better_finds():
    found = [Box("ring", 0.9 - 0.01 * n, 20 + 3 * n, 30 + 2 * n, 40, 30) for n in range(9)]
    page = np.full((3, 120, 160), 90, np.uint8)
    image = np.asarray(_framed(Image.fromarray(page.transpose(1, 2, 0)), found)).astype(int)
    assert (image == (255, 255, 255)).all(2).any() and (image == (0xB8, 0x43, 0x0A)).all(2).any()
    places, taken = [], []
    for box in found:
        place = _place(box, (50, 14), (160, 120), taken)
        if place:
            x, y = place
            assert all(abs(x - a) >= 50 or abs(y - b) >= 14 for a, b in places)
            assert x >= 0 and y >= 0 and x + 50 <= 160 and y + 14 <= 120
            places.append(place)
            taken.append((x, y, x + 50, y + 14))
    assert 2 <= len(places) < len(found)
