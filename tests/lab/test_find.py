"""Find: what the page is told is what `find` finds; it comes bit by bit; finds are zoomed to, cut out and opened elsewhere."""

from __future__ import annotations

import io
import re
import time

import numpy as np
import pytest
from messages import unpacked
from PIL import Image
from playwright.sync_api import expect

import convscope as cs
from convscope.finding.pages import page as made_page
from convscope.finding.search import Search, Wish
from convscope.lab import searches
from convscope.lab.shelf import FINDER_FOLDER


@pytest.fixture(scope="module")
def small():
    """A small page of six digits."""
    return made_page(cs.images("mnist").test, count=6, size=(150, 220), seed=3)


@pytest.fixture(scope="module")
def kept(lab, small):
    return lab.desk.keep(small.pixels)


@pytest.fixture(scope="module")
def run():
    return cs.Run(FINDER_FOLDER)


def asked(client, picture, run="finder", **query):
    """Ask until it is over: head and arrays."""
    for _ in range(200):
        answer = client.get(f"/api/runs/{run}/find", params={"picture": picture, **query})
        assert answer.status_code == 200, answer.text
        head, arrays = unpacked(answer.content)
        if head["waiting"] is None:
            return head, arrays
        time.sleep(0.05)
    raise AssertionError("it never ends")


def test_the_page_is_told_what_find_finds(client, kept, small, run):
    head, arrays = asked(client, kept)
    found = cs.find(run, small.pixels, least=0.5)
    assert [(b["label"], b["x"], b["y"], b["width"], b["height"]) for b in head["boxes"]] == [
        (b.label, b.x, b.y, b.width, b.height) for b in found.boxes
    ]
    assert {b["label"] for b in head["boxes"]} <= {b.label for b in small.boxes} and len(head["boxes"]) >= 5
    np.testing.assert_allclose(arrays["heat"], found.heat.values.max(0), atol=1e-5)
    assert (head["mode"], head["knows_nothing"], head["size"]) == ("dense", True, [220, 150])
    assert head["passes"] == found.forward_passes


def test_the_heat_of_a_class_is_its_own_and_says_with_which_window(client, kept, run, small):
    head, arrays = asked(client, kept)
    label = head["boxes"][0]["label"]
    _, own = asked(client, kept, kind=label)
    found = cs.find(run, small.pixels, least=0.5)
    np.testing.assert_allclose(own["heat"], found.heat.values[int(label)], atol=1e-5)
    assert (own["classes"] == int(label)).all() and (own["heat"] <= arrays["heat"]).all()
    row, column = np.unravel_index(own["heat"].argmax(), own["heat"].shape)
    left, top, wide, high = found.heat.window(int(label), int(row), int(column))
    assert [high, wide] == head["windows"][own["sizes"][row, column]]
    assert left < (column + 0.5) * head["cell"] < left + wide
    assert top < (row + 0.5) * head["cell"] < top + high


def test_a_muted_unit_changes_what_is_found(client, kept):
    _, before = asked(client, kept)
    _, after = asked(client, kept, ops=";".join(f"mute:conv1/{n}" for n in range(8)))
    assert np.abs(before["heat"] - after["heat"]).max() > 0.1


def test_it_comes_bit_by_bit(monkeypatch, run, small):
    monkeypatch.setattr(searches, "PACE", 0)
    seen = []
    whole = searches.watched(
        Search(run, Wish(0.5)),
        small.pixels,
        lambda done, total, so_far=None: seen.append((done, total, so_far)),
    )
    came = [so_far for _, _, so_far in seen if so_far is not None]
    assert len(came) >= 3 and seen[-1][0] == seen[-1][1]
    sums = [float(one.heat.values.sum()) for one in came]
    assert sums == sorted(sums) and sums[0] < sums[-1] <= float(whole.heat.values.sum())
    assert len(came[0].boxes) < len(came[-1].boxes) and all(one.passes is None for one in came)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"kind": "cat"}, "there is no class 'cat' to be found: there are 0, 1"),
        ({"smallest": 50, "largest": 20}, "the smallest window, 50, is larger than the largest, 20"),
        ({"picture": "page/x"}, "there is no page 'x': name one like page/5"),
        ({"smallest": 400}, "smaller than the smallest thing that is looked for, 400"),
    ],
)
def test_what_cannot_be_looked_for_is_said(client, kept, query, wanted):
    answer = client.get("/api/runs/finder/find", params={"picture": kept, **query})
    assert answer.status_code == 400
    assert wanted in answer.json()["error"]


def test_a_page_of_a_number_is_the_same_again_and_has_no_picture_of_nothing(lab, run):
    one, again, other = (lab.desk.picture(name, run) for name in ("page/2", "page/2", "page/3"))
    assert one.shape == (1, 800, 800) and (one == again).all() and (one != other).any()
    pages = cs.images("mnist").test
    np.testing.assert_array_equal(one, made_page(pages, count=40, seed=2).pixels)


def read(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_part_is_sent_as_it_is_or_brought_down(client, kept, small):
    ask = {"picture": kept, "left": 10.2, "top": 20, "width": 50, "height": 30.5}
    part = read(client.get("/api/runs/finder/part.png", params=ask))
    np.testing.assert_array_equal(part, small.pixels[0, 20:51, 10:61])
    down = read(client.get("/api/runs/finder/part.png", params={**ask, "side": 25}))
    assert max(down.shape) == 25
    beside = client.get("/api/runs/finder/part.png", params={**ask, "left": 300})
    assert "lies beside the picture, which has 220x150 pixels" in beside.json()["error"]


def test_a_find_is_cut_out_with_a_little_around_it(client, kept, small, lab, run):
    box = small.boxes[0]
    ask = {"picture": kept, "left": box.x, "top": box.y, "width": box.width, "height": box.height}
    made = client.post("/api/runs/finder/cut", params=ask).json()
    pixels = lab.desk.picture(made["picture"], run)
    assert pixels.shape[1] >= 1.25 * box.height and (made["height"], made["width"]) == pixels.shape[1:]
    said, _ = unpacked(client.get("/api/runs/finder/say", params={"picture": made["picture"]}).content)
    assert said["label"] == box.label


PLACE = "#/finder/find?picture="


def test_finds_are_listed_zoomed_to_and_opened(look, kept, width):
    page = look(width).go(PLACE + kept)
    finds = page.locator(".found button")
    expect(page.locator(".far")).to_contain_text("finds.")
    assert finds.count() >= 5
    expect(page.locator(".kinds button").first).to_contain_text(f"all {finds.count()}")
    finds.first.click()
    expect(page).to_have_url(re.compile(r"box=\d+,\d+.*at=[\d.]+,[\d.]+,[\d.]+"))
    expect(finds.first).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Open in Slide").click()
    expect(page).to_have_url(re.compile(r"/finder/slide\?picture=kept/"))
    expect(page.locator(".view.slide canvas").first).to_be_visible()


def test_keys_zoom_go_from_find_to_find_and_the_link_brings_it_back(look, kept):
    page = look().go(PLACE + kept)
    expect(page.locator(".far")).to_contain_text("finds.")
    page.locator("#view").focus()
    page.keyboard.press("n")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("box=.*at="))
    link, chosen = page.url, page.locator(".card p").inner_text()
    again = look()
    again.page.goto(link)
    expect(again.page.locator(".card p")).to_have_text(chosen)
    again.page.locator("#view").focus()
    again.page.keyboard.press("0")
    expect(again.page).not_to_have_url(re.compile("at="))


def test_a_click_on_a_find_chooses_it_and_sureness_and_class_sort_out(look, kept, small):
    page = look().go(PLACE + kept)
    expect(page.locator(".far")).to_contain_text("finds.")
    box, board = small.boxes[0], page.locator(".finding").bounding_box()
    scale = board["width"] / 220
    page.mouse.click(board["x"] + box.middle[0] * scale, board["y"] + box.middle[1] * scale)
    expect(page.locator(".card b")).to_have_text(box.label)
    label = page.locator(".kinds button b").nth(1).inner_text()
    page.locator(".kinds button").nth(1).click()
    expect(page.locator(".found b").first).to_have_text(label)
    expect(page).to_have_url(re.compile(f"of={label}"))
    page.locator(".least input").fill("0.999")
    expect(page.locator(".least output")).to_have_text("99.9 %")
    expect(page).to_have_url(re.compile("least=0.999"))


def test_a_net_that_never_learned_nothing_says_so_and_leads_to_one_that_did(look, kept):
    page = look().go(f"#/lenet5/find?picture={kept}")
    expect(page.locator(".note")).to_contain_text("never learned what nothing is")
    page.get_by_role("link", name="look with one that did").click()
    expect(page).to_have_url(re.compile("#/finder/find"))
    expect(page.locator(".far")).to_contain_text("finds.")
    expect(page.locator(".note")).to_be_hidden()
