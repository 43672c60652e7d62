"""Trains the Run that comes with the package, and puts it in its place: python examples/packaged.py

LeNet-5 of 1998 with the paper's distortions, twelve epochs, every one kept for the page's slider; with what its units answer
to the training pictures, so that a card needs no wait. What only a resumed training needs is left out.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import convscope as cs
from convscope.inspect.layers import layers_of
from convscope.inspect.memory import units_of
from convscope.inspect.subject import subject_of
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.training.recipe import recipe_for

EPOCHS, LARGEST, WORST = 12, 5_000_000, 1.0


def main() -> None:
    images = cs.images("mnist")
    recipe = recipe_for("lenet5", "lenet5-distorted").recipe.changed(epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        run = cs.train(images, "lenet5", recipe, out=Path(folder) / "lenet5")
        error = run.info["scores"]["test_error_percent"]
        subject = subject_of(run)
        units_of(subject, layers_of(subject), images.train, images.fingerprint)
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
