"""What the tests of data share: a cache folder of their own, the original files, and a small named source."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convscope.data import idx, mnist
from convscope.data.cache import File
from convscope.data.download import Download
from convscope.data.images import images
from convscope.data.sources import NAMES, Source

ORIGINALS = Path(__file__).parents[3] / "shared" / "data" / "mnist"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Iterator[Path]:
    """Every test has an empty cache folder, and finds nothing that happens to lie on this machine."""
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CONVSCOPE_DATA", raising=False)
    monkeypatch.setattr("convscope.data.places.USUAL", ())
    yield tmp_path / "cache"
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


@pytest.fixture(scope="session")
def _decoded_once(tmp_path_factory) -> Iterator[Path]:
    """A cache folder with the digits in it, decoded once for all tests that need one to begin with."""
    folder = tmp_path_factory.mktemp("decoded")
    for name in NAMES:
        (folder / "mnist").mkdir(exist_ok=True)
        (folder / "mnist" / name).write_bytes(mnist.decode(name))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def digits(cache, _decoded_once) -> Path:
    """The cache folder with the digits in it, whole and stamped."""
    shutil.copytree(_decoded_once, cache)
    images("mnist")
    return cache / "mnist"


@pytest.fixture
def originals() -> Path:
    if not ORIGINALS.is_dir():
        pytest.skip(f"the four original .gz files are not at {ORIGINALS}")
    return ORIGINALS


def small_arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    sizes = ((60, 5, 4), (60,), (20, 5, 4), (20,))
    return [rng.integers(0, 10, size, np.uint8) for size in sizes]


def small_contents() -> dict[str, bytes]:
    """Name -> IDX file."""
    names = ("a-images", "a-labels", "b-images", "b-labels")
    return {n: idx.header(*a.shape) + a.tobytes() for n, a in zip(names, small_arrays(), strict=True)}


def small_source(base: str = "http://127.0.0.1:1/", **changes) -> Source:
    """A source like Fashion-MNIST, with 80 pictures of 5x4, its files under `base`."""
    held = small_contents()
    zipped = {f"{n}.gz": gzip.compress(c, mtime=0) for n, c in held.items()}
    files = tuple(File(n, len(c), "md5:" + hashlib.md5(c).hexdigest()) for n, c in held.items())
    downloads = tuple(
        Download(n, len(c), "md5:" + hashlib.md5(c).hexdigest(), (base + n,)) for n, c in zipped.items()
    )
    known = {
        "name": "small", "title": "", "classes": tuple("0123456789"), "shape": (1, 5, 4), "train": 60, "test": 20,
        "licence": "", "citation": "", "files": files, "downloads": downloads, "forms": (tuple(held),),
        "folders": ("Small/raw",),
    }  # fmt: skip
    return Source(**(known | changes))


@pytest.fixture
def contents() -> dict[str, bytes]:
    return small_contents()


@pytest.fixture
def make_source():
    return small_source
