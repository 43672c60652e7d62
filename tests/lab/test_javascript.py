"""The page's JavaScript: its types, by TypeScript from the JSDoc; and its modules that need no page, by Node."""

from __future__ import annotations

import re

import pytest
from javascript import HERE, modules, node

from convscope.lab.pages import STATIC

LONGEST = 400
"""Lines that a module has at most."""


def test_the_types_are_right():
    said = node(str(modules() / "typescript" / "bin" / "tsc"), "--project", ".", "--pretty", "false")
    assert said.stdout.replace("../../../src/convscope/lab/static/", "") == ""
    assert said.returncode == 0, said.stderr


def test_the_modules_that_need_no_page_do_what_they_say():
    tests = sorted(str(path.name) for path in HERE.glob("*.test.mjs"))
    said = node("--import", "./modules.mjs", "--test", "--test-reporter", "tap", *tests)
    faults = [block for block in said.stdout.split("# Subtest: ") if re.search(r"^ *not ok", block, re.M)]
    assert said.returncode == 0, "\n".join(faults)[:4000] or said.stderr
    assert len(tests) >= 5 and "# fail 0" in said.stdout


SCRIPTS = sorted(STATIC.rglob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_a_module_is_one_idea_and_fetches_nothing_from_elsewhere(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert re.findall(r"""https?://(?!www\.w3\.org/)[^\s"'`]*""", text) == []
    assert (
        re.findall(
            r"\beval\(|\bnew Function\(|innerHTML|insertAdjacentHTML|document\.write|@ts-(?:ignore|nocheck)",
            text,
        )
        == []
    )


def test_the_pages_style_fetches_nothing_from_elsewhere():
    for path in [*STATIC.rglob("*.css"), STATIC / "index.html"]:
        assert re.findall(r"https?://|@import|url\((?!['\"]?data:)", path.read_text()) == [], path
