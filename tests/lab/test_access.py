"""The page for everybody: axe-core finds no serious fault in any view, and a keyboard is enough."""

from __future__ import annotations

import re
from typing import Any

import pytest
from javascript import modules
from places import places
from playwright.sync_api import expect

SERIOUS = ("serious", "critical")

PLACES = places()


def faults(page: Any) -> list[str]:
    """What axe-core finds serious or critical, one line each, with the first element that has it."""
    page.add_script_tag(path=str(modules() / "axe-core" / "axe.min.js"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['impact']} {one['id']}: {one['help']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"][:2]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PLACES)
def test_axe_finds_no_serious_fault(look, name, width, theme):
    page = look(width, color_scheme=theme, reduced_motion="reduce", bypass_csp=True).go(PLACES[name])
    page.wait_for_load_state("networkidle")
    assert faults(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dialogs_have_no_serious_fault_and_give_the_focus_back(look, theme):
    page = look(color_scheme=theme, reduced_motion="reduce", bypass_csp=True).go(
        "#/lenet5/draw?picture=test/0"
    )
    for name in ("Keys", "Save picture", "Pick"):
        opener = page.get_by_role("button", name=name, exact=True)
        opener.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert faults(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()


def where(page: Any) -> str:
    """The part of the page that has the focus."""
    return page.evaluate(
        "() => { const at = document.activeElement;"
        " return at.closest('.skip') ? 'skip' : at.closest('#menu') ? 'menu' : at.closest('[id]')?.closest('#head, #tour, #view, #strip, #bar')?.id"
        " ?? at.closest('#head, #tour, #view, #strip, #bar')?.id ?? at.tagName; }"
    )


@pytest.mark.parametrize("name", PLACES)
def test_tab_reaches_menu_view_strip_and_bar_in_order_and_is_always_seen(look, name):
    page = look(reduced_motion="reduce").go(PLACES[name])
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")
    seen: list[str] = []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = where(page)
        if at == "BODY":
            break
        if not seen or seen[-1] != at:
            seen.append(at)
        if at not in ("bar", "strip") or len(seen) < 6:
            assert page.evaluate(
                "() => { const at = document.activeElement, box = at.getBoundingClientRect();"
                " const framed = (node) => ['', '::after'].some((part) => { const style = getComputedStyle(node, part || null); return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1; });"
                " return box.width > 0 && box.height > 0 && getComputedStyle(at).visibility === 'visible'"
                " && (framed(at) || [at.parentElement, at.parentElement.parentElement].some(framed)); }"
            ), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    order = [part for part in ("skip", "head", "menu", "view", "strip", "bar") if part in seen]
    assert {"skip", "head", "menu", "view", "strip", "bar"} <= set(seen), seen
    assert [seen.index(part) for part in order] == sorted(seen.index(part) for part in order), seen


def test_the_first_tab_leads_past_the_head_to_the_view(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the view")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#view")).to_be_focused()


def test_the_question_mark_lists_the_keys_and_they_do_what_it_says(look):
    page = look(reduced_motion="reduce").go("#/lenet5/draw?picture=test/0")
    page.keyboard.press("?")
    box = page.get_by_role("dialog", name="Keys")
    expect(box).to_contain_text("the views, in order")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    expect(page.locator("body")).not_to_have_css("background-color", before)
    page.keyboard.press("<")
    expect(page).to_have_url(re.compile("epoch=11"))
    page.keyboard.press(">")
    expect(page).to_have_url(re.compile("^((?!epoch).)*$"))
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("picture=ink/"))


def test_what_is_new_is_said_to_those_who_do_not_see_it(look):
    page = look().go("#/lenet5/draw?picture=test/0")
    assert page.locator("#news").get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()
    expect(page.get_by_role("navigation", name="The network, layer by layer")).to_be_visible()
