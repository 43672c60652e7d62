"""What units answer to a set: patches, rates and twins, on nets whose answers can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign import foreign

import convscope as cs
from convscope.data.images import Pictures
from convscope.inspect import units as module
from convscope.inspect.card import cards, cut
from convscope.inspect.layers import layer_of, layers_of
from convscope.inspect.memory import recalled, units_of
from convscope.inspect.rank import rank_for_set
from convscope.inspect.subject import Subject, subject_of
from convscope.inspect.units import units
from convscope.nets.build import build
from convscope.nets.grammar import parse

NET = "input 1x6x6 range=0..1; a conv 4 2x2 | relu; out linear 2"


def subject() -> Subject:
    """A net with four kernels: light, dark, light again (twice as strong), and one that never answers."""
    net = build(parse(NET))
    weight, bias = net.a.conv.weight.data, net.a.conv.bias.data
    weight[:] = torch.tensor([1.0, -1.0, 2.0, 0.0])[:, None, None, None]
    bias[:] = torch.tensor([0.0, 1.0, 0.0, -1.0])
    return subject_of(net)


def pictures(count: int = 30) -> Pictures:
    """Black pictures; number n of class n % 3 has a square of 2x2 at (n % 5, n % 4), as light as 100 + n."""
    pixels = np.zeros((count, 1, 6, 6), np.uint8)
    for n in range(count):
        pixels[n, 0, n % 5 : n % 5 + 2, n % 4 : n % 4 + 2] = 100 + n
    return Pictures(pixels, np.arange(count) % 3)


def seen_by(given: Subject, some: Pictures) -> module.Units:
    return units(given, layers_of(given), some)["a"]


def test_the_best_patches_are_those_of_the_lightest_pictures_one_of_each():
    net, some = subject(), pictures()
    seen = seen_by(net, some)
    assert seen.best.pictures[0].tolist() == list(range(29, 20, -1))
    light = (100 + np.arange(29, 20, -1)) * 4 / 255
    assert seen.best.values[0] == pytest.approx(light) and seen.best.values[2] == pytest.approx(2 * light)
    assert seen.best.places[0].tolist() == [n % 5 * 5 + n % 4 for n in range(29, 20, -1)]
    assert seen.least.values[1] == pytest.approx(1 - light)
    made = cards(net, layers_of(net)[0], [0], seen=seen, pictures=some)[0]
    assert [p.picture for p in made.best] == list(range(29, 20, -1))
    assert all((p.pixels == 100 + p.picture).all() and p.pixels.shape == (1, 2, 2) for p in made.best)
    assert [p.label for p in made.best[:3]] == ["2", "1", "0"]


def test_batches_do_not_change_what_is_seen(monkeypatch: pytest.MonkeyPatch):
    whole = seen_by(subject(), pictures(50))
    monkeypatch.setattr(module, "BATCH", 7)
    parts = seen_by(subject(), pictures(50))
    assert parts.best.pictures.tolist() == whole.best.pictures.tolist()
    assert parts.fires.tolist() == whole.fires.tolist() and parts.told == pytest.approx(whole.told)


def test_it_fires_where_more_than_half_of_its_highest_is_reached():
    some = pictures(30)
    dim = some.pixels.copy()
    dim[::2] //= 3
    seen = seen_by(subject(), Pictures(dim, some.labels))
    bright = np.arange(30) % 2 == 1
    assert seen.fires[0].tolist() == [int((bright & (some.labels == c)).sum()) for c in range(3)]
    assert seen.rate(0) == 0.5
    assert seen.favourites(0)[0] == (0, 0.5)


def test_dead_units_and_twins_are_found():
    seen = seen_by(subject(), pictures())
    assert seen.dead.tolist() == [False, False, False, True]
    assert seen.twins(0)[0][0] == 1 and seen.twins(0)[0][1] == pytest.approx(-1)
    assert {(i, j): round(r) for i, j, r in seen.alike} == {(0, 1): -1, (0, 2): 1, (1, 2): -1}


def test_what_the_class_tells_is_between_none_and_all():
    some = pictures(60)
    by_class = some.pixels.copy()
    for c in range(3):
        by_class[some.labels == c] = 50 + 80 * c
    assert seen_by(subject(), Pictures(by_class, some.labels)).told[0] == pytest.approx(1)
    assert seen_by(subject(), Pictures(some.pixels, np.zeros(60, np.int64))).told[0] == pytest.approx(0)


def test_the_rank_puts_echoes_and_the_dead_last_and_says_why():
    seen = seen_by(subject(), pictures())
    ranked = rank_for_set(seen, np.array([0.1, 0.05, 0.2, 0.3]))
    assert [r.unit for r in ranked] == [2, 0, 1, 3]
    assert ranked[0].why == "muting it costs 20.00 points of accuracy"
    assert ranked[1].why.startswith("muting it costs 10.00 points of accuracy; says what a/")
    assert ranked[3].why == "dead: it says the same of every picture"


@pytest.mark.parametrize("name", ["residual", "gated", "grey"])
def test_foreign_modules_have_units_too(name: str):
    net = foreign(name)
    given = subject_of(net, shape=net.shape)
    some = Pictures(np.random.default_rng(0).integers(0, 256, (12, *net.shape), np.uint8), np.arange(12) % 3)
    found = units(given, layers_of(given), some)
    for layer in layers_of(given):
        seen = found[layer.name]
        assert seen.best.values.shape == (layer.units, 9) and (np.diff(seen.best.values, axis=1) <= 0).all()
        assert (seen.best.places < layer.size[0] * layer.size[1]).all() and seen.counts.sum() == 12


def test_a_patch_at_the_border_is_cut_where_the_picture_ends():
    net = foreign("residual")
    layer = layer_of(subject_of(net, shape=net.shape), "conv1")
    picture = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32).astype(np.uint8)
    assert cut(picture, layer, 0).shape == (3, 4, 4) and (cut(picture, layer, 0) == picture[:, :4, :4]).all()
    assert cut(picture, layer, 8 * 16 + 8).shape == (3, 7, 7)


@pytest.fixture
def run(tmp_path: Path) -> cs.Run:
    return cs.train(cs.images("mnist").first(300), "lenet5-modern", cs.Recipe(epochs=1), out=tmp_path / "run")


def test_what_was_seen_is_kept_in_the_run_until_weights_or_pictures_change(
    run: cs.Run, monkeypatch: pytest.MonkeyPatch
):
    given, some = subject_of(run), cs.images("mnist").test.take(np.arange(60))
    layers = layers_of(given)[:2]
    first = units_of(given, layers, some, "these")
    monkeypatch.setattr("convscope.inspect.memory.units", lambda *_, **__: pytest.fail("computed again"))
    again = units_of(subject_of(cs.Run(run.path)), layers, some, "these")
    for name, seen in first.items():
        for field in ("total", "alike"):
            assert getattr(seen, field) == getattr(again[name], field)
        assert (seen.best.pictures == again[name].best.pictures).all() and (
            seen.fires == again[name].fires
        ).all()
    assert recalled(given, layers[0], "others") is None
    assert recalled(subject_of(run, epoch=0), layers[0], "these") is None


def test_what_was_kept_and_is_damaged_is_computed_again(run: cs.Run):
    given, some = subject_of(run), cs.images("mnist").test.take(np.arange(20))
    layer = layers_of(given)[0]
    units_of(given, [layer], some, "these")
    (file,) = (run.path / "kept").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert units_of(given, [layer], some, "these")[layer.name].total == 20


def test_a_run_that_cannot_be_written_is_only_computed(run: cs.Run, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convscope.runs.write_whole", full)
    given, some = subject_of(run), cs.images("mnist").test.take(np.arange(20))
    assert units_of(given, layers_of(given)[:1], some, "these")["conv1"].total == 20
