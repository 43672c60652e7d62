"""Pictures as they come from the decoders: continued where they are torn, and put in order where they lie."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convscope.data.rows import BESIDE, Kept, Rows, moves


def test_rows_that_were_torn_in_writing_are_not_believed(tmp_path):
    one, two = np.full((1, 2, 2), 1, np.uint8), np.full((1, 2, 2), 2, np.uint8)
    rows = Rows(tmp_path, (1, 2, 2))
    rows.add(b"a" * 32, one)
    rows.add(b"b" * 32, two)
    rows.close()
    (tmp_path / "rows").write_bytes((tmp_path / "rows").read_bytes()[:6])
    again = Rows(tmp_path, (1, 2, 2))
    assert list(again.places) == [b"a" * 32]
    again.add(b"c" * 32, two)
    again.arrange(np.array([1, 0, 1]))
    again.close()
    assert (tmp_path / "rows").read_bytes() == bytes([2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2])
    assert not (tmp_path / "rows.sha256").exists()
    with closing(Rows(tmp_path, (1, 2, 2))) as anew:
        assert anew.places == {}


@given(st.lists(st.integers(0, 9), max_size=25), st.booleans())
def test_pictures_are_put_in_any_order_where_they_lie(places, in_memory):
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(None if in_memory else Path(folder), (1, 1, 3))
        for i in range(10):
            rows.add(bytes([i]) * 32, np.full((1, 1, 3), i, np.uint8))
        rows.arrange(np.array(places, np.int64))
        said = rows.content.tolist() if in_memory else list((Path(folder) / "rows").read_bytes())
        rows.close()
    assert said == [place for place in places for _ in range(3)]


def test_nothing_is_moved_more_often_than_it_must_be():
    wanted = np.random.default_rng(0).permutation(1000)
    rings = sum(source == BESIDE for source, _ in moves(wanted.tolist(), 1000))
    moved = int((wanted != np.arange(1000)).sum())
    assert len(list(moves(wanted.tolist(), 1000))) == moved + rings < 1020


def test_pictures_that_another_start_puts_in_order_are_not_taken_from_it(tmp_path):
    rows = Rows(tmp_path, (1, 2, 2))
    for i in (1, 2):
        rows.add(bytes([i]) * 32, np.full((1, 2, 2), i, np.uint8))
    rows.flush()
    with closing(Kept(tmp_path / "rows", tmp_path / "rows.sha256", (1, 2, 2))) as kept:
        there = kept.picture(b"\1" * 32)
        assert there is not None and there.tolist() == [[[1, 1], [1, 1]]]
        assert kept.picture(b"\3" * 32) is None
        rows.arrange(np.array([1]))
        assert kept.picture(b"\1" * 32) is None and kept.picture(b"\2" * 32) is None
    rows.close()


def test_names_are_gone_from_the_disk_before_the_first_picture_is_moved(tmp_path, monkeypatch):
    rows = Rows(tmp_path, (1, 1, 1))
    for i in (1, 2):
        rows.add(bytes([i]) * 32, np.full((1, 1, 1), i, np.uint8))
    rows.flush()
    seen = []

    def synced(folder: Path) -> None:
        seen.append((sorted(p.name for p in folder.iterdir()), (folder / "rows").read_bytes()))

    monkeypatch.setattr("convscope.data.rows.sync_folder", synced)
    rows.arrange(np.array([1, 0]))
    rows.close()
    assert seen == [(["rows"], b"\1\2")]
    assert (tmp_path / "rows").read_bytes() == b"\2\1"
