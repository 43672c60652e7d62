"""Trains the Runs that come with the package, and puts them in their places: python examples/packaged.py lenet5|finder

Where others compute and a training takes long, `finder --run FOLDER` takes what it gave: a Run of
the very same training, stopped and gone on with as often as need be, which gives the same bits.

LeNet-5 of 1998 with the paper's distortions, twelve epochs, every one kept for the page's slider. What takes long about its
units is computed, so that no card keeps anybody waiting: what they answer to the training pictures, the accuracy without
each, the picture that each likes best. And the net that knows digits from nothing, to look through pages: of it the weights
alone. What only a resumed training needs is left out.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import torch

import convscope as cs
from convscope.data.background import with_nothing
from convscope.data.images import Images
from convscope.inspect.layers import layers_of
from convscope.inspect.memory import liked_by, lost_without, units_of
from convscope.inspect.subject import Subject, subject_of
from convscope.lab.shelf import FINDER_FOLDER, PACKAGED_FOLDER
from convscope.training.plan import make_plan
from convscope.training.recipe import from_dict
from convscope.training.recipes import recipe_for

EPOCHS = 12
LEARNED = 50_000
"""So many digits teach the finder; by lines of the other 10,000 it was chosen how lines are read."""
LARGEST, WORST = {"lenet5": 5_000_000, "finder": 700_000}, {"lenet5": 1.0, "finder": 0.6}
"""Bytes, and percent of the test pictures."""


def keep(subject: Subject, images: Images) -> None:
    """Keep what a card says, for all units."""
    torch.set_num_threads(
        1
    )  # one picture at a time through a small net: more threads only wait for each other
    seen = units_of(subject, layers_of(subject), images.train, images.fingerprint)
    for layer in layers_of(subject):
        lost_without(subject, layer, images.test, images.fingerprint)
        for k in range(layer.units):
            liked_by(subject, f"{layer.name}/{k}", best_seen=float(seen[layer.name].highest[k]))


def lenet5(folder: Path) -> Path:
    """Teach LeNet-5, and keep what its cards say."""
    images = cs.images("mnist")
    recipe = recipe_for("lenet5", "lenet5-distorted").recipe.changed(epochs=EPOCHS)
    run = cs.train(images, "lenet5", recipe, out=folder)
    keep(subject_of(run), images)
    return PACKAGED_FOLDER


def finder(folder: Path, trained: Path | None = None) -> Path:
    """Teach the net that is moved over pages, or take it as it was taught."""
    images = with_nothing(cs.images("mnist").first(LEARNED), keep=True)
    if trained is None:
        run = cs.train(images, "finder", out=folder)
    else:
        shutil.copytree(trained, folder)
        run, wanted = cs.Run(folder), make_plan(images, "finder")
        said = run.info["status"], run.info["data_fingerprint"], from_dict(run.recipe), str(run.stack)
        if said != ("finished", images.fingerprint, wanted.recipe, str(wanted.stack)):
            sys.exit(f"{trained}: not what this script trains")
    shutil.rmtree(run.path / "epochs")
    (run.path / "test.safetensors").unlink()
    return FINDER_FOLDER


def main(name: str, *trained: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        place = lenet5(folder) if name == "lenet5" else finder(folder, Path(trained[1]) if trained else None)
        shutil.rmtree(folder / "resume")
        for left in (".lock", "report.html"):
            (folder / left).unlink(missing_ok=True)
        error = cs.Run(folder).info["scores"]["test_error_percent"]
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"test error {error:.2f} %, {size:,} bytes")
        if error > WORST[name] or size > LARGEST[name]:
            sys.exit(f"wanted: at most {WORST[name]} % and {LARGEST[name]:,} bytes")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(folder, place)


if __name__ == "__main__":
    main(*sys.argv[1:])
