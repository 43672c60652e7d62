"""Clients that vanish, talk nonsense or all come at once; Runs that are damaged, half written, or deleted while looked at."""

from __future__ import annotations

import http.client
import json
import logging
import re
import shutil
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from fastapi.testclient import TestClient

from convscope.data.whole import write_whole
from convscope.lab.app import make_app
from convscope.lab.desk import Desk
from convscope.lab.guard import Guard
from convscope.lab.late import Late
from convscope.lab.pages import STATIC
from convscope.lab.shelf import OURS, PACKAGED_FOLDER, WANTED, Shelf
from convscope.runs import Run

INK = np.random.default_rng(0).integers(0, 256, 112 * 112, np.uint8).tobytes()


def ask(lab, path: str, body: bytes | None = None, method: str = "") -> tuple[int, bytes]:
    """One request over the network, with a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(lab.link).netloc, timeout=60)
    try:
        connection.request(method or ("POST" if body is not None else "GET"), path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def connect(lab) -> socket.socket:
    where = urlsplit(lab.link)
    return socket.create_connection((where.hostname, where.port), timeout=30)


def post(lab, path: str, length: int = len(INK)) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {urlsplit(lab.link).netloc}\r\nContent-Length: {length}\r\n\r\n".encode()


SAY = "/api/runs/lenet5/say?width=112&height=112"


@pytest.fixture
def quiet(caplog):
    """Nothing may be logged as an error while the test runs."""
    caplog.set_level(logging.ERROR)
    yield
    time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.usefixtures("quiet")
def test_clients_that_vanish_at_any_moment_harm_nobody(lab):
    start = post(lab, SAY)
    moments = [
        b"",
        b"GE",
        b"GET / HTTP/1.1\r\nHo",
        start,
        start + INK[:100],
        start + INK,
        post(lab, "/api/pictures", 10**7) + INK,
    ]
    before = threading.active_count()
    for n in range(84):
        with connect(lab) as client:
            client.sendall(moments[n % len(moments)])
            if n % 3 == 0:  # gone without a goodbye
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(lab, SAY, INK)[0] == 200
    assert threading.active_count() <= before + 42  # threads are few and used again


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "sent",
    [
        bytes(range(256)),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"GET /api/runs/lenet5/say?ops=" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"POST /api/drawings?width=1&height=1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/drawings?width=1&height=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /api/drawings?width=1&height=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\nab",
        b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/api/runs HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        b"GET /api/ready HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda sent: re.sub(r"\W+", " ", sent[:90].decode("latin-1")).strip() or "bytes",
)
def test_nonsense_is_refused_and_never_a_fault(lab, sent):
    with connect(lab) as client:
        client.sendall(sent.replace(b"{host}", urlsplit(lab.link).netloc.encode()))
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    statuses = [int(code) for code in re.findall(rb"HTTP/1.1 (\d\d\d)", answer)]
    assert all(code < 500 for code in statuses), answer[:300]
    assert not statuses or statuses[-1] >= 400
    assert ask(lab, "/api/ready")[0] == 200


def test_several_questions_sent_at_once_are_answered_in_order(lab):
    host = urlsplit(lab.link).netloc
    asked = [f"/api/runs/lenet5/epochs/{n}" for n in (3, 1, 2)]
    with connect(lab) as client:
        client.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n" for path in asked[:2]).encode())
        client.sendall(f"GET {asked[2]} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert [int(n) for n in re.findall(rb'"epoch":(\d+)', answer)] == [3, 1, 2]


def test_all_at_once_get_the_answers_that_each_alone_would_get(lab):
    mute, scale = quote("mute:C1/3"), quote("scale:C3/5:2;mute:C5/1")
    asked = [
        (SAY, INK),
        (SAY + "&epoch=0", INK),
        (SAY + f"&ops={mute}", INK),
        (SAY + f"&ops={scale}&epoch=3", INK),
    ]
    asked += [(f"/api/runs/{run}/say?picture=test/{n}", None) for run in ("lenet5", "7") for n in range(6)]
    asked += [(f"/api/runs/lenet5/reasons?picture=test/{n}", None) for n in (0, 1)] + [
        ("/api/runs/lenet5", None)
    ]
    alone = [ask(lab, *one) for one in asked]
    assert {status for status, _ in alone} == {200}
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda one: ask(lab, *one), asked * 4))
    assert together == alone * 4


# Runs that change under one's eyes. Each test has a desk of its own.


@pytest.fixture(scope="module")
def warm() -> Desk:
    """A desk that is warm; what it knows of Runs is replaced by each test."""
    desk = Desk()
    desk._warm()
    return desk


@pytest.fixture
def home(warm, tmp_path):
    """A folder of Runs with one in it, "1"."""
    home = tmp_path / "runs"
    shutil.copytree(PACKAGED_FOLDER, home / "1")
    warm.shelf = Shelf(home)
    return home


@pytest.fixture
def own(warm, home):  # noqa: ARG001 - the folder comes first
    return TestClient(make_app(warm), raise_server_exceptions=False)


QUESTIONS = [
    "", "/say?picture=test/3", "/say?picture=test/3&epoch=2", "/say?picture=test/3&ops=mute:C1/1", "/reasons?picture=test/3",
    "/pictures", "/pictures?wrong=true", "/picture.png?picture=test/3", "/epochs/1",
]  # fmt: skip


def of_one(client, questions=QUESTIONS) -> dict[str, tuple[int, str]]:
    """What is said of Run 1, question by question."""
    found = {}
    for question in questions:
        answer = client.get(f"/api/runs/1{question}")
        found[question] = (answer.status_code, "" if answer.status_code == 200 else answer.json()["error"])
    return found


def test_a_run_that_is_deleted_while_it_is_looked_at_is_said_to_be_gone_and_can_come_back(own):
    assert {status for status, _ in of_one(own).values()} == {200}
    assert own.delete("/api/runs/1").json() == {"deleted": "1"}
    assert set(of_one(own).values()) == {(404, "there is no Run '1' here: there are lenet5, finder")}
    again = own.delete("/api/runs/1")
    assert (again.status_code, again.json()["error"]) == (
        404,
        "there is no Run '1' here: there are lenet5, finder",
    )
    assert own.post("/api/runs/1/restore").json() == {"restored": "1"}
    assert {status for status, _ in of_one(own).values()} == {200}
    assert (
        own.post("/api/runs/1/restore").json()["error"]
        == "there is no deleted Run '1': they are kept for a day"
    )


def test_two_tabs_that_delete_and_restore_while_a_third_looks_break_nothing(own):
    stop, statuses = threading.Event(), set()

    def looks():
        while not stop.is_set():
            statuses.update(own.get(f"/api/runs/1{question}").status_code for question in QUESTIONS[:2])
            statuses.add(own.get("/api/runs").status_code)

    def turns(_):
        for _ in range(15):
            statuses.add(own.delete("/api/runs/1").status_code)
            statuses.add(own.post("/api/runs/1/restore").status_code)

    eye = threading.Thread(target=looks)
    eye.start()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(turns, range(2)))
    stop.set()
    eye.join()
    assert statuses <= {200, 404}
    own.post("/api/runs/1/restore")
    assert own.get("/api/runs/1").status_code == 200


def test_a_run_that_is_being_trained_is_not_deleted(own, home):
    from filelock import FileLock

    with FileLock(home / "1" / ".lock"):
        assert own.delete("/api/runs/1").json()["error"] == "1 is being trained: stop it first"
    assert own.delete("/api/runs/1").status_code == 200


def test_a_training_that_writes_while_it_is_looked_at_is_always_seen_whole(own, home):
    stop, info = threading.Event(), Run(home / "1").info
    weights = {n: (home / "1" / "epochs" / f"{n:03d}.safetensors").read_bytes() for n in (0, 12)}

    def writes():
        n = 0
        while not stop.is_set():
            n += 1
            write_whole(home / "1" / "weights.safetensors", weights[12 * (n % 2)])
            write_whole(home / "1" / "run.json", json.dumps({**info, "epochs": n}).encode())

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        ask = QUESTIONS[:2]
        said = [own.get(f"/api/runs/1{ask[n % 2]}") for n in range(40)]
    finally:
        stop.set()
        writer.join()
    assert {answer.status_code for answer in said} == {200}
    labels = {re.search(rb'"label": "(.)"', answer.content)[1] for answer in said[1::2]}
    assert b"0" in labels  # test/3 is a zero for the trained net


FILES = [
    "run.json",
    "stack.txt",
    "recipe.json",
    "metrics.jsonl",
    "weights.safetensors",
    "epochs/002.safetensors",
    "test.safetensors",
]
DAMAGE = {
    "gone": None, "empty": b"", "text": b"hello", "cut": 40, "noise": np.random.default_rng(1).bytes(400), "list": b"[]",
    "numbers": b"1\n2\n", "NaN": b'{"epoch": NaN}', "deep": b"[" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_gives_one_line_and_leaves_the_list_whole(own, home, name, damage):
    file, put = home / "1" / name, DAMAGE[damage]
    if put is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:put] if isinstance(put, int) else put)
    for question, (status, error) in of_one(own).items():
        assert status in (200, 400, 404), (question, status, error)
        assert "\n" not in error and "Error" not in error, (question, error)
    listed = own.get("/api/runs")
    assert [line["name"] for line in listed.json()] == (
        ["1", *OURS] if (home / "1" / "run.json").exists() else [*OURS]
    )


INFO = [*WANTED, "background", "prepared", "scores", "format", "recipe", "train_seconds"]


@pytest.mark.parametrize("key", INFO)
def test_whatever_run_json_says_there_is_an_answer(own, home, key):
    file = home / "1" / "run.json"
    info = json.loads(file.read_text())
    for value in (
        ...,
        None,
        -1,
        1.5,
        "x",
        [],
        {},
        [None],
        ["a", 2],
        {"scale": [], "shift": None},
        [1, 0, 0],
        [1, 10**9, 10**9],
    ):
        changed = {k: v for k, v in info.items() if k != key} if value is ... else {**info, key: value}
        write_whole(file, json.dumps(changed).encode())
        for question, (status, error) in of_one(own, QUESTIONS[:2] + QUESTIONS[5:6]).items():
            assert status in (200, 400, 404), (key, value, question, status, error)
        assert own.get("/api/runs").status_code == 200, (key, value)


def test_weights_of_another_net_are_said(own, home):
    text = (home / "1" / "stack.txt").read_text()
    (home / "1" / "stack.txt").write_text(text.replace("conv 6 ", "conv 7 ", 1))
    for status, error in of_one(own, ["/say?picture=test/0", "/reasons?picture=test/0"]).values():
        assert status in (400, 404) and error


@pytest.mark.parametrize("epoch", ["999", "-1", "x", "1.5", "1e3", "10000000000000"])
def test_an_epoch_that_was_not_kept_is_said(own, epoch):
    answer = own.get(f"/api/runs/1/say?picture=test/0&epoch={epoch}")
    assert answer.status_code in (404, 422) and answer.json()["error"]


@pytest.mark.parametrize(
    "operations",
    ["mute", "mute:", "mute:C1", "mute:C1/99", "mute:C1/-1", "mute:/", "mute:X/0", "scale:C1/0:nan", "scale:C1/0:1e400", "edit:C1/0:", "edit:C1/0:1,2",
     "swap:C1/0:C3/0", "swap:C1/0", "x", ":", "mute:C1/" + "9" * 5000, "mute:S2/0", "mute:OUT/0", ";".join(["mute:C1/0"] * 201), "\0", "mute:C1/²"],
)  # fmt: skip
def test_operations_that_do_not_fit_are_said(own, operations):
    answer = own.get("/api/runs/1/say", params={"picture": "test/0", "ops": operations})
    assert answer.status_code in (200, 400), answer.text
    assert operations in ("mute:OUT/0", "mute:S2/0") or answer.status_code == 400


@pytest.mark.parametrize("factor", ["1e38", "-1e38", "1e-45", "0"])
def test_a_net_whose_numbers_run_over_still_answers(own, factor):
    operations = ";".join(f"scale:{layer}/0:{factor}" for layer in ("C1", "C3", "C5"))
    for path in ("say", "reasons"):
        answer = own.get(f"/api/runs/1/{path}", params={"picture": "test/0", "ops": operations})
        assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    "picture",
    [
        "",
        "test",
        "test/",
        "test/-1",
        "test/10000",
        "test/x",
        "test/1e3",
        "kept/",
        "kept/../x",
        "train/99999999999999999999",
        "a/b/c",
        "ink/AAAA",
        "test/\0",
    ],
)
def test_a_picture_that_is_not_there_is_said(own, picture):
    answer = own.get("/api/runs/1/say", params={"picture": picture})
    assert answer.status_code == 400 and "\n" not in answer.json()["error"]


def test_a_start_that_fails_says_why_and_answers_nevertheless(tmp_path):
    desk = Desk(Shelf(tmp_path / "runs"), first="gone")
    desk._warm()
    client = TestClient(make_app(desk))
    state = client.get("/api/ready").json()
    assert (state["ready"], state["failed"]) == (
        False,
        "there is no Run 'gone' here: there are lenet5, finder",
    )
    answer = client.get("/api/runs/lenet5")
    assert (answer.status_code, answer.json()) == (404, {"error": state["failed"]})


def test_the_page_is_there_before_pytorch_is_and_all_else_waits(lab, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(
        Late,
        "_load",
        lambda self: (
            go.wait(30),
            setattr(self, "app", make_app(lab.desk)),
            self.loop.call_soon_threadsafe(self.loaded.set),
        ),
    )
    with TestClient(Guard(Late(Desk()), frozenset({"testserver"}))) as client:
        assert client.get("/").text.startswith("<!doctype html>")
        for script in sorted(
            STATIC.glob("*.js")
        ):  # api.js, too, whose name begins as that of the library does
            assert client.get(f"/{script.name}").text == script.read_text()
        assert client.get("/nothing").json() == {"error": "there is no such file"}
        assert client.get("/%00").status_code == 404
        assert client.post("/").status_code == 405
        assert client.get("/api/ready").json()["ready"] is False
        assert client.head("/api/ready").status_code == 200
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(client.get, "/api/runs/lenet5")
            time.sleep(0.2)
            assert not waits.done()
            go.set()
            assert waits.result(30).status_code == 200
