"""Shrink and pad: sizes, coverage and answers on the page are the library's; changes are in the link."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from messages import unpacked
from playwright.sync_api import expect

import convscope as cs
from convscope.inspect.coverage import coverage
from convscope.inspect.reshaped import Change, reshaped
from convscope.inspect.subject import subject_of
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.prediction import as_seen

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
    assert head["rungs"][0]["formulas"][0] == "(32 + 2 x 0 - 5) / 1 + 1 = 28"


def test_coverage_is_the_product_of_the_axes(client):
    head, arrays = asked(client, layer="S2")
    rows, columns = cs.zoo["lenet5"].coverage("S2")
    assert head["chosen"] == "S2"
    np.testing.assert_array_equal(arrays["coverage"], np.outer(rows, columns))


def test_holes_of_a_dilated_window_are_not_counted(client):
    head, arrays = asked(client, changes="C1:dilation=2", layer="C1")
    made = reshaped(cs.Run(PACKAGED_FOLDER).net(), {"C1": Change(dilation=2)}).net.stack
    assert head["rungs"][0]["size"] == list(made.shapes["C1"][1:])
    np.testing.assert_array_equal(arrays["coverage"], coverage(made, "C1"))


def test_with_padding_the_first_maps_are_as_large_as_the_picture_and_the_last_layers_do_not_fit(client):
    head, arrays = asked(client, changes="C1:padding=2")
    assert head["rungs"][0]["size"] == [32, 32] and head["rungs"][0]["was"] == [28, 28]
    assert head["stops"] == ["F6", "its weights are for 120 values, and 480 values (120 x 2 x 2) come"]
    assert head["beyond"] == ["F6", "OUT"]
    assert "after" not in arrays


def test_what_would_mend_it_does(client):
    head, _ = asked(client, changes="C1:padding=2")
    assert head["mend"]
    for one in head["mend"]:
        mended, arrays = asked(client, changes=one["change"])
        assert mended["stops"] == ["", ""]
        assert arrays["after"].sum() == pytest.approx(1, abs=1e-4)


def test_the_answer_is_that_of_the_changed_net(client):
    _, arrays = asked(client, changes="C1:padding=2;C5:stride=2")
    run = cs.Run(PACKAGED_FOLDER)
    made = reshaped(run.net(), {"C1": Change(padding=2), "C5": Change(stride=2)})
    seen = as_seen(run, cs.images("mnist").test.pixels[0])[0]
    wanted = subject_of(run)
    with torch.no_grad():
        answer = made.net(wanted.given(seen[None]))
    np.testing.assert_allclose(arrays["after"], wanted.chances(answer.flatten(1))[0].numpy(), atol=1e-5)


def test_a_muted_unit_stays_muted_at_other_sizes(client):
    _, arrays = asked(client, ops="mute:C1/3", changes="C1:padding=1")
    maps = arrays["maps C1"]
    assert np.ptp(maps[3]) == 0 and np.ptp(maps[2]) > 0


@pytest.mark.parametrize(
    "changes",
    ["C1:padding=999", "nope:padding=1", "F6:stride=2", "C1:padding", "C1:stride=30;C3:dilation=64", "C1:stride=0", "x" * 4001, "S2:padding=1", "C1:padding=1;C1:stride=2"],
)  # fmt: skip
def test_changes_that_cannot_be_are_said(client, changes):
    answer = client.get("/api/runs/lenet5/pad", params={"picture": "test/0", "changes": changes})
    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 200:
        assert unpacked(answer.content)[0]["stops"][0]
    else:
        assert len(answer.json()["error"].splitlines()) == 1


def test_a_switch_changes_the_link_the_sizes_and_what_fits(look, width):
    page = look(width).go(PLACE)
    page.locator("#pad-C1-padding").select_option("2")
    expect(page).to_have_url(re.compile("change=C1:padding"))
    expect(page.locator(".ladder .rung").nth(1)).to_contain_text("32×32")
    expect(page.locator(".ladder .rung").nth(1)).to_contain_text("(32 + 2 × 2 − 5) / 1 + 1 = 32")
    expect(page.locator(".rung.stop")).to_contain_text("F6 does not fit")
    page.get_by_role("button", name="C5: stride 2").click()
    expect(page.locator(".rung.stop")).to_contain_text("It still says 7")
    page.locator("#pad-C1-padding").select_option("0")
    expect(page).to_have_url(re.compile("change=C5:stride"))
    page.get_by_role("button", name="As it was").click()
    expect(page.locator(".rung.stop")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("change="))


def test_a_link_opens_as_it_was(look, width):
    page = look(width).go(f"{PLACE}&change=C1:padding=same;C3:padding=same;C5:padding=same&layer=S2")
    expect(page.get_by_label("Padding same in every layer")).to_be_checked()
    expect(page.locator("#pad-C3-padding")).to_have_value("same")
    expect(page.locator("#pad-S2")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".beside")).to_contain_text("No answer: F6 does not fit any more")
    page.get_by_label("Padding same in every layer").uncheck()
    expect(page.locator("#pad-C3-padding")).to_have_value("0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_maps_are_to_scale(look):
    page = look().go(PLACE)
    expect(page.locator(".ladder .rung")).to_have_count(8)
    widths = [page.locator(".ladder .rung").nth(n).locator(".scaled canvas").bounding_box()["width"] for n in range(5)]  # fmt: skip
    assert [round(w / widths[0] * 32) for w in widths] == [32, 28, 14, 10, 5]


def test_keys_alone_change_a_layer_and_walk_over_the_border(look):
    page = look().go(PLACE)
    page.locator("#pad-C3-stride").focus()
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("C3:stride"))
    expect(page.locator("#pad-C3-stride")).to_be_focused()
    page.keyboard.press("Tab")
    page.locator("#view").focus()
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("padding%3Dsame|padding=same"))
    page.keyboard.press("z")
    expect(page).not_to_have_url(re.compile("change="))
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile("layer=S2"))
    page.keyboard.press("[")
    expect(page.locator("#pad-C1")).to_have_attribute("aria-pressed", "true")
    page.locator(".beside .over").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip")).to_contain_text("row 0, column 1: seen by 2 of 25 windows that could")


def test_a_pixel_says_how_many_values_see_it(look):
    page = look().go(PLACE)
    expect(page.locator(".beside .over")).to_be_visible()
    page.locator(".beside .over").hover(position={"x": 1, "y": 1})
    expect(page.locator(".tip")).to_contain_text("row 0, column 0: seen by 1 of 25 windows that could")
