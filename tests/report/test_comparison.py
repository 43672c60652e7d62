"""The contest's report: one file that needs nothing else, says what was measured, and can be put in order."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.comparison.catalogue import METHODS
from convscope.comparison.rows import Comparison, Row, row_of
from convscope.data.images import Images
from convscope.report.comparison import error_chart, lone_errors, p_text, page, write_comparison
from convscope.report.wording import SPACE

HOSTILE = "<script>alert('x')</script>"
MACHINE = {"cores": 2, "python": "3.11", "convscope": "0"}
RECORD = {
    "fit_seconds": 1.5, "choose_seconds": 0.0, "predict_seconds": 0.25, "processor_seconds": 2.0, "parameters": 7850,
    "memory_bytes": 500_000_000, "chosen": {},
}  # fmt: skip


def row(name: str, truth: np.ndarray, wrong: list[int], **about: Any) -> Row:
    """A row of a method that names some pictures wrongly."""
    said = truth.copy()
    said[wrong] = (said[wrong] + 1) % 3
    answers = np.eye(3, dtype=np.float32)[said] + 0.01 * np.arange(3, dtype=np.float32)
    return row_of(METHODS[name], RECORD, answers, truth, learned=600, seed=0, **about)


@pytest.fixture
def done(bar_images: Images, tmp_path: Path) -> Comparison:
    truth = np.asarray(bar_images.test.labels)
    rows = [
        row("linear", truth, list(range(20))),
        row("knn", truth, [0, 1, 30]),
        row("lenet5-modern", truth, [1]),
        Row(METHODS["forest"], "out of memory", 600, 0),
        Row(METHODS["tangent"], "left out: it is for strokes", 0, 0),
    ]
    for name, errors in (("linear", 20), ("lenet5", 3)):
        for step in (0, 1, 2):
            words = "as they are" if not step else f"shifted by {step}"
            rows.append(
                row(name, truth, list(range(errors * (step + 1))), experiment="shifts", condition=words)
            )
    return Comparison(tmp_path, "mnist", "quick", 0, len(truth), tuple(rows), MACHINE)


def test_the_page_needs_nothing_from_elsewhere(done, bar_images):
    text = page(done, bar_images)
    fetched = re.findall(r'(?:src|href|srcset)="([^"]*)"', text)
    assert all(v.startswith(("data:image/", "#")) for v in fetched)
    assert not re.search(r"@import|url\((?!['\"]?data:)|<link|<iframe", text)
    assert len(text) < 1_000_000


def test_the_page_says_what_was_measured_and_what_was_not(done, bar_images):
    text = unescape(page(done, bar_images)).replace(SPACE, " ")
    for measured in done.table:
        assert measured.method.title in text
        if measured.measured:
            assert f"{measured.error_percent:.2f} %" in text
        else:
            assert measured.status in text
    assert "1.5 s" in text
    assert "7,850" in text
    assert "0.50 GB" in text
    assert done.answer in text
    assert "nan" not in text.split("<script>")[0].lower()


def test_contests_of_others_stand_apart_where_methods_for_photographs_took_part(done, bar_images):
    assert "Published for other pictures" not in page(done, bar_images)
    photographs = replace(
        done, source="photos", rows=(*done.rows, Row(METHODS["fisher"], "out of memory", 600, 0))
    )
    found = page(photographs, bar_images)
    assert "Published for other pictures" in found
    for words in ("Sparse coding", "47.1 %", "25.7 %", "Krizhevsky, Sutskever &amp; Hinton 2012, table 1"):
        assert words in found


def test_the_practical_answer_ends_the_report(done, bar_images):
    found = page(done, bar_images)
    assert found.index("Is a convolutional network needed here?") > found.index("How it was measured")


def test_published_figures_stand_only_beside_the_digits_they_were_measured_on(done, bar_images):
    assert "published 12 %" in page(done, bar_images).replace(SPACE, " ")
    other = page(replace(done, source="bars"), bar_images)
    assert "published" not in other.split("</style>")[1].lower()


def test_marks_lie_where_their_error_is(done):
    bars, ticks = error_chart(done)
    assert [bar.name for bar in bars] == [METHODS[n].title for n in ("lenet5-modern", "knn", "linear")]
    places = [bar.at for bar in bars]
    assert places == sorted(places)
    at = {text.replace(SPACE, " "): place for place, text in ticks}
    assert at["10 %"] == pytest.approx(bars[2].at)  # 20 of 200
    for bar in bars:
        assert bar.low <= bar.at <= bar.high


def test_lone_errors_are_those_that_no_other_method_makes(done, bar_images):
    lone = lone_errors([r for r in done.table if r.measured], bar_images)
    found = {one.name: [n for *_, n in one.shown] for one in lone}
    assert found == {METHODS["linear"].title: list(range(2, 10)), METHODS["knn"].title: [30]}
    assert lone[0].total == 18


def test_names_from_outside_are_shown_and_never_run(done, bar_images):
    hostile = replace(bar_images, classes=(HOSTILE, "b", "猫"))
    text = page(replace(done, source=HOSTILE), hostile)
    assert "<script>alert" not in text
    assert "猫" in text


def test_without_any_figure_there_is_a_page(done, bar_images):
    text = page(replace(done, rows=done.rows[3:5]), bar_images)
    assert "No method was measured." in text
    assert text.rstrip().endswith("</html>")


def test_p_values_are_never_nothing():
    assert [p_text(p) for p in (1.0, 0.0432, 1e-12)] == ["1", "0.043", "< 0.0001"]


def test_a_heading_puts_the_rows_in_order(done, bar_images, chromium):
    path = write_comparison(done, bar_images)
    view = chromium.new_page(viewport={"width": 390, "height": 844})
    complaints: list[str] = []
    view.on("pageerror", lambda error: complaints.append(str(error)))
    view.goto(path.as_uri())
    titles = "[...document.querySelectorAll('#figures tbody th b')].map(e => e.textContent)"
    view.locator("#figures thead button", has_text="error").click()
    order = [METHODS[n].title for n in ("lenet5-modern", "knn", "linear")]
    assert view.evaluate(titles)[:3] == order
    assert view.locator("#figures th[aria-sort]").get_attribute("aria-sort") == "ascending"
    view.locator("#figures thead button", has_text="error").click()
    assert view.evaluate(titles)[:3] == order[::-1]
    assert view.evaluate(titles)[3:] == [METHODS["forest"].title, METHODS["tangent"].title], (
        "what has no figure is last"
    )
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    assert not complaints
    view.close()
