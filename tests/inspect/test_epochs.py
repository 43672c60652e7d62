"""What is seen over the epochs is what each epoch's weights show."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import RunError
from convscope.inspect.card import sums_of
from convscope.inspect.epochs import over_epochs
from convscope.inspect.layers import layer_of, layers_of, weights_of
from convscope.inspect.memory import units_of
from convscope.inspect.subject import subject_of


@pytest.fixture
def run(tmp_path: Path) -> cs.Run:
    return cs.train(cs.images("mnist").first(200), "lenet5-modern", cs.Recipe(epochs=2), out=tmp_path / "run")


def test_each_epoch_shows_its_own_weights_and_the_last_is_the_net(run: cs.Run):
    picture = cs.images("mnist").test.pixels[0]
    seen = over_epochs(run, lambda net: sums_of(net, layers_of(net), picture)["conv1"])
    assert list(seen) == [0, 1, 2]
    final = subject_of(run)
    assert (seen[2] == sums_of(final, layers_of(final), picture)["conv1"]).all() and not np.allclose(
        seen[0], seen[2]
    )
    kernels = over_epochs(run, lambda net: weights_of(net, layer_of(net, "conv1")), epochs=[1])
    assert (kernels[1].ravel() == run.weights(1)["conv1.conv.weight"].ravel()).all()


def test_an_earlier_epoch_does_not_overwrite_what_was_kept_of_the_net(run: cs.Run):
    some = cs.images("mnist").test.take(np.arange(20))
    final = subject_of(run)
    units_of(final, layers_of(final)[:1], some, "these")
    before = [p.read_bytes() for p in (run.path / "kept").iterdir()]
    over_epochs(run, lambda net: units_of(net, layers_of(net)[:1], some, "these"))
    assert [p.read_bytes() for p in (run.path / "kept").iterdir()] == before


def test_a_run_without_epochs(run: cs.Run):
    shutil.rmtree(run.path / "epochs")
    with pytest.raises(RunError, match="no epochs were kept, so there is nothing to compare"):
        over_epochs(cs.Run(run.path), layers_of)
