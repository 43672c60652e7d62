"""Trains the Runs that come with the package, and puts them in their places: python examples/packaged.py lenet5|finder

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
from convscope.data.images import Images
from convscope.inspect.layers import layers_of
from convscope.inspect.memory import liked_by, lost_without, units_of
from convscope.inspect.subject import Subject, subject_of
from convscope.lab.shelf import FINDER_FOLDER, PACKAGED_FOLDER
from convscope.training.recipes import recipe_for

EPOCHS = 12
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


def finder(folder: Path) -> Path:
    """Teach the net that is moved over pages."""
    run = cs.train(cs.images("mnist+nothing"), out=folder)
    shutil.rmtree(run.path / "epochs")
    (run.path / "test.safetensors").unlink()
    return FINDER_FOLDER


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        place = {"lenet5": lenet5, "finder": finder}[name](folder)
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
    main(sys.argv[1])
