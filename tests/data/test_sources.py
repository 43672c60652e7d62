"""Named sources: one contract for all, and a small one taken through every way its files can come."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from convscope.data import archives, download, idx
from convscope.data.cache import Shelf
from convscope.data.images import images
from convscope.data.load import load
from convscope.data.sources import SOURCES, catalogue
from convscope.errors import SourceError


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)


def arrays_of(contents: dict[str, bytes]) -> list:
    return [idx.read(np.frombuffer(c, np.uint8)).tolist() for c in contents.values()]


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_every_source_says_what_it_is(source):
    assert source.title and source.licence and source.citation
    assert len(source.files) == 4 and len(set(source.classes)) == len(source.classes)
    assert all(c.split(":")[0] in ("md5", "sha256") for c in source.checksums.values())
    assert all(url.endswith("/" + d.name) for d in source.downloads for url in d.urls)


def test_the_catalogue_says_how_large_and_where_each_is():
    assert [(r["name"], r["pictures"], r["where"]) for r in catalogue()] == [
        ("mnist", 70_000, "embedded"),
        ("fashion-mnist", 70_000, "not here (download 31 MB)"),
        ("cifar10", 60_000, "not here (download 170 MB)"),
    ]


OR = "; or name a folder of pictures"
UNKNOWN = {
    "minst": f"minst: no such source of pictures. Did you mean mnist? There are mnist, fashion-mnist, cifar10{OR}",
    "CIFAR-10": "CIFAR-10: no such source of pictures. Did you mean cifar10? "
    f"There are cifar10, mnist, fashion-mnist{OR}",
    "holidays": f"holidays: no such source of pictures. There are mnist, fashion-mnist, cifar10{OR}",
    "": f": no such source of pictures. There are mnist, fashion-mnist, cifar10{OR}",
    "photos/2026": "photos/2026: no such folder, zip, tar or CSV",
    "photos.zip": "photos.zip: no such folder, zip, tar or CSV",
    "a\0b": f"a\0b: no such source of pictures. There are mnist, fashion-mnist, cifar10{OR}",
}


@pytest.mark.parametrize(("name", "message"), UNKNOWN.items())
def test_an_unknown_source_is_answered_with_the_known_ones_nearest_first(name, message):
    with pytest.raises(SourceError) as error:
        images(name)
    assert str(error.value) == message


@pytest.mark.parametrize("nested", ["", "Small/raw"])
@pytest.mark.parametrize("zipped", [True, False], ids=["gzipped", "raw"])
def test_a_folder_in_CONVSCOPE_DATA_serves(nested, zipped, tmp_path, monkeypatch, contents, make_source):
    held = {f"{n}.gz": gzip.compress(c) for n, c in contents.items()} if zipped else contents
    folder = write(tmp_path / "sets" / nested, held)
    monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "sets"))
    source = make_source()
    assert source.where == f"found at {folder}"
    assert [a.tolist() for a in load(source).arrays] == arrays_of(contents)
    assert source.where == "cached"


def test_the_fingerprint_is_that_of_the_content_wherever_it_came_from(
    tmp_path, monkeypatch, contents, make_source
):
    monkeypatch.setenv("CONVSCOPE_DATA", str(write(tmp_path / "sets", contents)))
    first = load(make_source()).fingerprint
    lines = "".join(f"{n} sha256:{hashlib.sha256(c).hexdigest()}\n" for n, c in sorted(contents.items()))
    assert first == hashlib.sha256(lines.encode()).hexdigest() == load(make_source()).fingerprint


def test_files_of_another_set_with_the_same_names_are_not_taken_for_this_one(
    tmp_path, monkeypatch, contents, make_source
):
    others = contents | {"a-labels": contents["a-labels"][:-1] + b"\x63"}
    monkeypatch.setenv("CONVSCOPE_DATA", str(write(tmp_path / "sets", others)))
    assert make_source().where.startswith("not here")


NO_NETWORK = (
    "small: not here, and a-images.gz cannot be downloaded (127.0.0.1:1: Connection refused). Connect to the "
    "network and try again, or set CONVSCOPE_DATA to a folder that holds a-images.gz, a-labels.gz, b-images.gz, "
    "b-labels.gz"
)


def test_without_network_and_files_one_line_says_what_to_do(make_source):
    with pytest.raises(SourceError) as error:
        load(make_source())
    assert str(error.value) == NO_NETWORK


def test_a_pickled_version_is_named_and_not_loaded(tmp_path, monkeypatch, make_source):
    write(tmp_path / "sets" / "batches-py", {"1": b""})
    monkeypatch.setenv("CONVSCOPE_DATA", str(tmp_path / "sets"))
    with pytest.raises(SourceError) as error:
        load(make_source(pickles=("batches-py",)))
    assert (
        f"Connection refused; {tmp_path}/sets/batches-py is here, but it is a pickle, and loading one would run "
        "what is in it)" in str(error.value)
    )


def test_a_damaged_file_in_the_folder_is_named_after_the_download_failed_too(
    tmp_path, monkeypatch, contents, make_source
):
    spoilt = contents | {"b-images": contents["b-images"][:-1] + b"\x63"}
    monkeypatch.setenv("CONVSCOPE_DATA", str(write(tmp_path / "sets", spoilt)))
    source = make_source(files=tuple(make_source().files))
    monkeypatch.setattr("convscope.data.places.SMALL", 100)
    with pytest.raises(SourceError) as error:
        load(source)
    assert (
        str(error.value) == f"{NO_NETWORK}. Besides, b-images: its checksum is not {source.files[2].checksum}"
    )


def test_a_source_is_downloaded_unpacked_and_the_download_removed(tmp_path, cache, contents, make_source):
    # file:// stands for a mirror; the transfers themselves are tested in test_download
    zipped = {f"{n}.gz": gzip.compress(c, mtime=0) for n, c in contents.items()}
    base = write(tmp_path / "mirror", zipped).as_uri() + "/"

    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convscope.data.download._answer", lambda url, _: _Answer(url))
        loaded = load(make_source(base), lambda *call: calls.append(call))
    assert [a.tolist() for a in loaded.arrays] == arrays_of(contents)
    assert [name for name, done, total in calls if done == total] == list(zipped)
    assert not list((cache / "small" / "downloads").iterdir())
    assert load(make_source()).fingerprint == loaded.fingerprint


class _Answer(io.BytesIO):
    status, headers = 200, {}

    def __init__(self, url: str):
        super().__init__(Path(url.removeprefix("file://")).read_bytes())


def test_a_full_disk_asks_for_another_cache_folder(cache, monkeypatch, make_source):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Shelf, "locked", full)
    with pytest.raises(SourceError) as error:
        load(make_source())
    assert str(error.value) == (
        f"small: the cache folder {cache} cannot be written (No space left on device). "
        "Set CONVSCOPE_CACHE to a folder with 0 MB to spare"
    )


def test_a_folder_serves_even_where_the_cache_cannot_be_written(tmp_path, monkeypatch, contents, make_source):
    monkeypatch.setenv("CONVSCOPE_DATA", str(write(tmp_path / "sets", contents)))
    monkeypatch.setenv("CONVSCOPE_CACHE", "/dev/null/cache")
    loaded = load(make_source())
    assert [a.tolist() for a in loaded.arrays] == arrays_of(contents)
    assert loaded.remark == (
        "/dev/null/cache/small",
        "cannot be written (Not a directory); unpacked into memory, as each start will have to",
    )


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00" + b"?" * 40])
def test_a_damaged_gzip_is_an_error_that_names_it(content, tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    if not content:
        assert list(archives.unzipped(path, 100)) == []
        return
    with pytest.raises(SourceError, match=rf"^{path}: cannot be unpacked \("):
        list(archives.unzipped(path, 100))


def test_a_gzip_bomb_is_stopped_one_block_after_the_size_that_is_wanted(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    assert sum(map(len, archives.unzipped(tmp_path / "bomb.gz", 1000))) <= 1000 + archives.BLOCK


@pytest.fixture
def tiny_cifar(monkeypatch):
    """CIFAR-10's format with 20 records of 3x4x4 a batch, and the arrays that should come out."""
    monkeypatch.setattr(archives, "CIFAR_RECORDS", 20)
    rng = np.random.default_rng(3)
    batches = {n: rng.integers(0, 10, (20, 1 + 3072), np.uint8) for n in archives.CIFAR_BATCHES}
    shapes = ((100, 3, 32, 32), (100,), (20, 3, 32, 32), (20,))
    files = [type(SOURCES[0].files[0])(n, idx.length(*s)) for n, s in zip("abcd", shapes, strict=True)]
    return {n: b.tobytes() for n, b in batches.items()}, files, list(batches.values())


def tarred(path: Path, members: dict[str, bytes], monkeypatch) -> dict[str, Path]:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(archives, "CIFAR_MD5", "md5:" + hashlib.md5(path.read_bytes()).hexdigest())
    return {archives.CIFAR_ARCHIVE: path}


def made(files, paths) -> list[np.ndarray]:
    return [idx.read(np.frombuffer(b"".join(chunks), np.uint8)) for _, chunks in archives.cifar(files, paths)]


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_cifar_records_become_pictures_and_labels(form, tiny_cifar, tmp_path, monkeypatch):
    members, files, batches = tiny_cifar
    if form == "archive":
        backwards = {f"cifar-10-batches-bin/{n}": members[n] for n in reversed(members)}
        paths = tarred(tmp_path / "c.tar.gz", backwards | {"../../evil": b"?"}, monkeypatch)
    else:
        paths = {n: write(tmp_path, members) / n for n in members}
    images_, labels, test_images, test_labels = made(files, paths)
    records = np.concatenate(batches[:5])
    assert (labels == records[:, 0]).all() and (images_.reshape(100, -1) == records[:, 1:]).all()
    assert (test_labels == batches[5][:, 0]).all() and test_images.shape == (20, 3, 32, 32)


def test_cifar_refuses_what_is_not_its_archive(tiny_cifar, tmp_path, monkeypatch):
    members, files, _ = tiny_cifar
    del members["data_batch_3.bin"]
    paths = tarred(tmp_path / "c.tar.gz", members, monkeypatch)
    path = paths[archives.CIFAR_ARCHIVE]
    with pytest.raises(SourceError) as missing:
        made(files, paths)
    path.write_bytes(path.read_bytes() + b"?")
    with pytest.raises(SourceError) as changed:
        made(files, paths)
    assert str(missing.value) == f"{path}: data_batch_3.bin is missing in it or has the wrong size"
    assert str(changed.value) == f"{path}: its checksum is not {archives.CIFAR_MD5}"


def test_cifar_refuses_labels_over_nine(tiny_cifar, tmp_path):
    members, files, _ = tiny_cifar
    members["test_batch.bin"] = b"\x0a" + members["test_batch.bin"][1:]
    folder = write(tmp_path, members)
    with pytest.raises(SourceError) as error:
        made(files, {n: folder / n for n in members})
    assert str(error.value) == f"{folder}/test_batch.bin: test_batch.bin has labels over 9"


NO_IDX = {
    b"": "no IDX file of unsigned bytes: it starts with nothing",
    b"PNG!....": "no IDX file of unsigned bytes: it starts with 504e4721",
    idx.header(2, 2) + b"123": "an IDX file of 15 bytes that is said to hold [2, 2]",
    b"\0\0\x08\x03\0\0\0\1": "an IDX file of 8 bytes that is said to hold [1]",
}


@pytest.mark.parametrize(("content", "message"), NO_IDX.items())
def test_what_is_no_idx_file_is_refused(content, message):
    with pytest.raises(ValueError) as error:
        idx.read(np.frombuffer(content, np.uint8))
    assert str(error.value) == message
