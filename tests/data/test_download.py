"""A file is fetched whole and right, or not at all with the reason; from a server on this machine."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from convscope.data import download
from convscope.data.download import Download, fetch
from convscope.errors import SourceError

WHOLE = bytes(range(256)) * 4096
MD5 = "md5:" + hashlib.md5(WHOLE).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves WHOLE; the path says in which way it misbehaves."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if self.path == "/missing":
            return self.send_error(404, "Not Found")
        if self.path == "/no-ranges":
            start = 0
        body = {"/wrong": b"?" * len(WHOLE), "/longer": WHOLE + b"more"}.get(self.path, WHOLE)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = start + 300_000 if self.path == "/breaks" else start if self.path == "/silent" else len(body)
        self.wfile.write(body[start:stop])
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.asked = []
    running.base = f"http://127.0.0.1:{running.server_port}"
    running.host = f"127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def wanted(server, *paths: str) -> Download:
    return Download("thing.gz", len(WHOLE), MD5, tuple(server.base + path for path in paths))


def test_a_file_comes_whole_and_progress_counts_its_bytes(server, tmp_path):
    calls = []
    path = fetch(wanted(server, "/good"), tmp_path, lambda *call: calls.append(call))
    assert path.read_bytes() == WHOLE and [p.name for p in tmp_path.iterdir()] == ["thing.gz"]
    assert calls[-1] == ("thing.gz", len(WHOLE), len(WHOLE))
    assert [done for _, done, _ in calls] == sorted({done for _, done, _ in calls})


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    assert fetch(wanted(server, "/breaks"), tmp_path).read_bytes() == WHOLE
    assert [asked for _, asked in server.asked] == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]


def test_what_an_earlier_process_left_is_gone_on_from(server, tmp_path):
    (tmp_path / "thing.gz.part").write_bytes(WHOLE[:1000])
    assert fetch(wanted(server, "/good"), tmp_path).read_bytes() == WHOLE
    assert server.asked == [("/good", "bytes=1000-")]


def test_a_server_without_ranges_sends_it_all_again(server, tmp_path):
    (tmp_path / "thing.gz.part").write_bytes(WHOLE[:1000])
    assert fetch(wanted(server, "/no-ranges"), tmp_path).read_bytes() == WHOLE


@pytest.mark.parametrize("left", [b"?" * 1000, b"?" * len(WHOLE), b"?" * (len(WHOLE) + 9)])
def test_a_spoilt_remainder_is_thrown_away_and_fetched_anew(left, server, tmp_path):
    (tmp_path / "thing.gz.part").write_bytes(left)
    assert fetch(wanted(server, "/good"), tmp_path).read_bytes() == WHOLE


def test_a_file_that_is_here_and_right_is_not_fetched(server, tmp_path):
    (tmp_path / "thing.gz").write_bytes(WHOLE)
    fetch(wanted(server, "/good"), tmp_path)
    assert server.asked == []


@pytest.mark.parametrize("first", ["/missing", "/wrong", "/longer", "/silent"])
def test_the_next_mirror_helps_where_one_fails(first, server, tmp_path):
    assert fetch(wanted(server, first, "/good"), tmp_path).read_bytes() == WHOLE


FAILURES = {
    "/missing": "HTTP 404 Not Found",
    "/wrong": f"gives a thing.gz whose checksum is not {MD5}",
    "/longer": "sends more than the 1,048,576 bytes of thing.gz",
    "/silent": "broke off after 0 of 1,048,576 bytes",
}


@pytest.mark.parametrize(("path", "reason"), FAILURES.items(), ids=FAILURES.keys())
def test_a_failure_names_the_host_and_its_reason_and_leaves_no_wrong_file(path, reason, server, tmp_path):
    with pytest.raises(SourceError) as failed:
        fetch(wanted(server, path), tmp_path)
    assert str(failed.value) == f"{server.host}: {reason}"
    assert not (tmp_path / "thing.gz").exists()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_without_a_network_it_gives_up_after_two_rounds(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.0)
    port = closed_port()
    with pytest.raises(SourceError) as failed:
        fetch(Download("thing.gz", 10, MD5, (f"http://127.0.0.1:{port}/thing.gz",)), tmp_path)
    assert str(failed.value) == f"127.0.0.1:{port}: {os.strerror(errno.ECONNREFUSED)}"
