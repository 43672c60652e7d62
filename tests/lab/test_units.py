"""Units: the numbers of the grid and of a card are the library's; each state is a link; what takes long is asked for."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from convscope.inspect.card import sums_of
from convscope.inspect.layers import kernels_of, layer_of
from convscope.inspect.maximise import favourite
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.rank import rank_for_picture
from convscope.lab.jobs import Jobs, Waiting
from convscope.lab.memo import Memo
from convscope.nets.layers import TableConv
from tests.lab.conftest import copy_run


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A packed message: its head and its arrays."""
    length = struct.unpack("<I", content[:4])[0]
    head = json.loads(content[4 : 4 + length])
    found = {}
    for name, (kind, shape, at) in head.pop("arrays").items():
        start = 4 + length + at
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        found[name] = np.frombuffer(content[start : start + size], kind).reshape(shape)
    return head, found


@pytest.fixture
def asked(client):
    """Asks about the packaged Run: head and arrays, or the error."""

    def ask(path: str, status: int = 200, run: str = "lenet5", **query: Any) -> Any:
        answer = client.get(f"/api/runs/{run}/{path}", params={"picture": "test/0", **query})
        assert answer.status_code == status, answer.text
        return unpacked(answer.content) if status == 200 else answer.json()["error"]

    return ask


def seen(lens: Any) -> np.ndarray:
    """The first test picture as the net takes it."""
    return lens.seen(np.asarray(lens.images.test.pixels[0]))[0]


@pytest.mark.parametrize("name", ["C1", "C3", "C5"])
def test_the_grid_ranks_and_draws_what_the_library_computes(asked, lab, name):
    lens = lab.desk.lens("lenet5")
    layer = layer_of(lens.subject, name)
    head, arrays = asked("units", layer=name, count=8)
    ranked = rank_for_picture(lens.subject, layer, seen(lens), 7)
    assert [(line["unit"], line["why"]) for line in head["units"]] == [(r.unit, r.why) for r in ranked[:8]]
    maps = sums_of(lens.subject, [layer], seen(lens))[name]
    kernels = kernels_of(lens.subject, layer)
    for n, line in enumerate(head["units"]):
        assert np.array_equal(arrays["maps"][n], maps[line["unit"]])
        strongest = np.square(kernels[line["unit"]]).sum((1, 2)).argmax()
        assert np.array_equal(arrays["kernels"][n, 0], kernels[line["unit"], strongest])
    assert head["kernel_limit"] == np.abs(kernels).max()


def test_a_layer_of_many_units_comes_in_pages_that_leave_none_out(asked):
    pages = [asked("units", layer="C5", start=start)[0]["units"] for start in (0, 48, 96)]
    numbers = [line["unit"] for page in pages for line in page]
    assert sorted(numbers) == list(range(120))
    twins = {line["unit"]: line["twin"] for page in pages for line in page}
    assert twins[7]["unit"] == "C5/20" and twins[7]["correlation"] < -0.95


def test_just_some_units_come_unranked_for_a_slider_that_moves(asked, lab):
    head, arrays = asked("units", layer="C1", only="5,0,99,x", epoch=3)
    assert [line["unit"] for line in head["units"]] == [5, 0]
    lens = lab.desk.lens("lenet5", 3)
    assert np.array_equal(
        arrays["kernels"][:, 0], kernels_of(lens.subject, layer_of(lens.subject, "C1"))[[5, 0], 0]
    )


def test_a_card_says_what_the_library_computes(asked, lab):
    lens = lab.desk.lens("lenet5")
    layer, test = layer_of(lens.subject, "C3"), lens.images.test
    head, arrays = asked("card", unit="C3/5")
    assert [one["unit"] for one in head["hears"]] == ["C1/5", "C1/1", "C1/0"]
    kernel = kernels_of(lens.subject, layer)[5]
    assert np.array_equal(arrays["kernel"], kernel[[5, 1, 0]])
    assert np.array_equal(arrays["own"], kernel[[0, 1, 5]]) and head["order"] == [2, 1, 0]
    module = lens.subject.net.get_submodule("C3.conv")
    assert isinstance(module, TableConv) and head["bias"] == pytest.approx(float(module.bias.detach()[5]))
    assert np.array_equal(arrays["map"], sums_of(lens.subject, [layer], seen(lens))["C3"][5])
    whole, without = accuracies_muted(lens.subject, layer, test, only=[5])
    assert head["muted"] == {"whole": whole, "without": without[5], "total": len(test)}
    best = head["best"][0]
    assert best["picture"].startswith("train/") and best["value"] == head["seen"]["highest"] == max(
        p["value"] for p in head["best"]
    )
    assert len(head["best"]) == len(head["least"]) == 9 and arrays["best.8"].dtype == np.uint8
    assert head["favourite"]["value"] > best["value"]
    assert [part["part"] for part in head["parts"]] == ["owed", "history"]


def test_the_picture_that_a_unit_likes_best_is_the_librarys(asked, lab):
    head, arrays = asked("card", unit="C1/3")
    liked = favourite(lab.desk.lens("lenet5").subject, "C1/3", best_seen=head["best"][0]["value"])
    assert np.array_equal(arrays["favourite"], liked.pixels) and head["favourite"]["says"] == liked.says


def test_the_packaged_run_knows_all_that_takes_long_about_every_unit(asked):
    for layer, count in (("C1", 6), ("C3", 16), ("C5", 120)):
        for k in {0, count // 2, count - 1}:
            head, _ = asked("card", unit=f"{layer}/{k}")
            assert head["seen"] and head["muted"] and head["favourite"]
            assert {part["part"] for part in head["parts"]} <= {"owed", "history"}


def test_the_history_of_a_unit_ends_with_what_it_is(asked):
    head, arrays = asked("card/part", unit="C1/2", part="history")
    while head["waiting"]:
        head, arrays = asked("card/part", unit="C1/2", part="history")
    card, now = asked("card", unit="C1/2")
    assert head["epochs"] == list(range(13)) and card["unit"] == "C1/2"
    assert np.array_equal(arrays["kernels"][-1], now["kernel"][0])
    assert np.allclose(arrays["maps"][-1], now["map"])
    early, _ = asked("card", unit="C1/2", epoch=3)
    assert early["kernel_limit"] >= card["kernel_limit"] * 0.99
    assert np.array_equal(arrays["kernels"][3], asked("card", unit="C1/2", epoch=3)[1]["kernel"][0])


def test_of_another_net_the_slow_parts_wait_to_be_asked_for(asked):
    for query in ({"epoch": 3}, {"ops": "mute:C3/2"}):
        head, _ = asked("card", unit="C3/5", **query)
        waits = {part["part"]: part["how"] for part in head["parts"]}
        assert waits == {"patches": "ask", "muted": "ask", "favourite": "ask", "history": "soon"}
        assert head["seen"] is None and head["muted"] is None
    whole = asked("card", unit="C3/5")[0]["muting"]["change"]
    assert asked("card", unit="C3/5", ops="mute:C3/2")[0]["muting"]["change"] != whole


def test_a_part_that_takes_long_says_how_far_it_is_until_it_is_there(asked, lab, monkeypatch):
    monkeypatch.setattr("convscope.lab.jobs.PATIENCE", 0.0)
    told: list[dict[str, Any]] = []
    head = {"waiting": {}}
    while head["waiting"] is not None:
        head, arrays = asked("card/part", unit="C1/2", part="favourite", ops="scale:C1/2:0.5")
        told += [head["waiting"]] if head["waiting"] else []
        time.sleep(0.01)
    assert told and told[0]["doing"] == "the picture that C1/2 likes best is searched"
    done = [one["done"] for one in told]
    assert done == sorted(done) and arrays["favourite"].shape == (1, 5, 5)
    liked = favourite(lab.desk.lens("lenet5", None, "scale:C1/2:0.5").subject, "C1/2")
    assert head["favourite"]["value"] == pytest.approx(liked.value)


def test_the_whole_set_is_not_asked_about_another_net_unless_somebody_wants_that(asked):
    head, _ = asked("units", layer="C1", by="set", epoch=5)
    assert head["seconds"] > 0 and head["waiting"] is None
    assert [line["unit"] for line in head["units"]] == list(range(6))
    head, _ = asked("units", layer="C1", by="set", epoch=5, find=True)
    assert head["seconds"] is None and "60,000 training pictures" in head["waiting"]["doing"]


@pytest.mark.parametrize(
    "path, query, words",
    [
        ("card", {"unit": "C9/1"}, "there is no layer 'C9'"),
        ("card", {"unit": "C1/6"}, "it has C1/0 to C1/5"),
        ("card", {"unit": "S2/0"}, "there is no layer 'S2' with kernels"),
        ("card", {"unit": "C1/2", "picture": "test/99999"}, "there is no picture test/99999"),
        ("card", {"unit": "C1/2", "ops": "mute:C1"}, "is no unit"),
        ("units", {"layer": "F6"}, "there is no layer 'F6' with kernels"),
        ("card/part", {"unit": "C1/2", "part": "owed", "epoch": 99}, "epoch 99 was not kept"),
    ],
)
def test_what_is_not_there_is_said(asked, path, query, words):
    status = 404 if "epoch" in query else 400
    assert words in asked(path, status, **query)


@pytest.mark.parametrize("query", [{"by": "beauty"}, {"count": 49}, {"start": -1}, {"only": "1," * 600}])
def test_a_question_out_of_bounds_is_refused(asked, query):
    asked("units", 422, layer="C1", **query)
    asked("card/part", 422, unit="C1/2", part="all")


def test_a_slow_question_is_answered_once_however_many_wait_and_left_when_nobody_does(monkeypatch):
    jobs, calls, go = Jobs(), [], threading.Event()

    def work(say):
        calls.append(1)
        say(1, 2)
        go.wait(5)
        return "answer"

    waiting = jobs.ask("a", "the work", work, patience=0.05)
    assert isinstance(waiting, Waiting) and waiting.doing == "the work"
    others = [
        threading.Thread(target=jobs.ask, args=("a", "the work", work), kwargs={"patience": 5})
        for _ in range(4)
    ]
    for other in others:
        other.start()
    go.set()
    for other in others:
        other.join()
    assert jobs.ask("a", "the work", work, patience=5) == "answer" and calls == [1]

    monkeypatch.setattr("convscope.lab.jobs.ALONE", 0.05)
    steps = []

    def long(say):
        for n in range(200):
            steps.append(n)
            say(n, 200)
            time.sleep(0.01)

    assert isinstance(jobs.ask("b", "long work", long, patience=0), Waiting)
    time.sleep(0.5)
    assert 0 < len(steps) < 60


def test_a_question_that_fails_says_why_and_may_be_asked_again():
    jobs, tried = Jobs(), []

    def work(_say):
        tried.append(1)
        if len(tried) == 1:
            raise ValueError("first")
        return len(tried)

    with pytest.raises(ValueError, match="first"):
        jobs.ask("a", "work", work, patience=5)
    assert jobs.ask("a", "work", work, patience=5) == 2


def test_what_was_made_is_forgotten_when_there_is_no_room():
    memo = Memo(room=10)
    assert memo.get("a", lambda: b"123456") == memo.get("a", lambda: b"") == b"123456"
    assert memo.get("b", lambda: b"abcdef") == b"abcdef"
    assert memo.get("a", lambda: b"new") == b"new"


def test_the_grid_opens_from_its_link_and_a_card_beside_it(look, width):
    page = look(width).go("#/lenet5/units?picture=test/0&layer=C3&by=set")
    expect(page.get_by_role("heading", name="C3: 16 kernels")).to_be_visible()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(16)
    expect(tiles.first).to_contain_text("C3/8")
    expect(tiles.first).to_contain_text("muting it costs 2.06 points of accuracy")
    tiles.first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"#/lenet5/C3/8\?"))
    expect(page.get_by_role("heading", name="C3/8", exact=True)).to_be_visible()
    expect(page.locator(".card .patches li")).to_have_count(18)
    expect(page.locator(".card .epochs li")).to_have_count(13)
    wide = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


def test_all_units_of_a_large_layer_come_as_one_scrolls(look):
    page = look().go("#/lenet5/units?picture=test/0&layer=C5")
    expect(page.locator(".tile").nth(40)).to_be_attached()
    for _ in range(6):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(150)
    expect(page.locator(".tile")).to_have_count(120)


def test_the_numbers_on_a_card_are_the_librarys(look, lab):
    page = look().go("#/lenet5/C1/2?picture=test/0")
    lens = lab.desk.lens("lenet5")
    kernel = kernels_of(lens.subject, layer_of(lens.subject, "C1"))[2, 0].ravel()
    cells = page.locator(".card .kernel .cell")
    expect(cells).to_have_count(25)
    shown = [float(text.replace("−", "-")) for text in cells.all_inner_texts()]
    assert np.allclose(shown, kernel, atol=0.00501)
    cells.nth(10).hover()
    expect(page.locator(".tip")).to_contain_text(str(np.float64(kernel[10])).replace("-", "−"))


def test_a_patch_leads_to_its_picture_and_an_epoch_to_its_net(look):
    page = look().go("#/lenet5/C1/2?picture=test/0")
    page.locator(".card .patches button").first.click()
    expect(page).to_have_url(re.compile("picture=train/"))
    page.get_by_role("button", name="Epoch 3: go there").click()
    expect(page).to_have_url(re.compile("epoch=3"))
    expect(page.locator("#epochSaid")).to_have_text("3")
    expect(page.get_by_role("button", name="Find out the accuracy without it")).to_be_visible()
    page.get_by_role("button", name="Find out the accuracy without it").click()
    expect(page.locator(".card")).to_contain_text("of 10,000 test pictures are named rightly", timeout=20_000)


def test_the_grid_is_walked_through_with_the_arrow_keys(look):
    page = look().go("#/lenet5/units?picture=test/0&layer=C1")
    first = page.locator(".tile a.open").first
    expect(first).to_contain_text("C1/2")
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tile a.open").nth(1)).to_be_focused()
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(r"ops=mute:C1/0"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#/lenet5/C1/0\?"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"#/lenet5/units\?"))


def test_kernels_form_while_the_epochs_are_played(look):
    page = look(reduced_motion="no-preference").go("#/lenet5/units?picture=test/0&layer=C1")
    expect(page.locator(".tile")).to_have_count(6)
    sheet = page.locator(".tile canvas.sheet").first
    trained = sheet.evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("button", name="Play the epochs").click()
    expect(page).to_have_url(re.compile("epoch=0"))
    passed, sheets = set(), set()
    for _ in range(80):
        found = re.search(r"epoch=(\d+)", page.url)
        if not found:
            break
        passed.add(found[1])
        sheets.add(sheet.evaluate("canvas => canvas.toDataURL()"))
        page.wait_for_timeout(80)
    assert len(passed) >= 10 and "epoch" not in page.url
    assert sheets - {trained}, "the kernels were the trained ones all the time"
    expect(page.get_by_role("button", name="Play the epochs")).to_be_visible()
    for _ in range(50):
        if sheet.evaluate("canvas => canvas.toDataURL()") == trained:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the kernels are not the trained ones in the end")


def test_a_network_whose_pictures_are_not_here_has_its_cards_all_the_same(look, lab):
    path = lab.home / "gone"
    copy_run(path)
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**info, "source": "nowhere/pictures"}))
    page = look().go("#/gone/C1/2")
    card = page.locator(".card")
    expect(card).to_contain_text("A level light line (0.86 cosine)")
    expect(card).to_contain_text("Missing: the pictures that this net learned are not here")
    expect(card.locator(".epochs li")).to_have_count(13)
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.get_by_role("region", name="What the changes do")).to_contain_text("cannot be counted")


def test_a_layer_without_kernels_shows_its_maps_and_says_so(look, width):
    page = look(width).go("#/lenet5/units?picture=test/0&layer=F6")
    expect(page.locator("#view")).to_contain_text("Nothing slides, so there is no kernel to see.")
    expect(page.locator("#view .layersheet canvas")).to_be_visible()
