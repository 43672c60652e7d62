"""The report: one file that needs nothing else, shows what the Run says, and trusts nobody's names."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from convscope.data.images import Images
from convscope.report import write_report
from convscope.report.wording import SPACE
from convscope.runs import Run, Writer
from convscope.training.loop import train, training
from convscope.training.plan import make_plan
from convscope.training.recipe import Recipe

NET = "input 1x12x12; look conv 4 3x3 | relu; p max 2x2; out linear 3"
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def learned(bar_images, tmp_path_factory) -> Run:
    return train(
        bar_images,
        NET,
        Recipe(epochs=3, batch=50, validation=0.2),
        out=tmp_path_factory.mktemp("report") / "run",
    )


def text(run: Run, images: Images | None) -> str:
    return write_report(run, images).read_text().replace(SPACE, " ")


class Tags(HTMLParser):
    """Collects the tags, and every attribute that could fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.fetched += [
            v or "" for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "poster")
        ]


def test_the_page_needs_nothing_from_elsewhere(learned, bar_images):
    page = text(learned, bar_images)
    tags = Tags()
    tags.feed(page)
    assert all(v.startswith(("data:image/", "#")) for v in tags.fetched)
    assert not re.search(r"@import|url\((?!['\"]?data:)", page)
    assert not {"iframe", "object", "embed", "link", "base", "form"} & tags.names
    assert len(page) < 1_000_000


def test_the_page_says_what_the_run_says(learned, bar_images):
    page, scores = text(learned, bar_images), learned.info["scores"]
    assert f"{scores['test_error_percent']:.2f} %" in page
    low, high = scores["test_interval_percent"]
    assert f"{low:.2f} to {high:.2f} %" in page
    assert f"{learned.info['parameters']:,}" in page
    for name in learned.classes:
        assert name in page
    for rung in learned.stack.ladder:
        assert rung.name in page
    for knob in learned.recipe:
        assert knob in page
    assert page.count("look/") >= 4


def test_every_picture_has_words_for_those_who_cannot_see_it(learned, bar_images):
    page = text(learned, bar_images)
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", page))
    assert '<html lang="en"' in page
    assert "prefers-color-scheme" in page
    assert 'name="viewport"' in page


def test_without_the_pictures_the_page_says_what_is_missing(learned):
    page = text(learned, None)
    assert f"{learned.info['scores']['test_error_percent']:.2f} %" in page
    assert "pictures" in page


def test_names_from_outside_are_shown_and_never_run(learned, bar_images):
    hostile = replace(bar_images, name=HOSTILE, classes=(HOSTILE, "ligne \u202e à l'envers", "猫"))
    run = train(hostile, NET, Recipe(epochs=1, batch=100), out=learned.path.parent / "hostile")
    page = text(run, hostile)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "猫" in page


def test_a_training_that_was_stopped_still_has_a_page(bar_images, tmp_path):
    stops = iter([False] * 5 + [True] * 99)
    list(
        training(
            make_plan(bar_images, NET, Recipe(epochs=3, batch=100)),
            tmp_path / "run",
            stop=lambda: next(stops),
        )
    )
    run = Run(tmp_path / "run")
    page = text(run, bar_images)
    assert run.info["scores"] is None
    assert "--resume" in page
    assert "None %" not in page
    assert "nan" not in page.lower().replace("nano", "")


def test_colour_kernels_are_shown_too(bar_images, tmp_path):
    import numpy as np

    def coloured(p):
        return replace(p, pixels=np.repeat(p.pixels, 3, axis=1))

    images = replace(bar_images, train=coloured(bar_images.train), test=coloured(bar_images.test))
    run = train(images, NET, Recipe(epochs=1, batch=100), out=tmp_path / "run")
    assert "look/3" in text(run, images)


def test_a_net_without_kernels_has_a_page(bar_images, tmp_path):
    run = train(bar_images, "input 1x12x12; out linear 3", Recipe(epochs=1, batch=100), out=tmp_path / "run")
    assert "out" in text(run, bar_images)


def test_the_page_is_written_whole(learned, bar_images):
    path = write_report(learned, bar_images)
    assert path == learned.path / "report.html"
    assert path.read_text().rstrip().endswith("</html>")
    assert not list(Path(learned.path).glob("*.part"))


def test_a_run_can_still_be_written_after_its_report(learned, bar_images):
    write_report(learned, bar_images)
    with Writer(learned.path, resume=True) as writer:
        writer.lines("problems.jsonl", [{"path": HOSTILE, "reason": "not a readable picture"}])
    assert "&lt;script&gt;alert" in text(learned, bar_images)
