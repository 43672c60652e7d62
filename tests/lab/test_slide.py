"""Slide: what the page shows of a place is what `trace_layer` says of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.lab.shelf import PACKAGED_FOLDER
from tests.lab.test_draw import unpacked

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
        assert getattr(film, "n_frames", 1) == 72
