"""The exported folder in Chromium: its own page, onnxruntime-web's files beside it, nothing from anywhere else."""

from __future__ import annotations

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import javascript
import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.exporting.folder import ORT_WEB

FILES = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def beside():
    """Puts onnxruntime-web's files into an exported folder and serves it; gives the address."""
    modules = javascript.modules()
    servers = []

    def served(folder: Path) -> str:
        (folder / "onnxruntime-web").mkdir()
        for name in FILES:
            shutil.copy(modules / "onnxruntime-web" / "dist" / name, folder / "onnxruntime-web")
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


def test_its_page_says_what_predict_says(chromium, beside, run_of, tmp_path):
    run = run_of(cs.parse("input 3x40x32; a conv 8 5x5 stride=2 | relu; b max 2x2; out linear 4"), "crop")
    folder = cs.export(run, tmp_path / "out").folder
    said = (folder / "README.md").read_text()
    assert all(name in said for name in FILES) and f"onnxruntime-web@{ORT_WEB}" in said
    rng = np.random.default_rng(5)
    grain = np.kron(rng.integers(0, 256, (12, 17, 4), dtype=np.uint8), np.ones((9, 9, 1), np.uint8))
    Image.fromarray(grain[..., :3]).save("colour.png")
    Image.fromarray(np.where(grain[..., 3:] > 99, grain, 0)[..., :3].copy()).resize((320, 28)).save(
        "wide.png"
    )
    holes = grain.copy()
    holes[..., 3] = np.where(grain[..., 3] > 99, 255, 0)
    Image.fromarray(holes).save("holes.png")
    names = ["colour.png", "wide.png", "holes.png"]
    address, strangers, answers = beside(folder), [], []
    page = chromium.new_page()
    try:
        page.on(
            "request", lambda asked: asked.url.startswith((address, "blob:")) or strangers.append(asked.url)
        )
        page.goto(address)
        page.wait_for_function("document.querySelector('#answer').value !== 'The net is loaded ...'")
        assert page.evaluate("document.querySelector('#answer').value") == "Choose a picture."
        for name in names:
            page.evaluate("document.querySelector('#answer').value = ''")
            page.set_input_files("#file", name)
            page.wait_for_function("document.querySelector('#answer').value")
            answers.append(page.evaluate("document.querySelector('#answer').value"))
    finally:
        page.close()
    own = [f"{one.label} {100 * one.probability:.1f} %" for one in cs.predict(run, names)]
    assert answers == own and not strangers
    assert all(re.fullmatch(r"class \d \d+\.\d %", answer) for answer in answers)


def test_the_page_was_tried_with_the_version_that_is_named():
    assert f'"onnxruntime-web": "{ORT_WEB}"' in (javascript.HERE / "package.json").read_text()
