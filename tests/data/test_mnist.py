"""The embedded digits are the originals, in whatever state the cache folder is."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convscope.data import mnist
from convscope.data.cache import Shelf
from convscope.data.images import Problem, images
from convscope.data.sources import NAMES, SOURCES
from convscope.errors import SourceError

MNIST = SOURCES[0]
SHA256 = {file.name: file.checksum.removeprefix("sha256:") for file in MNIST.files}
PRINT_FINGERPRINT = "from convscope.data.images import images; print(images('mnist').fingerprint)"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_decoding_gives_the_original_file_byte_for_byte(name, originals):
    assert mnist.decode(name) == gzip.decompress((originals / f"{name}.gz").read_bytes())


def test_the_package_holds_the_digits_in_at_most_10_MB():
    assert MNIST.bytes <= 10_000_000


def test_what_is_cached_has_the_known_checksums(cache):
    images("mnist")
    assert {name: sha256(cache / "mnist" / name) for name in NAMES} == SHA256


@pytest.mark.usefixtures("digits")
def test_the_digits_are_70000_in_ten_classes():
    them = images("mnist")
    assert (len(them.train), len(them.test), them.shape) == (60_000, 10_000, (1, 28, 28))
    assert them.train.labels[:6].tolist() == [5, 0, 4, 1, 9, 2] and them.train.labels.dtype == np.int64
    assert np.bincount(them.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (them.background, them.problems, them.classes[7]) == (0, (), "7")


@pytest.mark.usefixtures("digits")
def test_once_cached_loading_takes_under_50_ms():
    best = min(_seconds() for _ in range(5))
    assert best < 0.05


def _seconds() -> float:
    start = time.perf_counter()
    images("mnist")
    return time.perf_counter() - start


def test_writing_to_a_loaded_array_does_not_reach_the_cache(digits):
    images("mnist").train.pixels[:10] = 7
    assert sha256(digits / NAMES[0]) == SHA256[NAMES[0]]
    assert images("mnist").train.pixels[:10].max() == 255


def corrupt(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5_000)
        file.write(b"\xff\x00\xff")


def corrupt_and_hide_it(path: Path) -> None:
    before = path.stat()
    corrupt(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


DAMAGES = {
    "corrupted": corrupt,
    "corrupted with the old time put back": corrupt_and_hide_it,
    "truncated": lambda path: os.truncate(path, 5_000),
    "emptied": lambda path: os.truncate(path, 0),
    "made longer": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "deleted": Path.unlink,
    "without its stamp": lambda path: path.with_name(f"{path.name}.stamp").unlink(),
    "with a stamp that is no JSON": lambda path: path.with_name(f"{path.name}.stamp").write_text("{"),
    "with a stamp that is another's": lambda path: path.with_name(f"{path.name}.stamp").write_text("[1]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_cache_file_heals_itself_when_it_was(damage, digits):
    path = digits / "t10k-images-idx3-ubyte"
    damage(path)
    healed = images("mnist")
    assert sha256(path) == SHA256[path.name] and healed.problems == ()
    assert not list(digits.glob("*.part"))


def test_a_half_written_file_of_a_killed_process_is_no_obstacle(digits):
    (digits / NAMES[3]).replace(digits / f"{NAMES[3]}.part")
    images("mnist")
    assert sha256(digits / NAMES[3]) == SHA256[NAMES[3]] and not list(digits.glob("*.part"))


def test_two_processes_that_start_at_once_on_an_empty_cache_both_get_the_digits(cache):
    running = [
        subprocess.Popen([sys.executable, "-c", PRINT_FINGERPRINT], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert said == [images("mnist").fingerprint] * 2
    assert {name: sha256(cache / "mnist" / name) for name in NAMES} == SHA256


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
def test_a_cache_that_cannot_be_written_is_done_without_and_said_so(number, cache, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Shelf, "put", refuse)
    them = images("mnist")
    assert (
        hashlib.sha256(them.test.pixels.tobytes()).hexdigest()
        == hashlib.sha256(mnist.decode(NAMES[2])[16:]).hexdigest()
    )
    reason = f"cannot be written ({os.strerror(number)}); unpacked into memory, as each start will have to"
    assert them.problems == (Problem(str(cache / "mnist"), reason),)


def test_a_cache_folder_that_is_a_file_is_done_without(cache):
    cache.write_text("not a folder")
    them = images("mnist")
    assert len(them.train) == 60_000
    assert "cannot be written" in them.problems[0].reason


def test_a_cache_that_can_be_read_but_not_stamped_still_serves(digits, monkeypatch):
    for stamp in digits.glob("*.stamp"):
        stamp.unlink()

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Shelf, "_write_stamp", refuse)
    assert images("mnist").problems == ()


def test_a_damaged_package_says_to_install_it_again(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "HERE", tmp_path)
    with pytest.raises(SourceError) as missing:
        images("mnist")
    part = tmp_path / f"{NAMES[0]}.0.xz"
    part.write_bytes(b"this is no xz file, whatever its name")
    with pytest.raises(SourceError) as damaged:
        images("mnist")
    assert str(missing.value) == f"{tmp_path}: the embedded {NAMES[0]} is missing; install convscope again"
    assert str(damaged.value) == (
        f"{tmp_path}: the embedded {NAMES[0]} is damaged (Input format not supported by decoder); "
        "install convscope again"
    )
