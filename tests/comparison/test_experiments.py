"""Experiments: the same protocol under other conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.comparison import worker
from convscope.comparison.catalogue import METHODS
from convscope.comparison.contest import Contest, compare
from convscope.comparison.experiments import EXPERIMENTS, SIZES, longer, named
from convscope.comparison.neighbours import neighbours
from convscope.comparison.task import Task
from convscope.data.images import Images, Pictures
from convscope.errors import MethodError


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda e: e.name)
def test_an_experiment_keeps_its_contract(experiment):
    assert set(experiment.methods) <= set(METHODS)
    assert len({condition.words for condition in experiment.conditions}) == len(experiment.conditions)
    assert any(METHODS[name].convolutional for name in experiment.methods)
    assert not all(METHODS[name].convolutional for name in experiment.methods)


def test_an_unknown_experiment_is_told_from_the_known():
    with pytest.raises(MethodError, match="there is no experiment 'shift': did you mean shifts"):
        named(("shift",))
    assert len(named(("all",))) == len(EXPERIMENTS)


def test_conditions_with_more_pictures_than_there_are_fall_away(bar_images: Images, tmp_path: Path):
    contest = Contest(bar_images, only=("knn",), experiments=("learning-curves",), out=tmp_path)
    assert [job.learned for job in contest.jobs()] == [size for size in SIZES if size <= 600]


def test_nets_learn_few_pictures_longer_and_many_as_ever():
    settings = METHODS["same-size"].settings
    assert longer(settings, 100)["knobs"]["epochs"] == 200
    assert longer(settings, 1000)["knobs"]["epochs"] == 200
    assert longer(settings, 3000)["knobs"]["epochs"] == 100
    assert longer(settings, 60_000) == settings
    assert settings["knobs"] == {"epochs": 12}


def test_distances_do_not_care_for_the_order_of_pixels(bar_images: Images, tmp_path: Path):
    done = compare(bar_images, only=["knn"], experiments=["permutation"], budget="quick", out=tmp_path)
    plain, permuted = done.rows
    assert (plain.condition, permuted.condition) == ("as they are", "permuted")
    assert plain.said is not None
    assert (plain.said == permuted.said).all()
    assert not done.table


def test_one_order_permutes_both_parts():
    pixels = np.arange(2 * 9, dtype=np.uint8).reshape(2, 1, 3, 3)
    pictures = Pictures(pixels, np.array([0, 1]))
    moved = worker._pixels_moved(pictures, {"permuted": 7}).pixels
    again = worker._pixels_moved(pictures.take(np.array([1])), {"permuted": 7}).pixels
    assert sorted(moved[0].ravel()) == list(range(9))
    assert (moved[1] == again[0]).all()
    assert (moved[0].ravel() + 9 == moved[1].ravel()).all()
    assert not (moved[0] == pixels[0]).all()


def test_shifts_teach_once_and_ask_five_times(bar_images: Images, tmp_path: Path):
    contest = Contest(bar_images, only=("knn",), experiments=("shifts",), budget="quick", out=tmp_path)
    assert len(contest.jobs()) == 1
    done = compare(bar_images, only=["knn"], experiments=["shifts"], budget="quick", out=tmp_path)
    assert [row.condition for row in done.rows] == ["as they are", *(f"shifted by {n}" for n in (1, 2, 3, 4))]
    task = Task(bar_images.train.pixels, bar_images.train.labels, 3, 0, tmp_path)
    k = done.rows[0].record["chosen"]["k"]
    by_hand = neighbours(task, k).answers(worker.shifted(bar_images.test.pixels, 2)).argmax(1)
    assert done.rows[2].said is not None
    assert (done.rows[2].said == by_hand).all()
