"""AlexNet's changes: what each leaves, counted by hand."""

from __future__ import annotations

import pytest

from convscope.comparison.ablations import ABLATIONS
from convscope.nets.grammar import parse
from convscope.nets.zoo import entry, zoo

BY_NAME = {one.name: one for one in ABLATIONS}


@pytest.mark.parametrize("name", BY_NAME)
def test_each_differs_from_alexnet_and_still_answers_a_thousand_classes(name: str):
    stack = parse(BY_NAME[name].text)
    assert stack.outputs == 1000
    assert str(stack) != str(zoo["alexnet-today"])


def weights(name: str) -> int:
    return parse(BY_NAME[name].text).parameters - zoo["alexnet"].parameters


def test_a_layer_is_left_out_with_its_weights():
    conv3, conv4, conv5 = 384 * (256 * 9 + 1), 384 * (192 * 9 + 1), 256 * (192 * 9 + 1)
    assert weights("alexnet-no-conv4") == -conv4
    assert weights("alexnet-no-fc7") == -(4096 * 4096 + 4096)
    narrower = conv4 - 384 * (128 * 9 + 1)  # conv4 then sees conv2's 256 maps, in two columns
    assert weights("alexnet-no-conv3") == -conv3 - narrower
    wider = 4096 * 36 * (384 - 256)  # fc6 then sees conv4's 384 maps
    assert weights("alexnet-no-conv5") == -conv5 + wider


@pytest.mark.parametrize("name", ["alexnet-no-lrn", "alexnet-apart", "alexnet-no-dropout", "alexnet-tanh"])
def test_what_has_no_weights_is_changed_without_any(name: str):
    assert weights(name) == 0


def test_only_the_asked_word_is_changed():
    text = entry("alexnet-today").text
    assert BY_NAME["alexnet-tanh"].text.count("tanh") == text.count("relu") == 7
    assert BY_NAME["alexnet-no-lrn"].text == text.replace(" | lrn", "")
    assert BY_NAME["alexnet-apart"].text.count("max 2x2") == 3
    assert "dropout" not in BY_NAME["alexnet-no-dropout"].text
    assert "lrn" in BY_NAME["alexnet-no-dropout"].text
