"""Draw: a seven through the pointer is a seven, and what the page shows is what the library says."""

from __future__ import annotations

import re

import numpy as np
from messages import unpacked
from playwright.sync_api import expect

import convscope as cs
from convscope.lab.shelf import PACKAGED_FOLDER


def draw(page, points):
    box = page.locator(".board").bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_what_is_said_of_a_picture_is_what_the_record_says(client):
    head, arrays = unpacked(client.get("/api/runs/lenet5/say", params={"picture": "test/0"}).content)
    record = cs.record(cs.Run(PACKAGED_FOLDER), cs.images("mnist").test.pixels[0])
    assert head["label"] == "7"
    assert [layer["name"] for layer in head["layers"]] == list(record)
    for name, maps in record.items():
        np.testing.assert_array_equal(arrays[name].ravel(), maps.ravel())


def test_a_seven_drawn_through_the_pointer_is_a_seven(look, width):
    page = look(width).go("#/lenet5/draw?picture=test/1")
    page.get_by_role("button", name="Clear").click()
    draw(page, [(0.25, 0.25), (0.75, 0.25), (0.45, 0.85)])
    expect(page.locator("#strip .answer")).to_have_text("7")
    expect(page).to_have_url(re.compile("ink/"))


def test_the_link_brings_the_drawing_back(look):
    page = look().go("#/lenet5/draw?picture=test/1")
    page.get_by_role("button", name="Clear").click()
    draw(page, [(0.5, 0.15), (0.5, 0.85)])
    expect(page.locator("#strip .answer")).to_have_text("1")
    expect(page).to_have_url(re.compile("ink/"))
    again = look().go(page.url.split("/", 3)[3])
    expect(again.locator("#strip .answer")).to_have_text("1")


def test_an_invisible_hand_draws_a_seven_first(look):
    page = look().go("")
    expect(page.locator("#strip .answer")).to_have_text("7")
    expect(page).to_have_url(re.compile("ink/"))


def test_the_pen_follows_the_keys(look):
    page = look(reduced_motion="reduce").go("#/lenet5/draw?picture=test/1")
    page.get_by_role("button", name="Clear").click()
    page.locator(".board").focus()
    for key in ["ArrowUp"] * 10 + ["Space"] + ["ArrowDown"] * 20 + ["Space"]:
        page.keyboard.press(key)
    expect(page.locator("#strip .answer")).to_have_text("1")


def test_a_value_that_is_pointed_at_shows_what_it_sees(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    sheet = page.locator(".layers canvas").nth(0)
    sheet.hover(position={"x": 2, "y": 2})
    field = page.locator(".over .mark")
    field.wait_for(state="visible")
    over, frame = page.locator(".over").bounding_box(), field.bounding_box()
    assert abs(frame["width"] / over["width"] - 5 / 32) < 0.02
    assert "C1/0 at 0, 0" in page.locator(".tip").inner_text()


def test_muting_from_the_reasons_changes_the_link_and_can_be_taken_back(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    page.get_by_role("button", name="Mute C1/2").click()
    expect(page).to_have_url(re.compile("ops=mute:C1/2"))
    page.get_by_role("button", name="Take back: C1/2 muted").click()
    expect(page).not_to_have_url(re.compile("ops"))


def test_the_camera_is_looked_through_until_its_picture_is_taken(look):
    page = look(permissions=["camera"]).go("#/lenet5/draw?picture=test/0")
    page.get_by_role("button", name="Camera").click()
    expect(page.locator(".sees figcaption, .sees div").last).to_contain_text(
        "grey from colour", timeout=15_000
    )
    page.get_by_role("button", name="Take this picture").click()
    expect(page).to_have_url(re.compile("picture=kept/"))
    expect(page.get_by_role("button", name="Camera")).to_be_visible()


def test_a_camera_that_is_not_allowed_is_said(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    page.evaluate("""() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    }""")
    page.get_by_role("button", name="Camera").click()
    expect(page.locator(".why .problem")).to_have_text(
        "The browser was not allowed to use the camera: allow it beside the address."
    )
