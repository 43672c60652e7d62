"""The real command: a page before PyTorch is there, a link with a token elsewhere, and an end that is quick and quiet."""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from convscope.lab.shelf import PACKAGED_FOLDER

COMMAND = [sys.executable, "-c", "from convscope.cli.app import main; main()", "lab", "--no-browser"]
STOPPED = "convscope: stopped\n"


@contextlib.contextmanager
def started(*options: str, json_: bool = True) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a person would start it, and the link that it prints first."""
    command = [*COMMAND, *(["--json"] if json_ else []), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout and process.stderr
        if json_:
            line = process.stdout.readline()
            link = json.loads(line)["link"] if line else ""
        else:
            link = process.stderr.readline().rsplit(maxsplit=1)[-1]
        yield process, link
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(link: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(link, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait(link: str) -> dict:
    """What `ready` says once it is, or has failed."""
    for _ in range(600):
        state = json.loads(get(f"{link}api/ready")[1])
        if state["ready"] or state["failed"]:
            return state
        time.sleep(0.1)
    raise AssertionError("never ready")


def test_the_page_is_there_before_pytorch_is_and_then_all_of_it():
    with started() as (_, link):
        status, page = get(link)
        assert status == 200 and page.startswith(b"<!doctype html>")
        first = json.loads(get(f"{link}api/ready")[1])
        assert first["first"] == "lenet5" and (first["ready"] or first["doing"])
        assert wait(link)["ready"]
        assert get(f"{link}api/runs/lenet5/say?picture=test/0")[0] == 200
        assert "PyTorch" in first["doing"] or first["ready"]


@pytest.mark.parametrize("when", ["at once", "when all is loaded"])
def test_ctrl_c_ends_it_quickly_and_quietly_whoever_is_connected(when):
    with started() as (process, link):
        if when != "at once":
            wait(link)
        where = urlsplit(link)
        sent = ["", "GET /api/ready HT", f"GET /api/ready HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"]
        sent += [
            f"POST /api/runs/lenet5/say?width=112&height=112 HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 12544\r\n\r\nabc"
        ]
        with contextlib.ExitStack() as open_:
            for words in sent:
                client = open_.enter_context(socket.create_connection((where.hostname, where.port)))
                client.sendall(words.encode())
            time.sleep(0.3)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=30)
        assert (process.returncode, out, said) == (130, "", STOPPED)
        assert time.monotonic() - began < 10


def test_an_answer_does_not_wait_for_the_client_to_say_that_it_has_the_last_one():
    with started() as (_, link):
        wait(link)
        connection = http.client.HTTPConnection(urlsplit(link).netloc)
        began = time.monotonic()
        for _ in range(50):
            connection.request("GET", "/api/ready")
            connection.getresponse().read()
        assert time.monotonic() - began < 50 * 0.030  # with Nagle's algorithm each takes 40 ms
        connection.close()


def test_a_terminated_server_ends_too():
    with started() as (process, link):
        wait(link)
        process.terminate()
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == -signal.SIGTERM


def test_without_json_the_link_is_said_on_stderr_and_nothing_on_stdout():
    with started(json_=False) as (process, link):
        assert get(link)[0] == 200
        assert process.stderr and process.stderr.readline() == "Ctrl-C ends it\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", STOPPED)


def test_elsewhere_than_on_this_machine_only_the_link_opens_it():
    with started("--host", "0.0.0.0") as (_, link):
        where = urlsplit(link)
        assert where.hostname != "0.0.0.0" and where.query.startswith("token=")
        bare = f"http://127.0.0.1:{where.port}/"
        assert get(bare)[0] == get(f"{bare}api/ready")[0] == get(f"{bare}?token=x")[0] == 401
        person = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        with person.open(f"{bare}?{where.query}") as answer:
            assert (answer.status, answer.url) == (200, bare)
        with person.open(f"{bare}api/ready") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(("argument", "name"), [("mine", "mine"), ("7", "7"), ("last", "7")])
def test_a_run_is_opened_as_on_the_command_line(tmp_path, argument, name):
    shutil.copytree(PACKAGED_FOLDER, tmp_path / "mine")
    shutil.copytree(PACKAGED_FOLDER, tmp_path / "runs" / "7")
    with started(argument) as (_, link):
        state = wait(link)
        assert (state["ready"], state["first"]) == (True, name)
        assert json.loads(get(f"{link}api/runs")[1])[0]["name"] == name


def test_a_run_that_is_not_there_or_a_port_that_is_taken_end_it_with_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = [
            subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)
            for words in (["nowhere"], ["--port", port])
        ]
    assert [(one.returncode, one.stdout, one.stderr) for one in said] == [
        (
            1,
            "",
            "convscope: nowhere: there is no such Run; make one with: convscope train mnist, or take lenet5 or finder\n",
        ),
        (
            1,
            "",
            f"convscope: 127.0.0.1:{port}: cannot be listened on (another program listens there); give another --port, or none\n",
        ),
    ]


def test_a_damaged_run_says_so_on_the_page_and_not_as_a_traceback(tmp_path):
    shutil.copytree(PACKAGED_FOLDER, tmp_path / "mine")
    (tmp_path / "mine" / "weights.safetensors").write_bytes(b"no")
    with started("mine") as (process, link):
        state = wait(link)
        assert state["failed"].endswith(
            "weights.safetensors: damaged (not whole safetensors); restore it or train again"
        )
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", STOPPED)


def test_nothing_is_left_behind(tmp_path):
    with started() as (process, link):
        wait(link)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert list(tmp_path.iterdir()) == []
