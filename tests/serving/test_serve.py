"""The service answers as predict does, whoever sends what; what it refuses is one line, and counted."""

from __future__ import annotations

import io
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from fastapi.testclient import TestClient
from fuzzing import fuzz, the_service
from PIL import Image

import convscope as cs
from convscope.errors import ExportError
from convscope.prediction import Predictor
from convscope.serving import server
from convscope.serving.app import MEANINGS, make_app
from convscope.serving.service import Limits, Service

RUN = cs.Run(Path(cs.__file__).parent / "packaged" / "lenet5")
HERE = frozenset({"127.0.0.1", "localhost"})
BASE = "http://127.0.0.1:8200"


def png(pixels: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def bomb(side: int) -> bytes:
    """A few kilobytes of PNG that are side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side // 8 + 1) * side, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def digits() -> list[bytes]:
    return [png(digit[0]) for digit in cs.images("mnist").test.pixels[:80]]


@pytest.fixture(scope="module")
def ask() -> Iterator[TestClient]:
    app = make_app(Service(RUN, Limits(pictures=5, bytes=300_000)), HERE)
    with TestClient(app, base_url=BASE) as client:
        yield client


def counted(ask: TestClient, status: int) -> float:
    lines = ask.get("/metrics").text.splitlines()
    wanted = f'convscope_requests_total{{status="{status}"}} '
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_it_says_to_the_bit_what_predict_says(ask, digits):
    Path("digit.png").write_bytes(digits[0])
    (own,) = cs.predict(RUN, ["digit.png"])
    (said,) = ask.post("/predict", content=digits[0]).json()["predictions"]
    assert said == {
        "picture": "picture", "label": own.label, "probability": own.probability,
        "probabilities": own.probabilities, "steps": list(own.steps),
    }  # fmt: skip


def test_several_pictures_are_answered_in_their_order_by_name(ask, digits):
    page = np.full((300, 200, 3), 255, np.uint8)
    page[60:240, 90:110] = 10
    files = [
        ("picture", ("a.png", digits[3])),
        ("picture", ("one.png", png(page))),
        ("other", ("b.png", digits[4])),
    ]
    said = ask.post("/predict", files=files).json()["predictions"]
    assert [one["picture"] for one in said] == ["a.png", "one.png", "b.png"]
    assert [one["label"] for one in said] == ["0", "1", "4"] and said[1]["steps"][0] == "grey from colour"


def test_who_asks_at_the_same_time_gets_the_answer_to_the_own_picture(ask, digits):
    asked = Predictor(RUN)
    wanted = [one.probabilities for one in asked.answers([asked.prepared(digit) for digit in digits])]
    got: dict[int, Any] = {}

    def one(n: int) -> None:
        got[n] = ask.post("/predict", content=digits[n]).json()["predictions"][0]["probabilities"]

    threads = [threading.Thread(target=one, args=(n,)) for n in range(len(digits))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[n] for n in range(len(digits))] == wanted
    held = [
        line for line in ask.get("/metrics").text.splitlines() if line.startswith("convscope_batch_pictures_")
    ]
    few = next(float(line.split()[1]) for line in held if 'le="1.0"' in line)
    assert few < next(float(line.split()[1]) for line in held if "_count" in line)  # some were asked together


BROKEN = b"--x\r\nnonsense"
REFUSED = [
    (
        422,
        b"garbage",
        "image/png",
        "picture: not a readable picture (it is text). Save it again as PNG or JPEG",
    ),
    (422, b"", "image/png", "the body is empty: send a picture file as it is"),
    (422, bomb(8000), "image/png", "picture: 64,000,000 pixels, and at most 40,000,000 are opened"),
    (
        422,
        png(np.arange(9_000, dtype=np.uint8).reshape(90, 100))[:200],
        "image/png",
        "picture: not a readable picture (",
    ),
    (415, b"{}", "application/json", "'application/json' holds no picture: send it as the body"),
    (413, bytes(300_001), "image/png", "at most 300,000 bytes are taken at once"),
    (400, BROKEN, "multipart/form-data; boundary=y", "no proper multipart/form-data: "),
    (400, BROKEN, "multipart/form-data", "no proper multipart/form-data: "),
    (422, b"--x--\r\n", "multipart/form-data; boundary=x", "there is no file in the multipart/form-data"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), REFUSED)
def test_what_is_no_picture_is_refused_in_one_line_and_counted(ask, status, body, kind, words):
    before = counted(ask, status)
    answer = ask.post("/predict", content=body, headers={"content-type": kind})
    assert answer.status_code == status and answer.json()["error"].startswith(words)
    assert "\n" not in answer.json()["error"] and counted(ask, status) == before + 1
    assert status in MEANINGS


def test_too_many_pictures_at_once_and_a_body_without_a_length_that_never_ends(ask, digits):
    answer = ask.post("/predict", files=[("picture", (f"{n}.png", digits[n])) for n in range(6)])
    assert answer.status_code == 400 and "Too many files" in answer.json()["error"]
    endless = ask.post(
        "/predict", content=(bytes(100_000) for _ in range(9)), headers={"content-type": "image/png"}
    )
    assert endless.status_code == 400 and "larger than may be sent" in endless.json()["error"]


def test_another_page_another_name_and_no_token_are_refused(ask, digits):
    other = {"origin": "http://evil.example"}
    assert ask.post("/predict", content=digits[0], headers=other).status_code == 403
    assert ask.get("/openapi.json", headers={"host": "evil.example"}).status_code == 421
    assert ask.get("/health", headers={"host": "10.0.0.7:8200"}).json() == {"status": "alive"}
    closed = TestClient(make_app(Service(RUN), HERE, "secret"), base_url=BASE)
    refused = closed.post("/predict", content=digits[0])
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
    assert closed.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
    good = {"authorization": "Bearer secret", "host": "10.0.0.7:8200"}
    assert closed.post("/predict", content=digits[0], headers=good).status_code == 200


def test_when_too_many_wait_others_are_told_when_to_ask_again_and_slow_ones_are_given_up(digits, monkeypatch):
    service = Service(RUN, Limits(waiting=1, seconds=0.5))
    held = threading.Event()
    answers = service.predictor.answers
    monkeypatch.setattr(service.predictor, "answers", lambda asked: held.wait(5) and answers(asked))
    with TestClient(make_app(service, HERE), base_url=BASE) as ask:
        first: list[Any] = []
        waits = threading.Thread(target=lambda: first.append(ask.post("/predict", content=digits[0])))
        waits.start()
        while not service.waiting:
            time.sleep(0.005)
        full = ask.post("/predict", content=digits[1])
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        held_bytes = f"{len(digits[0]):,} bytes"
        assert full.json()["error"] == f"1 pictures and {held_bytes} wait already; ask again in a second"
        assert ask.get("/ready").status_code == 503 and ask.get("/health").status_code == 200
        waits.join()
        assert first[0].status_code == 408 and first[0].json()["error"] == "not done within 0.5 seconds"
        held.set()
        assert ask.post("/predict", content=digits[1]).status_code == 200 and service.waiting == 0


def test_no_more_bytes_are_held_than_may_be_however_they_come(digits):
    service = Service(RUN, Limits(held=50_000))
    with TestClient(make_app(service, HERE), base_url=BASE) as ask:
        many = (b"x" * 10_000 for _ in range(20))
        for body in ({"content": b"x" * 60_000}, {"content": many}, {"files": {"picture": b"x" * 60_000}}):
            full = ask.post("/predict", **body)
            assert (full.status_code, full.headers["retry-after"]) == (503, "1"), body
            assert service.room.held == 0, "what was held for a request is given back"
        assert ask.post("/predict", content=digits[0]).status_code == 200
        assert ask.post("/predict", files={"picture": digits[0]}).status_code == 200
    assert service.room.held == 0


def test_its_openapi_description_names_every_status_and_fits_its_answers(ask):
    described = ask.get("/openapi.json").json()
    assert {*described["paths"]} == {"/predict", "/health", "/ready", "/metrics"}
    assert {str(status) for status in MEANINGS} <= {*described["paths"]["/predict"]["post"]["responses"]}
    schema = schemathesis.openapi.from_dict(described)
    for path in ("/health", "/ready"):
        answer = ask.get(path)
        schema[path]["GET"].validate_response(answer)
    schema["/predict"]["POST"].validate_response(
        ask.post("/predict", content=b"x", headers={"content-type": "image/png"})
    )
    assert ask.get("/nothing").json() == {"error": "Not Found"} and ask.get("/predict").status_code == 405


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(server, "NEEDED", ("json", "absent_library"))
    with pytest.raises(ExportError, match=r"serving needs absent_library: pip install 'convscope\[serve\]'"):
        server.needs_libraries()


@pytest.fixture
def program() -> Iterator[tuple[subprocess.Popen[str], int]]:
    words = ["serve", str(RUN.path), "--port", "0", "--json", "--seconds", "3"]
    with subprocess.Popen(
        [sys.executable, "-m", "convscope", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout
        told = json.loads(started.stdout.readline())
        yield started, int(told["address"].rstrip("/").rpartition(":")[2])
        started.kill()


def test_clients_that_send_garbage_or_vanish_leave_it_well_and_at_the_end_nobody_is_left_without_an_answer(
    program, digits
):
    started, port = program
    mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    mute[1].sendall(b"POST /predict HT")
    head = (
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
    )
    for words in (
        b"\x16\x03\x01\x02",
        b"GET / HTTP/9.9\r\n\r\n",
        head % 999 + b"some",
        head % 400_000_000,
        b"\r\n" * 99,
    ):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(words)
    for _ in range(20):  # goes away with the question asked
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(head % len(digits[0]) + digits[0])
    for link in mute:  # hung up on, after a while
        link.settimeout(20)
        assert link.recv(100) == b""
        link.close()
    late = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for link in late:
        link.sendall(head % len(digits[1]) + digits[1][:-5])  # the rest comes after the end has begun
    time.sleep(0.3)
    started.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    for link in late:
        link.sendall(digits[1][-5:])
    answers = [whole(link) for link in late]
    assert all(answer.startswith(b"HTTP/1.1 200") and b'"label": "2"' in answer for answer in answers)
    assert started.wait(20) in (0, -signal.SIGTERM)
    assert started.stderr and "Traceback" not in started.stderr.read()


def whole(link: socket.socket) -> bytes:
    link.settimeout(20)
    came = b""
    while b"\r\n\r\n" not in came or b'"steps"' not in came:
        more = link.recv(65536)
        if not more:
            break
        came += more
    link.close()
    return came


def test_nothing_that_its_description_allows_ends_in_a_fault(tmp_path, caplog):
    app, close, where = the_service(tmp_path)
    try:
        found = fuzz(app, examples=20, until=time.monotonic() + 10, start=1, where=where)
    finally:
        close()
    assert found.faults == {}
    assert found.answers["POST /predict 200"] and found.answers["POST /predict 422"]
    assert not caplog.records, "a stranger writes on the terminal"
