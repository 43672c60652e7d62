"""Several processes that teach one net: each computes its share of every batch, and all take the same step.

This is what DistributedDataParallel does, of one bucket and without a wrapper: parameters and gradients are each one vector
here, so a step needs one sum over the workers. What is told of a step (loss, named rightly, a wish to stop) travels at the
end of the same vector, each worker's in places of its own, so that adding up rounds nothing.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributed import distributed_c10d as c10d
from torch.distributed.rendezvous import rendezvous

from convscope.errors import WorkersError
from convscope.native.runner import available_processors
from convscope.runs import Writer
from convscope.training.nearby import PATIENCE, Nearby, gone, meet
from convscope.training.started import device_of, is_worker, job

TOLD = 5
"""So many values each worker tells of a step: its loss in three parts, how many were named rightly, whether to stop."""
ASK_STEPS = 16
"""Where a device computes by itself, the workers ask one another so seldom whether somebody wants to stop."""
READING = timedelta(days=2)
"""So long a worker waits for pictures that another one of its machine decodes."""
WIRES = ("float32", "bfloat16")


@dataclass(frozen=True)
class Share:
    """Which pictures of a batch of `total` one worker computes: those at `rows`; None: all, as all the others do."""

    total: int
    rows: Int[Tensor, " n"] | None = None

    @property
    def first(self) -> int:
        """The place of the first of them."""
        return 0 if self.rows is None else int(self.rows[0])


class Group:
    """The workers that train together, as one of them sees them; by itself it is a group of one.

    `wire` is the type in which gradients travel: bfloat16 halves what is sent, and rounds it. Where they are `sharded` each
    holds a part of the net. Those of one machine are `nearby`; `sums` says by what all add up.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        wire: str = "float32",
        threads: int | None = None,
        nearby: Nearby | None = None,
        sums: str = "",
        sharded: bool = False,
    ):
        self.rank, self.size, self.wire, self.threads = rank, size, wire, threads
        self.nearby, self.sums, self.sharded = nearby, sums, sharded and size > 1
        self.wish, self.heard, self.asked = False, False, 0

    @property
    def leads(self) -> bool:
        """Whether this one writes the Run and speaks for all."""
        return self.rank == 0

    @property
    def many(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    @property
    def tail(self) -> int:
        """How many values a gradient has room for behind its own, for what is told of a step."""
        return TOLD * self.size if self.many else 0

    def part(self, n: int) -> slice:
        """Which of `n` things are this worker's: neighbours, as many as the others' or one more.

        >>> [Group(rank, 3).part(8) for rank in range(3)]
        [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
        """
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def parts(self, n: int, most: int) -> list[slice]:
        """The same cut into pieces of `most` things at the most: as many pieces for each worker, empty ones too.

        >>> Group(0, 2).parts(5, 2), Group(1, 2).parts(5, 2)
        ([slice(0, 1, None), slice(1, 2, None)], [slice(2, 3, None), slice(3, 5, None)])
        """
        if not self.many:
            return [slice(start, min(start + most, n)) for start in range(0, n, most)]
        own, largest = self.part(n), math.ceil(n / self.size)
        count = math.ceil(largest / most)
        edges = [own.start + (own.stop - own.start) * k // count for k in range(count + 1)]
        return [slice(*pair) for pair in itertools.pairwise(edges)]

    def share(self, n: int) -> Share:
        """This worker's share of a batch of `n`; a batch with fewer pictures than workers is computed by each of them."""
        if not self.many or n < self.size:
            return Share(n)
        own = self.part(n)
        return Share(n, torch.arange(own.start, own.stop))

    def summed(
        self, gradient: Float[Tensor, " n"], share: Share, loss: float, right: int
    ) -> tuple[float, int]:
        """Put the sum over all workers in a gradient's place, which has room for `tail` behind it; and sum what is told."""
        if not self.many:
            return loss, right
        own = torch.tensor([*thirds(loss), right, self.wish], dtype=torch.float32)
        *parts, named, wishes = self._sent(gradient, share, own).double().sum(0).tolist()
        self.heard = wishes > 0
        return sum(parts), int(named)

    def summed_there(
        self, gradient: Float[Tensor, " n"], share: Share, told: Float[Tensor, " two"]
    ) -> Float[Tensor, " two"]:
        """The same where nothing is read back: loss and rightly named ones stay on the device."""
        own = torch.stack([told[0], 0 * told[0], 0 * told[0], told[1], 0 * told[0]])
        sums = self._sent(gradient, share, own).sum(0)
        return torch.stack([sums[:3].sum(), sums[3]])

    def _sent(
        self, gradient: Float[Tensor, " n"], share: Share, own: Float[Tensor, " told"]
    ) -> Float[Tensor, "w 5"]:
        n = len(gradient)
        wire = gradient.as_strided((n + self.tail,), (1,))
        tail = wire[n:].zero_().view(self.size, TOLD)
        if share.rows is None:
            gradient.div_(self.size)
            if not self.leads:
                own[:4] = 0.0
        tail[self.rank] = own
        if self.wire == "bfloat16" and n:
            half = gradient.bfloat16()
            self.add(half)
            gradient.copy_(half)
            self.add(wire[n:])
        else:
            self.add(wire)
        return tail

    def add(self, values: Tensor) -> None:
        """Put sums over all workers in the values' place.

        Raises:
            LostWorkerError: One of them is gone.
        """
        if self.nearby is not None and self.nearby.takes(values):
            self.nearby.add(values)
        elif self.many:
            with _losing():
                dist.all_reduce(values)

    def add_array(self, values: np.ndarray) -> None:
        """The same of an array."""
        self.add(torch.from_numpy(values))

    def same(self, values: Tensor) -> None:
        """Make values those of the first worker."""
        if self.many:
            with _losing():
                dist.broadcast(values, 0)

    def told(self, said: Any = None) -> Any:
        """What the first worker says, at each of them: anything that JSON can say."""
        if not self.many:
            return said
        text = json.dumps(said).encode() if self.leads else b""
        length = torch.tensor(len(text))
        self.same(length)
        letters = torch.zeros(int(length), dtype=torch.uint8)
        if self.leads:
            letters.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
        self.same(letters)
        return json.loads(bytes(letters.numpy()))

    def agreed(self, stop: bool, prompt: bool = True) -> bool:
        """Whether all stop now, since one of them wanted to; all are told so after the same step."""
        if not self.many:
            return stop
        self.wish = self.wish or stop
        self.asked += 1
        if not prompt and self.asked % ASK_STEPS == 0:
            wishes = torch.tensor(float(self.wish))
            self.add(wishes)
            self.heard = bool(wishes)
        heard = self.heard
        if heard:
            self.wish = self.heard = False  # they may train again
        return heard

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Within the block the first worker of each machine comes before the others: what it decodes, they find."""
        if not self.many:
            yield
            return
        store, key = c10d._get_default_store(), f"here/{os.environ['GROUP_RANK']}"
        first = os.environ["LOCAL_RANK"] == "0"
        if not first:
            with _losing():
                store.wait([key], READING)
        yield
        if first:
            store.set(key, "1")

    def first(self, what: str) -> bool:
        """Whether this worker is the first that asks so."""
        if not self.many:
            return True
        own = str(self.rank)
        try:
            return c10d._get_default_store().compare_set(what, "", own).decode() == own
        except RuntimeError:
            return True

    def about(self) -> dict[str, Any]:
        """What a Run says of its workers, and by what they are known when they are started again."""
        said = {"count": self.size, "gradients": self.wire, "sums": self.sums, "sharded": self.sharded}
        return (
            {**said, "threads": self.threads, "job": job(), "command": sys.argv[1:]}
            if self.many or job()
            else {}
        )


ALONE = Group()


class Onlooker(Writer):
    """Writes nothing: one of several workers who train a Run together that another of them writes."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def close(self) -> None:
        """Nothing was held."""

    def arrays(
        self, name: str, arrays: Mapping[str, np.ndarray], note: Mapping[str, Any] | None = None
    ) -> None:
        """Leave it to the one who writes."""

    def settle(self, name: str, number: int) -> None:
        """Leave it to the one who writes."""

    def only(self, name: str, number: int | None) -> None:
        """Leave it to the one who writes."""

    def remove(self, name: str) -> None:
        """Leave it to the one who writes."""

    def _write(self, name: str, data: bytes) -> None: ...


@contextmanager
def joined(device: str, wire: str = "float32", sharded: bool = False) -> Iterator[tuple[Group, str]]:
    """Within the block this process is one of the workers that torchrun started, on the device that it gives back.

    Raises:
        WorkersError: The others are not there, or this machine has fewer devices than workers.
    """
    if not is_worker():
        yield ALONE, device
        return
    rank, here = int(os.environ["RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = device_of(device, int(os.environ["LOCAL_RANK"]), here)
    on_cuda = device.startswith("cuda")
    try:
        store, _, size = next(rendezvous("env://"))
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
            store=_fresh(store, rank, size),
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
            device_id=torch.device(device) if on_cuda else None,
        )
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise WorkersError(
            f"worker {rank} found no others at {where} ({_first_line(error)}): do all machines reach it?"
        ) from None
    threads = max(1, available_processors() // here)
    torch.set_num_threads(threads)
    nearby, sums = _adding(rank, size, device) if here == size else (None, "nccl" if on_cuda else "gloo")
    try:
        yield Group(rank, size, wire, threads, nearby, sums, sharded), device
    finally:
        if nearby is not None:
            nearby.close()
        dist.destroy_process_group()


def _adding(rank: int, size: int, device: str) -> tuple[Nearby | None, str]:
    """By what the workers of one machine add up."""
    if device != "cpu":
        return None, "nccl"
    nearby, reason = meet(c10d._get_default_store(), rank, size)
    return nearby, f"gloo ({reason})" if reason else "shared memory"


def _fresh(store: c10d.Store, rank: int, size: int) -> c10d.Store:
    """The part of torchrun's store that is of those workers alone that run now.

    Where workers are started again the store still says where the lost ones were. So the first one makes up a name, and
    each of the others answers with one of its own; only if the first has seen that one, it is alive, too.
    """
    own, until = uuid.uuid4().hex, time.monotonic() + PATIENCE.total_seconds()
    if rank == 0:
        store.set("group", own)
        answers = [f"{own}/{other}" for other in range(1, size)]
        store.wait(answers, PATIENCE)
        store.set(f"{own}/seen", " ".join(store.get(answer).decode() for answer in answers))
        return c10d.PrefixStore(own, store)
    while time.monotonic() < until:
        name = store.get("group").decode()
        store.set(f"{name}/{rank}", own)
        if store.check([f"{name}/seen"]) and own in store.get(f"{name}/seen").decode():
            return c10d.PrefixStore(name, store)
        time.sleep(0.02)
    raise RuntimeError("the first worker did not answer")


def thirds(value: float) -> tuple[float, float, float]:
    """Three float32 numbers whose sum is a float64 one.

    >>> sum(thirds(1 / 3)) == 1 / 3
    True
    """
    if not np.isfinite(value):
        return value, 0.0, 0.0
    high = float(np.float32(value))
    middle = float(np.float32(value - high))
    return high, middle, value - high - middle


@contextmanager
def _losing() -> Iterator[None]:
    """What torch.distributed says of a worker that is gone, in a line."""
    try:
        yield
    except RuntimeError as error:
        raise gone(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rsplit("] ", 1)[-1].rstrip(".")
