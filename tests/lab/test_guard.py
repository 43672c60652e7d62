"""Who may come in: Host, Origin, token, sizes, and what no address reaches."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from convscope.errors import PictureError, RunError
from convscope.lab.app import make_app
from convscope.lab.desk import Desk
from convscope.lab.guard import CSP, Guard
from convscope.lab.pictures import LARGEST, Kept
from convscope.lab.server import address
from convscope.lab.shelf import BIN, PACKAGED, Shelf
from convscope.lab.shelf import OURS as COME

HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
OURS = "http://127.0.0.1:8127"


def asking(lab, token: str = "", base: str = OURS) -> TestClient:
    return TestClient(Guard(make_app(lab.desk), HERE, token), base_url=base, follow_redirects=False)


@pytest.fixture(scope="module")
def ask(lab):
    return asking(lab)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8127", "localhost:8127", "LOCALHOST:8127", "[::1]:8127", "localhost", "localhost:9000"],
)
def test_our_names_are_answered_whatever_port_a_tunnel_gave_them(ask, host):
    assert ask.get("/api/ready", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8127",
        "evil.example",
        "127.0.0.1.evil.example:8127",
        "",
        "10.0.0.5:8127",
        "localhost.:8127",
        "a@localhost",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(ask, host):
    answer = ask.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert answer.text == f"this page is reached by 127.0.0.1, [::1], localhost, not by {host!r}"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8127"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": OURS},
    ],
)
def test_what_another_page_sends_is_refused(ask, headers):
    for method, path in [
        ("POST", "/api/drawings?width=1&height=1"),
        ("DELETE", "/api/runs/7"),
        ("GET", "/api/runs"),
        ("OPTIONS", "/api/runs/7"),
    ]:
        answer = ask.request(method, path, headers=headers, content=b"\0" if method == "POST" else None)
        assert answer.status_code == 403, (method, path)
    assert ask.get("/api/runs/7").status_code == 200


def test_a_link_from_elsewhere_opens_the_page_itself(ask):
    assert ask.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_our_own_page_may_post(ask):
    answer = ask.post(
        "/api/drawings?width=1&height=1",
        content=b"\0",
        headers={"origin": OURS, "sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["host", "origin", "sec-fetch-site"])
def test_a_header_that_is_believed_may_be_said_once_only(ask, name):
    twice = [(name, "127.0.0.1:8127"), (name, "127.0.0.1:8127")]
    assert ask.get("/api/ready", headers=twice).status_code == 400


def test_elsewhere_the_link_brings_a_token_which_becomes_a_cookie(lab):
    ask = asking(lab, "sesame")
    refused = ask.get("/api/runs")
    assert (refused.status_code, refused.text) == (
        401,
        "open the link that `convscope lab` printed: it has the token in it",
    )
    for wrong in (
        "/?token=wrong",
        "/?token=",
        "/?token=%ff",
        "/api/runs?token=sesame",
        "/main.js?token=sesame",
    ):
        assert ask.get(wrong).status_code == 401
    opened = ask.get("/?token=sesame", headers={"sec-fetch-site": "cross-site"})
    assert (opened.status_code, opened.headers["location"], opened.headers["cache-control"]) == (
        303,
        "/",
        "no-store",
    )
    assert opened.headers["set-cookie"] == "convscope-8127=sesame; Path=/; HttpOnly; SameSite=Lax"
    assert ask.get("/api/runs").status_code == 200
    assert ask.get("/").status_code == 200
    assert asking(lab, "other").get("/", headers={"cookie": "convscope-8127=sesame"}).status_code == 401


def test_a_token_does_not_open_the_page_to_a_rebound_name(lab):
    assert (
        asking(lab, "sesame").get("/?token=sesame", headers={"host": "evil.example:8127"}).status_code == 421
    )
    assert asking(lab, "sesame").get("/?token=sesame", headers={"host": "10.0.0.5:8127"}).status_code == 303


def test_cookies_of_other_servers_on_this_machine_do_not_hide_ours(lab):
    headers = {"cookie": 'odd={"a": 1, [; convscope-1=x; =; convscope-8127=sesame'}
    assert asking(lab, "sesame").get("/api/ready", headers=headers).status_code == 200


def test_a_websocket_is_closed(ask):
    with pytest.raises(WebSocketDisconnect), ask.websocket_connect("/api/ready"):
        pass


def test_every_answer_says_what_a_browser_may_do(ask):
    for path in ("/", "/main.js", "/api/ready", "/nothing", "/api/nothing"):
        headers = ask.get(path).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "unsafe" not in CSP and "http" not in CSP


def test_the_page_itself_has_no_inline_code(ask):
    page = ask.get("/").text
    assert "style=" not in page and " on" not in page.replace(" one", "") and "<script>" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/../guard.py", "/..%2fguard.py", "/%2e%2e/guard.py", "/views/../../guard.py", "/..%5cguard.py", "/%00", "//etc/passwd",
        "/etc/passwd", "/static/main.js", "/" + "a" * 5000, "/views", "/.", "/C:/x",
    ],
)  # fmt: skip
def test_no_address_reaches_files_that_are_not_the_pages(ask, path):
    answer = ask.get(path)
    assert answer.status_code == 404 or answer.text.startswith("<!doctype html>"), answer.text[:80]


@pytest.mark.parametrize(
    "name",
    ["..", "%2e", "%2e%2e", "..%2f..%2fetc", "7%2f..%2f7", "7%00", ".deleted", "%c3%a9", "a" * 256, "7/"],
)
def test_no_run_is_reached_but_by_its_own_name(ask, lab, name):
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/restore"), ("GET", "/say?picture=test/0")]:
        answer = ask.request(method, f"/api/runs/{name}{path}")
        assert answer.status_code in (307, 404, 405, 422), (method, path, answer.text)
    assert (lab.home / "7" / "run.json").exists()


@pytest.mark.parametrize("path", ["/api/runs/7/say?width=1&height=1", "/api/drawings?width=1&height=1"])
def test_more_bytes_than_are_taken_are_refused_before_and_while_they_come(ask, path):
    said = ask.post(path, content=b"x", headers={"content-length": "8000001"})
    assert (said.status_code, said.text) == (413, "at most 8,000,000 bytes are taken at once")
    assert ask.post(path, content=b"x", headers={"content-length": "-1"}).status_code == 413
    assert (
        ask.post(path, content=iter([b"x" * 1_000_000] * 9)).status_code == 413
    )  # chunks, whose sum nobody said


# Pictures are decoded as what nobody vouches for.


def bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is large."""
    rows = zlib.compress(bytes(1000))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", rows),
        (b"IEND", b""),
    ]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def picture(kind: str, size: tuple[int, int] = (20, 10), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 3).save(file, kind)
    return file.getvalue()


BROKEN = {
    "nothing": b"", "text": b"hello", "bomb": bomb(50_000, 50_000), "no pixels": bomb(0, 5), "cut": picture("PNG")[:-30],
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "pdf": b"%PDF-1.7", "ico": picture("ICO", (16, 16)),
    "random": np.random.default_rng(0).bytes(5000), "head only": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a" + bytes(20),
    "too long": bomb(LARGEST + 1, 1), "tiff": b"II*\0" + bytes(50), "zip": b"PK\x03\x04" + bytes(50),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_gives_one_line(client, name):
    answer = client.post("/api/pictures", content=BROKEN[name])
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"] and answer.json()["error"].startswith("the picture: ")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_picture_of_any_mode_and_shape_is_said_something_about(client, mode):
    for size in [(1, 1), (3000, 1), (1, 3000), (700, 500)]:
        kept = client.post("/api/pictures", content=picture("TIFF", size, mode)).json()
        for run in ("lenet5", "7"):
            assert client.get(f"/api/runs/{run}/say", params={"picture": kept["picture"]}).status_code == 200


def test_kept_pictures_have_room_and_the_oldest_goes_first():
    kept = Kept(room=250)
    first, second = (kept.keep(np.full((1, 10, 10), n, np.uint8)) for n in (1, 2))
    assert (
        kept.keep(np.full((1, 10, 10), 1, np.uint8)) == first
    )  # asked for again, so the second is the oldest now
    third = kept.keep(np.full((1, 10, 10), 3, np.uint8))
    assert [kept.get(name.removeprefix("kept/"))[0, 0, 0] for name in (first, third)] == [1, 3]
    with pytest.raises(PictureError, match="this picture is not here any more: drop it on the page again"):
        kept.get(second.removeprefix("kept/"))


# Addresses: who is listened to.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.9"])
def test_on_this_machine_no_token_is_needed(host):
    at = address(host, 0)
    at.sockets[0].close()
    assert (at.token, at.link) == ("", f"http://{host}:{at.port}/")
    assert at.hosts == {"127.0.0.1", "localhost", "[::1]"}


def test_the_sixth_version_of_the_internet_has_brackets():
    try:
        at = address("::1", 0)
    except RunError:
        pytest.skip("this machine has no IPv6")
    at.sockets[0].close()
    assert (at.token, at.link) == ("", f"http://[::1]:{at.port}/")


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_elsewhere_a_token_is_made_anew_each_time(host):
    one, other = address(host, 0), address(host, 0)
    for at in (one, other):
        at.sockets[0].close()
        assert at.link.endswith(f":{at.port}/?token={at.token}") and "0.0.0.0" not in at.link
    assert len(one.token) == 32 and one.token != other.token


def test_a_port_that_is_taken_is_said_and_without_one_the_next_is_taken():
    first = address()
    second = address()
    assert first.port != second.port
    with pytest.raises(RunError) as caught:
        address("127.0.0.1", first.port)
    for at in (first, second):
        at.sockets[0].close()
    assert str(caught.value) == (
        f"127.0.0.1:{first.port}: cannot be listened on (another program listens there); give another --port, or none"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid", "a..b"])
def test_an_address_that_this_machine_does_not_have_is_said(host):
    with pytest.raises(
        RunError, match=f"{host}: not an address of this machine; --host 127.0.0.1 is for you alone"
    ):
        address(host, 0)


# The shelf: names that are no paths.


def make(folder, text="{}"):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(text)


def test_only_folders_with_speakable_names_are_runs(tmp_path):
    home = tmp_path / "runs"
    for name in ("1", "12", "a b", "é?#", ".hidden", "-"):
        make(home / name)
    os.mkdir(os.fsencode(home) + b"/\xff")  # noqa: PTH102 - a name that is no text
    (home / "file").write_text("")
    assert list(Shelf(home).paths()) == ["12", "1", "é?#", "a b", *COME]


def test_a_run_that_has_the_packaged_ones_name_gets_another(tmp_path):
    home = tmp_path / "runs"
    make(home / PACKAGED)
    shelf = Shelf(home)
    assert list(shelf.paths()) == [f"{PACKAGED}-2", *COME]
    shelf.delete(f"{PACKAGED}-2")
    shelf.restore(f"{PACKAGED}-2")
    assert (home / f"{PACKAGED}-2" / "run.json").exists()


def test_a_link_among_the_runs_is_removed_as_a_link(tmp_path):
    home, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    make(elsewhere)
    home.mkdir()
    (home / "1").symlink_to(elsewhere)
    shelf = Shelf(home)
    for _ in range(2):
        shelf.delete("1")
        assert (elsewhere / "run.json").exists() and (home / BIN / "1").is_symlink()
        (home / "1").symlink_to(elsewhere)


def test_what_lies_elsewhere_is_not_deleted(tmp_path):
    shelf = Shelf(tmp_path / "runs")
    with pytest.raises(RunError, match="lenet5 does not lie under"):
        shelf.delete(PACKAGED)
    make(tmp_path / "mine")
    assert shelf.add(tmp_path / "mine") == "mine" == shelf.add(tmp_path / "mine")
    with pytest.raises(RunError, match="mine does not lie under"):
        shelf.delete("mine")


def test_a_desk_says_of_a_set_that_is_not_here_how_it_is_had(lab, monkeypatch):
    monkeypatch.setattr("convscope.data.images.is_here", lambda _: False)
    run = lab.desk.run("lenet5")
    assert Desk().images(run) == (
        None,
        "mnist is not on this machine; learning it (convscope train mnist) downloads it",
    )
