"""Shrink and pad: sizes, coverage and answers on the page are the library's; changes are in the link."""

from __future__ import annotations

import re

import numpy as np
import pytest
from messages import unpacked
from playwright.sync_api import expect

import convscope as cs

PLACE = "#/lenet5/pad?picture=test/0"


def asked(client, **query):
    answer = client.get("/api/runs/lenet5/pad", params={"picture": "test/0", **query})
    assert answer.status_code == 200, answer.text
    return unpacked(answer.content)


def test_the_ladder_is_the_stacks(client):
    head, arrays = asked(client)
    stack = cs.zoo["lenet5"]
    assert {r["name"]: (r["units"], *r["size"]) for r in head["rungs"]} == stack.shapes
    assert head["stops"] == ["", ""]
    np.testing.assert_array_equal(arrays["before"], arrays["after"])
    assert head["rungs"][0]["formula"] == "(32 + 0 - 5) / 1 + 1 = 28"


def test_coverage_is_the_product_of_the_axes(client):
    head, arrays = asked(client, layer="S2")
    rows, columns = cs.zoo["lenet5"].coverage("S2")
    assert head["chosen"] == "S2"
    np.testing.assert_array_equal(arrays["coverage"], np.outer(rows, columns))


def test_with_padding_the_first_maps_are_as_large_as_the_picture_and_the_last_layers_do_not_fit(client):
    head, arrays = asked(client, changes="C1:padding=2")
    assert head["rungs"][0]["size"] == [32, 32]
    assert head["stops"][0] == "F6"
    assert head["beyond"] == ["F6", "OUT"]
    assert "after" not in arrays


@pytest.mark.parametrize(
    "changes", ["C1:padding=999", "nope:padding=1", "F6:stride=2", "C1:padding", "C1:stride=30"]
)
def test_changes_that_cannot_be_are_said(client, changes):
    answer = client.get("/api/runs/lenet5/pad", params={"picture": "test/0", "changes": changes})
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert len(answer.json()["error"].splitlines()) == 1


def test_a_switch_changes_the_link_the_sizes_and_what_fits(look, width):
    page = look(width).go(PLACE)
    page.locator("#pad-C1-padding").select_option("2")
    expect(page).to_have_url(re.compile("change=C1:padding"))
    expect(page.locator(".ladder .rung").nth(1)).to_contain_text("32×32")
    expect(page.locator(".rung.stop")).to_contain_text("F6 does not fit")
    page.get_by_role("button", name="As it was").click()
    expect(page.locator(".rung.stop")).to_have_count(0)


def test_keys_alone_change_a_layer(look):
    page = look().go(PLACE)
    page.locator("#pad-C3-stride").focus()
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("C3:stride"))
    expect(page.locator("#pad-C3-stride")).to_be_focused()
    page.keyboard.press("Tab")
    page.locator("#view").focus()
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("padding%3Dsame|padding=same"))


def test_a_pixel_says_how_many_values_see_it(look):
    page = look().go(PLACE)
    page.locator(".view.pad .over canvas").first.hover(position={"x": 1, "y": 1})
    expect(page.locator(".tip")).to_contain_text("row 0, column 0: seen by 1 of 25 that could")
