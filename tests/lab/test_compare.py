"""Compare: what was measured is shown as it was written, published beside it; a contest is started, watched, stopped."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from convscope.comparison.catalogue import METHODS
from convscope.comparison.packaged import FOLDER, names, packaged
from convscope.lab.contests import ContestOrder

GOES_ON = {"waiting", "starting", "reading", "training", "stopping", "finishing"}


def page_of(client, name):
    return client.get(f"/api/contests/{name}").json()


def until_over(client, name, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page = page_of(client, name)
        if page["going"]["state"] not in GOES_ON:
            return page
        time.sleep(0.1)
    raise AssertionError(page["going"])


def test_the_packaged_contests_are_told_as_they_were_written(client):
    assert {one["name"] for one in client.get("/api/contests").json() if not one["own"]} == set(names())
    assert page_of(client, "mnist") == {
        "name": "mnist",
        "own": False,
        "told": packaged("mnist"),
        "going": None,
    }
    assert client.get("/api/contests/mnist/lone.png").content == (FOLDER / "mnist.png").read_bytes()
    parts = client.get("/api/contest-parts").json()
    assert [one["name"] for one in parts["methods"]] == list(METHODS)
    assert parts["elsewhere"][-1]["entries"][-1]["top5_percent"] == 15.3


@pytest.mark.parametrize("name", ["nothing", "..", "here:..", "here:../runs", "mnist.json", "%2e%2e%2fmnist"])
def test_a_name_is_looked_up_and_never_a_path(client, name):
    assert client.get(f"/api/contests/{name}").status_code == 404
    assert client.get(f"/api/contests/{name}/lone.png").status_code == 404
    assert client.post(f"/api/contests/{name}/stop").status_code in (404, 405)


@pytest.mark.parametrize(("wanted", "words"), [
    ({"source": "mnits"}, "Did you mean mnist?"),
    ({"source": "/no/such/place"}, "there is no such folder"),
    ({"budget": "endless"}, "there is no budget 'endless'"),
    ({"only": ["lenet6"]}, "there is no method 'lenet6'"),
    ({"experiments": ["magic"]}, "there is no experiment 'magic'"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_the_words_of_the_library(client, wanted, words):
    asked = {"source": "mnist", **wanted}
    answer = client.post("/api/contests", json=asked)
    assert answer.status_code == 400 and words in answer.json()["error"]
    assert words in client.post("/api/contests/command", json=asked).json()["error"]
    assert client.post("/api/contests", json={"source": "x" * 2000}).status_code == 422


def test_the_command_is_the_one_a_person_would_type():
    assert ContestOrder("mnist").command() == "convscope compare mnist"
    order = ContestOrder("my pictures.zip", "quick", experiments=("shifts",), seed=3)
    assert (
        order.command() == "convscope compare 'my pictures.zip' --experiment shifts --budget quick --seed 3"
    )
    assert order.words("comparisons/x")[-2:] == ["--out", "comparisons/x"]


def test_a_contest_is_run_and_its_results_are_there(client, lab):
    asked = {"source": "mnist", "budget": "quick", "only": ["linear", "linear-deslanted"]}
    name = client.post("/api/contests", json=asked).json()["name"]
    assert name == "here:mnist-quick"
    again = client.post("/api/contests", json=asked)
    assert again.status_code == 404 and "goes on already" in again.json()["error"]
    page = until_over(client, name)
    assert page["going"]["state"] == "finished", page["going"]
    assert page["going"]["command"].endswith("--budget quick --out comparisons/mnist-quick")
    assert [row["method"] for row in page["told"]["results"]] == ["linear", "linear-deslanted"]
    written = json.loads((lab.desk.folder / "comparisons" / "mnist-quick" / "results.json").read_text())
    assert page["told"] == written
    assert {"name": name, "methods": 2}.items() <= client.get("/api/contests").json()[-1].items()
    assert client.post(f"/api/contests/{name}/stop").status_code in (404, 405)


def test_a_contest_is_stopped_and_leaves_no_pictures(client, lab):
    asked = {"source": "mnist", "budget": "default", "only": ["svm-virtual"]}
    name = client.post("/api/contests", json=asked).json()["name"]
    end = time.monotonic() + 60
    while page_of(client, name)["going"]["state"] != "training" and time.monotonic() < end:
        time.sleep(0.1)
    client.post(f"/api/contests/{name}/stop")
    assert until_over(client, name)["going"]["state"] == "stopped"
    assert not (lab.desk.folder / "comparisons" / "mnist" / "pictures").exists()


def test_the_table_is_sorted_filtered_and_opened_by_keys_and_all_of_it_is_in_the_link(look, width):
    page = look(width).go("#/lenet5/compare?contest=mnist")
    rows = page.locator(".methods tbody tr")
    measured = packaged("mnist")["results"]
    expect(rows).to_have_count(sum(row["status"] == "measured" and not row["experiment"] for row in measured))
    expect(page.locator(".methods tbody circle.published")).to_have_count(
        sum(row["published_error_percent"] is not None for row in measured if not row["experiment"])
    )
    page.get_by_role("button", name="With convolutions").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("kind=conv"))
    expect(rows).to_have_count(sum(row["convolutional"] for row in measured if not row["experiment"]))
    page.get_by_role("button", name="LeNet-5", exact=True).click()
    expect(page).to_have_url(re.compile("method=lenet5"))
    expect(page.locator(".details")).to_contain_text(METHODS["lenet5"].about)
    page.get_by_role("button", name="method", exact=True).click()
    expect(rows.first).to_contain_text("LeNet-1")
    expect(page.locator(".lone canvas").first).to_be_visible()
    expect(page.locator(".evidence")).to_contain_text(packaged("mnist")["evidence"]["processor"])


def test_experiments_are_plots_and_a_contest_of_ones_own_is_checked_as_it_is_put_together(look):
    page = look().go("#/lenet5/compare?contest=mnist-quick&start=1")
    rows = [r for r in packaged("mnist-quick")["results"] if r["method"] == "lenet5" and not r["experiment"]]
    expect(page.locator(".asked figure svg[role=img]").first).to_have_attribute(
        "aria-label", re.compile(f"LeNet-5: {rows[0]['error_percent']:.2f} % as they are")
    )
    expect(page.locator(".start code")).to_have_text("convscope compare mnist --budget quick")
    page.locator(".start input").fill("no/such/folder")
    page.keyboard.press("Tab")
    expect(page.locator(".start .problem")).to_contain_text("there is no such folder")
    expect(page.get_by_role("button", name="Start the contest")).to_be_disabled()


def test_a_contest_that_there_is_not_says_so(look):
    page = look()
    page.go("#/lenet5/compare?contest=nothing")
    expect(page.page.locator(".view.compare > .problem")).to_contain_text("There is no contest 'nothing'")
    page.complaints.clear()  # the browser says 404 on its console


def test_chapters_show_measured_figures_beside_published_ones(look):
    page = look().go("#/lenet5/units?layer=C1&picture=test/0&epoch=0&tour=5")
    expect(page.locator("#tour .bars circle.published")).to_have_count(6)
    expect(page.locator("#tour .bars circle.measured")).to_have_count(6)
    page.get_by_role("link", name="All methods, and measure them again").click()
    expect(page.locator(".view.compare .methods")).to_be_visible()


def test_the_chapter_on_photographs_shows_the_best_of_both_kinds_under_what_was_published(look):
    page = look().go("#/lenet5/train?tour=7")
    rows = packaged("imagenette-160")["results"]
    nets = [row["convolutional"] for row in rows if row["status"] == "measured"]
    measured = min(2, sum(nets)) + min(2, len(nets) - sum(nets))
    expect(page.locator("#tour .bars circle.published").first).to_be_visible()
    expect(page.locator("#tour .bars circle.measured")).to_have_count(measured)
