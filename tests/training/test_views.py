"""What a trained net is shown: the views by hand, the same in a Run's scores and in predictions, their answers averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import convscope as cs
from convscope.data.images import Images, Pictures
from convscope.errors import RecipeError
from convscope.inspect.subject import subject_of
from convscope.nets.answers import averaged, probabilities
from convscope.nets.grammar import parse
from convscope.nets.views import PLAIN, VIEWS, View, shown
from convscope.prediction import as_seen, predict
from convscope.training.loop import train, training
from convscope.training.parts import viewed
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe

NET = "input 1x12x12; c conv 4 3x3 | relu; p max 2x2; out linear 3"
ENGINES = ("native", "torch")


def larger(images: Images) -> Images:
    """The same pictures with a border of three pixels around them, of 18x18."""

    def wider(pictures: Pictures) -> Pictures:
        edges = [(0, 0), (0, 0), (3, 3), (3, 3)]
        return Pictures(np.pad(pictures.pixels, edges, mode="symmetric"), pictures.labels)

    return replace(images, train=wider(images.train), test=wider(images.test), fingerprint="larger")


def test_ten_crop_is_four_corners_and_the_middle_each_mirrored_too():
    page = np.arange(36).reshape(1, 6, 6)
    found = [shown(page, (4, 4), view) for view in VIEWS["ten-crop"].views]
    corners = [page[:, y : y + 4, x : x + 4] for y, x in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
    expected = [*corners, *(c[..., ::-1] for c in corners)]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("picture", [(5, 7), (9, 8), (6, 6)])
@pytest.mark.parametrize("view", [v for views in VIEWS.values() for v in views.views], ids=str)
def test_a_batch_is_shown_as_one_picture_is(picture: tuple[int, int], view: View):
    pixels = np.random.default_rng(0).integers(1, 256, (3, 2, *picture), dtype=np.uint8)
    assert np.array_equal(viewed(torch.from_numpy(pixels), (6, 6), view), shown(pixels, (6, 6), view))


def test_the_odd_row_of_a_border_or_of_what_is_cut_is_where_the_engine_has_it():
    assert shown(np.array([[7]]), (2, 2)).tolist() == [[7, 0], [0, 0]]
    assert shown(np.arange(9).reshape(3, 3), (2, 2)).tolist() == [[4, 5], [7, 8]]


@pytest.mark.parametrize("last", ["linear 3", "linear 3 | squash", "linear 84; code rbf 10"])
def test_the_mean_of_probabilities_is_what_the_averaged_answers_mean(last: str):
    stack = parse(f"input 1x4x4; out {last}")
    answers = torch.rand(5, 7, stack.outputs, generator=torch.Generator().manual_seed(0)).double()
    mean = torch.stack([probabilities(stack, view) for view in answers]).mean(0)
    assert torch.allclose(probabilities(stack, averaged(stack, answers, "probabilities")), mean, atol=1e-12)
    assert torch.allclose(averaged(stack, answers, "answers"), answers.mean(0))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("views", "crop"),
    [("plain", 2 / 3), ("shifted", 1.0), ("mirrored", 1.0), ("ten-crop", 2 / 3), ("shifted", 2 / 3)],
)
def test_a_runs_answers_and_its_predictions_are_the_mean_over_its_views(bar_images, engine, views, crop):
    images = larger(bar_images)
    run = train(images, NET, Recipe(epochs=1, views=views, crop=crop, engine=engine), out="run")
    size = run.stack.input.shape[1:]
    assert size == ((12, 12) if crop < 1 else (18, 18))
    pixels, net = images.test.pixels[:3], run.net()
    with torch.no_grad():
        each = torch.stack(
            [net(torch.from_numpy(run.normalised(shown(pixels, size, view)))) for view in VIEWS[views].views]
        )
    expected = probabilities(run.stack, averaged(run.stack, each, VIEWS[views].averaged)).numpy()
    kept = torch.from_numpy(run.arrays("test.safetensors")["answers"][:3])
    np.testing.assert_allclose(probabilities(run.stack, kept), expected, atol=1e-4)
    for i, picture in enumerate(pixels):
        Image.fromarray(picture[0]).save(f"{i}.png")
    said = list(predict(run, [f"{i}.png" for i in range(3)]))
    np.testing.assert_allclose([list(p.probabilities.values()) for p in said], expected, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_net_that_sees_parts_learns_from_random_ones_and_resumes_to_the_same_bits(bar_images, engine):
    images, recipe = larger(bar_images), Recipe(epochs=3, batch=50, crop=2 / 3, calm=1, engine=engine)
    plan = make_plan(images, NET, recipe, seed=2)
    list(training(plan, Path("whole")))
    seen = iter(range(1, 10_000))
    list(training(plan, Path("parts"), stop=lambda: next(seen) == 20))
    list(training(resumed_plan(cs.Run("parts"), images), Path("parts"), resume=True))
    one, other = (cs.Run(name).weights() for name in ("whole", "parts"))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert cs.Run("whole").info["scores"]["test_accuracy"] > 0.5


def test_looking_inside_shows_the_middle_of_larger_pictures(bar_images):
    images = larger(bar_images)
    run = train(images, NET, Recipe(epochs=1, crop=2 / 3), out="run")
    middle = images.test.pixels[:2, :, 3:15, 3:15]
    seen, steps = as_seen(run, images.test.pixels[0])
    assert np.array_equal(seen, middle[0])
    assert steps[-1] == "the middle 12x12 of 18x18 is seen"
    subject = subject_of(run)
    assert torch.equal(subject.given(images.test.pixels[:2]), subject.given(middle))


def test_parts_of_a_picture_that_is_seen_whole_are_refused(bar_images):
    message = (
        r"^views=ten-crop shows parts of pictures, but the net sees the whole 12 x 12 pixels: "
        r"give crop, too, such as 0\.875$"
    )
    with pytest.raises(RecipeError, match=message):
        make_plan(bar_images, NET, Recipe(views="ten-crop"))


def test_plain_is_the_first_of_all_views():
    assert all(PLAIN in views.views for views in VIEWS.values())
