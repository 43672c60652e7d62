"""What no one would wish for in a set of pictures: broken files by the hundred, traps, full disks, interruptions."""

from __future__ import annotations

import bz2
import errno
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from own_pictures import encoded, some, tarred, write, zipped
from PIL import Image

from convscope.data import decoders, packing, packs, zips
from convscope.data.decoders import Decoder
from convscope.data.folder import Folder
from convscope.data.images import Images, images
from convscope.data.layout import arranged
from convscope.errors import PictureError, SourceError

GOOD = some("cat", "dog", each=10)


def reasons(opened: Images) -> dict[str, str]:
    return {Path(p.path).name: p.reason for p in opened.problems}


def counted(opened: Images) -> int:
    return len(opened.train) + len(opened.test)


def huge_png(side: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


def broken() -> dict[str, bytes]:
    """Name -> content of files that cannot be read, of every kind."""
    rng = np.random.default_rng(5)
    whole = {kind: encoded(1, (60, 50), kind=kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")}
    files = {f"half.{kind.lower()}": content[: len(content) // 2] for kind, content in whole.items()}
    files |= {f"head.{kind.lower()}": content[:20] for kind, content in whole.items()}
    files |= {
        "zero.jpg": b"",
        "text.png": b"Dear diary",
        "noise.jpg": rng.bytes(500),
        "page.jpg": b"<html></html>",
    }
    files |= {"bomb.png": huge_png(100_000), "film.mp4": b"\0\0\0\x18ftypmp42" + rng.bytes(99)}
    file = io.BytesIO()
    Image.new("F", (20, 20)).save(file, "TIFF")
    return files | {"float.tif": file.getvalue()}


def odd() -> dict[str, bytes]:
    """Name -> content of files that are unusual and can be read."""
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    film, wide = io.BytesIO(), io.BytesIO()
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    Image.fromarray(np.arange(900, dtype=np.uint16).reshape(30, 30) * 70).save(wide, "PNG")
    return {
        "film.gif": film.getvalue(),
        "wide.png": wide.getvalue(),
        "dot.png": encoded(5, (1, 1)),
        "line.png": encoded(6, (3000, 1)),
        "cmyk.jpg": encoded(7, mode="CMYK", kind="JPEG"),
        "really_a_jpeg.png": encoded(8, kind="JPEG"),
        "no_ending": encoded(9),
    }


@pytest.mark.parametrize("many", [False, True], ids=["in this program", "by decoders"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_broken_files_of_every_kind_are_left_out_with_a_reason_each(kind, many, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "MANY", 1 if many else 10_000)
    bad = {f"cat/{i}-{name}": content for i in range(8) for name, content in broken().items()}
    files = GOOD | {f"dog/{name}": content for name, content in odd().items()} | bad
    pack = {"folder": write, "zip": zipped, "tar": tarred}[kind]
    opened = images(pack(tmp_path / "set", files), size=32)
    assert counted(opened) == len(GOOD) + len(odd())
    assert len(opened.problems) == len(bad) > 100
    said = reasons(opened)
    assert set(said) == {Path(name).name for name in bad}
    assert all("\n" not in reason and reason and "Traceback" not in reason for reason in said.values())
    advice = "Save it again as PNG or JPEG, or leave it out"
    assert said["0-half.bmp"] == f"not a readable picture (truncated after 4,527 of 9,054 bytes). {advice}"
    assert said["0-bomb.png"].startswith("10,000,000,000 pixels, and at most 100,000,000 are opened.")
    assert said["0-zero.jpg"] == "not a readable picture (it is empty)"
    assert said["0-text.png"] == "not a readable picture (it is text)"
    assert said["0-film.mp4"] == "not a readable picture (none of PNG, JPEG, WEBP, GIF, TIFF, BMP)"


def test_a_file_and_a_folder_without_permission_are_said(tmp_path, monkeypatch):
    write(tmp_path / "set", GOOD | some("cow", each=3))
    refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    real_open, real_scan = Path.open, os.scandir

    def opened(path: Path, *mode, **more):
        if path.name == "003.png" and path.parent.name == "dog":
            raise refused
        return real_open(path, *mode, **more)

    def scanned(path):
        if str(path).endswith("/cow"):
            raise refused
        return real_scan(path)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(os, "scandir", scanned)
    assert reasons(images(tmp_path / "set")) == {
        "003.png": "may not be read by you; chmod u+r gives you the right to",
        "cow": "may not be listed (Permission denied); chmod u+rx gives you the right to",
    }


def test_files_that_vanish_while_it_runs_are_said(tmp_path, monkeypatch):
    folder = write(tmp_path / "set", GOOD)
    whole = Folder.read

    def read(place: Folder, entry, first=None):
        (folder / "cat" / "003.png").unlink(missing_ok=True)
        shutil.rmtree(folder / "dog", ignore_errors=True) if entry.name.startswith("dog/005") else None
        return whole(place, entry, first)

    monkeypatch.setattr(Folder, "read", read)
    monkeypatch.setattr(packing, "available_processors", lambda: 1)
    monkeypatch.setattr("convscope.data.own.sampled", lambda *_: packs_sample())
    said = reasons(images(folder))
    assert set(said) == {"003.png", *(f"{i:03d}.png" for i in range(5, 10))}
    assert set(said.values()) == {"no such file: it was there when the folder was listed"}


def packs_sample():
    from convscope.data.sizing import Sample

    return Sample(((40, 32),), grey=False)


def test_names_that_lead_out_of_an_archive_are_left_out_and_nothing_is_written(tmp_path):
    content = encoded(4)
    evil = {
        "../../cat/evil.png": content,
        "/etc/cat/root.png": content,
        "C:/cat/drive.png": content,
        "cat/../../up.png": content,
    }
    for opened in (
        images(zipped(tmp_path / "a.zip", GOOD | evil)),
        images(tarred(tmp_path / "a.tar", GOOD | evil, "w")),
    ):
        assert counted(opened) == len(GOOD)
        assert set(reasons(opened).values()) == {"its name leads out of the archive"}
        assert len(opened.problems) == len(evil)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "a.zip", "cache"]


def test_backslashes_and_old_encodings_in_zips_are_understood(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in some("кот", "dog", each=3).items():
            info = zipfile.ZipInfo(name.replace("/", "\\"))
            archive.writestr(info, content)
    raw = path.read_bytes()
    at = raw.index(b"PK\1\2")
    directory = bytearray(raw[at:])
    start = 0
    while (start := directory.find(b"PK\1\2", start)) >= 0:  # nothing says any more that names are UTF-8
        directory[start + 9] &= ~0x08
        start += 4
    head = bytearray(raw[:at])
    start = 0
    while (start := head.find(b"PK\3\4", start)) >= 0:
        head[start + 7] &= ~0x08
        start += 4
    path.write_bytes(head + directory)
    assert images(path).classes == ("dog", "кот")


def test_a_member_is_counted_as_it_comes_whatever_its_header_says(tmp_path, monkeypatch):
    monkeypatch.setattr("convscope.data.listing.content_of.__defaults__", (None, 50_000))
    bomb = b"BM" + bytes(10_000_000)
    path = zipped(tmp_path / "a.zip", GOOD | {"cat/bomb.bmp": bomb})
    path.write_bytes(path.read_bytes().replace(len(bomb).to_bytes(4, "little"), (60).to_bytes(4, "little")))
    opened = images(path)
    assert counted(opened) == len(GOOD) and list(reasons(opened)) == ["bomb.bmp"]


def test_a_zip_that_grows_beyond_measure_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "ALWAYS_ALLOWED", 5_000_000)
    bombs = {f"cat/{i}.bmp": b"BM" + bytes(4_000_000) for i in range(30)}
    path = zipped(tmp_path / "a.zip", GOOD | bombs)
    with pytest.raises(
        SourceError, match=rf"^{path}: more than \d+ GB come out of it, far more than pictures can be"
    ):
        images(path)


@pytest.mark.parametrize("zipper", [bz2.compress, __import__("gzip").compress])
def test_a_packed_tar_that_grows_beyond_measure_is_refused(zipper, tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "ALWAYS_ALLOWED", 1_000_000)
    path = tmp_path / "a.tgz"
    plain = tarred(
        tmp_path / "plain.tar", GOOD | {"cat/bomb.bmp": b"BM" + bytes(50_000_000)}, "w"
    ).read_bytes()
    path.write_bytes(zipper(plain))
    with pytest.raises(
        SourceError, match="GB come out of it, far more than pictures can be packed into its size"
    ):
        images(path)
    assert not list((tmp_path / "cache").glob("*.tar"))


def test_a_zip_with_a_damaged_or_locked_member_gives_the_others(tmp_path):
    path = zipped(tmp_path / "a.zip", GOOD)
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        damaged = archive.getinfo("cat/000.png")
    raw[damaged.header_offset + 60] ^= 0xFF
    at = raw.index(b"dog/000.png", raw.index(b"PK\1\2")) - 46
    raw[at + 8] |= 1
    path.write_bytes(raw)
    said = reasons(images(path))
    assert set(said) == {"000.png"} and counted(images(path)) == len(GOOD) - 2
    texts = [p.reason for p in images(path).problems]
    assert texts[0].startswith("damaged within the zip (")
    assert texts[1] == "locked with a password. Unlock the zip first"


def test_members_that_are_not_packed_are_read_as_the_others_are(tmp_path):
    files = GOOD | some("кот", each=3) | {"cat/long.bmp": b"BM" + bytes(zips.BLOCK)}
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    path.write_bytes(b"something before it" + path.read_bytes())
    place = zips.Zip(path)
    plain = {e.name: place._plain(place._members[e.name]) for e in place.listing().entries}
    assert plain == files | {"cat/long.bmp": None}
    assert {e.name: place.read(e) for e in place.listing().entries} == files
    raw = bytearray(path.read_bytes())
    raw[raw.index(files["cat/000.png"]) + 40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(PictureError, match=r"damaged within the zip \(Bad CRC-32"):
        place.read(next(e for e in place.listing().entries if e.name == "cat/000.png"))
    place.close()


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_an_archive_that_was_cut_short_is_one_line_or_gives_what_is_whole(kind, cut, tmp_path):
    path = tmp_path / f"a.{kind}"
    zipped(path, GOOD) if kind == "zip" else tarred(path, GOOD, "w" if kind == "tar" else "w:gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(cut * len(whole))])
    try:
        opened = images(path)
    except SourceError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert kind == "tar" and 0 < counted(opened) < len(GOOD)


def test_links_in_a_tar_give_the_same_picture_or_are_passed_over(tmp_path):
    path = tarred(tmp_path / "a.tar", GOOD, "w")
    with tarfile.open(path, "a") as archive:
        for name, kind, target in (
            ("cat/hard.png", tarfile.LNKTYPE, "dog/001.png"),
            ("cat/soft.png", tarfile.SYMTYPE, "/etc/passwd"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    opened = images(path)
    assert counted(opened) == len(GOOD) + 1
    assert any("cat/hard.png is" in w or "is cat/hard.png" in w for w in opened.found.warnings)


def test_a_decoder_that_dies_costs_one_picture(monkeypatch):
    good, deadly = encoded(1), b"deadly"
    decoder = Decoder((3, 32, 40), "pad")
    asked = decoder._asked

    def dies(contents):
        if deadly in contents:
            decoder._program.kill()
        return asked(contents)

    monkeypatch.setattr(decoder, "_asked", dies)
    try:
        said = decoder([good, deadly, good, b"no picture"])
    finally:
        decoder.close()
    assert [type(s) for s in said] == [np.ndarray, PictureError, np.ndarray, PictureError]
    assert str(said[1]) == decoders.CRASHED and (said[0] == said[2]).all()
    assert "it is text" in str(said[3])


def test_without_decoders_threads_do_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "MANY", 1)
    beside = images(write(tmp_path / "a", GOOD))

    def none(*_, **__):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(subprocess, "Popen", none)
    here = images(tmp_path / "a")
    assert (beside.train.pixels == here.train.pixels).all() and beside.fingerprint == here.fingerprint


def test_a_full_disk_while_caching_leaves_nothing_and_goes_on_in_memory(tmp_path, cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = write(tmp_path / "set", GOOD)
    with monkeypatch.context() as disk:
        disk.setattr(packs.Cabinet, "finish", full)
        held = images(folder)
    assert [(p.path, p.reason) for p in held.problems] == [
        (
            str(cache),
            "cannot be written (No space left on device); decoded into memory, as each start will have to",
        )
    ]
    assert not [
        path
        for path in cache.rglob("*")
        if path.is_file() and path.name not in ("lock",) and path.parent.name != "chosen"
    ]
    assert images(folder).fingerprint == held.fingerprint
    assert (images(folder).train.pixels == held.train.pixels).all()


def test_where_neither_disk_nor_memory_has_room_one_line_says_what_to_do(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", "/dev/null/cache")
    monkeypatch.setattr("convscope.data.own._free_memory", lambda: 1000)
    with pytest.raises(SourceError) as error:
        images(write(tmp_path / "set", GOOD))
    assert str(error.value) == (
        f"{tmp_path}/set: the cache folder /dev/null/cache cannot be written (Not a directory), and its 0.0 GB of pixels are "
        "too many for the memory. Set CONVSCOPE_CACHE to a folder with 0.0 GB to spare, or give a smaller --size"
    )
    assert not cache.exists()


def test_an_interrupted_start_is_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "FLUSH_SECONDS", 0)
    folder = write(tmp_path / "set", some("cat", "dog", each=40))
    decoded: list[bytes] = []
    plain = packing.pixels_or_problem

    def counting(content, *more):
        decoded.append(content)
        return plain(content, *more)

    monkeypatch.setattr(packing, "pixels_or_problem", counting)

    def stop(_, done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        images(folder, stop)
    before = len(decoded)
    decoded.clear()
    opened = images(folder)
    assert counted(opened) == 80 and len(decoded) <= 80 - 40 < before
    shutil.rmtree(tmp_path / "cache")
    assert (images(folder).train.pixels == opened.train.pixels).all()


def test_a_program_that_is_killed_leaves_a_cache_that_is_right(tmp_path, cache):
    folder = write(tmp_path / "set", some("cat", "dog", each=510))
    code = f"from convscope.data.images import images; images({str(folder)!r})"
    began = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 20
    while not list(cache.glob("pictures/*/rows")) and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.2)
    began.kill()
    began.wait()
    opened = images(folder)
    assert counted(opened) == 1020
    shutil.rmtree(cache)
    assert (images(folder).train.pixels == opened.train.pixels).all()


@pytest.mark.parametrize("name", ["pixels", "pack.json", "sha256"])
@pytest.mark.parametrize("damage", [b"", b"\0" * 10, None])
def test_a_damaged_cache_is_made_anew(name, damage, tmp_path, cache):
    folder = write(tmp_path / "set", GOOD)
    first = images(folder)
    expected = first.train.pixels.copy()
    (path,) = cache.glob(f"pictures/*/{name}")
    path.unlink() if damage is None else path.write_bytes(damage)
    again = images(folder)
    assert again.fingerprint == first.fingerprint and (again.train.pixels == expected).all()


def test_the_cache_is_bounded_and_what_was_used_longest_ago_goes_first(tmp_path, cache, monkeypatch):
    folders = [write(tmp_path / f"set{i}", some("cat", "dog", each=5 + i)) for i in range(3)]
    monkeypatch.setattr(packs, "MOST_BYTES", 34 * 3 * 32 * 40)
    for folder in folders[:2]:
        images(folder)
        time.sleep(0.02)
    images(folders[0])
    images(folders[2])
    left = sorted(p.stat().st_size // (3 * 32 * 40) for p in cache.glob("pictures/*/pixels"))
    assert left == [10, 14]


def test_five_thousand_files_are_listed_and_arranged_in_a_moment(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2_500):
            os.close(os.open(tmp_path / name / f"{i}.png", os.O_CREAT | os.O_WRONLY))
    began = time.process_time()
    assert len(arranged(Folder(tmp_path).listing().entries).entries) == 5_000
    assert time.process_time() - began < 1
