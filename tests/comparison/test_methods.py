"""The contract of every method: registered whole, learns what can be learned, the same from the same seed."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convscope.comparison.budget import BUDGETS
from convscope.comparison.catalogue import METHODS, chosen
from convscope.comparison.features import FEATURES
from convscope.comparison.linear import Pairwise, linear, pairwise, products, quadratic
from convscope.comparison.neighbours import among, neighbours, voted
from convscope.comparison.nets import _hardest, same_size
from convscope.comparison.radial import means, radial
from convscope.comparison.support import WAYS, Kernel, learned, moved
from convscope.comparison.task import Task
from convscope.data.images import Images, Pictures, images
from convscope.errors import MethodError
from convscope.training.plan import make_plan

QUICK_LIMIT, DEFAULT_LIMIT = 180, 1800


def task_of(name: str, n: int, folder: Path, start: int = 0) -> Task:
    """The first digits 0, 1 and 2 as a method is shown them; of as many classes as it wants."""
    train = images("mnist").train
    index = np.flatnonzero(np.asarray(train.labels[:2000]) < 3)[start : start + n]
    shown = FEATURES[METHODS[name].feature](train.pixels[index])
    return Task(shown, np.asarray(train.labels[index]), METHODS[name].exact_classes or 3, 0, folder)


def photographs(name: str, n: int, folder: Path, start: int = 0) -> Task:
    """Pictures of stripes that lie across, stand or cross, in colours that depend on which, as a method is shown them."""
    rng = np.random.default_rng(start)
    labels = np.arange(n) % 3
    waves = np.sin(np.arange(48) * 0.9 + rng.uniform(0, 6, (n, 1)))
    across, down = (
        waves[:, :, None] * (labels != 1)[:, None, None],
        waves[:, None] * (labels != 0)[:, None, None],
    )
    tints = np.array([[1, 0.4, 0.3], [0.3, 1, 0.4], [0.4, 0.3, 1]])[labels]
    values = 128 + 50 * (across + down)[:, None] * tints[:, :, None, None] + rng.normal(0, 8, (n, 3, 48, 48))
    shown = FEATURES[METHODS[name].feature](np.clip(values, 0, 255).astype(np.uint8))
    return Task(shown, labels, 3, 0, folder)


LIGHT = [name for name, method in METHODS.items() if method.least < 96]
"""Methods that learn a small task in a moment; the others, nets for large photographs, learn by the same function."""


@pytest.mark.parametrize("name", [name for name in METHODS if name not in LIGHT])
def test_a_net_for_large_photographs_fits_them(name: str):
    method = METHODS[name]
    pixels = np.zeros((40, 3, 160, 160), np.uint8)
    part = Pictures(pixels, np.arange(40) % 4)
    plan = make_plan(
        Images("many", tuple("abcd"), part, part, (), ""), method.settings["net"], method.settings["recipe"]
    )
    assert plan.stack.outputs == 4
    assert method.convolutional and method.gpu and method.photographs > 1200


@pytest.mark.parametrize("name", LIGHT)
def test_a_method_keeps_its_contract(name: str, tmp_path: Path):
    method = METHODS[name]
    assert method.feature in FEATURES
    assert set(method.choices) <= set(method.settings)
    assert set(method.quick) | set(method.full) <= set(method.settings)
    assert all(method.settings[k] in values for k, values in method.choices.items())
    assert not method.about.endswith(".")
    for module in method.code:
        importlib.import_module(module)
    settings = {**BUDGETS["quick"].settings(method), **TINY.get(name, {})}
    made = task_of if method.cost[0] else photographs
    task, asked = made(name, 240, tmp_path / "a"), made(name, 60, tmp_path, start=240)
    classifier = method.teach(task, **settings)
    answers = classifier.answers(asked.pixels)
    assert answers.shape == (60, task.classes)
    assert np.isfinite(answers).all()
    assert (answers.argmax(1) == asked.labels).mean() > 0.8
    assert classifier.parameters > 0
    again = method.teach(replace(task, folder=tmp_path / "b"), **settings).answers(asked.pixels)
    assert (again == answers).all(), "the same seed gave other answers"


TINY: dict[str, dict] = {
    "forest": {"trees": 20},
    "boosted-trees": {"rounds": 4},
    "rbf-linear": {"centres": 60},
    "tangent": {"candidates": 10},
    "mlp": {"hidden": (100,), "knobs": {"epochs": 5}},
    "digits": {"knobs": {"epochs": 12, "average": 0.9}},
    **{name: {"knobs": {"epochs": 20}} for name in METHODS if name.startswith(("net-", "lenet", "same"))},
    "words": {"size": 30, "step": 8, "cost": 1.0},
    "fisher": {"size": 4, "components": 16, "step": 8},
    "sparse": {"size": 30, "side": 6, "step": 4, "threshold": 0.5},
    "cifar": {"knobs": {"epochs": 8, "batch": 32, "pad": 0, "rate": 0.05}},
    "lenet4-boosted": {"pool": 1, "least": 60, "knobs": {"epochs": 15}, "later": {"epochs": 15}},
}
"""Settings that make a method quick enough for 240 pictures."""


def test_the_contest_is_estimated_to_fit_its_budgets():
    assert sum(m.cost[0] for m in METHODS.values()) < DEFAULT_LIMIT
    assert sum(m.cost[1] for m in METHODS.values()) < QUICK_LIMIT
    fits = [m for m in METHODS.values() if 0 < m.photographs <= (BUDGETS["default"].limit_seconds or 0)]
    assert {"linear", "knn", "hog", "fisher", "sparse", "forest", "cifar"} <= {m.name for m in fits}
    assert sum(m.photographs for m in fits) < 2 * DEFAULT_LIMIT, "processor seconds, of two cores"


def test_each_method_is_of_a_table():
    assert all(m.cost[0] or m.photographs for m in METHODS.values())
    assert all(m.cost[1] for m in METHODS.values() if m.cost[0])


def test_an_unknown_method_is_told_from_the_known():
    with pytest.raises(MethodError, match="there is no method 'knnn': did you mean knn"):
        chosen(("knnn",))


def two_points(folder: Path) -> Task:
    """Two pictures of two pixels, a class each: black and white, white and black."""
    return Task(np.array([[[[0, 255]]], [[[255, 0]]]], np.uint8), np.array([0, 1]), 2, 0, folder)


def test_a_linear_classifier_of_two_points_is_the_one_worked_out_by_hand(tmp_path: Path):
    # Least squares with a bias that is not shrunk: w = (-c, c) and (c, -c), b = 0, c near 1 for a small ridge.
    weights = linear(two_points(tmp_path), ridge=1e-6).weights
    assert weights == pytest.approx(np.array([[-1, 1], [1, -1], [0, 0]]), abs=1e-3)


def test_pairs_vote_for_and_against(tmp_path: Path):
    one = pairwise(two_points(tmp_path), ridge=1e-6, gain=1.0)
    assert one.votes.tolist() == [[1, -1]]
    answers = one.answers(two_points(tmp_path).pixels)
    assert answers == pytest.approx(np.tanh(1) * np.array([[1, -1], [-1, 1]]), abs=1e-2)


def test_no_pair_outvotes_two_others():
    """Sums of the units 0/1, 0/2, 1/2: class 0 wins both of its pairs, class 1 a single one, by ten times as much."""
    weights = np.array([[0, 0, 0], [1, 1, 10]], np.float32)
    votes = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]], np.float32)
    pixels = np.zeros((1, 1, 1, 1), np.uint8)
    assert (weights[1] @ votes).argmax() == 1
    assert Pairwise(weights, votes, 3.0).answers(pixels).argmax() == 0


def test_forty_components_have_821_products():
    assert products(np.zeros((1, 40))).shape == (1, 821)


def test_a_quadratic_classifier_tells_what_no_linear_one_can(tmp_path: Path):
    pixels = np.array([[[[0, 0]]], [[[255, 255]]], [[[0, 255]]], [[[255, 0]]]], np.uint8)
    task = Task(pixels, np.array([0, 0, 1, 1]), 2, 0, tmp_path)
    said = quadratic(task, components=2, ridge=1e-9).answers(pixels).argmax(1)
    assert said.tolist() == [0, 0, 1, 1]


def test_neighbours_are_those_of_the_plain_loop(tmp_path: Path):
    rng = np.random.default_rng(1)
    known, asked = rng.random((90, 5), np.float32), rng.random((1000, 5), np.float32)
    labels = rng.integers(0, 4, 90)
    said = among(known, labels, 4, 3).voted(asked)
    far = ((asked[:, None].astype(float) - known[None].astype(float)) ** 2).sum(2)
    for i in range(1000):
        near = np.argsort(far[i])[:3]
        votes = np.bincount(labels[near], minlength=4)
        best = np.flatnonzero(votes == votes.max())
        first = next(labels[j] for j in np.argsort(far[i]) if labels[j] in best)
        assert said[i].argmax() == first
    del tmp_path


def test_the_nearest_decides_between_equal_votes():
    far = np.array([[4.0, 1.0, 9.0]])
    assert voted(far, np.array([0, 1, 2]), 3, 3).argmax(1).tolist() == [1]
    assert voted(far, np.array([[0, 1, 2]]), 3, 3).argmax(1).tolist() == [1]


def test_the_surest_is_the_one_whose_rivals_are_all_far():
    far = np.array([[1.0, 16.0, 25.0], [1.0, 1.1, 25.0], [1.0, 4.0, 25.0]])
    labels = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    best = np.sort(voted(far, labels, 1, 2), axis=1)
    margin = best[:, 1] - best[:, 0]
    assert margin[0] > margin[2] > margin[1]


def test_one_neighbour_names_what_it_learned(tmp_path: Path):
    task = two_points(tmp_path)
    assert neighbours(task, 1).answers(task.pixels).argmax(1).tolist() == [0, 1]


def test_polynomial_and_gaussian_kernels_are_the_librarys(tmp_path: Path):
    from sklearn.svm import SVC

    task, asked = task_of("svm-poly4", 150, tmp_path), task_of("svm-poly4", 80, tmp_path, start=150)
    for degree, gamma in ((4, 1.0), (0, 0.03)):
        kernel = Kernel(degree, gamma)
        machine, _ = learned(task.pixels, task.labels, 3, kernel, cost=10.0, whole=False)
        model = SVC(C=10.0 / kernel.scale, **kernel.options()).fit(machine.rows(task.pixels), task.labels)
        model.decision_function_shape = "ovo"
        rows = machine.rows(asked.pixels)
        sides = kernel(rows, machine.vectors) @ machine.weights + machine.offsets
        assert sides == pytest.approx(model.decision_function(rows), abs=2e-3)
        assert (machine.answers(asked.pixels).argmax(1) == model.predict(rows)).mean() > 0.98


def test_kernels_computed_beforehand_give_the_same_machine(tmp_path: Path):
    task, asked = task_of("svm-poly4", 150, tmp_path), task_of("svm-poly4", 80, tmp_path, start=150)
    kernel = Kernel(9, 1.0)
    made = [learned(task.pixels, task.labels, 4, kernel, cost=3.0, whole=whole)[0] for whole in (False, True)]
    rows = made[0].rows(asked.pixels)
    sides = [kernel(rows, m.vectors) @ m.weights + m.offsets for m in made]
    assert sides[0] == pytest.approx(sides[1], abs=5e-3)
    assert made[1].answers(asked.pixels).shape == (80, 4)


def test_a_machine_of_two_classes_has_the_right_sign(tmp_path: Path):
    task = task_of("svm-poly4", 150, tmp_path)
    two = task.labels < 2
    machine, _ = learned(task.pixels[two], task.labels[two], 3, Kernel(4, 1.0), cost=10.0, whole=False)
    said = machine.answers(task.pixels[two]).argmax(1)
    assert (said == task.labels[two]).mean() > 0.98


def test_virtual_pictures_are_those_moved_by_a_pixel():
    picture = np.arange(9, dtype=np.uint8).reshape(1, 1, 3, 3)
    for down, right in WAYS:
        wanted = np.zeros((5, 5), np.uint8)
        wanted[1 + down : 4 + down, 1 + right : 4 + right] = picture[0, 0]
        assert (moved(picture, down, right)[0, 0] == wanted[1:4, 1:4]).all()


def test_means_are_those_of_clouds_that_lie_apart():
    rng = np.random.default_rng(0)
    middles = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    rows = (middles.repeat(30, axis=0) + rng.normal(0, 0.1, (90, 2))).astype(np.float32)
    found = min((means(rows, 3, 10, np.random.default_rng(s)) for s in range(8)),
                key=lambda m: ((rows[:, None] - m) ** 2).sum(2).min(1).sum())  # fmt: skip
    for middle in middles:
        assert np.abs(found - middle).sum(1).min() < 0.1


def test_wide_radial_units_are_solved_stably(tmp_path: Path):
    task = task_of("rbf-linear", 240, tmp_path)
    made = radial(task, centres=150, rounds=3, width=50.0, ridge=1e-6)
    assert (made.answers(task.pixels).argmax(1) == task.labels).mean() > 0.95


def test_of_fewer_rows_than_means_each_is_one():
    rows = np.eye(3, dtype=np.float32)
    assert means(rows, 5, 2, np.random.default_rng(0)).shape == (3, 3)


def test_boosting_shows_the_second_net_as_many_wrong_as_right():
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    labels = np.array([0, 0, 0, 1])
    wrong = said.argmax(1) != labels
    assert _hardest(said, labels, wrong, least=1).tolist() == [1]
    assert _hardest(said, labels, wrong, least=2).tolist() == [1, 2]  # the one whose own class leads by least


def test_a_net_of_the_same_size_has_as_many_parameters(tmp_path: Path):
    task = task_of("same-size", 60, tmp_path)
    made = same_size(task, 60_000, "squashed", {"epochs": 1})
    assert 60_000 - (784 + 1 + 3) < made.parameters <= 60_000
