"""The engine must be there wherever a C compiler is: only a machine without one skips these tests."""

from __future__ import annotations

import shutil

import pytest

from convscope import native


@pytest.fixture(autouse=True)
def _engine_is_compiled() -> None:
    if native.available():
        return
    if any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.fail(native.missing())
    pytest.skip("no C compiler on this machine, so no native engine")
