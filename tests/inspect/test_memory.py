"""What takes long about units is kept in the Run, found again, made again when it fits no more, and done without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.inspect import memory
from convscope.inspect.layers import layer_of
from convscope.inspect.maximise import favourite
from convscope.inspect.memory import liked_by, lost_without, recalled_liked, recalled_lost
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.surgery import Surgery
from convscope.runs import Run

NET = "input 1x12x12\nconv1 conv 4 3x3 | relu\nconv2 conv 3 3x3 | relu\nout linear 3\n"


@pytest.fixture(scope="module")
def folder(bar_images, tmp_path_factory) -> Path:
    """A short training on bars."""
    path = tmp_path_factory.mktemp("memory") / "run"
    cs.train(bar_images, NET, cs.Recipe(epochs=2), out=path)
    return path


@pytest.fixture
def subject(folder, tmp_path) -> Subject:
    """The net of a copy of that training, in which nothing is kept yet."""
    import shutil

    shutil.copytree(folder, tmp_path / "run")
    return subject_of(Run(tmp_path / "run"))


def test_the_accuracy_without_units_is_kept_unit_by_unit(subject, bar_images, monkeypatch):
    layer, test = layer_of(subject, "conv1"), bar_images.test
    whole, without = accuracies_muted(subject, layer, test)
    first = lost_without(subject, layer, test, "bars-1", only=[2])
    assert (
        first.whole == whole and first.without[2] == without[2] and np.isnan(first.without[[0, 1, 3]]).all()
    )
    second = lost_without(subject, layer, test, "bars-1", only=[0, 2])
    assert second.without[[0, 2]].tolist() == without[[0, 2]].tolist()
    monkeypatch.setattr(memory, "accuracies_muted", None)
    again = lost_without(subject, layer, test, "bars-1", only=[0, 2])
    assert again.whole == whole and again.total == len(test)
    assert again.without[[0, 2]].tolist() == without[[0, 2]].tolist()


def test_what_was_counted_over_other_pictures_or_another_net_is_not_taken(subject, bar_images):
    layer, test = layer_of(subject, "conv1"), bar_images.test
    lost_without(subject, layer, test, "bars-1")
    assert recalled_lost(subject, layer, "bars-1", len(test)) is not None
    assert recalled_lost(subject, layer, "bars-2", len(test)) is None
    assert recalled_lost(subject, layer, "bars-1", len(test) - 1) is None
    assert recalled_lost(subject_of(subject.run, epoch=1), layer, "bars-1", len(test)) is None
    assert recalled_lost(Surgery(subject).mute("conv1/0").subject, layer, "bars-1", len(test)) is None


def test_favourite_pictures_of_one_layer_are_kept_one_by_one(subject, monkeypatch):
    wanted = [favourite(subject, f"conv2/{k}", best_seen=0.5) for k in (0, 2)]
    for k in (0, 2):
        liked_by(subject, f"conv2/{k}", best_seen=0.5)
    assert recalled_liked(subject, "conv2/1") is None
    monkeypatch.setattr(memory, "favourite", None)
    for k, one in zip((0, 2), wanted, strict=True):
        found = liked_by(subject, f"conv2/{k}", best_seen=0.5)
        assert np.array_equal(found.pixels, one.pixels)
        assert (found.value, found.start, found.steps, found.place, found.says, found.best_seen) == (
            one.value, one.start, one.steps, one.place, one.says, one.best_seen,
        )  # fmt: skip


def test_a_run_that_cannot_be_written_is_asked_each_time(subject, bar_images, monkeypatch):
    monkeypatch.setattr(Run, "keep", lambda *_: False)
    layer, test = layer_of(subject, "conv1"), bar_images.test
    assert lost_without(subject, layer, test, "bars-1", only=[1]).without[1] >= 0
    assert recalled_lost(subject, layer, "bars-1", len(test)) is None
    assert liked_by(subject, "conv1/0").unit == "conv1/0" and recalled_liked(subject, "conv1/0") is None


@pytest.mark.parametrize("damage", [b"", b"no safetensors at all", None])
def test_a_damaged_file_is_made_again(subject, bar_images, damage):
    layer, test = layer_of(subject, "conv1"), bar_images.test
    before = lost_without(subject, layer, test, "bars-1")
    liked_by(subject, "conv1/0")
    for file in (subject.run.path / "kept").iterdir():
        file.write_bytes(file.read_bytes()[:-7] if damage is None else damage)
    assert recalled_liked(subject, "conv1/0") is None
    again = lost_without(subject, layer, test, "bars-1")
    assert again.whole == before.whole and np.array_equal(again.without, before.without)
