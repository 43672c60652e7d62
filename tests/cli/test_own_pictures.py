"""From a folder of pictures to a net that names them: every verb on a Run of the user's own pictures."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_pictures import encoded, some, write, zipped
from PIL import Image

from convscope.data.images import images, images_again
from convscope.prediction import predict
from convscope.report import write_report
from convscope.report.repeat import command
from convscope.runs import Run
from convscope.training.loop import train, training
from convscope.training.plan import make_plan, net_for
from convscope.training.recipe import Recipe

SMALL = "input 3x32x32; c conv 4 5x5 stride=2 | relu; out linear 2"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path) -> Path:
    bad = {f"cat/bad{i}.png": b"\x89PNG no more" for i in range(7)}
    return write(tmp_path / "my photos", some("cat", "dog", each=12, size=(40, 30)) | bad)


@pytest.fixture
def trained(say, photos) -> Run:
    words = ("--epochs", 2, "--batch", 4, "--size", 32, "--fit", "crop", "--out", "run", "--net", SMALL)
    code, _, err = say("train", photos, *words)
    assert code == 0, err
    return Run("run")


def test_train_says_what_it_found_what_it_left_out_and_which_net_it_chose(say, photos):
    code, out, err = say("train", photos, "--epochs", 1, "--out", "run", "--no-report", "--json")
    assert code == 0, err
    lines = err.splitlines()
    assert lines[:4] == [
        "24 pictures of 2 classes: cat 12, dog 12",
        "20 to learn from, 4 to be tested on (chosen here: 20% of each class, always the same)",
        "sizes: all are 40x30",
        "each is brought to 3x30x40: all are 40x30, and in colour",
    ]
    assert lines[4] == "warning: 2 of the classes have fewer than 20 pictures to learn from: expect little"
    advice = "not a readable picture (a damaged PNG). Save it again as PNG or JPEG, or leave it out"
    assert lines[5:10] == [f"left out: {photos}/cat/bad{i}.png: {advice}" for i in range(5)]
    assert lines[10] == "left out: 2 more; the Run's problems.jsonl has all of them"
    assert lines[11] == (
        "net: cifar, since LeNet-5's ten codes are digits drawn in grey, and these are 2 classes, in colour, "
        "40 x 30 pixels; --net names another"
    )
    assert len((Path("run") / "problems.jsonl").read_text().splitlines()) == 7
    said = json.loads(out.splitlines()[-1])
    assert (said["net"], said["source"]) == ("cifar", str(photos))


def test_few_pictures_are_seen_more_often_unless_somebody_chose(say, tmp_path):
    files = some("sea", "sky", each=10, size=(16, 16))
    code, out, err = say("train", zipped(tmp_path / "few.zip", files), "--no-report", "--json")
    assert code == 0, err
    assert "100 epochs of batches of 16, since there are only 16 pictures; --epochs chooses" in err
    assert json.loads(out.splitlines()[-1])["epochs"] == 100
    recipe = Run("last").recipe
    assert (recipe["epochs"], recipe["batch"], recipe["rate"]) == (100, 16, 0.1 * 16 / 128)
    code, out, err = say(
        "train", tmp_path / "few.zip", "--net", "cifar", "--epochs", 2, "--no-report", "--json"
    )
    assert code == 0 and "since there are only" not in err
    assert Run("last").recipe["batch"] == 128


def test_every_verb_works_on_such_a_run(say, trained, photos):
    assert trained.info["prepared"] == {"size": [32, 32], "fit": "crop"}
    assert images_again(trained.info).fingerprint == trained.info["data_fingerprint"]
    picture = photos / "dog" / "003.png"
    code, out, err = say("predict", "run", picture, "--json")
    assert code == 0 and set(json.loads(out)["predictions"][0]["probabilities"]) == {"cat", "dog"}
    assert "scaled 40x30 -> 43x32 and cut to 32x32" in err
    code, out, err = say("look", "run", picture, "--json", "--top", 1)
    assert code == 0 and "without the pictures" not in err
    code, out, err = say("report", "run")
    page = Path(out.strip()).read_text()
    assert code == 0 and "The pictures are missing" not in page
    assert "--size 32" in page and "--fit crop" in page


def test_a_training_that_was_stopped_goes_on_with_the_same_pictures(say, photos):
    def plan():
        return make_plan(images(photos, size=32), "lenet5-modern", Recipe(epochs=3, batch=4), seed=5)

    for _ in training(plan(), Path("whole")):
        pass
    steps = iter([False, False, True])
    for _ in training(plan(), Path("parts"), stop=lambda: next(steps)):
        pass
    assert Run("parts").info["status"] == "stopped"
    code, _, err = say("train", "--resume", "parts", "--no-report")
    assert code == 0, err
    whole, parts = Run("whole"), Run("parts")
    assert whole.info["scores"] == parts.info["scores"]
    assert all((whole.weights()[name] == array).all() for name, array in parts.weights().items())


def test_pictures_that_changed_or_are_gone_are_one_line(say, trained, photos):
    (photos / "dog" / "000.png").write_bytes(encoded(999))
    code, _, err = say("train", "--resume", "run")
    assert code == 1
    assert err.splitlines()[-1] == f"convscope: run: {photos} has changed since this Run began; train anew"
    code, _, err = say("report", "run")
    assert code == 0 and "without its pictures: the source has changed since the training" in err
    shutil.rmtree(photos)
    code, _, err = say("train", "--resume", "run")
    assert (code, err.splitlines()[-1]) == (1, f"convscope: {photos}: no such folder, zip, tar or CSV")
    code, _, err = say("report", "run")
    assert code == 0 and f"without its pictures: {photos}: no such folder" in err
    assert trained.info["status"] == "finished"


def test_a_zip_of_grey_digits_is_taught_to_lenet5_of_1998(say, tmp_path):
    files = some(*"0123456789", each=3, size=(28, 28), mode="L")
    code, _, err = say("train", zipped(tmp_path / "d.zip", files), "--epochs", 1, "--batch", 8, "--no-report")
    assert code == 0, err
    assert Run("last").info["net"] == "lenet5" and "net: " not in err


def test_an_old_run_that_says_nothing_of_preparing_is_opened():
    assert images_again({"source": "mnist"}).shape == (1, 28, 28)


def test_the_net_that_is_chosen_says_what_the_other_lacks(bar_images):
    assert net_for(bar_images) == (
        "lenet5-modern",
        "since LeNet-5's ten codes are digits drawn in grey, and these are 3 classes",
    )
    assert net_for(images("mnist")) == ("lenet5", "")
    assert net_for(images("mnist"), quick=True) == ("lenet5-modern", "")


FAULTS = {
    ("train", "nowhere/photos"): "nowhere/photos: no such folder, zip, tar or CSV",
    ("train", "mnist", "--size", "32"): "mnist: has a size of its own, 1x28x28; size and fit are for folders",
    (
        "train",
        "--resume",
        "run",
        "--size",
        "32",
    ): "--resume goes on with what run began, so it takes no --size",
}


@pytest.mark.parametrize("words", FAULTS, ids=" ".join)
def test_a_fault_is_one_clear_line(say, words):
    if "--resume" in words:
        Path("run").mkdir()
        (Path("run") / "run.json").write_text('{"format": 1}')
    code, out, err = say(*words)
    assert (code, out, err.splitlines()[-1]) == (1, "", f"convscope: {FAULTS[words]}")


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_predict_shows_the_net_a_file_exactly_as_it_was_shown_when_it_learned(tmp_path, fit):
    large = {
        f"{name}/{i}.jpg": encoded(i + 50 * len(name), (300, 200), kind="JPEG")
        for name in ("cat", "mouse")
        for i in range(5)
    }
    grey = {f"mouse/grey{i}.png": encoded(i + 900, (30, 50), "L") for i in range(3)}
    folder = write(tmp_path / "photos", large | grey)
    opened = images(folder, size=32, fit=fit)
    run = train(opened, SMALL, Recipe(epochs=1, batch=4), out="run")
    for part in (opened.train, opened.test):
        said = list(predict(run, [folder / name for name in part.names]))
        assert len(said) == len(part)
        for one, pixels in zip(said, part.pixels, strict=True):
            assert np.array_equal(one.seen, pixels), one.picture
    assert sorted((*opened.train.names, *opened.test.names)) == sorted(large | grey)


def test_a_dark_picture_is_not_inverted_where_all_that_was_learned_from_were_light(tmp_path):
    def page(colour: int, ink: int, seed: int) -> bytes:
        pixels = np.full((40, 40), colour, np.uint8)
        pixels[10:30, 10 + seed : 14 + seed] = ink
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    light = {
        f"{name}/{i}.png": page(255, 20 * i + shade, i)
        for name, shade in (("a", 0), ("b", 9))
        for i in range(6)
    }
    opened = images(write(tmp_path / "pages", light), size=40)
    assert opened.background == 255
    run = train(opened, "input 1x40x40; out linear 2", Recipe(epochs=1, batch=4), out="run")
    Path("dark.png").write_bytes(page(0, 200, 3))
    (said,) = predict(run, ["dark.png"])
    assert said.seen[0, 0, 0] == 0
    assert said.steps == ()


def test_mistakes_in_the_report_are_named_by_their_files(tmp_path):
    files = some("cat", "dog", each=12)
    run_of = images(write(tmp_path / "photos", files), size=32)
    flipped = replace(run_of, test=replace(run_of.test, labels=1 - run_of.test.labels))
    run = train(flipped, SMALL, Recipe(epochs=12, batch=4, rate=0.01), out="run")
    page = write_report(run, flipped).read_text()
    wrong = run.info["scores"]["test_errors"]
    assert wrong > 0
    files_said = [f'title="{name}"><bdi>{Path(name).name}</bdi>' for name in flipped.test.names]
    assert sum(said in page for said in files_said) == wrong
    assert set(flipped.test.names) <= set(files)


def test_a_background_is_learned_as_nothing_and_found_again_by_resume_repeat_and_the_report(
    say, photos, tmp_path
):
    woods = write(tmp_path / "woods", {f"{n}.png": encoded(700 + n, (90, 70)) for n in range(6)})
    words = ["--background", woods, "--epochs", 2, "--batch", 8, "--size", 32, "--net", SMALL, "--seed", 3]
    code, _, err = say("train", photos, *words, "--out", "run", "--no-report")
    assert code == 0, err
    assert f"nothing: 12 parts of 6 pictures of {woods}, 1 of them kept for the test" in err
    run = Run("run")
    assert run.classes == ("cat", "dog", "nothing")
    assert f"--background {woods}" in command(run)
    code, _, err = say("repeat", "run", "--out", "again")
    assert code == 0, err
    code, out, err = say("find", "run", woods / "0.png", "--json")
    assert code == 0 and "never learned what nothing is" not in err
    assert "nothing" not in {box["label"] for box in json.loads(out.splitlines()[-1])["boxes"]}
    code, _, err = say("train", "--resume", "run", "--background", woods)
    assert code == 1 and "--resume goes on with what run began, so it takes no --background" in err
    (woods / "5.png").unlink()
    code, _, err = say("train", "--resume", "run")
    assert code == 1 and f"{photos}, or its background {woods}, has changed since this Run began" in err
