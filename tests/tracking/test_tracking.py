"""A training is told to real servers: what they show is what the Run holds; one that fails does no harm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

import convscope as cs
from convscope.errors import TrackError
from convscope.tracking import tracked, tracker_of
from convscope.training.loop import training
from convscope.training.plan import make_plan

NET = "input 1x12x12; c conv 4 3x3 | relu; out linear 3"


def learned(images: Any, track: str, path: Path, said: list[str]) -> cs.Run:
    plan = make_plan(images, NET, cs.Recipe(epochs=3), seed=1)
    for _ in tracked(
        training(plan, path), tracker_of(track, path), path, {"seed": 1, "net": NET}, said.append
    ):
        pass
    return cs.Run(path)


def asked(address: str, words: Any = None) -> bytes:
    data = None if words is None else json.dumps(words).encode()
    with urlopen(Request(address, data, {"Content-Type": "application/json"}), timeout=20) as answer:
        return answer.read()


@contextmanager
def running(words: list[str], address: str) -> Iterator[None]:
    """A server, once it answers."""
    with Path("server.log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as server:
        try:
            for _ in range(300):
                try:
                    asked(address)
                    break
                except (URLError, OSError):
                    assert server.poll() is None, Path("server.log").read_text()
                    time.sleep(0.2)
            yield
        finally:
            server.terminate()


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


def test_tensorboard_shows_the_curves_the_kernels_and_the_parameters(bar_images, tmp_path):
    said: list[str] = []
    run = learned(bar_images, "tensorboard", tmp_path / "run", said)
    folder = run.path / "tensorboard"
    assert said == [f"tracked: tensorboard --logdir {folder}"]
    base = f"http://127.0.0.1:{(port := free_port())}/data/plugin"
    server = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tensorboard.main",
        "--logdir",
        str(folder),
        "--port",
        str(port),
    ]
    with running([*server, "--load_fast=false"], f"{base}/scalars/tags"):
        for _ in range(100):
            tags = json.loads(asked(f"{base}/scalars/tags"))
            if "test_error_percent" in tags.get(".", {}):
                break
            time.sleep(0.1)
        assert {"loss", "train_accuracy", "test_accuracy", "test_error_percent"} <= {*tags["."]}
        losses = json.loads(asked(f"{base}/scalars/scalars?tag=loss&run=."))
        assert [(step, pytest.approx(value, rel=1e-6)) for _, step, value in losses] == [
            (line["epoch"], line["loss"]) for line in run.metrics
        ]
        kernels = json.loads(asked(f"{base}/images/images?tag=kernels%2Fc&run=.&sample=0"))
        assert [picture["step"] for picture in kernels] == [1, 2, 3]
        assert b"seed" in asked(f"{base}/text/text?tag=parameters%2Ftext_summary&run=.")


def test_mlflow_shows_them_and_keeps_the_files(bar_images, tmp_path):
    program = os.environ.get("CONVSCOPE_MLFLOW") or shutil.which("mlflow")
    if program is None:
        pytest.skip(
            "no MLflow server: it is 850 MB, so it is not installed for tests; CONVSCOPE_MLFLOW names the program"
        )
    address = f"http://127.0.0.1:{(port := free_port())}"
    store = ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", str(tmp_path / "kept")]
    with running([program, "server", "--port", str(port), "--workers", "1", *store], f"{address}/health"):
        run = learned(bar_images, f"mlflow:{address}", tmp_path / "run", [])
        learned(bar_images, f"mlflow:{address}", tmp_path / "again", [])  # the experiment is there already
        words = {"experiment_ids": ["1"], "order_by": ["attributes.start_time ASC"]}
        first, second = json.loads(asked(f"{address}/api/2.0/mlflow/runs/search", words))["runs"]
        assert (first["info"]["run_name"], first["info"]["status"]) == ("run", "FINISHED")
        assert second["info"]["run_name"] == "again"
        metrics = {m["key"]: m["value"] for m in first["data"]["metrics"]}
        assert (
            metrics["loss"] == run.metrics[-1]["loss"]
            and metrics["test_accuracy"] == run.info["scores"]["test_accuracy"]
        )
        assert {"key": "seed", "value": "1"} in first["data"]["params"]
        history = f"metrics/get-history?run_id={first['info']['run_id']}&metric_key=loss"
        assert len(json.loads(asked(f"{address}/api/2.0/mlflow/{history}"))["metrics"]) == 3
    kept = tmp_path / "kept" / "1" / first["info"]["run_id"] / "artifacts"
    assert (kept / "weights.safetensors").read_bytes() == (run.path / "weights.safetensors").read_bytes()
    with Image.open(kept / "kernels" / "c" / "003.png") as picture:
        assert picture.size == (8 * 4 * 8, 8 * 4)


class Failing(BaseHTTPRequestHandler):
    """An MLflow server that breaks down once the run has begun."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        begun = {
            "experiments": {"experiment": {"experiment_id": "1"}},
            "runs/create": {"run": {"info": {"run_id": "r", "artifact_uri": "s3://x"}}},
        }
        words = next(
            (json.dumps(said).encode() for part, said in begun.items() if part in self.path), b"out of disk"
        )
        self.send_response(500 if words == b"out of disk" else 200)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_that_breaks_down_is_left_and_the_training_goes_on(bar_images, tmp_path, monkeypatch):
    from convscope.tracking.mlflow import Server

    whole = Server._asked
    monkeypatch.setattr(
        Server,
        "_asked",
        lambda self, method, what, words=None, **how: (
            whole(self, method, what, words, **how) if "params" not in (words or {}) else {}
        ),
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address, said = f"http://127.0.0.1:{server.server_port}", []
        run = learned(bar_images, f"mlflow:{address}", tmp_path / "run", said)
        server.shutdown()
    assert run.info["status"] == "finished" and len(run.metrics) == 3
    assert said == [
        f"tracked: {address}/#/experiments/1/runs/r",
        f"no longer tracked: {address}: MLflow answered 500 (out of disk)",
    ]


def test_without_tensorboard_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(
        TrackError, match=r"needs tensorboard, which is not installed: pip install 'convscope\[track\]'"
    ):
        tracker_of("tensorboard", tmp_path)


def test_what_cannot_be_tracked_is_said_before_anything_is_learned(bar_images, tmp_path):
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(
        TrackError,
        match=rf"{address}: no MLflow server answers there \(.*refused.*\); start it, or leave out --track",
    ):
        learned(bar_images, f"mlflow:{address}", tmp_path / "run", [])
    for text, words in (
        ("wandb", "--track wandb: there is no tracker 'wandb'; there are tensorboard, mlflow"),
        ("mlflow", "--track mlflow:: an address is wanted, such as mlflow:http://127.0.0.1:5000"),
    ):
        with pytest.raises(TrackError) as told:
            tracker_of(text, tmp_path)
        assert str(told.value) == words
