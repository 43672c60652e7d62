"""Whole steps as CUDA graphs: what Python and the driver say for each kernel, they say once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Given = tuple[Tensor, ...]
Compute = Callable[..., None]
WARM = 3
"""So many steps of a shape are computed as they are before the next is recorded: kernels are chosen in them."""


@dataclass
class Recorded:
    """A step on tensors that stay where they are."""

    graph: torch.cuda.CUDAGraph
    given: Given

    def play(self, given: Given) -> None:
        """The step again, on other numbers."""
        for own, new in zip(self.given, given, strict=True):
            own.copy_(new)
        self.graph.replay()


class Steps:
    """Computes steps: on a CUDA device each shape's fourth is recorded, and then played; elsewhere as they are.

    What a step computes must be done by the device alone, with nothing read back. `refused` says in words why steps are
    not recorded any more; they are then computed as they are. A `key` is what else a step depends on, besides its shapes.
    """

    key: object = None

    def __init__(self, compute: Compute, device: str):
        self.compute, self.records = compute, device.startswith("cuda")
        self.refused = ""
        if self.records:
            self.stream, self._pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()
        self.forget()

    def refuse(self, why: str) -> None:
        """Record nothing, for a reason that can be said."""
        self.records, self.refused = False, why

    def forget(self) -> None:
        """Record anew: something that a step uses is no longer what it was."""
        self.seen: dict[object, int] = {}
        self.recorded: dict[object, Recorded] = {}

    def __call__(self, *given: Tensor) -> None:
        if not self.records:
            self.compute(*given)
            return
        shape = (self.key, *((t.shape, t.stride(), t.dtype) for t in given))
        self.seen[shape] = self.seen.get(shape, 0) + 1
        if self.seen[shape] <= WARM:
            self._aside(given)
            return
        if shape not in self.recorded:
            try:
                self.recorded[shape] = self._record(given)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self.refuse(str(error).splitlines()[0])
                self.compute(*given)
                return
        self.recorded[shape].play(given)

    def _aside(self, given: Given) -> None:
        """A step on the stream on which steps are recorded, so that autograd's parts belong to it."""
        here, aside = torch.cuda.current_stream(), self.stream
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            self.compute(*given)
        here.wait_stream(aside)

    def _record(self, given: Given) -> Recorded:
        """Record a step without computing it; unlike `torch.cuda.graph` without collecting garbage, which takes long."""
        kept = tuple(t.clone() for t in given)
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.stream(self.stream):
            graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
            try:
                self.compute(*kept)
            finally:
                graph.capture_end()
        return Recorded(graph, kept)
