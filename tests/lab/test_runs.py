"""Runs: all of them with their scores, also damaged ones; some side by side; deleted and brought back."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from playwright.sync_api import expect

import convscope as cs
from convscope.lab.shelf import PACKAGED_FOLDER
from tests.lab.conftest import copy_run


@pytest.fixture
def another(lab):
    """A Run beside "7", of another recipe."""
    path = copy_run(lab.home / "8")
    info = json.loads((path / "run.json").read_text())
    recipe = json.loads((path / "recipe.json").read_text())
    (path / "run.json").write_text(json.dumps({**info, "seed": 5, "status": "stopped", "scores": None}))
    (path / "recipe.json").write_text(json.dumps({**recipe, "rate": 0.5}))
    yield path
    shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(lab.home / ".deleted" / "8", ignore_errors=True)


@pytest.fixture
def damaged(lab):
    path = lab.home / "9"
    path.mkdir()
    (path / "run.json").write_text('{"format": 1, "net": "lenet5"}')
    yield path
    shutil.rmtree(path)


def line(client, name):
    return next(one for one in client.get("/api/runs").json() if one["name"] == name)


def test_a_line_says_what_the_run_says(client):
    said, info = line(client, "lenet5"), cs.Run(PACKAGED_FOLDER).info
    assert said["test_error_percent"] == info["scores"]["test_error_percent"]
    assert said["test_interval_percent"] == info["scores"]["test_interval_percent"]
    assert (said["deletable"], said["resumable"], said["packaged"]) == (False, False, True)


@pytest.mark.usefixtures("damaged")
def test_a_damaged_run_is_listed_with_what_is_wrong(client):
    said = line(client, "9")
    assert "damaged" in said["problem"]
    assert said["deletable"]
    assert client.get("/api/compare", params={"runs": "9,7"}).json()["lines"][0]["problem"]


def test_a_run_whose_program_ended_without_saving_can_be_resumed(client, another):
    info = json.loads((another / "run.json").read_text())
    (another / "run.json").write_text(json.dumps({**info, "status": "running"}))
    said = line(client, "8")
    assert (said["status"], said["resumable"]) == ("cut short", True)


@pytest.mark.usefixtures("another")
def test_only_what_differs_is_told(client):
    said = client.get("/api/compare", params={"runs": "7,8"}).json()
    assert [(d["kind"], d["what"], d["values"]) for d in said["differences"]] == [
        ("run", "seed", [f"{cs.Run(PACKAGED_FOLDER).info['seed']}", "5"]),
        ("recipe", "rate", [str(cs.Run(PACKAGED_FOLDER).recipe["rate"]), "0.5"]),
    ]
    assert said["metrics"][0] == cs.Run(PACKAGED_FOLDER).metrics


def test_nets_with_other_names_are_compared_by_place(tmp_path):
    from convscope.lab.compared import differences

    for name, text in {
        "a": "input 1x32x32\nx conv 6 5x5\ny linear 10",
        "b": "input 1x32x32\nc conv 6 5x5\nd linear 10 | relu",
    }.items():
        copy_run(tmp_path / name)
        (tmp_path / name / "stack.txt").write_text(text)
    found = differences([cs.Run(tmp_path / "a"), cs.Run(tmp_path / "b")])
    assert [(d.what, d.values) for d in found] == [
        ("1", ("x: conv 6 5x5", "c: conv 6 5x5")),
        ("2", ("y: linear 10", "d: linear 10 | relu")),
    ]


def test_too_many_and_unknown_runs_are_refused_or_named(client):
    assert client.get("/api/compare", params={"runs": ",".join(map(str, range(20)))}).status_code == 404
    assert (
        "no Run 'nobody'"
        in client.get("/api/compare", params={"runs": "nobody"}).json()["lines"][0]["problem"]
    )
    assert client.get("/api/compare", params={"runs": ""}).json()["lines"] == []


@pytest.mark.usefixtures("another", "damaged")
def test_the_table_and_two_runs_side_by_side(look, width):
    page = look(width).go("#/lenet5/runs?compare=7,8")
    expect(page.locator("tbody th a")).to_have_count(4)
    expect(page.locator(".others")).to_contain_text("damaged")
    expect(page.locator(".differences")).to_contain_text("recipe: rate")
    expect(page.locator(".errors li")).to_have_count(1)
    expect(page.locator(".beside .curves svg[role=img]")).to_have_count(2)
    expect(page.locator(".kernels canvas.film")).to_have_count(4)  # two of kernels, two of their legends


@pytest.mark.usefixtures("another")
def test_ticking_changes_the_link_and_sorting_too(look):
    page = look().go("#/lenet5/runs")
    page.get_by_label("Compare 7").check()
    page.get_by_label("Compare 8").focus()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("compare=7,8"))
    expect(page.get_by_label("Compare 8")).to_be_focused()
    page.get_by_role("button", name="wrong").click()
    expect(page).to_have_url(re.compile("sort=error"))
    expect(page.locator("tbody th a").last).to_have_text("8")


@pytest.mark.usefixtures("another")
def test_deleting_can_be_undone_also_of_the_run_that_is_looked_at(look, lab):
    page = look().go("#/8/runs?compare=8")
    page.get_by_role("button", name="Delete 8").click()
    expect(page).to_have_url(re.compile("#/lenet5/runs$"))
    expect(page.locator("#news")).to_contain_text("Run 8 is deleted")
    expect(page.get_by_role("button", name="Delete 8")).to_have_count(0)
    assert not (lab.home / "8").exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Delete 8")).to_be_visible()
    expect(page.locator("#run option[value='8']")).to_have_count(1)
    assert (lab.home / "8").exists()


def test_without_runs_the_command_that_makes_one_is_shown(look, lab):
    lab.desk.shelf.delete("7")
    try:
        aside = [
            path for path in lab.home.iterdir() if path.name.isdecimal() and (path / "run.json").exists()
        ]
        for path in aside:
            path.rename(path.with_name(f".{path.name}"))
        page = look().go("#/lenet5/runs")
        expect(page.locator(".none code")).to_have_text("convscope train mnist --net lenet5-modern")
        expect(page.get_by_role("button", name="Run it")).to_be_visible()
    finally:
        for path in aside:
            path.with_name(f".{path.name}").rename(path)
        lab.desk.shelf.restore("7")
