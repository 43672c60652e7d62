"""Shards from a web server that fails in every way there is, and from a store that speaks S3."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from own_pictures import some, write

from convscope.data import download
from convscope.data.images import Images, images
from convscope.data.shards import remote
from convscope.data.shards.checking import check
from convscope.data.shards.source import pack
from convscope.errors import SourceError

NAME = "train-000001.tar"


class Server:
    """A folder over HTTP. `harm` is asked about each file first: True where it has answered in its own way."""

    def __init__(self, folder: Path):
        self.asked: list[str] = []
        self.harm: Callable[[BaseHTTPRequestHandler, str, int], bool] = lambda *_: False
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.lstrip("/")
                server.asked.append(name)
                if server.harm(self, name, server.asked.count(name)):
                    return None
                path = folder / name
                if not path.is_file():
                    return self.send_error(404)
                content, start = path.read_bytes(), 0
                if said := self.headers.get("Range"):
                    start = int(said.removeprefix("bytes=").rstrip("-"))
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                self.wfile.write(content[start:])
                return None

            def log_message(self, *_) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """A folder of pictures and, beside it, their shards."""
    home = tmp_path_factory.mktemp("far")
    write(home / "set", some("cat", "dog", each=20))
    pack(str(home / "set"), home / "shards", size_mb=0.03)
    return home


@pytest.fixture
def server(packed, monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(remote, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(download, "WINDOW_SECONDS", 0.1)
    opened = Server(packed / "shards")
    yield opened
    opened.close()


def same(one: Images, other: Images) -> bool:
    return one.fingerprint == other.fingerprint and np.array_equal(one.train.pixels, other.train.pixels)


def test_from_a_web_server_comes_what_the_folder_gives_and_only_once(packed, server, cache):
    source = f"shards:{server.address}"
    back = images(source)
    assert same(back, images(packed / "set")) and back.name == source
    tars = [name for name in server.asked if name.endswith(".tar")]
    assert sorted(tars) == sorted(path.name for path in (packed / "shards").glob("*.tar"))
    server.asked.clear()
    assert same(images(source), back) and server.asked == ["index.json"]
    assert not list((cache / "shards").iterdir())


def answers(code: int):
    return lambda handler: handler.send_error(code)


def half(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "20000")
    handler.end_headers()
    handler.wfile.write(b"x" * 100)
    handler.close_connection = True


def wrong(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(bytes(1_000_000))


def nothing(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.5)
    handler.close_connection = True


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "20000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.005)


FAULTS = {
    "500": answers(500),
    "half a body": half,
    "wrong bytes": wrong,
    "nothing": nothing,
    "trickle": trickle,
}


PASSING = [(kind, name) for kind in FAULTS for name in ("index.json", "train-000000.json", NAME)]
PASSING.remove(("wrong bytes", "index.json"))  # nothing vouches for the index itself


@pytest.mark.parametrize(("kind", "name"), PASSING)
def test_a_fault_that_passes_is_not_noticed(kind, name, packed, server):
    def harm(handler, asked, times) -> bool:
        if asked == name and times <= 2:
            FAULTS[kind](handler)
            return True
        return False

    server.harm = harm
    assert same(images(f"shards:{server.address}"), images(packed / "set"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("500", "HTTP 500 Internal Server Error; "),
        ("half a body", "broke off after "),
        ("wrong bytes", "sends more than the "),
        ("nothing", "; check the address and the server"),
        ("trickle", "sends less than 1,000 bytes a second"),
    ],
)
def test_a_fault_that_stays_is_one_line_leaves_nothing_and_the_next_start_is_whole(
    kind, said, packed, server, cache
):
    def harm(handler, asked, _) -> bool:
        if asked == NAME:
            FAULTS[kind](handler)
        return asked == NAME

    server.harm = harm
    start = time.monotonic()
    with pytest.raises(SourceError) as error:
        images(f"shards:{server.address}")
    text = str(error.value)
    assert text.startswith(f"shards:{server.address}/{NAME}: ") and said in text and "\n" not in text
    assert time.monotonic() - start < 20
    assert not list((cache / "shards").iterdir())
    assert not [t.name for t in threading.enumerate() if t.name.startswith("shards")]
    server.harm = lambda *_: False
    assert same(images(f"shards:{server.address}"), images(packed / "set"))


def test_what_broke_off_goes_on_where_it_did(server, packed):
    size = (packed / "shards" / NAME).stat().st_size
    content = (packed / "shards" / NAME).read_bytes()
    ranges: list[str | None] = []

    def harm(handler, asked, times) -> bool:
        if asked != NAME:
            return False
        ranges.append(handler.headers.get("Range"))
        if times > 1:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        handler.wfile.write(content[:1000])
        handler.close_connection = True
        return True

    server.harm = harm
    images(f"shards:{server.address}")
    assert ranges == [None, "bytes=1000-"]


def test_what_is_not_there_is_said_at_once(server):
    with pytest.raises(SourceError) as error:
        images(f"shards:{server.address}/elsewhere")
    assert str(error.value) == (
        f"shards:{server.address}/elsewhere/index.json: HTTP 404 Not Found; check the address: it is that of a folder that convscope shards has written"
    )
    assert server.asked == ["elsewhere/index.json"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "http://me:secret@host/x",
            "http://...: an address with a password in it would be written into the Run; leave it out",
        ),
        ("nosuch://host/x", "nosuch://host/x: no folder, http, https or s3 ("),
    ],
)
def test_addresses_that_are_none(address, said):
    with pytest.raises(SourceError) as error:
        images(f"shards:{address}")
    assert said in str(error.value) and "secret" not in str(error.value)


def test_no_more_than_a_few_shards_lie_on_the_disk(server, monkeypatch):
    from convscope.data.shards import streamed

    monkeypatch.setattr("convscope.data.packing.CHUNK", 1)
    most, real = 0, streamed.Shards.read

    def read(place, entry, first=None):
        nonlocal most
        most = max(most, sum(future.done() for future in place._at.values()))
        return real(place, entry, first)

    monkeypatch.setattr(streamed.Shards, "read", read)
    images(f"shards:{server.address}")
    workers = 3 + (os.cpu_count() or 1)
    assert 0 < most <= streamed.AHEAD + workers


@pytest.fixture(scope="module")
def bucket(packed) -> Iterator[str]:
    """The shards in a store that speaks S3: moto's server."""
    import boto3
    from moto import server

    patch = pytest.MonkeyPatch()
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    endpoint = f"http://127.0.0.1:{store.get_host_and_port()[1]}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():  # fmt: skip
        patch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="pictures")
    for path in (packed / "shards").iterdir():
        client.upload_file(str(path), "pictures", f"set/{path.name}")
    yield "s3://pictures/set"
    client.close()
    store.stop()
    patch.undo()


def test_from_s3_comes_what_the_folder_gives(bucket, packed, cache, monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.01,))
    assert same(images(f"shards:{bucket}"), images(packed / "set"))
    assert check(bucket).pictures("train") == 32
    assert not list((cache / "shards").iterdir())
    with pytest.raises(
        SourceError, match=r"^shards:s3://pictures/nowhere/index.json: .*; check the address: it is that"
    ):
        images("shards:s3://pictures/nowhere")


def test_shards_that_lie_elsewhere_are_not_here():
    from convscope.data.images import is_here

    assert is_here("shards:/data/pictures") and is_here("shards:file:///data/pictures")
    assert not is_here("shards:http://127.0.0.1:1/pictures") and not is_here("shards:s3://bucket/pictures")


def test_a_full_disk_is_not_taken_for_a_fault_of_the_store(bucket, cache, monkeypatch):
    class Full(io.FileIO):
        def write(self, _) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = Path.open

    def opened(path: Path, mode: str = "r", *more, **also):
        full = mode == "wb" and path.name.endswith(".tar.part")
        return Full(path, "wb") if full else real(path, mode, *more, **also)

    monkeypatch.setattr(Path, "open", opened)
    start = time.monotonic()
    with pytest.raises(
        SourceError, match=r"no room for \w+-\d+\.tar \(No space left on device\); make some$"
    ):
        images(f"shards:{bucket}")
    assert time.monotonic() - start < 10 and not list((cache / "shards").iterdir())


def test_a_server_that_is_not_there_is_not_said_to_be_a_wrong_folder(server):
    server.close()
    with pytest.raises(
        SourceError, match=r"index.json: Connection refused; check the address: it is that of a folder"
    ):
        images(f"shards:{server.address}")
