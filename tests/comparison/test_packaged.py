"""The contests that come with the package: what `convscope compare` writes, of methods that there are, with their evidence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from convscope.comparison.budget import BUDGETS
from convscope.comparison.catalogue import METHODS
from convscope.comparison.contest import compare
from convscope.comparison.elsewhere import ELSEWHERE
from convscope.comparison.experiments import EXPERIMENTS
from convscope.comparison.packaged import FOLDER, fault, names, packaged, read
from convscope.comparison.rows import Comparison, row_of
from convscope.comparison.telling import COLUMNS, SHEET, SHOWN, write_results
from convscope.errors import RunError
from convscope.scores import interval


@pytest.mark.parametrize("name", names())
def test_a_packaged_contest_is_what_a_contest_writes(name, bar_images, tmp_path):
    told = packaged(name)
    written = write_results(
        compare(bar_images, only=["linear", "knn"], budget="quick", out=tmp_path), bar_images
    )
    assert set(written) <= set(told) and set(written["results"][0]) <= set(told["results"][0])
    assert told["budget"] in BUDGETS
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["evidence"]["written"])
    assert told["evidence"]["command"].startswith("convscope compare ")


@pytest.mark.parametrize("name", names())
def test_its_methods_and_experiments_are_registered_and_its_figures_agree(name):
    told = packaged(name)
    assert told["results"]
    sized = re.search(r"--size (\d+)", told["evidence"]["command"])
    side = int(sized[1]) if sized else 28
    for row in told["results"]:
        method = METHODS[row["method"]]
        assert (row["title"], row["preprocessing"]) == (method.title, method.preprocessing_of(side))
        assert row["experiment"] == "" or row["experiment"] in EXPERIMENTS
        if row["published_error_percent"] is not None:
            assert method.published and row["published_error_percent"] == method.published.error_percent
        if row["status"] == "measured":
            n = told["test_pictures"]
            low, high = interval(round(row["error_percent"] * n / 100), n)
            assert row["interval_percent"] == pytest.approx([100 * low, 100 * high])


@pytest.mark.parametrize("name", names())
def test_its_sheet_has_every_picture_that_it_names(name):
    lone, sheet = packaged(name)["lone"], FOLDER / f"{name}.png"
    places = [one["at"] for method in lone["methods"] for one in method["pictures"]]
    assert places == list(range(len(places)))
    if sheet.exists():
        with Image.open(sheet) as image:
            assert image.size == (lone["size"][0] * COLUMNS, lone["size"][1] * -(-len(places) // COLUMNS))


def failing(truth, places):
    """Answers that are right but at some places."""
    said = truth.copy()
    said[places] = (said[places] + 1) % 3
    return np.eye(3)[said]


def test_pictures_that_one_method_alone_fails_are_on_the_sheet(bar_images, tmp_path):
    truth = np.asarray(bar_images.test.labels)
    failed = {"linear": [3, 5, *range(20, 40)], "knn": [5, 7]}
    rows = [row_of(METHODS[name], {"fit_seconds": 1.0}, failing(truth, wrong), truth, learned=9, seed=0)
            for name, wrong in failed.items()]  # fmt: skip
    told = write_results(Comparison(tmp_path, "bars", "quick", 0, len(truth), tuple(rows), {}), bar_images)
    wrong = {row.method.name: row.wrong for row in rows}
    other = {"linear": "knn", "knn": "linear"}
    assert [(one["method"], one["total"]) for one in told["lone"]["methods"]] == [("knn", 1), ("linear", 21)]
    with Image.open(tmp_path / SHEET) as sheet:
        for method in told["lone"]["methods"]:
            name = method["method"]
            assert method["total"] == int((wrong[name] & ~wrong[other[name]]).sum())
            assert len(method["pictures"]) == min(SHOWN, method["total"])
            for one in method["pictures"]:
                x, y = one["at"] % COLUMNS * 12, one["at"] // COLUMNS * 12
                shown = list(sheet.crop((x, y, x + 12, y + 12)).tobytes())
                assert shown == bar_images.test.pixels[one["picture"]].ravel().tolist()
    assert json.loads((tmp_path / "results.json").read_text()) == told


@pytest.mark.parametrize(("told", "words"), [
    ([], "not an object"),
    ({"results": []}, "source is missing"),
    ({"source": "mnist", "results": [3], "evidence": {}}, "a row has no method"),
    ({"source": "mnist", "results": [], "evidence": {}}, "its evidence has no command"),
])  # fmt: skip
def test_what_is_no_contest_is_refused(told, words, tmp_path):
    assert fault(told) == words
    (tmp_path / "results.json").write_text(json.dumps(told))
    with pytest.raises(RunError, match=words):
        read(tmp_path / "results.json")


def test_a_contest_that_there_is_not_is_named():
    with pytest.raises(RunError, match=r"there are .*mnist"):
        packaged("../mnist")


def test_published_contests_cite_their_paper():
    for name, contest in ELSEWHERE.items():
        assert contest.name == name
        assert "2012, table" in contest.source
        assert all(0 < (entry.top5_percent or 1) < 100 for entry in contest.entries)
