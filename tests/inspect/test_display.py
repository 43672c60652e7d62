"""In a notebook: what was found shows itself, in HTML that fetches nothing and escapes what it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.inspect.display import film_image, under_film
from convscope.inspect.look import card, look
from convscope.inspect.subject import subject_of
from convscope.nets.build import build


def shown() -> dict[str, Any]:
    net = build(cs.zoo["lenet5"])
    subject = subject_of(net, classes=[f"<{c}>" for c in range(10)])
    digit = cs.images("mnist").test.pixels[0]
    return {
        "record": cs.record(net, np.zeros((1, 32, 32))),
        "card": card(subject, "C1/2", picture=np.zeros((1, 32, 32), np.uint8)),
        "look": look(subject, digit, layer="C1", top=1, methods=("gradient",)),
        "favourite": cs.favourite(net, "C1/0", steps=3),
        "heat": cs.where(subject, digit, method="gradient"),
    }


@pytest.mark.parametrize("name", ["record", "card", "look", "favourite", "heat"])
def test_it_shows_itself_with_pictures_of_its_own(name: str):
    html = shown()[name]._repr_html_()
    assert html.count("<img ") >= 1 and html.count("data:image/png;base64,") == html.count("<img ")
    assert "http" not in html and "<script" not in html and "<0>" not in html


def test_colours_say_for_and_against():
    picture = np.zeros((1, 1, 3), np.uint8)
    against, none, for_ = under_film(picture, np.array([[-1.0, 0, 1]]))[0].tolist()
    assert (
        for_[1] > max(for_[0], for_[2]) and against[1] < min(against[0], against[2]) and len(set(none)) == 1
    )
    assert 'alt="from -2 to 1"' in film_image(np.array([[-2.0, 1]]))
