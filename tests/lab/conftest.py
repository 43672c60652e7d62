"""A server of the page for the tests that look at it: in this process, on a free port, with Runs of its own."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from convscope.lab.app import make_app
from convscope.lab.desk import Desk
from convscope.lab.guard import Guard
from convscope.lab.late import Late
from convscope.lab.server import SETTINGS, Address, address
from convscope.lab.shelf import PACKAGED_FOLDER, Shelf


@dataclass
class Lab:
    """A server that runs: its link, its desk, and the folder of its Runs."""

    link: str
    desk: Desk
    home: Path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The page, served; Run "7" is a copy of the packaged one, which may be deleted."""
    home = tmp_path_factory.mktemp("lab") / "runs"
    home.mkdir()
    copy_run(home / "7")
    desk = Desk(Shelf(home))
    at = address()
    server = served(desk, at)
    desk.wait()
    yield Lab(at.link.rstrip("/"), desk, home)
    server.should_exit = True


def served(desk: Desk, at: Address) -> uvicorn.Server:
    """A server in a thread, which listens when this returns."""
    guard = Guard(Late(desk), at.hosts, at.token)
    server = uvicorn.Server(uvicorn.Config(guard, **SETTINGS))
    threading.Thread(target=server.run, kwargs={"sockets": list(at.sockets)}, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return server


def copy_run(path: Path) -> Path:
    """A Run like the packaged one."""
    shutil.copytree(PACKAGED_FOLDER, path)
    return path


@pytest.fixture(scope="session")
def client(lab: Lab) -> TestClient:
    """Asks the app itself, without a network between."""
    return TestClient(make_app(lab.desk))


class Watched:
    """A page in Chromium that must not complain: what it says on its console is kept."""

    def __init__(self, page: Any, link: str) -> None:
        self.page, self.link = page, link
        self.complaints: list[str] = []
        page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, place: str) -> Any:
        """Open a place such as "#/lenet5/draw", and wait until the strip is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.link}/{place}")
        self.page.wait_for_selector("#strip a")
        return self.page


@pytest.fixture(params=[1280, 390], ids=["wide", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    """As wide as a window, and as a phone."""
    return request.param


@pytest.fixture
def look(chromium: Any, lab: Lab) -> Iterator[Any]:
    """Makes pages that are looked at: look(width=390). At the end none of them may have complained."""
    made: list[tuple[Watched, Any]] = []

    def open_(width: int = 1280, height: int = 900, **how: Any) -> Watched:
        context = chromium.new_context(viewport={"width": width, "height": height}, **how)
        made.append((Watched(context.new_page(), lab.link), context))
        return made[-1][0]

    yield open_
    for watched, context in made:
        context.close()
        assert watched.complaints == []


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens a browser of the person who runs the tests."""
    monkeypatch.setitem(os.environ, "BROWSER", "true")
