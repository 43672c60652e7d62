"""Shards: the same bytes each time, nothing lost on the way back, and whatever a stranger's tar or index may be."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from own_pictures import encoded, some, write, zipped

from convscope.data.images import Images, images
from convscope.data.shards import writing
from convscope.data.shards.checking import check
from convscope.data.shards.source import pack
from convscope.errors import SourceError

FILES = some("cat", "dog", each=20) | {
    "cat/bad.jpg": b"Dear diary",
    "dog/photo.jpg": encoded(77, kind="JPEG"),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    return write(tmp_path / "set", FILES)


@pytest.fixture
def shards(folder, tmp_path) -> Path:
    """A folder of some ten shards."""
    pack(str(folder), tmp_path / "shards", size_mb=0.03)
    return tmp_path / "shards"


def unpacked(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        file = tar.extractfile(member)
        assert file is not None, member.name
        yield member.name, file.read()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(one: Images, other: Images) -> bool:
    pairs = ((one.train, other.train), (one.test, other.test))
    alike = all(np.array_equal(a.pixels, b.pixels) and np.array_equal(a.labels, b.labels) for a, b in pairs)
    return alike and (one.fingerprint, one.classes) == (other.fingerprint, other.classes)


def resummed(folder: Path, name: str, content: bytes) -> None:
    """Put another tar in the place of one, with an index that vouches for it."""
    (folder / f"{name}.tar").write_bytes(content)
    said = json.loads((folder / "index.json").read_bytes())
    for shard in said["shards"]:
        if shard["name"] == name:
            shard |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "index.json").write_text(json.dumps(said))


def test_what_comes_back_is_what_the_folder_gives_to_the_bit(folder, shards, cache):
    back = images(f"shards:{shards}")
    assert same(images(folder), back)
    assert not back.problems and set(back.train.names) < FILES.keys()
    assert not list((cache / "shards").iterdir())


def test_files_go_in_as_they_are_and_a_plain_tar_reader_finds_each_with_its_class(shards):
    found: list[bytes] = []
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = dict(unpacked(tar))
            assert {(m.mtime, m.uid, m.gid, m.mode) for m in tar.getmembers()} == {(0, 0, 0, 0o644)}
        for name, content in members.items():
            if not name.endswith(".cls"):
                label = ("cat", "dog")[int(members[name.split(".")[0] + ".cls"])]
                assert any(known == content and at.startswith(label) for at, known in FILES.items())
                found.append(content)
        assert path.stat().st_size <= 30_000
    assert sorted(found) == sorted(c for n, c in FILES.items() if n != "cat/bad.jpg")


def test_the_same_source_gives_the_same_bytes_and_another_seed_another_order(folder, shards, tmp_path):
    pack(str(zipped(tmp_path / "set.zip", FILES)), tmp_path / "again", size_mb=0.03)
    assert contents(tmp_path / "again") == contents(shards)
    pack(str(folder), tmp_path / "other", size_mb=0.03, seed=1)
    assert contents(tmp_path / "other").keys() == contents(shards).keys() and contents(
        tmp_path / "other"
    ) != contents(shards)
    assert same(images(f"shards:{tmp_path / 'other'}"), images(f"shards:{shards}"))


def test_broken_files_are_listed_with_their_reasons(shards):
    assert [json.loads(line) for line in (shards / "problems.jsonl").read_text().splitlines()] == [
        {"path": "cat/bad.jpg", "reason": "not a readable picture (it is text)"}
    ]


def test_train_and_test_are_families_of_their_own_as_the_source_has_them(tmp_path):
    files = some("cat", "dog", each=6, part="train/") | some("cat", "dog", each=3, part="val/")
    pack(str(write(tmp_path / "set", files)), tmp_path / "out")
    index = check(str(tmp_path / "out"))
    assert (index.pictures("train"), index.pictures("test")) == (12, 6)
    assert [shard.name for shard in index.shards] == ["train-000000", "test-000000"]
    assert same(images(tmp_path / "set"), images(f"shards:{tmp_path / 'out'}"))


def test_a_named_source_comes_back_with_the_pixels_that_it_had(tmp_path, monkeypatch):
    from convscope.data.shards import source

    digits = images("mnist")
    few = Images(
        "mnist", digits.classes, digits.train.take(np.arange(60)), digits.test.take(np.arange(30)), (), "few"
    )
    monkeypatch.setattr(source, "images", lambda *_: few)
    pack("mnist", tmp_path / "out", size_mb=0.02)
    back = images(f"shards:{tmp_path / 'out'}")
    assert back.shape == (1, 28, 28) and len(back.train) == 60
    at = [int(Path(name).stem) for name in back.train.names]
    assert np.array_equal(back.train.pixels, few.train.pixels[at]) and np.array_equal(
        back.train.labels, few.train.labels[at]
    )


def test_only_what_is_missing_or_damaged_is_written_again(folder, shards):
    before = contents(shards)
    (shards / "index.json").unlink()
    (shards / "train-000001.tar").write_bytes(before["train-000001.tar"][:-512])
    (shards / "train-000002.tar").unlink()
    (shards / "train-000003.tar.part").write_bytes(b"half")
    written = pack(str(folder), shards, size_mb=0.03)
    assert written.kept == len(written.index.shards) - 2
    assert contents(shards) == before


def test_a_pack_that_is_killed_leaves_whole_shards_and_goes_on(folder, tmp_path, shards):
    code = (
        "import os, sys; from pathlib import Path; from convscope.data.shards import source, writing\n"
        "real, seen = writing.write_whole, []\n"
        "def whole(path, chunks):\n"
        "    if sum(at.suffix == '.json' for at in seen) > 2: os._exit(9)\n"
        "    real(path, chunks)\n"
        "    seen.append(path)\n"
        "writing.write_whole = whole\n"
        f"source.pack({str(folder)!r}, Path({str(tmp_path / 'killed')!r}), size_mb=0.03)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert not (tmp_path / "killed" / "index.json").exists()
    assert pack(str(folder), tmp_path / "killed", size_mb=0.03).kept > 0
    assert contents(tmp_path / "killed") == contents(shards)


def test_a_folder_with_other_shards_is_refused(shards, tmp_path):
    other = write(tmp_path / "other", some("cow", "pig", each=5))
    with pytest.raises(
        SourceError, match=r"shards: holds other shards already; name another folder with -o, or remove them$"
    ):
        pack(str(other), shards)
    (shards / "index.json").unlink()
    with pytest.raises(
        SourceError, match=r"shards: t\w+-\d+\.\w+ is of other shards; name another folder with -o"
    ):
        pack(str(other), shards)
    assert not (shards / ".lock").exists()


def test_a_file_that_changes_while_it_is_packed_is_said(folder, tmp_path, monkeypatch):
    real = writing.packed

    def then_changed(*given, **more):
        done = real(*given, **more)
        (folder / "cat" / "003.png").write_bytes(encoded(999))
        return done

    monkeypatch.setattr(writing, "packed", then_changed)
    with pytest.raises(
        SourceError, match=r"cat/003.png: its content changed while it was packed. Start again$"
    ):
        pack(str(folder), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.part")) and not (tmp_path / "out" / "index.json").exists()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda f: (f / "index.json").unlink(),
            "index.json: cannot be read (No such file or directory); check the address",
        ),
        (lambda f: (f / "index.json").write_text("{"), "index.json: no JSON ("),
        (lambda f: (f / "index.json").write_text("[" * 100_000), "index.json: no JSON ("),
        (
            lambda f: (f / "index.json").write_text("{}"),
            "index.json: no index of shards that convscope shards has written",
        ),
        (lambda f: edited(f, version=9), "index.json: of version 9, and 1 is read here; update convscope"),
        (lambda f: edited(f, classes=7), "index.json: a damaged index (ValueError: no list of up to"),
        (
            lambda f: edited(f, counts={"train": [1, 1], "test": [1, 1]}),
            "its shards of train are not what it counts",
        ),
        (lambda f: renamed(f, "../../etc/passwd"), "index.json: a damaged index (ValueError: a shard named"),
        (
            lambda f: (f / "train-000000.tar").unlink(),
            "train-000000.tar: cannot be read (No such file or directory)",
        ),
        (lambda f: flipped(f / "train-000000.tar"), "train-000000.tar: damaged: "),
        (lambda f: flipped(f / "test-000000.json"), "test-000000.json: damaged: "),
    ],
)
def test_damage_is_one_line_wherever_it_is(harm, said, shards):
    harm(shards)
    for read in (lambda: images(f"shards:{shards}"), lambda: check(str(shards))):
        with pytest.raises(SourceError) as error:
            read()
        assert said in str(error.value) and "\n" not in str(error.value)


def edited(folder: Path, **changes) -> None:
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


def renamed(folder: Path, name: str) -> None:
    shards = json.loads((folder / "index.json").read_bytes())["shards"]
    edited(folder, shards=[shards[0] | {"name": name}, *shards[1:]])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_hostile_members_are_left_alone_and_what_is_missing_is_a_problem(shards, tmp_path):
    name = "train-000000"
    with tarfile.open(shards / f"{name}.tar") as old:
        kept = list(unpacked(old))[2:]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for at, content in [("../../up.png", b"x"), ("/etc/root.png", b"x")]:
            info = tarfile.TarInfo(at)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("000000000.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for at, content in kept[:-2]:
            info = tarfile.TarInfo(at)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    resummed(shards, name, file.getvalue())
    back = images(f"shards:{shards}")
    assert [p.reason for p in back.problems] == ["not in train-000000.tar"] * 2
    with pytest.raises(
        SourceError, match=r"train-000000.tar: picture \d+ is not as its list says; pack it again$"
    ):
        check(str(shards))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "set", "shards"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no tar" * 1000, "a damaged tar (invalid header at byte 0); get it again"),
        (tarfile.TarInfo("000000000.png").tobuf() * 500, "a tar of more than"),
    ],
)
def test_a_tar_that_is_none_is_one_line(content, said, shards):
    resummed(shards, "train-000000", content)
    with pytest.raises(SourceError) as error:
        images(f"shards:{shards}")
    assert f"shards:train-000000.tar: {said}" in str(error.value)


def test_a_header_that_promises_more_than_there_is_takes_no_memory(shards):
    header = tarfile.TarInfo("000000000.png")
    header.size = 8_000_000_000
    resummed(shards, "train-000000", header.tobuf(tarfile.USTAR_FORMAT) + bytes(2048))
    with pytest.raises(SourceError, match="it ends within a member, at byte 0"):
        images(f"shards:{shards}")


def test_shards_that_are_decoded_already_are_not_read_again(shards):
    first = images(f"shards:{shards}")
    for path in shards.glob("*.tar"):
        path.unlink()
    shards.rename(shards.with_name("moved"))
    again = images(f"shards:{shards.with_name('moved')}")
    assert same(first, again)
