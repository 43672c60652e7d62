"""What the cache holds is listed, and given back by name; nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.data.held import given_back, held
from convscope.errors import SourceError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for n in range(8):
        path = tmp_path / "photos" / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), 10 * n, np.uint8)).save(path)
    return tmp_path / "photos"


def test_an_empty_cache_holds_nothing(cache: Path):
    assert held() == []
    assert not cache.exists()


def test_a_pack_is_named_with_its_place_and_given_back(photos: Path):
    before = cs.images(photos, size=16)
    [one] = held()
    assert one.name.startswith("pictures/1x16x16-pad-")
    assert one.what == f"8 pictures of 2 classes at 1x16x16, pad, of {photos}"
    assert one.bytes > 8 * 16 * 16
    assert given_back(one.name) == one.bytes
    assert held() == []
    assert len(list(photos.rglob("*.png"))) == 8
    assert cs.images(photos, size=16).fingerprint == before.fingerprint


def test_an_interrupted_start_an_upload_and_a_named_source_are_listed(cache: Path):
    for path in (
        "pictures/3x8x8-crop-abc/rows",
        "uploads/f00/cats.zip",
        "uploads/f01/part",
        "mnist/train-images",
    ):
        (cache / path).parent.mkdir(parents=True)
        (cache / path).write_bytes(bytes(100))
    (cache / "pictures" / "chosen").mkdir()
    assert {one.name: (one.what, one.bytes) for one in held()} == {
        "pictures/3x8x8-crop-abc": ("a start at 3x8x8, crop, that was interrupted", 100),
        "uploads/f00": ("sent to the page: cats.zip", 100),
        "uploads/f01": ("sent to the page, and cut short", 100),
        "mnist": ("the pictures of mnist, decoded", 100),
    }
    given_back("uploads/f00")
    given_back("mnist")
    assert {one.name for one in held()} == {"pictures/3x8x8-crop-abc", "uploads/f01"}


@pytest.mark.parametrize("name", ["..", "../photos", "pictures/../../photos", "pictures/chosen", "", "/etc"])
def test_only_what_is_listed_can_be_given_back(name: str, photos: Path):
    cs.images(photos, size=16)
    with pytest.raises(SourceError, match="the cache holds nothing called"):
        given_back(name)
    assert len(held()) == 1


def test_what_is_in_use_is_left(cache: Path, photos: Path):
    from filelock import FileLock

    cs.images(photos, size=16)
    [one] = held()
    with FileLock(cache / one.name / "lock"), pytest.raises(SourceError, match="is being made just now"):
        given_back(one.name)
    assert held() == [one]


def test_the_verb_lists_and_removes(photos: Path, capsys: pytest.CaptureFixture[str]):
    from convscope.cli.app import app

    cs.images(photos, size=16)
    app(["data", "--cache"], standalone_mode=False)
    assert f"of {photos}" in capsys.readouterr().out
    app(["data", "--remove", "all", "--json"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    assert said["held"] == [] and said["bytes"] == 0 and len(said["removed"]) == 1
