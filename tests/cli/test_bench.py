"""`convscope bench` as a person meets it."""

from __future__ import annotations

import json

import pytest

from convscope.bench import account
from convscope.bench.figures import Figure
from convscope.bench.speeds import NETS, Speed


def taught(net: str, *_: object, **__: object) -> Speed:
    return Speed(net, (1, 2, 2), 8, "torch", "float32", Figure((250.0,)), 4e6)


def test_the_verb_prints_a_table_and_an_object(say, monkeypatch):
    monkeypatch.setattr(account, "teaching", taught)
    monkeypatch.setattr(account, "products", lambda *_, **__: Figure((2e9, 4e9, 3e9)))
    monkeypatch.setattr(account, "copies", lambda *_, **__: Figure((5e9,)))
    code, out, err = say("bench", "--quick")
    assert (code, err) == (0, "")
    assert "matrix product float32   3.0 GFLOP/s    67 %" in out
    assert "alexnet        1x2x2  torch   float32        8       250.0     0 %          33 %" in out
    assert "90 epochs of 1,280,000 pictures: 5 days here; 5 to 6 days then, on two GTX 580" in out
    said = json.loads(say("bench", "--json")[1])
    assert [row["net"] for row in said["nets"]] == list(NETS)
    assert said["nets"][0]["part_of_limit"] == pytest.approx(1 / 3)
    assert said["limits"][0] == {
        "what": "products", "precision": "float32", "a_second": 3e9, "spread": 2 / 3, "rounds": [2e9, 4e9, 3e9],
    }  # fmt: skip
