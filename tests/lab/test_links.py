"""Each view is a link: it opens at any width, from this machine alone, light in weight, and as it was."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from places import places
from playwright.sync_api import expect

HEAVIEST = 400_000
"""Bytes of the page without pictures, as they are sent."""

PLACES = places()


@pytest.mark.parametrize("name", PLACES)
def test_a_view_opens_from_its_link_with_nothing_but_our_server(look, lab, name, width):
    watched = look(width)
    ours, asked = urlsplit(lab.link).netloc, []

    def only_ours(route):
        asked.append(route.request.url)
        host = urlsplit(route.request.url).netloc
        return route.continue_() if host == ours else route.abort()

    watched.page.context.route("**/*", only_ours)
    page = watched.go(PLACES[name])
    page.wait_for_load_state("networkidle")
    expect(page.locator("#view > .view")).to_be_visible()
    expect(page.locator("#news")).to_be_hidden()
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:", "about:"))} == {
        ours
    }
    wide = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], page.evaluate(WIDER)
    said = page.locator("body").inner_text()
    assert "undefined" not in said and "NaN" not in said and "[object" not in said


WIDER = """[...document.querySelectorAll("#view *, #head *, #foot *")].filter((node) => node.getBoundingClientRect().right > innerWidth
  && !node.parentElement.closest("#strip, #bar, .scroll")).slice(0, 5).map((node) => node.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("name", PLACES)
def test_a_view_is_where_it_was_after_another_and_back(look, name):
    page = look().go(PLACES[name])
    page.wait_for_load_state("networkidle")
    link = page.url
    page.keyboard.press("1" if name != "draw" else "2")
    page.wait_for_load_state("networkidle")
    page.go_back()
    expect(page).to_have_url(link)
    expect(page.locator("#view > .view")).to_be_visible()


def test_the_whole_page_weighs_less_than_a_photograph(look):
    watched, weight = look(), {}
    for place in PLACES.values():
        page = watched.go(place)
        page.wait_for_load_state("networkidle")
        weight |= page.evaluate(FILES)
    assert len(weight) > 20 and 0 not in weight.values()
    assert sum(weight.values()) < HEAVIEST, sorted(weight.items(), key=lambda entry: -entry[1])[:8]


FILES = """Object.fromEntries([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((file) => !file.name.includes("/api/") && file.name.startsWith(location.origin)).map((file) => [file.name.split("#")[0], file.encodedBodySize]))"""


def test_a_link_that_names_what_is_not_there_says_so_and_the_page_goes_on(look):
    watched = look()
    page = watched.go("#/lenet5/draw?picture=test/0")
    for place, words in [
        ("#/nowhere/draw", "There is no Run 'nowhere' here"),
        ("#/lenet5/draw?picture=test/99999", "There is no picture test/99999"),
        ("#/lenet5/draw?picture=kept/abc", "This picture is not here any more"),
        ("#/lenet5/draw?picture=test/0&ops=mute:C9/1", "There is no layer 'C9'"),
        ("#/lenet5/draw?picture=test/0&epoch=99", "epoch 99 was not kept"),
    ]:
        page.evaluate(f"location.hash = {place!r}")
        expect(page.locator("#news")).to_contain_text(words)
        page.evaluate("location.hash = '#/lenet5/draw?picture=test/0'")
        expect(page.locator("#news")).to_be_hidden()
        expect(page.locator("#strip .answer")).to_have_text("7")
    page.wait_for_timeout(200)
    watched.complaints[:] = [
        line for line in watched.complaints if "the server responded with a status of 4" not in line
    ]


def test_a_lost_connection_is_said_and_found_again(look):
    watched = look()
    page = watched.go("#/lenet5/draw?picture=test/0")
    page.context.set_offline(True)
    page.get_by_role("button", name="Random").click()
    expect(page.locator("#news")).to_contain_text(
        "No answer from convscope: is it still running in the terminal?"
    )
    page.context.set_offline(False)
    expect(page.locator("#news")).to_be_hidden(timeout=10_000)
    watched.complaints[:] = [line for line in watched.complaints if "ERR_INTERNET_DISCONNECTED" not in line]
