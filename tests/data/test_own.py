"""A user's own pictures: wherever they lie and however they are packed, the same pictures give the same arrays."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from own_pictures import encoded, image, some, tarred, write, zipped
from PIL import Image

import convscope.data.own as own_module
from convscope.data.fit import fit
from convscope.data.images import Images, images, images_again
from convscope.data.listing import Entry
from convscope.data.pictures import read_picture
from convscope.errors import SourceError

SHARED = Path(__file__).parents[3] / "shared" / "data"


def same(one: Images, other: Images) -> bool:
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(getattr(getattr(one, part), what), getattr(getattr(other, part), what))
        for part in ("train", "test")
        for what in ("pixels", "labels")
    )


def counts(opened: Images) -> list[tuple[str, int, int]]:
    return list(opened.found.counts)


def warnings(opened: Images) -> str:
    return "\n".join(opened.found.warnings)


def problems(opened: Images) -> dict[str, str]:
    return {Path(p.path).name: p.reason for p in opened.problems}


def test_a_folder_of_class_folders_is_split_by_class(tmp_path):
    opened = images(write(tmp_path / "photos", some("cat", "dog", each=10)))
    assert opened.classes == ("cat", "dog")
    assert counts(opened) == [("cat", 8, 2), ("dog", 8, 2)]
    assert opened.shape == (3, 32, 40)
    assert opened.name == str(tmp_path / "photos") and opened.problems == ()
    assert opened.found.notes == (
        "20 pictures of 2 classes: cat 10, dog 10",
        "16 to learn from, 4 to be tested on (chosen here: 20% of each class, always the same)",
        "sizes: all are 40x32",
        "each is brought to 3x32x40: all are 40x32, and in colour",
    )


def test_each_picture_is_there_once_with_its_own_label(tmp_path):
    files = some("cat", "dog", each=10)
    opened = images(write(tmp_path, files))
    wanted = {(name.split("/")[0], read_picture(content).tobytes()) for name, content in files.items()}
    seen = {
        (opened.classes[label], pixels.tobytes())
        for part in (opened.train, opened.test)
        for pixels, label in zip(part.pixels, part.labels, strict=True)
    }
    assert seen == wanted


PACKINGS = {
    "folder": lambda path, files: write(path, files),
    "zip": lambda path, files: zipped(path.with_suffix(".zip"), files),
    "zip without an ending": lambda path, files: zipped(path, files),
    "tar": lambda path, files: tarred(path.with_suffix(".tar"), files, "w"),
    "tar.gz": lambda path, files: tarred(path.with_suffix(".tgz"), files, "w:gz"),
    "tar.bz2": lambda path, files: tarred(path.with_suffix(".tar.bz2"), files, "w:bz2"),
    "tar.xz": lambda path, files: tarred(path.with_suffix(".tar.xz"), files, "w:xz"),
}


@pytest.mark.parametrize("wrapped", ["", "photos/", "a/b/"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_the_same_pictures_give_the_same_arrays_however_they_are_packed(packing, wrapped, tmp_path):
    files = some("cat", "dog", each=5)
    plain = images(write(tmp_path / "plain", files))
    inside = {wrapped + name: content for name, content in files.items()}
    assert same(plain, images(PACKINGS[packing](tmp_path / "packed", inside)))


def test_names_of_files_do_not_matter_and_names_of_classes_do(tmp_path):
    files = some("cat", "dog", each=5)
    plain = images(write(tmp_path / "plain", files))
    renamed = {name.replace("00", "x"): content for name, content in files.items()}
    others = {name.replace("cat", "cow"): content for name, content in files.items()}
    assert same(plain, images(write(tmp_path / "renamed", renamed)))
    assert plain.fingerprint != images(write(tmp_path / "others", others)).fingerprint


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize("test", ["test", "val", "valid", "validation", "Test"])
def test_parts_that_are_there_are_kept(train, test, tmp_path):
    files = some("cat", "dog", each=6, part=f"{train}/") | some("cat", "dog", each=2, part=f"{test}/")
    opened = images(write(tmp_path, files | {"set.txt": b"a stray file", "extra/cow/1.png": encoded(1)}))
    assert counts(opened) == [("cat", 6, 2), ("dog", 6, 2)]
    assert "(as they lie there)" in opened.found.notes[1]
    assert problems(opened) == {
        "set.txt": "in no class folder",
        "1.png": f"beside {' and '.join(f'{p}/' for p in sorted([train, test]))}, in neither",
    }


def test_with_a_test_part_the_validation_part_is_learned_from_and_that_is_said(tmp_path):
    files = {}
    for part, each in (("train/", 6), ("val/", 3), ("test/", 2)):
        files |= some("cat", "dog", each=each, part=part)
    opened = images(write(tmp_path, files))
    assert counts(opened) == [("cat", 9, 2), ("dog", 9, 2)]
    assert any(note.startswith("val/ is learned from as well") for note in opened.found.notes)


def test_a_test_folder_without_classes_is_left_out_and_a_split_is_made(tmp_path):
    files = some("cat", "dog", each=10, part="train/") | {f"test/{i}.png": encoded(900 + i) for i in range(3)}
    opened = images(write(tmp_path, files))
    assert counts(opened) == [("cat", 8, 2), ("dog", 8, 2)]
    assert problems(opened) == {f"{i}.png": "in no class folder" for i in range(3)}


TABLES = {
    "named columns": "label,path\n{rows}",
    "other columns among them": "id,image_path,Class\n{rows}",
    "no names": "{rows}",
    "semicolons": "path;label\n{rows}",
    "tabs and an empty line": "path\tlabel\n\n{rows}",
    "a byte order mark": "\ufeffpath,label\n{rows}",
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_paths_and_labels(kind, tmp_path):
    files = some("cat", "dog", each=5)
    plain = images(write(tmp_path / "sets" / "plain", files))
    order = {"named columns": "{1},{0}", "other columns among them": "7,{0},{1}", "semicolons": "{0};{1}"}
    row = order.get(kind, "{0}\t{1}" if "tabs" in kind else "{0},{1}")
    rows = "\n".join(row.format(f"plain/{name}", name.split("/")[0]) for name in files)
    table = tmp_path / "sets" / "list.csv"
    table.write_text(TABLES[kind].format(rows=rows), encoding="utf-8")
    assert same(plain, images(table))


def test_a_table_with_parts_and_with_faults(tmp_path):
    write(tmp_path, some("cat", "dog", each=4))
    lines = ["path,label,split"]
    lines += [
        f"{c}/{i:03d}.png,{c},{s}"
        for c in ("cat", "dog")
        for i, s in enumerate(("train", "train", "", "val"))
    ]
    lines += ["cat/009.png,cat,train", "cat/000.png,dog,train", "cat/001.png", ",cat,train"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    opened = images(tmp_path / "list.csv")
    assert counts(opened) == [("cat", 3, 1), ("dog", 3, 1)]
    assert [(Path(p.path).name, p.reason) for p in opened.problems] == [
        ("009.png", "line 10: No such file or directory"),
        ("000.png", "named again in line 11: the first line counts"),
        ("001.png", "line 12 has no label"),
        ("line 13", "line 13 has no path"),
    ]


NO_TABLES = {
    b"a,b\n1,2\n": "no CSV of paths and labels: its first line names no columns such as path,label, and 'a' is no file beside it",
    b"": "no files in it. A folder for each class, with its pictures in it, is what is learned from",
    b"\xff\xfa,cat\n": "not text in UTF-8 (byte 0); save it again as UTF-8",
    b'path,label\n"'
    + b"x" * 200_000: "not a CSV of paths and labels (field larger than field limit (131072))",
}


@pytest.mark.parametrize(("content", "message"), NO_TABLES.items(), ids=range(len(NO_TABLES)))
def test_what_is_no_table_of_pictures_is_one_line(content, message, tmp_path):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(SourceError) as error:
        images(tmp_path / "list.csv")
    assert str(error.value) == f"{tmp_path}/list.csv: {message}"


def test_names_in_any_script_and_classes_in_the_order_people_count(tmp_path):
    composed = unicodedata.normalize("NFC", "café")
    apart = unicodedata.normalize("NFD", "café")
    files = some("10", "9", "猫", "кот", composed, each=3, part="train/")
    files |= some("10", "9", "猫", "кот", apart, each=1, part="test/")
    opened = images(write(tmp_path / "bäume 🌳", files))
    assert opened.classes == ("9", "10", composed, "кот", "猫")
    assert [row[1:] for row in counts(opened)] == [(3, 1)] * 5
    assert same(opened, images(zipped(tmp_path / "z.zip", files)))


def test_a_mix_of_formats_modes_and_turned_photographs(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    files = some("dog", each=5, mode="L") | {
        "cat/a.jpg": encoded(1, (60, 40), kind="JPEG"),
        "cat/b.webp": encoded(2, (33, 77), kind="WEBP"),
        "cat/c.png": encoded(3, (60, 40), kind="JPEG", exif=exif),
        "cat/d.gif": encoded(4, mode="L", kind="GIF"),
        "cat/e.JPG": encoded(5, mode="CMYK", kind="JPEG"),
        "cat/f.tif": encoded(6, kind="TIFF"),
        "cat/g": encoded(7, kind="BMP"),
        "cat/deeper/h.png": encoded(8, (1, 1)),
        "cat/i.png": b"\x89PNG" + encoded(9)[4:],
    }
    opened = images(write(tmp_path, files), size=32)
    assert counts(opened) == [("cat", 7, 2), ("dog", 4, 1)]
    assert opened.shape == (3, 32, 32) and not opened.problems
    turned = fit(read_picture(files["cat/c.png"]), (3, 32, 32)).pixels
    seen = [*opened.train.pixels, *opened.test.pixels]
    assert read_picture(files["cat/c.png"]).shape == (3, 60, 40)
    assert any((pixels == turned).all() for pixels in seen)


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_photographs_are_not_inverted_with_adobes_marker_or_without(adobe):
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    import io

    file = io.BytesIO()
    red.save(file, "JPEG")
    content = file.getvalue()
    at = content.index(b"\xff\xee")
    if not adobe:  # without the marker nothing is inverted in the file either
        file = io.BytesIO()
        Image.merge("CMYK", [band.point(lambda v: 255 - v) for band in red.split()]).save(file, "JPEG")
        content = file.getvalue()
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        content = content[:at] + content[at + 2 + length :]
    assert (read_picture(content)[:, 8, 8] > (200, -1, -1)).all() and read_picture(content)[
        1:, 8, 8
    ].max() < 40


def test_grey_pictures_stay_one_channel_also_where_they_are_stored_in_colour(tmp_path):
    grey = some("a", "b", each=5, mode="L")
    assert images(write(tmp_path / "grey", grey)).shape[0] == 1
    stored = {}
    for number, name in enumerate(grey):
        write(tmp_path / "stored", {name: b""})
        image(number, mode="L").convert("RGB").save(tmp_path / "stored" / name)
        stored[name] = (tmp_path / "stored" / name).read_bytes()
    assert images(tmp_path / "stored").shape[0] == 1


def test_one_picture_in_colour_that_no_sample_saw_gives_all_of_them_three_channels(tmp_path, monkeypatch):
    monkeypatch.setattr("convscope.data.sizing.GLANCES", 4)
    files = some("a", "b", each=10, mode="L") | {"b/009.png": encoded(77)}
    opened = images(write(tmp_path, files))
    assert opened.shape == (3, 32, 40)
    assert opened.found.notes[-1] == "each is brought to 3x32x40: all are 40x32, and some in colour"
    assert same(opened, images_again({"source": opened.name, "prepared": opened.prepared}))


CHOICES = {
    # (width, height) of the pictures, how many -> what is chosen
    ((28, 28), 40): "3x28x28: all are 28x28, and in colour",
    (
        (8, 8),
        40,
    ): "3x28x28: half of the pictures have 8 pixels or more on their shorter side, and no net here takes "
    "fewer pixels than this; --size chooses another",
    (
        (100, 300),
        4,
    ): "3x96x96: half of the pictures have 100 pixels or more on their shorter side; --size chooses another",
}


@pytest.mark.parametrize(("size", "pictures"), CHOICES)
def test_the_size_is_chosen_to_fit_and_the_reason_is_said(size, pictures, tmp_path):
    opened = images(write(tmp_path, some("a", "b", each=pictures // 2, size=size)))
    assert opened.found.notes[-1] == f"each is brought to {CHOICES[size, pictures]}"


@pytest.mark.parametrize("mode", ["pad", "crop", "stretch"])
def test_how_pictures_are_fitted_is_the_users_choice(mode, tmp_path):
    files = some("a", "b", each=3, size=(60, 40))
    opened = images(write(tmp_path, files), size=(24, 28), fit=mode)
    wanted = {
        fit(read_picture(content), (3, 24, 28), mode=mode).pixels.tobytes() for content in files.values()
    }
    assert {p.tobytes() for p in [*opened.train.pixels, *opened.test.pixels]} == wanted
    assert opened.prepared == {"size": [24, 28], "fit": mode}
    assert same(opened, images_again({"source": opened.name, "prepared": opened.prepared}))


def test_a_large_jpeg_is_decoded_small_and_looks_the_same():
    content = encoded(3, (1600, 1200), kind="JPEG", quality=90)
    whole, drafted = read_picture(content), read_picture(content, near=128)
    assert (whole.shape, drafted.shape) == ((3, 1200, 1600), (3, 150, 200))
    small = [fit(picture, (3, 64, 64)).pixels.astype(int) for picture in (whole, drafted)]
    assert np.abs(small[0] - small[1]).mean() < 1


def test_a_size_that_stands_far_into_a_file_is_found_all_the_same(tmp_path):
    plain = encoded(3, (60, 40), kind="JPEG")
    remark = b"\xff\xfe" + (60_002).to_bytes(2, "big") + bytes(60_000)
    long = plain[:2] + 3 * remark + plain[2:]
    opened = images(write(tmp_path, some("a", "b", each=3, size=(50, 50)) | {"a/far.jpg": long}))
    assert "sizes: from 60x40 to 50x50, 50x50 in the middle" in opened.found.notes


def test_the_folder_one_is_in_is_a_source_and_what_convscope_wrote_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(
        write(tmp_path / "set", some("a", "b", each=3) | {"runs/1/run.json": b"{}", "runs/1/kept/k": b"x"})
    )
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "set" / "cache"))
    opened = images(".")
    assert opened.name == str(tmp_path / "set")
    assert images(Path()).fingerprint == opened.fingerprint
    assert problems(images(".")) == problems(opened) == {"1": "convscope's own"}


NOT_SO = {
    ("mnist", "size", 32): "mnist: has a size of its own, 1x28x28; size and fit are for folders",
    ("here", "size", 4): "size: from 8 to 1024 pixels a side, not 4",
    ("here", "fit", "cut"): "fit: one of pad, crop, stretch, not cut",
}


@pytest.mark.parametrize(("source", "what", "value"), NOT_SO)
def test_a_size_or_fit_that_cannot_be_is_one_line(source, what, value, tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(SourceError) as error:
        images(source, **{what: value})
    assert str(error.value) == NOT_SO[source, what, value]


def test_links_are_followed_and_never_in_circles(tmp_path):
    write(tmp_path / "elsewhere", {f"{i}.png": encoded(i) for i in range(5)})
    write(tmp_path / "set", some("dog", each=5, mode="L"))
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "dog" / "round").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "dog" / "lost.png").symlink_to(tmp_path / "nowhere")
    opened = images(tmp_path / "set")
    assert counts(opened) == [("cat", 4, 1), ("dog", 4, 1)]
    assert problems(opened) == {
        "lost.png": "a link to nothing",
        "round": "a link to a folder that it lies in",
    }


def test_hidden_files_are_passed_over_and_counted(tmp_path):
    hidden = {
        ".DS_Store": b"x",
        "cat/._000.png": b"x",
        ".git/cow/1.png": encoded(1),
        "__MACOSX/cat/1.png": b"x",
    }
    opened = images(write(tmp_path / "f", some("cat", "dog", each=5) | hidden))
    assert opened.classes == ("cat", "dog") and not opened.problems
    assert "4 hidden files and folders were passed over" in opened.found.notes
    assert (
        images(zipped(tmp_path / "f.zip", some("cat", "dog", each=5) | hidden)).fingerprint
        == opened.fingerprint
    )


TOO_LITTLE = {
    "nothing": (
        {},
        "no files in it. A folder for each class, with its pictures in it, is what is learned from",
    ),
    "no class folders": (
        {"1.png": b"", "2.png": b""},
        "of 2 files none can be learned from; put those of each class into a folder named for it",
    ),
    "one class": (
        some("cat", each=3),
        "a net tells classes apart, and there is only one: cat. Put pictures of something else into a folder beside it",
    ),
    "single pictures": (
        some("a", "b", "c", each=1),
        "nothing is left to be tested on: every class has a single picture. Add at least one more",
    ),
    "no pictures": (
        {"a/1.txt": b"text", "b/2.txt": b"more"},
        "of 2 files none is a picture that can be read",
    ),
}


@pytest.mark.parametrize("case", TOO_LITTLE)
def test_too_little_to_learn_from_is_one_line(case, tmp_path):
    files, message = TOO_LITTLE[case]
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", files)
    with pytest.raises(SourceError) as error:
        images(tmp_path / "set")
    assert str(error.value) == f"{tmp_path}/set: {message}"


def test_four_pictures_are_enough(tmp_path):
    opened = images(write(tmp_path, some("cat", "dog", each=2)))
    assert counts(opened) == [("cat", 1, 1), ("dog", 1, 1)]
    assert "2 of the classes have fewer than 20 pictures to learn from: expect little" in warnings(opened)


def test_classes_that_are_short_of_something_are_said_in_a_line_each(tmp_path):
    files = some("cat", "dog", each=200, size=(8, 8)) | {"one/1.png": encoded(9001, (8, 8))}
    files |= {"broken/1.png": b"\x89PNG", "broken/2.png": b"no picture"}
    (tmp_path / "empty").mkdir()
    opened = images(write(tmp_path, files))
    assert opened.classes == ("cat", "dog", "one")
    assert opened.found.warnings == (
        "class broken: none of its files could be read, so it is left out",
        "class one: 1 picture to learn from and none to be tested on",
        "class one has fewer than 20 pictures to learn from: expect little",
        "uneven: 160 pictures of cat to learn from, 1 of one; always saying cat is right for 50 % of them",
    )
    assert problems(opened)["empty"] == "an empty folder"


def test_a_class_that_is_only_tested_is_left_out_and_said(tmp_path):
    files = some("cat", "dog", each=25, part="train/", size=(8, 8)) | some(
        "cat", "cow", each=2, part="test/", size=(8, 8)
    )
    opened = images(write(tmp_path, files))
    assert opened.classes == ("cat", "dog") and len(opened.test) == 2
    assert "class cow: 2 pictures to be tested on and none to learn from, so it is left out" in warnings(
        opened
    )
    assert "class dog: 25 pictures to learn from and none to be tested on" in warnings(opened)
    assert problems(opened) == {f"{i:03d}.png": "its class cow has nothing to learn from" for i in range(2)}


def test_equal_pictures_in_both_parts_are_warned_of(tmp_path):
    files = some("cat", "dog", each=5, part="train/") | some("cat", "dog", each=2, part="test/")
    files["test/cat/000.png"] = files["train/cat/003.png"]
    files["train/dog/004.png"] = files["train/cat/001.png"]
    opened = images(write(tmp_path, files))
    assert (
        "1 picture to be tested on is also learned from, byte for byte, so the test error will look better than it is: "
        "test/cat/000.png is train/cat/003.png"
    ) in opened.found.warnings
    assert (
        "1 picture is in two classes at once: train/dog/004.png is train/cat/001.png" in opened.found.warnings
    )


def test_a_split_made_here_never_tears_equal_pictures_apart(tmp_path):
    files = some("cat", "dog", each=20, size=(8, 8))
    for i in range(10):
        files[f"cat/{i:03d}.png"] = files["cat/010.png"] if i % 2 else files["dog/011.png"]
    opened = images(write(tmp_path, files))
    learned = {p.tobytes() for p in opened.train.pixels}
    assert not learned & {p.tobytes() for p in opened.test.pixels}
    assert all(test for _, _, test in counts(opened))


def test_a_picture_more_moves_few_others(tmp_path):
    before = images(write(tmp_path, some("cat", "dog", each=50, size=(30, 30))))
    after = images(write(tmp_path, {"cat/more.png": encoded(12345, (30, 30))}))
    tested = [{p.tobytes() for p in opened.test.pixels} for opened in (before, after)]
    assert before.fingerprint != after.fingerprint
    assert len(tested[0] - tested[1]) <= 1


def test_what_is_asked_again_is_not_decoded_again(tmp_path, monkeypatch):
    folder = write(tmp_path / "set", some("cat", "dog", each=5))
    first = images(folder)
    monkeypatch.setattr(own_module, "packed", None)
    monkeypatch.setattr(own_module, "sampled", None)
    again = images(folder)
    assert same(first, again) and isinstance(again.train.pixels.base, np.ndarray)
    (tmp_path / "set").rename(tmp_path / "moved")
    assert same(first, images(tmp_path / "moved"))


def test_only_what_changed_is_decoded_again(tmp_path, monkeypatch):
    import convscope.data.packing as packing

    folder = write(tmp_path / "set", some("cat", "dog", each=5))
    images(folder)
    decoded = []
    plain = packing.pixels_or_problem
    monkeypatch.setattr(
        packing, "pixels_or_problem", lambda content, *a: decoded.append(content) or plain(content, *a)
    )
    new = encoded(999)
    after = images(write(folder, {"cat/000.png": new}))
    assert decoded == [new]
    os.utime(folder / "dog" / "000.png", (1, 1))
    assert same(after, images(folder)) and decoded == [new]


def test_the_users_files_are_as_they_were(tmp_path):
    folder = write(tmp_path / "set", some("cat", "dog", each=3) | {"cat/x.txt": b"text"})

    def state() -> dict[Path, tuple[int, int, bytes]]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {p: (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes()) for p in files}

    before = state()
    images(folder)
    images(folder, size=48, fit="crop")
    assert state() == before


def test_progress_counts_the_bytes_up_to_all_of_them(tmp_path):
    files = some("cat", "dog", each=40)
    said: list[tuple[str, int, int]] = []
    images(write(tmp_path / "set", files), lambda *now: said.append(now))
    total = sum(map(len, files.values()))
    assert {(name, whole) for name, _, whole in said} == {("set", total)}
    assert [done for _, done, _ in said] == sorted(done for _, done, _ in said) and said[-1][1] == total


@pytest.mark.parametrize("name", ["1.png", "photos.zip", "photos.tar"])
def test_a_file_that_is_no_archive_is_one_line(name, tmp_path):
    (tmp_path / name).write_bytes(encoded(1))
    with pytest.raises(
        SourceError, match=re.escape(f"{name}: no pictures to learn from: name a folder of class folders")
    ):
        images(tmp_path / name)


def test_the_photographs_of_the_shared_folder(monkeypatch):
    path = SHARED / "imagenette-160.zip"
    if not path.is_file():
        pytest.skip(f"the photographs are not at {path}")
    whole = own_module.arranged

    def fewer(entries: tuple[Entry, ...]):
        return whole(entries[::40])

    monkeypatch.setattr(own_module, "arranged", fewer)
    opened = images(path)
    assert opened.shape == (3, 128, 128) and len(opened.classes) == 10 and not opened.problems
    assert len(opened.train) + len(opened.test) == 335
    assert "sizes: all are 160x160" in opened.found.notes
