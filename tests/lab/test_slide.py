"""Slide: what the page shows of a place is what `trace_layer` says of it."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from messages import unpacked
from PIL import Image
from playwright.sync_api import expect

import convscope as cs
from convscope.lab.shelf import PACKAGED_FOLDER

RUN = cs.Run(PACKAGED_FOLDER)


@pytest.fixture(scope="module")
def net():
    return RUN.net()


@pytest.fixture(scope="module")
def picture():
    pixels = np.pad(cs.images("mnist").test.pixels[0], [(0, 0), (2, 2), (2, 2)])
    rule = RUN.info["normalisation"]
    scale, shift = (np.array(rule[k], np.float32)[:, None, None] for k in ("scale", "shift"))
    return pixels * scale + shift


def ask(client, path="", **query):
    answer = client.get(f"/api/runs/lenet5/slide{path}", params={"picture": "test/0", **query})
    assert answer.status_code == 200, answer.text
    return unpacked(answer.content)


@pytest.mark.parametrize(
    "unit, at", [("C1/0", (12, 7)), ("S2/3", (5, 9)), ("C3/5", (9, 0)), ("C5/7", (0, 0)), ("F6/83", (0, 0)), ("OUT/7", (0, 0))]
)  # fmt: skip
def test_a_place_is_what_its_trace_says(client, net, picture, unit, at):
    head, scene = ask(client, unit=unit)
    _, rows = ask(client, "/rows", unit=unit, first=at[0])
    seen = cs.trace_layer(net, picture, unit, at)
    y, x = at
    assert np.array_equal(rows["products"][0, x], seen.products)
    assert np.array_equal(rows["channel_sums"][0, x], seen.channel_sums)
    assert rows["sums"][0, x] == seen.sum
    assert float(scene["stages"][-1, y, x]) == seen.value
    assert np.array_equal(scene["kernel"], seen.kernel)
    assert head["bias"] == seen.bias and head["operation"] == seen.operation
    top, left, _, _ = head["sides"]
    assert (seen.rows[0], seen.columns[0]) == (y * head["stride"][0] - top, x * head["stride"][1] - left)
    window = scene["given"][:, seen.rows[0] :, seen.columns[0] :][
        :, : seen.window.shape[1], : seen.window.shape[2]
    ]
    assert np.array_equal(window, seen.window)
    assert len(head["channels"]) == len(seen.channels)


def test_all_rows_of_a_small_map_come_at_once(client):
    head, arrays = ask(client, "/rows", unit="C1/0")
    assert (head["first"], head["count"]) == (0, 28) and arrays["products"].shape == (28, 28, 1, 5, 5)


def test_the_scene_says_what_is_below_and_what_the_steps_do(client):
    head, arrays = ask(client, unit="C3/5")
    assert (head["below"], head["channels"], head["units_below"]) == ("S2", ["S2/0", "S2/1", "S2/5"], 6)
    assert [stage["kind"] for stage in head["stages"]] == ["conv", "squash"]
    assert "picture" not in arrays
    head, arrays = ask(client, unit="C1/0")
    assert head["below"] == "" and arrays["picture"].shape == (1, 32, 32)


def test_a_net_that_was_operated_on_slides_as_it_is(client):
    _, arrays = ask(client, unit="C1/2", ops="mute:C1/2")
    assert not arrays["stages"].any()


@pytest.mark.parametrize(
    "path, query, words",
    [
        ("", {"unit": "C9/0"}, "there is no layer 'C9'"),
        ("", {"unit": "C1/6"}, "'C1/6' is no unit of C1: it has C1/0 to C1/5"),
        ("", {"unit": "C3/0", "channel": 3}, "C3/0 sees 3 maps: there is no map 3, they go from 0 to 2"),
        ("/rows", {"unit": "C1/0", "first": 28}, "there are no rows 28 to 28 in a map of 28x28"),
        (".gif", {"unit": "F6/0"}, "F6/0 has one place: nothing slides"),
        ("", {"unit": "C1/0", "picture": "test/99999"}, "there is no picture test/99999"),
    ],
)
def test_what_is_not_there_is_said(client, path, query, words):
    answer = client.get(f"/api/runs/lenet5/slide{path}", params={"picture": "test/0", **query})
    assert answer.status_code == 400 and words in answer.json()["error"]


@pytest.mark.parametrize("unit", ["C1/0", "C3/5", "S2/1"])
def test_the_animation_is_a_gif_of_bounded_size(client, unit):
    answer = client.get(
        "/api/runs/lenet5/slide.gif", params={"picture": "test/0", "unit": unit, "theme": "dark"}
    )
    assert answer.headers["content-type"] == "image/gif" and len(answer.content) < 4_000_000
    with Image.open(io.BytesIO(answer.content)) as film:
        assert getattr(film, "n_frames", 1) == 60


def exact(page, name):
    return float(page.locator(f'tfoot td[data-sum="{name}"]').inner_text().replace("−", "-"))


@pytest.mark.parametrize("unit, at", [("C1/2", (11, 20)), ("C3/5", (4, 3)), ("OUT/7", (0, 0))])
def test_the_numbers_on_the_page_are_those_of_the_trace(look, net, picture, unit, at):
    page = look().go(f"#/lenet5/slide?unit={unit}&picture=test/0&at={at[0]},{at[1]}&numbers=1")
    seen = cs.trace_layer(net, picture, unit, at)
    expect(page.locator(".exact caption")).to_contain_text(f"row {at[0]}, column {at[1]}")
    assert exact(page, "sum") == seen.sum
    if seen.activation != "none":
        assert exact(page, seen.activation) == seen.value
        assert exact(page, "bias") == seen.bias
    said = [
        [float(cell.replace("−", "-")) for cell in row.split("\t")[1:]]
        for row in page.locator(".exact tbody").inner_text().splitlines()
    ]
    window = seen.window[0] if unit != "OUT/7" else seen.window
    kernel = seen.kernel[0] if unit != "OUT/7" else seen.kernel
    products = seen.products[0] if unit != "OUT/7" else seen.products
    assert np.array_equal(said, np.stack([window.ravel(), kernel.ravel(), products.ravel()], 1))
    shown = float(page.locator(".end .value").get_attribute("title").replace("−", "-"))
    assert shown == seen.value


@pytest.mark.parametrize("place", ["unit=C1/0&picture=test/0&at=12,7", "unit=C3/15&picture=test/1&slice=4", "unit=F6/3&epoch=3", ""])  # fmt: skip
def test_it_opens_from_its_link_at_any_width(look, width, place):
    page = look(width).go(f"#/lenet5/slide?{place}")
    expect(page.locator(".end .value")).not_to_have_text("")
    link = page.url
    page.wait_for_timeout(300)
    assert page.url == link
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_keys_alone_move_play_and_choose(look):
    page = look(reduced_motion="reduce").go("#/lenet5/slide?unit=C1/0&picture=test/0&at=3,3")
    expect(page.locator(".sums")).to_contain_text("row 3, column 3")
    for key, place in [("ArrowRight", "row 3, column 4"), ("ArrowDown", "row 4, column 4"), ("End", "row 27, column 27"),
                       ("ArrowRight", "row 27, column 27"), ("Home", "row 0, column 0"), (".", "row 0, column 1")]:  # fmt: skip
        page.keyboard.press(key)
        expect(page.locator(".sums")).to_contain_text(place)
    expect(page).to_have_url(re.compile("at=0,1"))
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".sums")).not_to_contain_text("row 0, column 1")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("unit=C1/1"))
    page.keyboard.press("]")
    expect(page.locator("h2")).to_have_text("S2/0")
    expect(page.get_by_label("Layer", exact=True)).to_have_value("S2")


def test_the_sheet_is_dragged_and_the_map_points_back(look):
    page = look().go("#/lenet5/slide?unit=C1/0&picture=test/0")
    expect(page.locator(".sums")).to_contain_text("row 0, column 0")
    board = page.locator(".slideboard").bounding_box()
    cell = board["width"] / 32
    page.mouse.move(board["x"] + 2.5 * cell, board["y"] + 2.5 * cell)
    page.mouse.down()
    page.mouse.move(board["x"] + 12.5 * cell, board["y"] + 7.5 * cell, steps=5)
    page.mouse.up()
    expect(page.locator(".sums")).to_contain_text("row 5, column 10")
    expect(page).to_have_url(re.compile("at=5,10"))
    map_ = page.locator(".mapboard")
    box = map_.bounding_box()
    map_.click(position={"x": box["width"] * 20.5 / 28, "y": box["height"] * 14.5 / 28})
    expect(page.locator(".sums")).to_contain_text("row 14, column 20")


def test_it_plays_to_the_end_and_the_map_fills(look):
    page = look().go("#/lenet5/slide?unit=C3/0&picture=test/0")
    expect(page.locator(".sums")).to_contain_text("row 0, column 0")
    expect(page.locator(".rest").first).to_be_hidden()
    page.get_by_label("Speed").select_option("60")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".rest").last).to_be_visible()
    expect(page.locator(".sums")).to_contain_text("row 9, column 9")
    expect(page.locator(".rest").last).to_be_hidden()
    expect(page).to_have_url(re.compile("at=9,9"))


def test_a_slice_is_brought_to_the_front(look):
    page = look().go("#/lenet5/slide?unit=C3/5&picture=test/0")
    page.get_by_role("button", name="1: bring S2/1 to the front").click()
    expect(page).to_have_url(re.compile("slice=1"))
    expect(page.locator(".blocks figcaption").first).to_have_text("window of S2/1")


def test_a_unit_that_is_not_there_is_said_and_another_can_be_chosen(look):
    watched = look()
    page = watched.go("#/lenet5/slide?unit=C1/99&picture=test/0")
    expect(page.locator(".view .problem")).to_contain_text("'C1/99' is no unit of C1")
    page.get_by_label("Layer", exact=True).select_option("C3")
    expect(page.locator(".end .value")).to_be_visible()
    expect(page.locator(".view .problem")).to_be_hidden()
    watched.complaints[:] = [line for line in watched.complaints if "status of 400" not in line]
