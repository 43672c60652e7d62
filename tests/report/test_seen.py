"""The sheet of what the net sees: drawn by the same arithmetic as the training's batches, labelled, repeatable."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from convscope.report import write_report
from convscope.report.seen import sheet
from convscope.training.batches import Feeder
from convscope.training.loop import train
from convscope.training.moments import Normalisation
from convscope.training.recipe import Recipe

NET = "input 1x12x12; look conv 4 3x3 | relu; out linear 3"


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_the_sheet_shows_what_a_batch_of_the_training_is(bar_images):
    recipe = Recipe(epochs=1, batch=100, flip=0.5, pad=2, views="mirrored")
    run = train(bar_images, NET, recipe, seed=4, out="run")
    found = sheet(run, bar_images)
    assert found is not None
    assert found.knobs == ("flip 0.5", "pad 2")
    some = bar_images.train.take(np.arange(6) * 100)
    rule = Normalisation(**{k: tuple(v) for k, v in run.info["normalisation"].items()})
    feeder = Feeder(some, (12, 12), rule, recipe, 4, "cpu")
    for step in range(3):
        batch = (feeder.batch(torch.arange(6), 1, step) - feeder.shift) / feeder.scale
        for i, row in enumerate(found.rows):
            assert np.array_equal(decoded(row.changed[step].picture), batch[i, 0].round().numpy())
            assert np.array_equal(decoded(row.picture), some.pixels[i, 0])
            assert row.label == row.changed[step].label == run.classes[some.labels[i]]
    assert sheet(run, bar_images) == found


def test_the_page_labels_the_sheet(bar_images):
    run = train(bar_images, NET, Recipe(epochs=1, batch=100, rotate=5.0), out="run")
    page = write_report(run, bar_images).read_text()
    assert "What the net sees" in page
    assert "rotate 5" in page
    assert page.count(', untouched"') == 6
    assert "The pictures are missing" in write_report(run, None).read_text()


def test_mixed_pictures_say_how_much_of_each_class_is_in_them(bar_images):
    run = train(bar_images, NET, Recipe(epochs=1, batch=100, mixup=5.0), out="run")
    found = sheet(run, bar_images)
    assert found is not None
    labels = [c.label for row in found.rows for c in row.changed]
    assert any(
        " % across and " in label or " % down and " in label or " % none and " in label for label in labels
    )


@pytest.mark.parametrize("crop", [1.0, 0.5])
def test_without_random_changes_each_picture_is_shown_once_as_the_net_sees_it(bar_images, crop):
    run = train(bar_images, NET, Recipe(epochs=1, batch=100, crop=crop, calm=1), out="run")
    found = sheet(run, bar_images)
    assert found is not None
    assert [len(row.changed) for row in found.rows] == [1] * 6
    side = int(12 * crop)
    assert decoded(found.rows[0].changed[0].picture).shape == (side, side)
    assert (found.whole, found.seen) == ("12 x 12", f"{side} x {side}")


def test_light_is_drawn_from_what_the_run_has_kept(bar_images):
    colour = replace(
        bar_images,
        train=replace(bar_images.train, pixels=np.repeat(bar_images.train.pixels, 3, 1)),
        test=replace(bar_images.test, pixels=np.repeat(bar_images.test.pixels, 3, 1)),
    )
    run = train(colour, NET, Recipe(epochs=1, batch=100, lighting=1.0), out="run")
    found = sheet(run, colour)
    assert found is not None
    untouched = decoded(found.rows[0].picture).astype(int)
    assert any(np.abs(decoded(c.picture) - untouched).max() > 3 for c in found.rows[0].changed)
