"""A class of nothing, made of a source's own pictures: once, then found in the cache."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.data import background
from convscope.data.background import NOTHING, with_nothing
from convscope.data.held import held
from convscope.data.images import Images, Pictures


@pytest.fixture
def shapes() -> Images:
    """Twelve bright blocks in the dark, of two classes."""
    pixels = np.zeros((12, 1, 12, 12), np.uint8)
    for n, picture in enumerate(pixels[:, 0]):
        picture[3:9, 4 : 6 + n % 2 * 2] = 200 + n
    every = Pictures(pixels, np.arange(12) % 2)
    return Images(
        "shapes", ("thin", "thick"), every.take(np.arange(8)), every.take(np.arange(8, 12)), (), "shapes-1"
    )


def same(one: Images, other: Images) -> bool:
    parts = ((one.train, other.train), (one.test, other.test))
    equal = all((a.pixels == b.pixels).all() and (a.labels == b.labels).all() for a, b in parts)
    return equal and (one.name, one.classes, one.fingerprint, one.background) == (
        other.name, other.classes, other.fingerprint, other.background,
    )  # fmt: skip


def test_it_is_made_once_and_then_found_with_the_same_bits(shapes, monkeypatch):
    first = with_nothing(shapes, keep=True)
    assert same(first, with_nothing(shapes)), "as it is without the cache"
    [one] = held()
    assert one.what == "66 pictures of 3 classes at 1x12x12, nothing, of shapes+nothing"
    monkeypatch.setattr(background, "_made", None)
    assert same(first, with_nothing(shapes, keep=True))
    with pytest.raises(TypeError):
        with_nothing(shapes, seed=1, keep=True)


@pytest.mark.parametrize("what", ["pixels", "pack.json", "all"])
def test_a_damaged_or_removed_pack_is_made_anew(shapes, cache, what):
    first = with_nothing(shapes, keep=True)
    [pack] = (cache / "pictures").glob("*-nothing-*")
    for path in list(pack.iterdir()) if what == "all" else [pack / what]:
        path.unlink()  # what is mapped keeps its bytes
        if what != "all":
            path.write_bytes(b"{}")
    assert same(first, with_nothing(shapes, keep=True))


def test_without_a_cache_it_is_made_in_memory_and_that_is_said(shapes, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", "/dev/null/cache")
    made = with_nothing(shapes, keep=True)
    assert same(made, with_nothing(shapes))
    assert made.classes[-1] == NOTHING
    [problem] = made.problems
    assert problem.path == "/dev/null/cache"
    assert problem.reason == "cannot be written (Not a directory); made in memory, as each start will have to"
