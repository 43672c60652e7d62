"""Magnet paper: maps are those of `convolve` and `match`; sheets are taken, painted, cut and compared."""

from __future__ import annotations

import re

import numpy as np
import pytest
from messages import unpacked
from playwright.sync_api import expect

import convscope as cs
from convscope.inspect.layers import kernels_of, layers_of
from convscope.inspect.subject import subject_of
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.prediction import as_seen

PLACE = "#/lenet5/paper?picture=test/0"


def asked(client, sheet, picture="test/0"):
    answer = client.get("/api/runs/lenet5/paper", params={"picture": picture, "sheet": sheet})
    assert answer.status_code == 200, answer.text
    return unpacked(answer.content)


@pytest.fixture(scope="module")
def seen():
    return as_seen(cs.Run(PACKAGED_FOLDER), cs.images("mnist").test.pixels[0])[0].astype(np.float32) / 255


@pytest.mark.parametrize("sheet", ["sobel_x", "gaussian(2)", "1 0 -1; 2 0 -2; 1 0 -1", "line(45, 5)"])
def test_a_sheets_map_is_that_of_convolve(client, seen, sheet):
    from convscope.conv.kernel_text import parse_kernel

    head, arrays = asked(client, sheet)
    wanted = cs.convolve(
        seen, parse_kernel(sheet, files=False)[1].astype(np.float32), padding="same", mode="replicate"
    )[0]
    np.testing.assert_array_equal(arrays["map"], wanted)
    assert head["limit"] == pytest.approx(np.abs(wanted).max())


def test_a_learned_sheet_is_the_nets_own_kernel(client, seen):
    _, arrays = asked(client, "C1/2")
    subject = subject_of(cs.Run(PACKAGED_FOLDER))
    kernel = kernels_of(subject, layers_of(subject)[0])[2]
    np.testing.assert_allclose(arrays["kernel"], kernel, rtol=1e-6)
    np.testing.assert_array_equal(
        arrays["map"], cs.convolve(seen, kernel.astype(np.float32), padding="same", mode="replicate")
    )


def test_a_patch_finds_itself(client):
    head, arrays = asked(client, "patch:10,12,6,7")
    assert arrays["map"].max() == pytest.approx(1)
    assert head["places"][0][:2] == [10 + 2, 12 + 3]


def test_sobel_is_shown_with_the_learned_one_that_resembles_it(client):
    head, _ = asked(client, "sobel_y")
    assert head["like"][0]["sheet"] == "C1/3"
    back, _ = asked(client, "C1/3")
    assert any(
        near["sheet"] == "sobel_y" and near["cosine"] == head["like"][0]["cosine"] for near in back["like"]
    )


@pytest.mark.parametrize("sheet", ["nonsense", "1 2; 3", "C3/1", "C1/99", "patch:0,0,1,1", "patch:30,30,9,9", "nan", "box(500)", "", "/etc/passwd", "1 1 | 2 2", "gabor(1e999)", "x" * 20_001])  # fmt: skip
def test_what_is_no_sheet_is_said_in_one_line(client, sheet):
    answer = client.get("/api/runs/lenet5/paper", params={"picture": "test/0", "sheet": sheet})
    assert answer.status_code in (400, 422)
    assert len(answer.json()["error"].splitlines()) == 1


def test_a_painted_sheet_is_changed_by_the_library(client):
    def changed(**query):
        return client.get("/api/kernels/painted", params=query)

    assert changed(sheet="1 2; 3 4", change="turn").json() == {"sheet": "2 4; 1 3"}
    assert changed(sheet="sobel_x", change="negative").json() == {"sheet": "1 0 -1; 2 0 -2; 1 0 -1"}
    assert changed(sheet="1 1", size=3).json() == {"sheet": "0 0 0; 1 1 0; 0 0 0"}
    for query in ({"sheet": "nan"}, {"sheet": "1 | 2"}, {"sheet": "box(99)"}, {"sheet": "1e308 1e308", "change": "normalise"}, {"sheet": "C1/3"}):  # fmt: skip
        assert changed(**query).status_code == 400, query
    assert changed(sheet="1", change="explode").status_code == 422
    assert changed(sheet="1", size=64).status_code == 422


def test_the_classics_are_all_that_are_one_sheet(client):
    listed = {one["name"]: one for one in client.get("/api/kernels").json()}
    assert {"sobel_x", "gaussian", "gabor", "identity"} <= set(listed)
    assert [knob["name"] for knob in listed["gaussian"]["knobs"]] == ["sigma"]
    assert all(one["about"] and one["formula"] and one["source"] for one in listed.values())


def settled(page, sheet):
    expect(page.locator(".about h2")).to_have_text(sheet)
    return page


def test_a_sheet_is_taken_from_the_tray_and_others_are_laid_beside_it(look, width):
    page = look(width).go(PLACE)
    page.locator("[data-sheet='sobel_x']").click()
    expect(page).to_have_url(re.compile("sheet=sobel_x"))
    settled(page, "sobel_x")
    page.get_by_role("button", name="Add a sheet").click()
    expect(page.locator(".sheetmap")).to_have_count(2)
    page.locator("[data-sheet='C1/2']").click()
    settled(page, "C1/2")
    expect(page).to_have_url(re.compile("sheet=sobel_x&sheet2=C1/2&chosen=2"))
    page.get_by_role("button", name="Take C1/2 away").click()
    settled(page, "sobel_x")
    expect(page.locator(".sheetmap")).to_have_count(1)


def test_a_link_opens_four_sheets_as_they_lay(look, width):
    more = (
        "&sheet=sobel_y&at=10,12&sheet2=C1/3&sheet3=1%200%3B%200%20-1&sheet4=patch:8,10,4,5&at4=20,9&chosen=3"
    )
    page = settled(look(width).go(PLACE + more), "Painted by you")
    expect(page.locator(".sheetmap")).to_have_count(4)
    expect(page.locator(".filmsheet:visible")).to_have_count(4)
    expect(page.get_by_role("button", name="Add a sheet")).to_be_disabled()
    side = page.locator(".laid").bounding_box()["width"] / 32
    film = page.locator(".filmsheet").first.bounding_box()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert side * 32 > 280, "the picture is large"
    assert film["x"] - page.locator(".laid").bounding_box()["x"] == pytest.approx((12 - 6) * side, abs=1)


def test_a_sheet_is_dragged_over_the_picture_and_the_link_knows_where(look):
    page = settled(look().go(f"{PLACE}&sheet=sobel_x"), "sobel_x")
    box = page.locator(".laid").bounding_box()
    cell = box["width"] / 32
    page.mouse.move(box["x"] + 16.5 * cell, box["y"] + 13.5 * cell)
    page.mouse.down()
    page.mouse.move(box["x"] + 20.5 * cell, box["y"] + 20.5 * cell, steps=4)
    expect(page.locator(".tip")).to_contain_text("row 20, column 20")
    page.mouse.up()
    expect(page).to_have_url(re.compile("at=20,20"))


def test_a_sheet_is_carried_from_the_tray_onto_the_picture(look, client):
    page = settled(look().go(f"{PLACE}&sheet=sobel_x"), "sobel_x")
    tile, box = page.locator("[data-sheet='C1/3']").bounding_box(), page.locator(".laid").bounding_box()
    cell = box["width"] / 32
    page.mouse.move(tile["x"] + 30, tile["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 8.5 * cell, box["y"] + 9.5 * cell, steps=5)
    expect(page.locator(".filmsheet:visible")).to_have_count(2)
    page.mouse.up()
    expect(page).to_have_url(re.compile("sheet2=C1/3&at2=9,8&chosen=2"))
    _, arrays = asked(client, "C1/3")
    page.mouse.move(box["x"] + 10.5 * cell, box["y"] + 12.5 * cell)
    exact = f"{float(arrays['map'][12, 10])!r}".replace("-", "−")
    expect(page.locator(".tip")).to_contain_text(exact)


def test_keys_alone_move_the_sheet_cut_a_patch_and_cover_the_picture(look):
    page = settled(look().go(f"{PLACE}&sheet=sobel_x&at=10,10"), "sobel_x")
    page.locator(".laid").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    expect(page).to_have_url(re.compile("at=15,11"))
    expect(page.locator(".stage .unseen")).to_contain_text("row 15, column 11")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile("show=over"))
    expect(page.locator(".laid .whole")).to_be_visible()
    page.keyboard.press("c")
    page.locator(".laid").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("sheet=patch:12,7,8,7"))
    settled(page, "A patch of the picture")


def test_a_changed_number_makes_a_painted_sheet(look):
    page = settled(look().go(f"{PLACE}&sheet=sobel_x"), "sobel_x")
    cell = page.get_by_label("row 1, column 1")
    cell.fill("5")
    cell.press("Enter")
    expect(page).to_have_url(re.compile("sheet=-1"))
    settled(page, "Painted by you")


def test_cells_are_painted_with_the_pointer_and_with_keys(look, width):
    page = settled(look(width).go(f"{PLACE}&sheet=0%200%200%3B%200%201%200%3B%200%200%200"), "Painted by you")
    page.get_by_role("button", name="Paint −1").click()
    first, last = (page.get_by_label(f"row 0, column {n}") for n in (0, 2))
    first.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.numbers').scrollIntoView({ block: 'center' })")
    page.mouse.move(*_middle(first))
    page.mouse.down()
    page.mouse.move(*_middle(last), steps=6)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"sheet=-1%20-1%20-1%3B%200%201%200%3B"))
    # The map of what was painted is on its way, and the editor is drawn anew with it.
    page.wait_for_timeout(500)
    last.focus()
    expect(last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("row 1, column 2")).to_be_focused()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"sheet=-1%20-1%20-1%3B%200%201%201%3B"))
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Turn").click()
    expect(page).to_have_url(re.compile(r"sheet=-1%201%200%3B%20-1%201%200%3B%20-1%200%200"))


def test_a_blank_sheet_is_ready_to_be_painted(look):
    page = settled(look().go(PLACE), "sobel_y")
    page.get_by_role("button", name="5×5").click()
    settled(page, "Painted by you")
    expect(page.get_by_role("button", name="Paint +1")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("row 0, column 0").click()
    expect(page).to_have_url(re.compile("sheet=1%200%200%200%200%3B"))


def _middle(cell):
    box = cell.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_knob_changes_the_kernel(look):
    page = settled(look().go(f"{PLACE}&sheet=gaussian"), "gaussian")
    knob = page.get_by_label("sigma")
    knob.fill("2")
    knob.press("Enter")
    expect(page).to_have_url(re.compile("sigma"))


def test_a_patch_is_cut_with_the_pointer(look):
    page = settled(look().go(PLACE), "sobel_y")
    page.get_by_role("button", name="Cut a patch").click()
    box = page.locator(".laid").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("sheet=patch:9,9,8,11"))
    settled(page, "A patch of the picture")


def test_what_resembles_lies_beside_with_one_press(look, width):
    page = settled(look(width).go(f"{PLACE}&sheet=sobel_y"), "sobel_y")
    like = page.locator(".like")
    expect(like.locator("h3")).to_have_text("It is most like: C1/3")
    expect(like.locator("figure")).to_have_count(2)
    like.get_by_role("button", name="Lay it beside").click()
    expect(page).to_have_url(re.compile("sheet2=C1/3"))


def test_a_sheet_that_is_none_is_said_and_the_tray_still_helps(look):
    watched = look()
    page = watched.go(f"{PLACE}&sheet=nonsense")
    expect(page.locator("#news")).to_contain_text("nonsense")
    page.locator("[data-sheet='sobel_x']").click()
    settled(page, "sobel_x")
    expect(page.locator("#news")).to_be_hidden()
    assert all("400" in complaint for complaint in watched.complaints)
    watched.complaints.clear()
