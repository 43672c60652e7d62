"""The description of all that the page may ask is complete, and nothing that it allows ends in a fault of ours."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from fuzzing import fuzz, ground

from convscope.lab.app import make_app
from convscope.lab.desk import Desk
from convscope.lab.shelf import Shelf

EXAMPLES, SECONDS = 25, 55


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole app over a folder of Runs of its own."""
    home = tmp_path_factory.mktemp("fuzzed") / "runs"
    ground(home)
    desk = Desk(Shelf(home))
    desk._warm()
    yield make_app(desk)
    desk.close()


@pytest.fixture(scope="module")
def described(app: Any) -> dict[str, Any]:
    return TestClient(app).get("/api/openapi.json").json()


def operations(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", what)
        for path, methods in described["paths"].items()
        for method, what in methods.items()
    ]


def test_every_operation_says_what_it_is_what_it_takes_and_what_it_answers(described):
    for where, what in operations(described):
        assert what.get("description"), where
        assert what["tags"], where
        assert all("schema" in one for one in what.get("parameters", [])), where
        assert (
            "requestBody" in what
            or where.split()[0] in ("get", "delete")
            or where.split("/")[-1] in ("restore", "cut", "{act}")
        ), where
        good = [answer for code, answer in what["responses"].items() if code.startswith("2")]
        assert good and all("content" in answer for answer in good), where
        if what.get("parameters") or what.get("requestBody"):
            assert what["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith(
                "/Problem"
            ), where


def test_every_operation_is_said_once_and_under_api(described):
    names = [what["operationId"] for _, what in operations(described)]
    assert len(names) == len(set(names))
    assert all(path.startswith("/api/") for path in described["paths"])


def test_nothing_that_the_description_allows_ends_in_a_fault(app, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    found = fuzz(app, examples=EXAMPLES, until=time.monotonic() + SECONDS, start=1)
    assert found.faults == {}
    assert found.asked > 100
