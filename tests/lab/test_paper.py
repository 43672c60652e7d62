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
    wanted = cs.convolve(seen, parse_kernel(sheet, files=False)[1].astype(np.float32), padding="same")[0]
    np.testing.assert_array_equal(arrays["map"], wanted)
    assert head["limit"] == pytest.approx(np.abs(wanted).max())


def test_a_learned_sheet_is_the_nets_own_kernel(client, seen):
    _, arrays = asked(client, "C1/2")
    subject = subject_of(cs.Run(PACKAGED_FOLDER))
    kernel = kernels_of(subject, layers_of(subject)[0])[2]
    np.testing.assert_allclose(arrays["kernel"], kernel, rtol=1e-6)
    np.testing.assert_array_equal(arrays["map"], cs.convolve(seen, kernel.astype(np.float32), padding="same"))


def test_a_patch_finds_itself(client):
    head, arrays = asked(client, "patch:10,12,6,7")
    assert arrays["map"].max() == pytest.approx(1)
    assert head["places"][0][:2] == [10 + 3, 12 + 3]


def test_sobel_is_shown_with_the_learned_one_that_resembles_it(client):
    head, _ = asked(client, "sobel_y")
    assert head["learned"]["unit"] == "C1/3"
    assert abs(head["learned"]["cosine"]) <= 1


@pytest.mark.parametrize("sheet", ["nonsense", "1 2; 3", "C3/1", "C1/99", "patch:0,0,1,1", "patch:30,30,9,9", "nan", "box(500)", "", "/etc/passwd", "1 1 | 2 2", "gabor(1e999)"])  # fmt: skip
def test_what_is_no_sheet_is_said_in_one_line(client, sheet):
    answer = client.get("/api/runs/lenet5/paper", params={"picture": "test/0", "sheet": sheet})
    assert answer.status_code in (400, 422)
    assert len(answer.json()["error"].splitlines()) == 1


def test_a_sheet_is_taken_from_the_tray_and_kept_beside(look, width):
    page = look(width).go(PLACE)
    page.locator("[data-sheet='sobel_x']").click()
    expect(page).to_have_url(re.compile("sheet=sobel_x"))
    expect(page.locator(".about h2")).to_have_text("sobel_x")
    page.get_by_role("button", name="Keep beside").click()
    page.locator("[data-sheet='C1/2']").click()
    expect(page.locator(".pin")).to_have_count(1)
    expect(page.locator(".about h2")).to_have_text("C1/2")


def test_the_sheet_follows_the_pointer_and_the_keys(look):
    page = look().go(f"{PLACE}&sheet=sobel_x")
    film = page.locator(".filmsheet")
    expect(page.locator(".about h2")).to_have_text("sobel_x")
    before = film.bounding_box()
    page.locator(".laid").hover(position={"x": 40, "y": 40})
    moved = film.bounding_box()
    assert moved["x"] < before["x"]
    expect(page.locator(".tip")).to_contain_text("row")
    page.mouse.move(5, 5)
    page.locator(".laid").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert film.bounding_box()["x"] > moved["x"]


def test_a_changed_number_makes_a_painted_sheet(look):
    page = look().go(f"{PLACE}&sheet=sobel_x")
    cell = page.get_by_label("row 1, column 1")
    cell.fill("5")
    cell.press("Enter")
    expect(page).to_have_url(re.compile("sheet=-1"))
    expect(page.locator("canvas[data-name=map]")).to_be_visible()


def test_a_knob_changes_the_kernel(look):
    page = look().go(f"{PLACE}&sheet=gaussian")
    knob = page.get_by_label("sigma")
    knob.fill("2")
    knob.press("Enter")
    expect(page).to_have_url(re.compile("sigma"))


def test_a_patch_is_cut_with_the_pointer(look):
    page = look().go(PLACE)
    page.get_by_role("button", name="Cut a patch").click()
    box = page.locator(".laid").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("sheet=patch:"))
    expect(page.locator(".about h2")).to_have_text("A patch")
