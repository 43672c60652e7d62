"""A class of nothing out of pictures that show none of the classes: what is cut, what is said, and what is refused."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
from own_pictures import encoded, some, write, zipped

from convscope.data.crops import _box
from convscope.data.images import images, images_again
from convscope.errors import SourceError
from convscope.training.plan import net_for


@pytest.fixture
def photos(tmp_path):
    return write(tmp_path / "photos", some("cat", "dog", each=10, size=(36, 28)))


@pytest.fixture
def woods(tmp_path):
    """Ten pictures that differ, one of them twice, in folders that mean nothing here."""
    files = {f"{'near' if n % 2 else 'far'}/{n}.png": encoded(500 + n, (60, 40 + n)) for n in range(10)}
    return write(tmp_path / "woods", files | {"again.png": files["far/0.png"]})


def cut(made):
    """The pictures of nothing to learn from, and those to be tested on."""
    last = len(made.classes) - 1
    return [part.pixels[part.labels == last] for part in (made.train, made.test)]


def sources(names):
    return {re.sub(r" at [\d,]+$", "", name) for name in names}


def test_as_many_parts_as_a_class_has_of_different_pictures_in_either_part(photos, woods):
    plain, made = images(photos), images(photos, background=woods)
    assert made.classes == ("cat", "dog", "nothing")
    assert [len(part) for part in cut(made)] == [8, 2]
    assert (made.train.pixels[:16] == plain.train.pixels).all()
    learned, tested = sources(made.train.names[16:]), sources(made.test.names[4:])
    assert learned and tested and not learned & tested
    assert made.found.counts[-1] == ("nothing", 8, 2)
    assert f"nothing: 10 parts of 10 pictures of {woods}, 2 of them kept for the test" in made.found.notes
    assert f"class nothing: 10 parts of 10 pictures of {woods}: expect little" in made.found.warnings


def test_the_parts_are_those_of_the_pictures_that_their_names_say(photos, woods):
    from convscope.data.fit import resized
    from convscope.data.pictures import read_picture

    made = images(photos, background=woods)
    for pixels, name in zip(cut(made)[0], made.train.names[16:], strict=True):
        file, where = name.split(" at ")
        left, top, wide, high = map(int, where.split(","))
        assert wide >= 36 and high >= 28
        whole = read_picture(woods / file)
        assert (pixels == resized(whole, (28, 36), (left, top, left + wide, top + high))).all()


def test_the_same_pictures_give_the_same_bits_zipped_under_other_names_and_again(photos, woods, tmp_path):
    first = images(photos, background=woods)
    other = {f"{n}.png": path.read_bytes() for n, path in enumerate(sorted(woods.rglob("*.png")))}
    zipped_woods = zipped(tmp_path / "woods.zip", other)
    again = images_again({"source": str(photos), "prepared": dict(first.prepared)})
    for made in (images(photos, background=zipped_woods), again):
        assert made.fingerprint == first.fingerprint
        assert all((one == two).all() for one, two in zip(cut(made), cut(first), strict=True))
    shutil.rmtree(woods / "far")
    assert images(photos, background=woods).fingerprint != first.fingerprint


def test_digits_get_parts_as_pages_are_brought_to_their_net(digits, woods):  # noqa: ARG001
    made = images("mnist", background=woods)
    learned, tested = cut(made)
    assert (made.classes[-1], made.background, made.shape) == ("nothing", 0, (1, 28, 28))
    assert (len(learned), len(tested)) == (6000, 1000)
    assert made.prepared == {"background": str(woods)}
    assert learned.std() > 10
    assert net_for(made)[0] == "finder"


def test_parts_are_of_all_sizes_in_the_proportions_of_the_net():
    rng = np.random.default_rng(0)
    boxes = [_box(rng, (300, 900), (20, 30)) for _ in range(4000)]
    for left, top, right, bottom in boxes:
        assert min(left, top) >= 0 and right <= 900 and bottom <= 300
        assert abs((right - left) * 20 - (bottom - top) * 30) <= 30
    heights = np.array([bottom - top for _, top, _, bottom in boxes])
    assert heights.min() < 22 and heights.max() > 280
    assert 0.45 < (heights < np.sqrt(20 * 300)).mean() < 0.55
    assert _box(rng, (20, 30), (20, 30)) == (0, 0, 30, 20)


def test_what_cannot_be_used_is_left_out_and_said(photos, woods):
    write(
        woods, {"small.png": encoded(1, (33, 90)), "bad.png": b"\x89PNG no more", "notes.txt": b"tall trees"}
    )
    made = images(photos, background=woods)
    said = {problem.path.removeprefix(f"{woods}/"): problem.reason for problem in made.problems}
    assert said == {
        "bad.png": "not a readable picture (a damaged PNG). Save it again as PNG or JPEG, or leave it out",
        "notes.txt": "not a readable picture (it is text)",
        "small.png": "33x90 pixels, and 36x28 are wanted",
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "pictures of 36x28 pixels or more without any of the classes are wanted, at least two that differ, "
             "and none came"),
        ({"a.png": encoded(1, (60, 40)), "b.png": encoded(1, (60, 40))}, "at least two that differ, and 1 came"),
        ({"a.png": encoded(1, (20, 12)), "b.png": encoded(2, (20, 12))},
         r"and none came \(a.png: 20x12 pixels, and 36x28 are wanted\)"),
        ({"a.txt": b"no picture"}, r"and none came \(a.txt: not a readable picture \(it is text\)\)"),
    ],
)  # fmt: skip
def test_a_place_without_two_pictures_is_refused(photos, tmp_path, files, message):
    (tmp_path / "bare").mkdir()
    with pytest.raises(SourceError, match=f"background: {tmp_path}/bare: .*{message}"):
        images(photos, background=write(tmp_path / "bare", files))


def test_what_is_no_place_or_a_second_nothing_is_refused(photos, woods, tmp_path):
    with pytest.raises(
        SourceError, match="background: fields: no such folder, zip or tar of pictures without any"
    ):
        images(photos, background="fields")
    for name in ("list.csv", "one.png"):
        write(tmp_path, {name: encoded(1)})
        with pytest.raises(
            SourceError, match=f"background: {tmp_path}/{name}: a folder, zip or tar of pictures"
        ):
            images(photos, background=tmp_path / name)
    write(photos, {f"nothing/{n}.png": encoded(900 + n, (36, 28)) for n in range(5)})
    with pytest.raises(
        SourceError, match=f"{photos}: has a class nothing already, so the pictures of {woods}"
    ):
        images(photos, background=woods)
