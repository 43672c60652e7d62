"""The tour: every chapter opens from its link, and what it asks for is noticed when it is done."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

CHAPTERS = range(1, 9)


def panel(page):
    return page.locator("#tour")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_opens_from_its_link(look, width, chapter):
    page = look(width).go(f"#/lenet5/draw?picture=test/0&tour={chapter}")
    expect(panel(page).locator("h2")).to_be_visible()
    expect(panel(page).locator("[aria-current=step]")).to_have_text(str(chapter))


def test_it_is_walked_through_from_the_first_chapter_to_the_last(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    page.get_by_role("button", name="Tour").click()
    titles = []
    for chapter in CHAPTERS:
        expect(panel(page).locator("[aria-current=step]")).to_have_text(str(chapter))
        expect(page).to_have_url(re.compile(f"tour={chapter}"))
        titles.append(panel(page).locator("h2").inner_text())
        expect(page.locator("#view .view")).to_be_visible()
        if chapter < 8:
            panel(page).get_by_role("button", name="Next:").click()
    assert len(set(titles)) == 8
    panel(page).get_by_role("button", name="End the tour").last.click()
    expect(panel(page)).to_be_hidden()


def test_muting_and_taking_back_is_noticed(look):
    page = look().go("#/lenet5/draw?picture=test/0&tour=4")
    page.get_by_role("button", name="Mute C1/2").click()
    expect(panel(page).locator(".task")).to_contain_text("Now you")
    page.get_by_role("button", name="Take back").click()
    expect(panel(page).locator(".task")).to_contain_text("Done")


def test_moving_through_the_epochs_is_noticed(look):
    page = look().go("#/lenet5/units?layer=C1&picture=test/0&epoch=0&tour=5")
    page.locator("#epoch").focus()
    page.keyboard.press("End")
    expect(panel(page).locator(".task")).to_contain_text("Done")


def test_a_chapter_that_there_is_not_is_no_tour(look):
    page = look().go("#/lenet5/draw?picture=test/0&tour=99")
    expect(panel(page)).to_be_hidden()


def test_moving_the_kernel_is_noticed(look):
    page = look().go("#/lenet5/slide?unit=C1/0&picture=test/0&tour=1")
    expect(page.locator(".view.slide canvas").first).to_be_visible()
    page.locator("#view").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)
    expect(panel(page).locator(".task")).to_contain_text("Done")


def test_another_sheet_is_noticed(look):
    page = look().go("#/lenet5/paper?picture=test/0&tour=2")
    page.locator("[data-sheet='sobel_x']").click()
    expect(panel(page).locator(".task")).to_contain_text("Done")


def test_a_padding_is_noticed(look):
    page = look().go("#/lenet5/pad?picture=test/0&tour=3")
    page.locator("#pad-C1-padding").select_option("2")
    expect(panel(page).locator(".task")).to_contain_text("Done")
