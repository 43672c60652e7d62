"""Surgery: what changes the answer and the accuracy, taken back and done again; the challenge is found and praised."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from convscope.inspect.layers import layer_of
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.surgery import Surgery
from convscope.inspect.tipping import tipping


@pytest.fixture
def asked(client):
    """Asks about the packaged Run until there is an answer."""

    def ask(path, status=200, **query):
        for _ in range(100):
            answer = client.get(f"/api/runs/lenet5/{path}", params={"picture": "test/0", **query})
            assert answer.status_code == status, answer.text
            if status != 200 or not answer.json().get("waiting"):
                return answer.json()
            time.sleep(0.1)
        raise AssertionError("no answer")

    return ask


def test_the_effect_is_that_of_the_library(asked, lab):
    found = asked("effect", picture="test/1", ops="mute:C1/2;mute:C1/5")
    lens = lab.desk.lens("lenet5")
    picture = lens.seen(np.asarray(lens.images.test.pixels[1]))[0]
    effect = Surgery(lens.subject).mute("C1/2").mute("C1/5").effect(picture)
    assert (found["said_before"], found["said_after"]) == effect.named == ("2", "3")
    assert sum(found["before"]) == pytest.approx(1) and sum(found["after"]) == pytest.approx(1)
    assert found["operations"] == ["C1/2 muted", "C1/5 muted"]
    leads = found["lead_before"], found["lead_after"]
    for lead, scores in zip(leads, (effect.before, effect.after), strict=True):
        assert lead == pytest.approx(scores["2"] - max(v for k, v in scores.items() if k != "2"), rel=1e-4)
    assert leads[0] > 0 > leads[1] and found["rival"] == "3"


def test_the_accuracy_before_and_after_is_counted_over_all_test_pictures(asked, lab):
    found = asked("accuracy", ops="mute:C1/2")
    lens = lab.desk.lens("lenet5")
    whole, without = accuracies_muted(lens.subject, layer_of(lens.subject, "C1"), lens.images.test, only=[2])
    assert found == {"before": whole, "after": without[2], "total": 10000, "waiting": None}
    assert asked("accuracy") == {"before": whole, "after": whole, "total": 10000, "waiting": None}
    assert asked("accuracy", epoch=0)["before"] < 0.3


@pytest.mark.parametrize("picture, size", [(2, 1), (1, 2), (0, 3)])
def test_the_challenge_has_the_smallest_sets_that_change_the_answer(asked, lab, picture, size):
    found = asked("challenge", picture=f"test/{picture}")
    assert (found["layer"], found["size"]) == ("C1", size)
    lens = lab.desk.lens("lenet5")
    seen = lens.seen(np.asarray(lens.images.test.pixels[picture]))[0]
    assert found["answer"] == tipping(lens.subject, seen).answer == str(lens.images.test.labels[picture])
    for solution in found["solutions"]:
        surgery = Surgery(lens.subject)
        for unit in solution["units"]:
            surgery.mute(unit)
        assert surgery.effect(seen).named == (found["answer"], solution["says"])
        assert solution["says"] != found["answer"] and len(solution["units"]) == size


@pytest.mark.parametrize(
    "query, words",
    [
        ({"ops": "cut:C1/2"}, "there is no operation 'cut'"),
        ({"ops": "scale:C1/2:x"}, "is no finite number"),
        ({"ops": "edit:C1/2:1,2"}, "has a kernel of 1x5x5 numbers, but 2 came"),
        ({"ops": "swap:C1/2:C3/2"}, "of different layers"),
        ({"ops": "swap:C3/0:C3/1"}, "see different maps below"),
    ],
)
def test_an_operation_that_does_not_fit_is_said(asked, query, words):
    for path in ("effect", "accuracy", "challenge"):
        assert words in asked(path, 400, **query)["error"]


def test_muting_changes_answer_and_accuracy_and_is_taken_back_and_done_again(look, width):
    page = look(width).go("#/lenet5/units?picture=test/2&layer=C1")
    page.get_by_role("button", name="Mute C1/2").click()
    expect(page).to_have_url(re.compile("ops=mute:C1/2"))
    box = page.get_by_role("region", name="What the changes do")
    expect(box).to_contain_text("It said 1, and now it says 5")
    expect(box).to_contain_text(
        "99.15 % named rightly before, 46.82 % now, of 10,000 test pictures", timeout=20_000
    )
    expect(page.locator("#strip .answer")).to_have_text("5")
    page.keyboard.press("z")
    expect(page).not_to_have_url(re.compile("ops"))
    expect(box).to_contain_text("the network is as it was")
    page.keyboard.press("y")
    expect(page).to_have_url(re.compile("ops=mute:C1/2"))
    box.get_by_role("button", name="Reset").click()
    expect(page).not_to_have_url(re.compile("ops"))
    expect(box.get_by_role("button", name="Reset")).to_be_hidden() if width < 600 else expect(
        box
    ).to_contain_text("Nothing is changed")


def test_a_unit_is_scaled_edited_and_swapped_on_its_card(look):
    page = look().go("#/lenet5/C1/2?picture=test/2")
    expect(page.locator(".card .epochs li")).to_have_count(13)
    page.get_by_role("button", name="Change it").click()
    tools = page.get_by_role("region", name="Change C1/2")
    expect(tools).to_be_visible()
    tools.get_by_role("slider", name="Its sums times").fill("-1")
    expect(page).to_have_url(re.compile(r"ops=scale:C1/2:-1"))
    tools.get_by_role("slider", name="Its sums times").fill("1")
    expect(page).not_to_have_url(re.compile("ops"))
    first = tools.get_by_role("textbox", name="picture, row 0, column 0")
    first.fill("0.5")
    first.press("Enter")
    expect(page).to_have_url(re.compile(r"ops=edit:C1/2:0.5,"))
    expect(page.locator(".card .kernels:not(.editing) .cell").first).to_have_text("0.5")
    tools.get_by_role("button", name="As it was learned").click()
    expect(page).not_to_have_url(re.compile("ops"))
    tools.get_by_role("combobox", name="Swap C1/2 with").select_option("C1/3")
    expect(page).to_have_url(re.compile(r"ops=swap:C1/2:C1/3"))


def test_a_kernel_is_painted_with_the_pointer_in_one_step(look):
    page = look(height=1400).go("#/lenet5/C1/2?picture=test/2&change=1")
    page.get_by_role("button", name="Paint 0.48").click()
    cells = page.locator(".editing .cell")
    start, end = cells.nth(0).bounding_box(), cells.nth(4).bounding_box()
    page.mouse.move(start["x"] + 9, start["y"] + 9)
    page.mouse.down()
    page.mouse.move(end["x"] + 9, end["y"] + 9, steps=12)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"ops=edit:C1/2:(0\.479\d*,){5}0\.2"))
    page.go_back()
    expect(page).not_to_have_url(re.compile("ops"))


def test_the_challenge_counts_helps_and_praises(look, width):
    page = look(width).go("#/lenet5/units?picture=test/2&layer=C1")
    page.get_by_role("button", name="A challenge").click()
    box = page.get_by_role("region", name="The challenge")
    expect(box).to_contain_text("Mute the detector that makes this a 1")
    expect(page.locator(".tile a.open").first).to_contain_text("C1/0")
    page.get_by_role("button", name="Mute C1/0").click()
    expect(box).to_contain_text("1 try so far")
    page.get_by_role("button", name="Unmute C1/0").click()
    box.get_by_role("button", name="A hint").click()
    box.get_by_role("button", name="Another hint").click()
    expect(page.locator(".tile a.open").first).to_contain_text("C1/2")
    page.get_by_role("button", name="Mute C1/2").click()
    expect(box).to_contain_text("Done, in 2 tries. Without C1/2 it says 5")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(box).to_contain_text("Done, in 2 tries. Without C1/2 it says 5")
    box.get_by_role("button", name="End").click()
    expect(box).to_be_hidden()
