"""What the tests of looking inside share: a net that has learned a little."""

from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.data.images import Images
from convscope.inspect.subject import Subject, subject_of


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A net that has seen 8,000 digits."""
    all = cs.images("mnist")
    some = Images(
        "some", all.classes, all.train.take(np.arange(8000)), all.test.take(np.arange(100)), (), "some-1"
    )
    run = cs.train(some, "lenet5-modern", cs.Recipe(epochs=1), out=tmp_path_factory.mktemp("runs") / "1")
    return subject_of(run)
