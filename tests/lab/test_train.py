"""Train: what is wanted is checked by the library, the program is the one a person would type, and it can be steered."""

from __future__ import annotations

import os
import re
import signal
import time

import numpy as np
import pytest
from messages import unpacked
from PIL import Image
from playwright.sync_api import expect

import convscope as cs
from convscope.lab.order import Order
from convscope.lab.shelf import PACKAGED_FOLDER
from convscope.lab.trainings import Trainings, reserved
from convscope.training.recipes import recipe_for

SMALL = "input 1x16x16; c conv 4 3x3 | relu; p max 2x2; out linear 2"
LIVE = {"waiting", "starting", "reading", "training", "pausing", "paused", "stopping", "finishing"}


@pytest.fixture(scope="session")
def strokes(tmp_path_factory):
    """A folder of strokes that lie or stand."""
    folder = tmp_path_factory.mktemp("own") / "strokes"
    rng = np.random.default_rng(0)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for n in range(30):
            pixels = rng.integers(0, 40, (16, 16)).astype(np.uint8)
            at = rng.integers(3, 12)
            pixels[
                (slice(at, at + 2), slice(None)) if name == "lying" else (slice(None), slice(at, at + 2))
            ] = 220
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def until(client, name, states, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page = client.get(f"/api/trainings/{name}").json()
        if page["line"]["state"] in states:
            return page
        time.sleep(0.05)
    raise AssertionError(page["line"])


def begin(client, strokes, **wanted):
    wanted = {"source": str(strokes), "net": SMALL, "knobs": {"epochs": 2, "batch": 8}, **wanted}
    answer = client.post("/api/trainings", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()["line"]["name"]


def test_the_command_is_the_one_a_person_would_type():
    order = Order("mnist", "lenet5-modern", "quick", {"rate": 0.01, "epochs": 5, "batch": 64}, seed=3)
    assert (
        order.command()
        == "convscope train mnist --net lenet5-modern --recipe quick --epochs 5 --rate 0.01 --seed 3"
    )
    own = Order("my pictures", "input 1x8x8;a  conv 2 3x3|relu; b linear 3", size=64, fit="crop").command()
    assert (
        own
        == "convscope train 'my pictures' --net 'input 1x8x8; a conv 2 3x3 | relu; b linear 3' --size 64 --fit crop"
    )


@pytest.mark.parametrize(("wanted", "words"), [
    ({"net": "input 1x28x28; a conv 4 5x5 strid=2; b linear 10"}, "line 1, column 29: conv has no option 'strid'"),
    ({"net": "lenet6"}, "lenet6: no net of the zoo; did you mean lenet5?"),
    ({"recipe": "slow"}, "there is no recipe 'slow'"),
    ({"knobs": {"epocs": 1}}, "no knob 'epocs': did you mean epochs?"),
    ({"knobs": {"epochs": 1.5}}, "epochs is a whole number, not 1.5"),
    ({"knobs": {"rate": -1}}, "rate goes from 1e-09 to 1000, not -1"),
    ({"knobs": {"loss": "distance"}}, "distance"),
    ({"source": "mnits"}, "Did you mean mnist?"),
    ({"source": "/no/such/place"}, "/no/such/place: there is no such folder"),
    ({"source": "\0"}, "no zero in it"),
    ({"source": " "}, "name the pictures"),
    ({"size": 64}, "mnist has a size of its own"),
    ({"net": "input 1x28x28; a linear 900000"}, "at most 500,000,000 are taught from here"),
    ({"net": "input 1x28x28; a conv 4 29x29; b linear 10"}, "29x29"),
])  # fmt: skip
def test_what_cannot_be_trained_is_refused_in_the_words_of_the_library(client, lab, wanted, words):
    before = sorted(lab.home.iterdir())
    asked = {"source": "mnist", "net": "lenet5-modern", **wanted}
    answer = client.post("/api/trainings", json=asked)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert words in client.post("/api/trainings/command", json=asked).json()["error"]
    assert sorted(lab.home.iterdir()) == before


@pytest.mark.parametrize("body", [{}, {"source": 3}, {"source": "mnist", "seed": -1}, {"source": "mnist", "knobs": {"epochs": [1]}},
                                  {"source": "mnist", "size": 10**9}, {"source": "x" * 2000}])  # fmt: skip
def test_requests_of_another_kind_are_refused(client, body):
    assert client.post("/api/trainings", json=body).status_code == 422


def test_acts_on_what_is_not_trained_are_refused(client):
    for act in ("pause", "continue", "stop"):
        assert client.post(f"/api/trainings/lenet5/{act}").status_code == 404
    assert "does not lie under" in client.post("/api/trainings/lenet5/resume").json()["error"]
    assert "has ended" in client.post("/api/trainings/7/resume").json()["error"]
    assert client.post("/api/trainings/7/explode").status_code == 422
    assert client.get("/api/trainings/none").status_code == 404


def test_a_ladder_is_the_librarys(client):
    said = client.post("/api/stack", json={"text": "lenet5"}).json()
    ladder = cs.zoo["lenet5"].ladder
    assert [(row["name"], tuple(row["output"]), row["parameters"]) for row in said["layers"]] == [
        (rung.name, rung.output, rung.parameters) for rung in ladder
    ]
    assert said["parameters"] == 60_000
    fitted = client.post("/api/stack", json={"text": SMALL, "shape": [3, 32, 32], "classes": 5}).json()
    assert fitted["input"] == [3, 32, 32]
    assert fitted["layers"][-1]["output"] == [5, 1, 1]
    assert len(fitted["remarks"]) == 2


def test_a_text_that_is_wrong_is_pointed_at(client):
    said = client.post("/api/stack", json={"text": "input 1x28x28\na conv 4 5x5 strid=2"}).json()
    assert (said["line"], said["column"]) == (2, 14)
    assert "stride" in said["error"]


def test_recipes_and_their_knobs_are_the_librarys(client):
    said = client.get("/api/recipes").json()
    assert said["recipes"][0]["knobs"] == recipe_for("any").recipe.as_dict()
    assert {knob["name"] for knob in said["knobs"]} == set(recipe_for("any").recipe.as_dict())


def test_a_training_is_paused_stopped_resumed_and_gives_the_same_bits(client, lab, strokes):
    wanted = {"knobs": {"epochs": 12, "batch": 1}}
    name = begin(client, strokes, **wanted)
    until(client, name, {"training"})
    assert client.delete(f"/api/runs/{name}").status_code == 404, "a Run that is trained cannot be deleted"
    client.post(f"/api/trainings/{name}/pause")
    paused = until(client, name, {"paused"})
    at = paused["line"]["at"]
    time.sleep(0.5)
    assert client.get(f"/api/trainings/{name}").json()["line"]["at"] == at, "nothing moves while it is paused"
    client.post(f"/api/trainings/{name}/continue")
    client.post(f"/api/trainings/{name}/stop")
    stopped = until(client, name, {"stopped", "finished"})
    if stopped["line"]["state"] == "stopped":
        assert stopped["line"]["can"] == ["resume"]
        assert cs.Run(lab.home / name).info["status"] == "stopped"
        client.post(f"/api/trainings/{name}/resume")
    done = until(client, name, {"finished"})
    assert len(done["metrics"]) == 12
    assert (
        done["scores"]["test_error_percent"] == cs.Run(lab.home / name).info["scores"]["test_error_percent"]
    )
    whole = cs.train(
        cs.images(strokes), SMALL, recipe_for("own").recipe.changed(**wanted["knobs"]), out=lab.home / "whole"
    )
    for key, values in whole.weights().items():
        np.testing.assert_array_equal(values, cs.Run(lab.home / name).weights()[key])


def test_a_third_waits_and_says_for_whom(client, strokes):
    names = [begin(client, strokes, knobs={"epochs": 3000, "batch": 1}) for _ in range(3)]
    page = client.get(f"/api/trainings/{names[2]}").json()
    assert page["line"]["state"] == "waiting"
    assert page["line"]["ahead"] == names[:2]
    assert client.post(f"/api/trainings/{names[2]}/stop").json()["line"]["state"] == "stopped"
    for name in names[:2]:
        client.post(f"/api/trainings/{name}/stop")
    for name in names[:2]:
        until(client, name, {"stopped"})
    assert client.post(f"/api/trainings/{names[0]}/stop").status_code == 404


def test_a_program_that_dies_says_why_and_leaves_no_folder(client, lab, tmp_path):
    (tmp_path / "empty").mkdir()
    name = begin(client, tmp_path / "empty")
    page = until(client, name, {"failed"})
    assert "no files in it" in page["line"]["error"]
    assert not (lab.home / name).exists()


def test_a_killed_program_can_be_resumed(client, lab, strokes):
    name = begin(client, strokes, knobs={"epochs": 3000, "batch": 1})
    until(client, name, {"training"})
    lab.desk.trainings.get(name).process.send_signal(signal.SIGKILL)
    page = until(client, name, {"failed"})
    assert "ended from outside" in page["line"]["error"]
    assert page["line"]["can"] == ["resume"]
    assert (
        next(line for line in client.get("/api/runs").json() if line["name"] == name)["status"] == "cut short"
    )


def test_trainings_are_stopped_and_saved_when_the_server_ends(tmp_path, strokes):
    trainings = Trainings(tmp_path / "runs")
    training = trainings.begin(Order(str(strokes), SMALL, None, {"epochs": 3000, "batch": 1}))
    end = time.monotonic() + 60
    while training.state != "training" and time.monotonic() < end:
        time.sleep(0.05)
    trainings.close()
    assert training.process.poll() is not None
    assert cs.Run(tmp_path / "runs" / "1").info["status"] == "stopped"


def test_two_starts_never_take_the_same_folder(tmp_path):
    (tmp_path / ".deleted" / "4").mkdir(parents=True)
    assert [reserved(tmp_path).name for _ in range(3)] == ["5", "6", "7"]


def test_the_kernels_that_form_are_the_runs(client):
    head, arrays = unpacked(client.get("/api/runs/lenet5/forming").content)
    run = cs.Run(PACKAGED_FOLDER)
    assert head["epochs"] == list(run.epochs)
    for place, epoch in enumerate(run.epochs):
        np.testing.assert_array_equal(arrays["kernels"][place][:, None], run.weights(epoch)["C1.conv.weight"])
    head, arrays = unpacked(client.get("/api/runs/lenet5/forming", params={"epochs": 1}).content)
    assert head["epochs"] == [run.epochs[-1]], "of one epoch the last"


def test_a_report_is_sent_without_scripts(client):
    answer = client.get("/api/runs/7/report")
    assert answer.status_code == 200
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]


def test_it_is_taught_through_the_page(look, width, strokes, lab):
    page = look(width).go(f"#/lenet5/train?net={SMALL.replace(' ', '%20')}&epochs=3&batch=8")
    page.get_by_role("textbox", name="A folder, zip, tar or CSV on this machine").fill(str(strokes))
    page.get_by_role("button", name="Use this path").click()
    expect(page.locator(".found table")).to_contain_text("standing")
    expect(page.locator(".ladder")).to_contain_text("parameters")
    expect(page.locator(".command code")).to_have_text(
        re.compile("^convscope train .*strokes --net 'input 1x16x16; .* --epochs 3")
    )
    page.get_by_role("button", name="Start the training").click()
    expect(page).to_have_url(re.compile(r"train\?training=\d+"))
    expect(page.locator(".score")).to_be_visible(timeout=60_000)
    name = page.url.rsplit("=", 1)[1]
    scores = cs.Run(lab.home / name).info["scores"]
    expect(page.locator(".score b")).to_have_attribute(
        "title", re.compile(f"^{scores['test_error_percent']:g}")
    )
    expect(page.locator(".forming output")).to_have_text("epoch 3")
    expect(page.locator(".curves svg[role=img]")).to_have_count(2)
    page.get_by_role("link", name="Draw for it").click()
    expect(page).to_have_url(re.compile(f"#/{name}/draw"))


def test_a_text_that_is_wrong_is_marked_and_cannot_be_started(look):
    page = look().go("#/lenet5/train")
    area = page.get_by_label("The network's text, a layer a line")
    expect(page.locator(".ladder")).to_contain_text("61,706 parameters")
    area.fill(area.input_value().replace("max 2x2", "max 2x2 strid=1", 1))
    expect(page.locator("#netproblem")).to_contain_text("Line 3, column 15")
    expect(page.locator(".editor .caret")).to_be_visible()
    expect(page.get_by_role("button", name="Start the training")).to_be_disabled()
    page.get_by_role("button", name="Go there").click()
    page.keyboard.press("Delete")
    assert area.evaluate("area => area.value.split('\\n')[2]") == "pool1 max 2x2 trid=1"


def test_every_choice_is_in_the_link(look, width):
    page = look(width).go(
        "#/lenet5/train?source=fashion-mnist&net=lenet5&recipe=plain&epochs=7&shift=1&seed=5"
    )
    expect(page.get_by_role("radio", name="fashion-mnist")).to_be_checked()
    expect(page.locator(".command code")).to_have_text(
        "convscope train fashion-mnist --net lenet5 --recipe plain --epochs 7 --shift 1 --seed 5"
    )
    page.get_by_label("epochs", exact=False).first.fill("9")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile("epochs=9"))
    page.get_by_label("Distort the pictures").uncheck()
    expect(page).not_to_have_url(re.compile("shift"))


def test_with_the_keyboard_alone(look):
    page = look().go("#/lenet5/train")
    page.get_by_role("button", name="Start the training").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("source=fashion-mnist"))
    expect(page.get_by_role("radio", name="fashion-mnist")).to_be_focused()


def test_a_finished_run_is_watched_by_its_link(look, width):
    page = look(width).go("#/lenet5/train?training=lenet5")
    expect(page.locator(".score b")).to_have_text("0.85 %")
    expect(page.locator(".forming output")).to_have_text("epoch 12")
    page.get_by_label("Epoch of the kernels").focus()
    page.keyboard.press("Home")
    expect(page.locator(".forming output")).to_have_text("epoch 0, the random start")


def test_children_never_hear_the_terminals_signals(client, lab, strokes):
    name = begin(client, strokes, knobs={"epochs": 3000, "batch": 1})
    process = lab.desk.trainings.get(name).process
    assert os.getpgid(process.pid) != os.getpgid(0)
    client.post(f"/api/trainings/{name}/stop")
    until(client, name, {"stopped"})
