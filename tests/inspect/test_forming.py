"""Kernels that form are those of the kept epochs, on one scale."""

from __future__ import annotations

import numpy as np

import convscope as cs
from convscope.inspect.forming import forming
from convscope.training.recipe import Recipe


def taught(tmp_path, net, channels=1):
    from convscope.data.images import Images, Pictures

    pixels = np.random.default_rng(0).integers(0, 256, (8, channels, 10, 10), np.uint8)
    some = Pictures(pixels, np.arange(8) % 2)
    return cs.train(
        Images("few", ("a", "b"), some, some, (), "f"), net, Recipe(epochs=2, batch=4), out=tmp_path / "run"
    )


def test_each_epoch_is_the_weights_that_were_kept(tmp_path):
    run = taught(tmp_path, "input 1x10x10; a conv 5 3x3; b linear 2")
    found = forming(run, units=3)
    assert (found.layer, found.units, found.epochs) == ("a", 5, (0, 1, 2))
    for place, epoch in enumerate(found.epochs):
        np.testing.assert_array_equal(found.kernels[place], run.weights(epoch)["a.conv.weight"][:3])
    assert found.limit == np.abs(found.kernels).max()
    assert found.colours is None
    assert forming(run, epochs=1).epochs == (2,)
    assert forming(run, epochs=2).epochs == (0, 2)


def test_kernels_over_three_colours_are_pictures_with_grey_for_zero(tmp_path):
    found = forming(taught(tmp_path, "input 3x10x10; a conv 5 3x3; b linear 2", channels=3))
    np.testing.assert_array_equal(found.colours, np.round(found.kernels / found.limit * 127 + 128))


def test_kernels_of_a_table_are_whole_and_a_net_without_any_has_none(tmp_path):
    table = taught(tmp_path / "table", "input 3x10x10; a conv 2 3x3 maps=0,1/2; b linear 2", channels=3)
    found = forming(table)
    assert found.kernels.shape == (3, 2, 3, 3, 3)
    assert not found.kernels[:, 0, 2].any()
    assert forming(taught(tmp_path / "flat", "input 1x10x10; a linear 4; b linear 2")) is None
