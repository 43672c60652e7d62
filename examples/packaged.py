"""Trains the Run that comes with the package, and puts it in its place: python examples/packaged.py

LeNet-5 of 1998 with the paper's distortions, twelve epochs, every one kept for the page's slider. What takes long about its
units is computed, so that no card keeps anybody waiting: what they answer to the training pictures, the accuracy without
each, the picture that each likes best. What only a resumed training needs is left out.
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
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.training.recipe import recipe_for

EPOCHS, LARGEST, WORST = 12, 5_000_000, 1.0


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


def main() -> None:
    images = cs.images("mnist")
    recipe = recipe_for("lenet5", "lenet5-distorted").recipe.changed(epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        run = cs.train(images, "lenet5", recipe, out=Path(folder) / "lenet5")
        error = run.info["scores"]["test_error_percent"]
        subject = subject_of(run)
        keep(subject, images)
        shutil.rmtree(run.path / "resume")
        (run.path / ".lock").unlink(missing_ok=True)
        size = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
        print(f"test error {error:.2f} %, {size:,} bytes")
        if error > WORST or size > LARGEST:
            sys.exit(f"wanted: at most {WORST} % and {LARGEST:,} bytes")
        shutil.rmtree(PACKAGED_FOLDER, ignore_errors=True)
        shutil.copytree(run.path, PACKAGED_FOLDER)


if __name__ == "__main__":
    main()
