"""The smallest sets of units that tip an answer, against trying all sets by surgery; a unit over the epochs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import convscope as cs
from convscope.inspect.card import sums_of
from convscope.inspect.epochs import grown
from convscope.inspect.layers import kernels_of, layer_of, layers_of
from convscope.inspect.subject import subject_of
from convscope.inspect.surgery import Surgery
from convscope.inspect.tipping import tipping
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.nets.views import shown
from convscope.runs import Run


@pytest.fixture(scope="module")
def lenet():
    return subject_of(Run(PACKAGED_FOLDER))


def picture(n: int) -> np.ndarray:
    return shown(np.asarray(cs.images("mnist").test.pixels[n]), (32, 32))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_it_finds_all_of_the_smallest_sets_and_none_that_does_nothing(lenet, n):
    found = tipping(lenet, picture(n), [layer_of(lenet, "C1")])
    size = len(found.sets[0][0])
    tipped = {}
    for count in range(1, size + 1):
        for units in combinations(range(6), count):
            surgery = Surgery(lenet)
            for k in units:
                surgery.mute(f"C1/{k}")
            before, after = surgery.effect(picture(n)).named
            if before != after:
                tipped[frozenset(units)] = after
    assert {frozenset(units): says for units, says in found.sets} == tipped
    assert all(len(units) == size for units in tipped) and found.answer == before


def test_where_no_small_set_tips_it_there_is_none(lenet):
    found = tipping(lenet, picture(0), [layer_of(lenet, "C5")])
    assert found.sets == () and found.layer == "C5" and len(found.ranked) == 120


def test_the_net_is_afterwards_as_it_was(lenet):
    before = {name: value.clone() for name, value in lenet.net.state_dict().items()}
    tipping(lenet, picture(1))
    assert all((value == before[name]).all() for name, value in lenet.net.state_dict().items())
    assert not any(module._forward_hooks for module in lenet.net.modules())


def test_a_unit_over_the_epochs_is_what_each_epochs_net_says(lenet):
    run = lenet.run
    seen = grown(run, "C3/5", picture(0), most=4)
    assert seen.epochs == (0, 4, 8, 12)
    for n, epoch in enumerate(seen.epochs):
        net = subject_of(run, epoch=epoch)
        layer = layers_of(net)[1]
        assert np.array_equal(seen.kernels[n], kernels_of(net, layer)[5])
        assert np.array_equal(seen.maps[n], sums_of(net, [layer], picture(0))["C3"][5])
    assert grown(run, "C3/5").maps is None
