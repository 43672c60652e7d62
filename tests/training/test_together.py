"""Several workers that train one net: what one alone would have come to, whoever dies in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from convscope import native
from convscope.cli.workers import is_one
from convscope.data.images import Images, Pictures, images
from convscope.errors import WorkersError
from convscope.nets.build import build
from convscope.nets.grammar import parse
from convscope.runs import Run
from convscope.training.batches import Feeder
from convscope.training.loop import train, training
from convscope.training.moments import Normalisation, Principal
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe
from convscope.training.started import enough, is_worker
from convscope.training.synchronised import Seen, synchronise
from convscope.training.together import Group, Share, thirds

NORMED = (
    "input 1x28x28; c conv 6 5x5 bias=no | batchnorm | relu; p max 2x2; d conv 8 3x3 bias=no | batchnorm | relu; "
    "e dropout 0.2; out linear 10"
)
STEADY = {"epochs": 2, "batch": 32, "optimizer": "nesterov", "rate": 0.01}
CASES = {
    "lenet5": ("lenet5", {**STEADY, "rate": 1e-4, "validation": 0.1, "average": 0.9}, 1e-6),
    "lenet5-torch": ("lenet5", {**STEADY, "rate": 1e-4, "shift": 1.0, "engine": "torch"}, 1e-6),
    "normed": (NORMED, {**STEADY, "views": "mirrored"}, 1e-5),
    "normed-torch": (NORMED, {**STEADY, "mixup": 0.5, "engine": "torch"}, 1e-5),
}
"""Name -> net, knobs, and by how much a weight may differ; 300 pictures in batches of 32 leave 12 for the last."""


def few_digits() -> Images:
    few = images("mnist").first(300)
    return Images(few.name, few.classes, few.train, few.test.take(slice(0, 500)), (), "few")


def pair(asked: list[dict], size: int = 2) -> None:
    """Train by two or more processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {
        "WORLD_SIZE": size,
        "LOCAL_WORLD_SIZE": size,
        "GROUP_RANK": 0,
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": port,
    }
    script = [sys.executable, str(Path(__file__).with_name("pair.py")), json.dumps(asked)]
    workers = [
        subprocess.Popen(
            script,
            env={**os.environ, **{k: str(v) for k, v in {**common, "RANK": n, "LOCAL_RANK": n}.items()}},
        )
        for n in range(size)
    ]
    assert [worker.wait(120) for worker in workers] == [0] * size


def apart(one: Run, other: Run) -> float:
    a, b = one.weights(), other.weights()
    assert a.keys() == b.keys()
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Each case by one process (NAME-1) and by two (NAME-2); `stopped` by one, then by two; `half` with bfloat16."""
    folder = tmp_path_factory.mktemp("together")
    few = few_digits()
    for name, (net, knobs, _) in CASES.items():
        train(few, net, Recipe(**knobs), seed=3, out=folder / f"{name}-1")
    net, knobs, _ = CASES["lenet5"]
    steps = iter(range(1000))
    for _ in training(
        make_plan(few, net, Recipe(**knobs), seed=3), folder / "stopped", stop=lambda: next(steps) == 11
    ):
        pass
    asked = [
        {"path": str(folder / f"{n}-2"), "net": net, "knobs": knobs} for n, (net, knobs, _) in CASES.items()
    ]
    half = {"path": str(folder / "half"), "net": net, "knobs": knobs, "wire": "bfloat16"}
    pair([*asked, {"path": str(folder / "stopped")}, half])
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_processes_come_to_the_weights_of_one(trained, name):
    alone, both = Run(trained / f"{name}-1"), Run(trained / f"{name}-2")
    assert apart(alone, both) < CASES[name][2]
    assert alone.info["scores"] == both.info["scores"]
    assert alone.info["engine"] == both.info["engine"] == ("torch" if "torch" in name else "native")
    for one, other in zip(alone.metrics, both.metrics, strict=True):
        assert one["train_accuracy"] == other["train_accuracy"]
        assert one.get("validation_accuracy") == other.get("validation_accuracy")
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)
    assert both.info["workers"]["count"] == 2
    assert "workers" not in alone.info


def test_another_number_of_workers_goes_on_with_a_run(trained):
    assert Run(trained / "stopped").info["status"] == "finished"
    assert apart(Run(trained / "stopped"), Run(trained / "lenet5-1")) < 1e-6


def test_gradients_that_travel_as_bfloat16_lead_nearly_there(trained):
    half = Run(trained / "half")
    assert 1e-7 < apart(half, Run(trained / "lenet5-1")) < 1e-3
    assert half.info["workers"]["gradients"] == "bfloat16"


CHANGES = [
    {"flip": 0.5, "pad": 2},
    {"area": 0.3, "brightness": 0.3, "lighting": 0.5, "hue": 0.1},
    {"erase": 0.5, "cutout": 3},
    {"mixup": 1.0, "cutmix": 1.0, "shift": 1.0},
    {"elastic": 1.0, "rotate": 10.0, "crop": 0.8},
]


@pytest.mark.parametrize("knobs", CHANGES, ids=str)
def test_a_share_of_a_batch_is_changed_as_the_whole_batch_is(knobs):
    rng = np.random.default_rng(0)
    pictures = Pictures(rng.integers(0, 256, (40, 3, 20, 20), dtype=np.uint8), rng.integers(0, 3, 40))
    recipe = Recipe(**knobs)
    principal = Principal.of(pictures) if recipe.lighting else None
    rule = Normalisation((1 / 255,) * 3, (0.0,) * 3)
    feeder = Feeder(pictures, recipe.seen(20, 20), rule, recipe, 3, "cpu", principal)
    index = torch.arange(13).flip(0)
    whole = feeder.batch(index, 1, 5)
    shares = [Group(rank, 3).share(13).rows for rank in range(3)]
    torch.testing.assert_close(
        torch.cat([feeder.batch(index, 1, 5, rows) for rows in shares]), whole, atol=1e-5, rtol=0
    )
    assert not torch.equal(whole, feeder.plain(index)[:, :, : whole.shape[2], : whole.shape[3]])


def in_turns(work: Callable[[int, Callable], None], parts: int = 2) -> None:
    """Run work(part, add) in threads; `add` puts the sum over them in the place of a tensor's or array's values."""
    barrier, given = threading.Barrier(parts, timeout=20), {}

    def adding(part: int) -> Callable:
        def add(values) -> None:
            given[part] = values + 0
            barrier.wait()
            total = sum(given.values())
            barrier.wait()
            values[:] = total

        return add

    threads = [threading.Thread(target=work, args=(part, adding(part))) for part in range(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_the_engines_shares_of_a_batch_add_up_to_it():
    ops = (native.Conv(6, (3, 3)), native.BatchNorm(), native.Relu(), native.Dropout(0.3), native.Linear(4))
    program = native.Program((1, 8, 8), ops)
    rng = np.random.default_rng(0)
    pictures, labels = (rng.random((40, 1, 8, 8)) + 3).astype(np.float32), rng.integers(0, 4, 40)
    weights = rng.standard_normal(program.parameters).astype(np.float32)

    def gradients(cut: slice, share: native.Share | None) -> tuple:
        found, running = np.zeros_like(weights), np.ones(program.running, np.float32)
        batch = native.Batch(pictures[cut], share=share)
        told = native.Engine(program, 1).gradients(
            batch, labels[cut], weights, found, native.Loss(), 9, running
        )
        return told, found, running

    parts, cuts = {}, [slice(0, 17), slice(17, 40)]

    def work(part: int, add: Callable) -> None:
        parts[part] = gradients(cuts[part], native.Share(cuts[part].start, 40, add))

    in_turns(work)
    (loss, right), whole, running = gradients(slice(0, 40), None)
    assert parts[0][0][0] + parts[1][0][0] == pytest.approx(loss)
    assert parts[0][0][1] + parts[1][0][1] == right
    np.testing.assert_allclose(parts[0][1] + parts[1][1], whole, atol=1e-5)
    np.testing.assert_allclose(parts[0][2], running, atol=1e-6)
    with pytest.raises(ValueError, match="share: 40 pictures from place 1 are no part of 40"):
        gradients(slice(0, 40), native.Share(1, 40, print))


def test_what_adding_up_raises_comes_out_of_the_engine():
    program = native.Program((1, 4, 4), (native.Conv(2, (3, 3)), native.BatchNorm(), native.Linear(2)))
    weights, running = np.ones(program.parameters, np.float32), np.ones(program.running, np.float32)

    def fail(values: np.ndarray) -> None:
        raise WorkersError(f"gone before {len(values)} came")

    batch = native.Batch(np.ones((2, 1, 4, 4), np.float32), share=native.Share(0, 4, fail))
    with pytest.raises(WorkersError, match=r"^gone before 4 came$"):
        native.Engine(program, 1).gradients(
            batch, np.zeros(2, np.int64), weights, weights.copy(), running=running
        )


def test_norms_and_dropouts_of_shares_are_those_of_the_batch():
    stack = parse("input 2x6x6; c conv 3 3x3 | batchnorm | relu; d dropout 0.4; out linear 4")
    pictures, wish = torch.randn(9, 2, 6, 6), torch.randn(9, 4)

    def slopes(net: nn.Module, rows: slice) -> tuple[torch.Tensor, ...]:
        torch.manual_seed(4)  # only the whole net's masks; the parts draw under the barrier below
        (net(pictures[rows]) * wish[rows]).sum().backward()
        return tuple(p.grad.clone() for p in net.parameters())

    plain = build(stack, seed=1)
    plain.d.dropout.p = (
        0.0  # PyTorch's generator is one for all threads: dropout is compared by the pair of processes
    )
    whole, parts, running = slopes(plain, slice(0, 9)), {}, {}

    def work(part: int, add: Callable) -> None:
        group = Group(part, 2)
        group.add = add
        net, seen = build(stack, seed=1), Seen(group)
        net.d.dropout.p = 0.0
        assert synchronise(net, seen) == []
        seen.share = group.share(9)
        parts[part] = slopes(net, group.part(9))
        running[part] = net.c.batchnorm.running_var

    in_turns(work)
    for total, one, other in zip(whole, parts[0], parts[1], strict=True):
        torch.testing.assert_close(one + other, total, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(running[0], plain.c.batchnorm.running_var)


def test_a_batch_is_shared_without_gaps_or_doubles():
    for size in (2, 3, 7):
        for n in (7, 8, 100):
            rows = [Group(rank, size).share(n).rows for rank in range(size)]
            assert torch.cat(rows).tolist() == list(range(n))
            assert max(map(len, rows)) - min(map(len, rows)) <= 1
    assert Group(1, 3).share(2) == Share(2, None)


@pytest.mark.parametrize("value", [0.1, 1e9 + 1 / 3, -2.5e-7, 0.0])
def test_a_loss_travels_whole_in_three_small_numbers(value):
    assert sum(float(np.float32(part)) for part in thirds(value)) == value


def test_what_does_not_fit_together_is_said(monkeypatch, bar_images):
    message = "^3 workers want batches of 3 pictures at least, one for each; batch is 2: give a larger --batch, or fewer workers$"
    plan = make_plan(bar_images, "input 1x12x12; out linear 3", Recipe(batch=2))
    with pytest.raises(WorkersError, match=message):
        next(training(plan, Path("run"), group=Group(0, 3)))
    with pytest.raises(
        WorkersError, match=r"^2 workers on a machine with 1 CUDA device: each wants one of its own; give "
    ):
        enough(1, 2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    message = (
        "^WORLD_SIZE=2 says that 2 workers train together, but MASTER_ADDR is not set: start them with torchrun, or unset "
        "WORLD_SIZE$"
    )
    with pytest.raises(WorkersError, match=message):
        is_worker()
    with pytest.raises(
        WorkersError, match=r"^torchrun has started 2 workers already: leave out --workers 3$"
    ):
        is_one(3)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not is_one(1)  # so it starts one,
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    assert is_one(1)  # and that one starts no other


def children(parent: int) -> list[int]:
    """The processes that one has started, and they in turn."""
    rows = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[1:]
    pairs = [tuple(map(int, row.split())) for row in rows if row]
    own = [pid for pid, above in pairs if above == parent]
    return own + [below for pid in own for below in children(pid)]


def bars_folder(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("across", "down"):
        (folder / name).mkdir(parents=True)
        for n in range(60):
            picture = rng.integers(0, 60, (12, 12), dtype=np.uint8)
            picture[
                (n % 12) if name == "across" else slice(None), slice(None) if name == "across" else n % 12
            ] = 220
            Image.fromarray(picture).save(folder / name / f"{n}.png")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="processes are told apart by their sessions")
def test_a_killed_worker_is_started_again_and_ctrl_c_stops_all():
    bars_folder(Path("bars"))
    knobs = {"batch": 16, "epochs": 500, "optimizer": "sgd", "rate": 0.01, "schedule": "constant"}
    net = "input 1x12x12; c conv 4 3x3 | tanh; out linear 2"
    flags = [text for name, value in knobs.items() for text in (f"--{name}", str(value))]
    command = ["train", "bars", "--net", net, *flags, "--out", "both", "--workers", "2"]
    said, workers, again = [], [], False
    with subprocess.Popen(
        [sys.executable, "-m", "convscope", *command], stderr=subprocess.PIPE, text=True
    ) as both:
        assert both.stderr is not None
        for line in both.stderr:
            said.append(line)
            again = again or line == "going on with both, which these workers began\n"
            if not workers and line.startswith("epoch"):
                workers = children(both.pid)
                os.kill(workers[1], signal.SIGKILL)
            if again and line.startswith("epoch"):
                workers += children(both.pid)
                both.send_signal(signal.SIGINT)
                again = False
    assert both.returncode == 1, said
    assert said[-1] == "stopped and saved; go on with: convscope train --resume both\n", said
    assert sum("stopping after this step" in line for line in said) == 1
    assert len(workers) >= 4
    until = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, workers))
    both_run, pictures = Run("both"), images("bars")
    last = both_run.metrics[-1]["epoch"]
    fewer = Recipe().changed(
        **{**knobs, "epochs": last}
    )  # at a constant rate the same, and its last epoch is kept
    for _ in training(make_plan(pictures, net, fewer), Path("alone")):
        pass
    one, other = Run("alone").weights(last), both_run.weights(last)
    assert max(float(np.abs(one[name] - other[name]).max()) for name in one) < 1e-5
    goes_on = training(resumed_plan(both_run, pictures), Path("both"), resume=True)
    with closing(goes_on):
        assert next(goes_on).epoch == both_run.info["epochs"] + 1


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
