"""How much faster two processes with a core each teach a net than one process with one core.

    python benchmarks/workers.py [--rounds 5] [--seconds 4] [--batch 128] [--json]

Both sides teach the same net (LeNet-5 on MNIST, `cifar` on pictures of CIFAR-10's shape) at the same batch for all workers
together, by the native engine with one thread a process, each process kept on a core of its own. In every round all three
take turns: one process on either core, two on both; the ratio is taken within a round, against the faster
of the two single ones. A step is everything: pictures, forward, loss, backward, the sum over both workers, the update.
What ran beside them is said by the load, before and after.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from convscope.data.images import Images, Pictures, images
from convscope.native.runner import processor
from convscope.nets.build import build
from convscope.nets.zoo import find
from convscope.training.batches import Feeder
from convscope.training.learners import learner_for, threads_of
from convscope.training.moments import Normalisation
from convscope.training.plan import make_plan
from convscope.training.recipes import recipe_for
from convscope.training.together import Group, joined

NETS = ("lenet5", "cifar")
TARGET = 1.8


def main() -> int:
    """Measure, print, and fail below the target."""
    parser = argparse.ArgumentParser(description="Two processes on two cores against one on one core.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--batch", type=int, default=128, help="pictures a step, of all workers together")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.worker, asked.batch, asked.seconds)
        return 0
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        print("two cores are needed; this process may use one", file=sys.stderr)
        return 1
    before, found = os.getloadavg()[0], {}
    for net in NETS:
        rounds = [measured(net, cores, asked.batch, asked.seconds) for _ in range(asked.rounds)]
        ratios = [both / max(alone) for alone, both in rounds]
        found[net] = {
            "one": statistics.median(max(alone) for alone, _ in rounds),
            "two": statistics.median(both for _, both in rounds),
            "times": statistics.median(ratios),
            "rounds": [round(ratio, 3) for ratio in ratios],
        }
    say(found, asked, before)
    return 0 if all(row["times"] >= TARGET for row in found.values()) else 1


def measured(net: str, cores: list[int], batch: int, seconds: float) -> tuple[list[float], float]:
    """Pictures a second of one process on each of the cores, and of two processes on both."""
    return [speed(net, [core], batch, seconds) for core in cores], speed(net, cores, batch, seconds)


def speed(net: str, cores: list[int], batch: int, seconds: float) -> float:
    """Pictures a second of as many workers as there are cores, each on its own."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--worker", net, "--batch", str(batch), "--seconds", str(seconds)]
    common = {
        "WORLD_SIZE": len(cores),
        "LOCAL_WORLD_SIZE": len(cores),
        "GROUP_RANK": 0,
        "CORES": ",".join(map(str, cores)),
    }
    workers = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
            | {name: str(value) for name, value in {**common, "RANK": rank, "LOCAL_RANK": rank}.items()},
        )
        for rank in range(len(cores))
    ]
    said = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise SystemExit(f"a worker ended with {[worker.returncode for worker in workers]}")
    return float(said[0])


def work(net: str, batch: int, seconds: float) -> None:
    """One worker: steps for so many seconds, after some that nobody counts; the first says how many pictures a second."""
    rank = int(os.environ["RANK"])
    os.sched_setaffinity(0, {int(os.environ["CORES"].split(",")[rank])})
    torch.set_num_threads(1)
    pictures = images("mnist").first(20_000) if net == "lenet5" else coloured(20_000)
    with joined("cpu") as (group, device):
        own = Group(threads=1) if group.size == 1 else group
        recipe = recipe_for(net, None, 32).recipe.changed(batch=batch, engine="native")
        plan = make_plan(pictures, net, recipe, device=device)
        learner = learner_for(build(plan.stack), plan, own)
        rule = Normalisation.of(plan.stack.input, plan.images.train)
        feeder = Feeder(plan.images.train, plan.stack.input.shape[1:], rule, recipe, 0, device)
        order = feeder.order(1)
        with threads_of(learner):
            count, taken, began = 0, 0, time.perf_counter()
            while not own.agreed(time.perf_counter() - began > seconds):
                first = count * batch % (len(order) - batch)
                learner.step(feeder, order[first : first + batch], 1, count, 1e-5)
                count += 1
                if count == 5:
                    taken, began = count, time.perf_counter()
            passed = time.perf_counter() - began
    if rank == 0:
        print((count - taken) * batch / passed)


def coloured(n: int) -> Images:
    """Noise of CIFAR-10's shape: what a step costs does not depend on what is in the pictures."""
    rng = np.random.default_rng(0)
    pictures = Pictures(rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8), rng.integers(0, 10, n))
    return Images("noise", tuple("0123456789"), pictures, pictures.take(np.arange(10)), (), "noise")


def say(found: dict[str, dict], asked: argparse.Namespace, before: float) -> None:
    """Print what was found, with the machine it was found on."""
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": round(before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "batch": asked.batch,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
    }
    if asked.json:
        print(json.dumps({"machine": machine, "nets": found}))
        return
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    for net, row in found.items():
        size = find(net).parameters
        print(
            f"{net} ({size:,} parameters): one {row['one']:,.0f}, two {row['two']:,.0f} pictures a second, "
            f"{row['times']:.2f} times (rounds: {', '.join(map(str, row['rounds']))}); wanted {TARGET}"
        )


if __name__ == "__main__":
    sys.exit(main())
