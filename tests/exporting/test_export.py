"""What another program says of a picture is what convscope says, and a model that would not say so is not written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import bars
from PIL import Image
from small_zoo import small

import convscope as cs
from convscope.errors import ExportError
from convscope.exporting import FORMATS, check
from convscope.exporting.check import checked, session
from convscope.exporting.layers import WRITERS
from convscope.nets import steps
from convscope.nets.build import Net
from convscope.nets.joins import From
from convscope.nets.views import VIEWS

COLOUR = "input 3x24x20; c conv 4 5x5 | relu; out linear 3"
GREY = "input 1x28x28; c conv 4 5x5 stride=2 | relu; out linear 3"
PACKAGED = Path(cs.__file__).parent / "packaged" / "lenet5"


@pytest.mark.parametrize("name", list(cs.zoo))
def test_every_net_of_the_zoo_says_in_onnxruntime_what_it_says_in_pytorch(name: str, run_of, monkeypatch):
    monkeypatch.setattr(check, "SIDES", (1.0,))
    _, found = checked(run_of(small(name), "crop"))
    assert found.probability < 1e-4 and found.pixels == 0 and found.of > 0


STEPS = [
    "a conv 4 3x3 padding=same stride=2 | sigmoid; b avg 2x2; out linear 3",
    "a conv 4 4x4 padding=same | tanh; b lrn size=4 alpha=0.1; out linear 3 bias=no | tanh",
    "a conv 4 3x3 dilation=2 bias=no | batchnorm; b adaptive 5x4 | lrn; out linear 3 | squash",
    "a conv 4 3x3 groups=1; b max 3x3 stride=2 padding=1; c subsample 2x2 maps=0/1/1/3; m global; out linear 3",
    "a conv 4 3x3 padding=1; b from a | conv 4 3x3 padding=1 | add a | relu; c adaptive 6x5; d from c | add c; out linear 3",
]


@pytest.mark.parametrize("lines", STEPS)
def test_every_way_to_write_a_step_is_written(lines: str, run_of, monkeypatch):
    monkeypatch.setattr(check, "SIDES", (1.0,))
    _, found = checked(run_of(cs.parse(f"input 3x24x20; {lines}"), "pad"))
    assert found.logit < 1e-4 and found.pixels == 0


def test_each_kind_of_step_has_its_writer():
    known = {word for lines in STEPS for word in lines.replace(";", " ").split()} | {"rbf", "dropout", "relu"}
    assert {kind for kind in steps.KINDS if kind not in known} <= {"timm"}
    modules = {
        type(part) for name in ("lenet5", "alexnet", "resnet18") for part in Net(small(name)).modules()
    }
    assert {m.__name__ for m in modules - set(WRITERS)} == {"Net", "Steps", "Add"}
    assert From.kind in steps.KINDS


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("text", [COLOUR, GREY])
def test_pictures_of_any_size_are_prepared_to_the_same_values(fit: str, text: str, run_of):
    _, found = checked(run_of(cs.parse(text), fit))
    assert (found.pixels, found.pictures) == (0, 20) and found.of >= 20 * 480


@pytest.mark.parametrize("background", [0, 255, None])
@pytest.mark.parametrize("text", [COLOUR, GREY])
def test_polarity_is_decided_as_prediction_decides_it(background: int | None, text: str, run_of, monkeypatch):
    monkeypatch.setattr(check, "SIDES", (0.9, 2.6))
    _, found = checked(run_of(cs.parse(text), source="fashion-mnist", background=background))
    assert found.pixels == 0 and found.of > 0


@pytest.mark.parametrize("views", list(VIEWS))
def test_views_are_averaged_inside(views: str, run_of, monkeypatch):
    monkeypatch.setattr(check, "SIDES", (1.0,))
    _, found = checked(run_of(cs.parse(COLOUR), "pad", views=views, picture=(3, 32, 32)))
    assert found.logit < 1e-4


def test_a_model_that_says_something_else_is_not_written(run_of, monkeypatch, tmp_path):
    run = run_of(cs.parse(COLOUR), "pad")
    right = Net.forward
    monkeypatch.setattr(Net, "forward", lambda self, x: right(self, x) * 1.01)
    with pytest.raises(ExportError, match=r"would not say what convscope says .* so none was written"):
        cs.export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_layer_that_cannot_be_written_is_named(run_of, monkeypatch, tmp_path):
    monkeypatch.delitem(WRITERS, torch.nn.ReLU)
    with pytest.raises(ExportError) as told:
        cs.export(run_of(cs.parse(COLOUR), "pad"), tmp_path / "out")
    assert str(told.value) == (
        "layer c: relu (torch.nn.modules.activation.ReLU) cannot be written as ONNX; take --format torch, which holds any "
        "layer, or train a net without it"
    )
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_and_a_folder_that_cannot_be_written(run_of, tmp_path):
    run = run_of(cs.parse(COLOUR), "pad")
    with pytest.raises(
        ExportError, match="there is no format 'tflite' to export; there are onnx, int8, torch"
    ):
        cs.export(run, tmp_path / "out", format="tflite")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match=r"file: cannot be written \(.*\); give another --out"):
        cs.export(run, tmp_path / "file")


@pytest.mark.parametrize("library", ["onnx", "onnxruntime"])
def test_a_library_that_is_not_installed_is_named(library: str, run_of, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ExportError) as told:
        cs.export(run_of(cs.parse(COLOUR), "pad"), tmp_path / "out")
    words = f"export needs {library}, which is not installed: pip install 'convscope[export]'"
    assert str(told.value) == words and not (tmp_path / "out").exists()


def test_its_python_example_says_what_predict_says(run_of, tmp_path):
    run = run_of(cs.parse(COLOUR), "crop")
    written = cs.export(run, tmp_path / "out")
    assert {p.name for p in written.folder.iterdir()} == {
        "model.onnx", "labels.json", "preprocessing.json", "predict.py", "index.html", "README.md",
    }  # fmt: skip
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (70, 90, 4), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "see-through.png")
    Image.fromarray(colours[..., 0]).save(tmp_path / "grey.png")
    big = Image.fromarray(colours[..., :3]).resize((400, 300))
    big.save(tmp_path / "big.jpg", exif=_turned())
    names = ["see-through.png", "grey.png", "big.jpg"]
    done = subprocess.run(
        [sys.executable, written.folder / "predict.py", *names], cwd=tmp_path, capture_output=True, text=True
    )
    own = [f"{said.picture}: {said.label} {said.probability:.1%}" for said in cs.predict(run, names)]
    assert done.stdout.splitlines() == own, done.stderr
    assert len((written.folder / "predict.py").read_text().splitlines()) <= 24


def test_the_python_example_of_a_net_of_mnist_draws_a_digit_as_predict_does(tmp_path):
    written = cs.export(cs.Run(PACKAGED), tmp_path / "out")
    y, x = np.mgrid[0:300, 0:220]
    lit = 235 - 60 * x / 220 + np.random.default_rng(3).normal(0, 2, x.shape)
    stroke = (np.abs(x - 110 - (y - 150) / 9) < 9) & (np.abs(y - 150) < 110)
    photo = np.clip(np.where(stroke, lit - 140, lit), 0, 255).astype(np.uint8)
    Image.fromarray(np.stack([photo, photo, photo // 2], -1)).save("photo.png")
    Image.fromarray(255 - cs.images("mnist").test.pixels[0, 0]).resize((90, 70)).save("dark.png")
    names = ["photo.png", "dark.png"]
    done = subprocess.run(
        [sys.executable, written.folder / "predict.py", *names], capture_output=True, text=True
    )
    own = [f"{one.picture}: {one.label} {one.probability:.1%}" for one in cs.predict(cs.Run(PACKAGED), names)]
    assert done.stdout.splitlines() == own, done.stderr
    assert "convscope" not in (written.folder / "prepare.py").read_text()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_the_packaged_net_takes_digits_as_mnist_has_them(tmp_path):
    digits = cs.images("mnist").test.pixels[:50]
    said = cs.export(cs.Run(PACKAGED), tmp_path)
    chances = session(said.model.read_bytes()).run(
        ["probabilities"], {"pictures": np.repeat(digits.transpose(0, 2, 3, 1), 3, 3)}
    )[0]
    for n, digit in enumerate(digits[:10]):
        Image.fromarray(digit[0]).save(f"{n}.png")
    own = [[*p.probabilities.values()] for p in cs.predict(cs.Run(PACKAGED), [f"{n}.png" for n in range(10)])]
    assert np.allclose(chances[:10], own, atol=1e-5)
    about = json.loads((tmp_path / "preprocessing.json").read_text())
    assert about["input"]["height"] == 28 and "centre of mass" in about["outside"][1]


DENSE = [
    "input 1x32x32; a conv 3 5x5 | squash; b subsample 2x2 | squash; c conv 4 5x5 maps=0/1/2/0,1,2 | squash; d max 3x3 stride=2; "
    "e conv 9 4x4 | squash; f linear 84 | squash; out rbf 10",
    "input 3x20x17; a conv 4 5x5 stride=2 | batchnorm | relu; b avg 2x2; c lrn; f linear 6 | relu; out linear 3 | squash",
    "input 1x20x20; a conv 4 5x5 stride=2 | relu; b conv 4 3x3 stride=2 | relu; c global; out linear 3",
]


@pytest.mark.parametrize("text", DENSE)
def test_a_dense_model_says_at_each_place_what_the_net_says_of_that_window(text: str, run_of, tmp_path):
    run = run_of(cs.parse(text), source="fashion-mnist", background=0)
    written = cs.export(run, tmp_path / "out", dense=True)
    found = written.found["dense"]
    assert found["places"] >= 35 and found["probability"] < 1e-5 and found["stride"] == [4, 4]
    asks = session((written.folder / "dense.onnx").read_bytes())
    size = (131, 90)
    (said,) = asks.run(["probabilities"], {"pictures": np.zeros((2, *size, 3), np.uint8)})
    seen = run.stack.ladder[-1].receptive_field
    assert said.shape == (2, run.stack.outputs, *[(n - w) // 4 + 1 for n, w in zip(size, seen, strict=True)])


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            "a conv 4 3x3 padding=1 | relu",
            "it cannot be made dense: a pads: beside a window lies more of the picture",
        ),
        ("a conv 4 3x3 padding=same stride=2", "it cannot be made dense: a pads"),
        ("a max 3x3 padding=1", "it cannot be made dense: a pads"),
        ("a adaptive 3x3", "it cannot be made dense: a (adaptive) looks at a map as a whole"),
    ],
)
def test_what_cannot_be_dense_is_named_and_nothing_is_written(layer: str, words: str, run_of, tmp_path):
    run = run_of(cs.parse(f"input 3x20x20; {layer}; out linear 3"), "pad")
    with pytest.raises(ExportError) as told:
        cs.export(run, tmp_path / "out", dense=True)
    assert str(told.value).startswith(words) and not (tmp_path / "out").exists()


def test_eight_bits_are_measured_on_the_test_pictures(bar_images, tmp_path):
    net = "input 1x12x12; c conv 8 3x3 | relu; out linear 3"
    run = cs.train(bar_images, net=net, recipe=cs.Recipe(epochs=6), out=tmp_path / "run")
    written = cs.export(run, tmp_path / "small", format="int8", images=bar_images)
    loss = written.found["int8"]
    assert (
        loss["pictures"] == 200
        and loss["accuracy"] > 0.9
        and abs(loss["accuracy"] - loss["accuracy_int8"]) < 0.02
    )
    pixels = np.repeat(bars(200, 1).pixels.transpose(0, 2, 3, 1), 3, 3)
    said = session(written.model.read_bytes()).run(["probabilities"], {"pictures": pixels})[0].argmax(1)
    assert float((said == bar_images.test.labels).mean()) == loss["accuracy_int8"]
    assert json.loads((written.folder / "preprocessing.json").read_text())["checked"]["int8"] == loss
    assert "in 8 bits" in (written.folder / "README.md").read_text()


def test_the_exported_program_says_the_same_for_any_number_of_pictures(run_of, tmp_path):
    run = run_of(cs.parse(COLOUR), "pad", views="mirrored", picture=(3, 26, 18))
    written = cs.export(run, tmp_path / "out", format="torch")
    again = torch.export.load(written.model).module()
    picture = np.random.default_rng(2).integers(0, 256, (26, 18, 3), dtype=np.uint8)
    Image.fromarray(picture).save("picture.png")
    (own,) = cs.predict(run, ["picture.png"])
    many = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].repeat(7, 1, 1, 1)
    assert np.allclose(again(many).numpy(), [*own.probabilities.values()], atol=1e-6)


def test_the_formats_are_told(capsys, monkeypatch):
    from convscope.cli.app import main

    monkeypatch.setattr(sys, "argv", ["convscope", "export", "--help"])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().out
    assert "Example: convscope export" in told and all(name in told for name in FORMATS)


def test_the_verb_names_its_folder_after_the_net_and_says_what_was_found(run_of, capsys, monkeypatch):
    from convscope.cli.app import main

    run = run_of(cs.parse(COLOUR), "pad")
    monkeypatch.setattr(sys, "argv", ["convscope", "export", str(run.path), "--dense", "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (
        Path(said["model"]) == Path("untaught-onnx/model.onnx") and Path("untaught-onnx/dense.onnx").is_file()
    )
    assert said["checked"]["pixels"] == 0 and said["checked"]["dense"]["window"] == [24, 20]
    assert "20 pictures asked beside PyTorch" in err and "dense.onnx, for pages of any size" in err
    monkeypatch.setattr(sys, "argv", ["convscope", "export", str(run.path), "--format", "coreml"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert (
        capsys.readouterr().err
        == "convscope: there is no format 'coreml' to export; there are onnx, int8, torch\n"
    )
