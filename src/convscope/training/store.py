"""Where the pixels of a training are: on the device as a whole, or sent there slice by slice where they do not fit."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

SLICES = 3
"""So many parts of the room there are: one that is learned from, one that is there, one that is on its way."""


@runtime_checkable
class Store(Protocol):
    """Gives pictures by their numbers, on the device."""

    def take(self, index: Int[Tensor, " n"]) -> UInt8[Tensor, "n c h w"]:
        """The pictures with these numbers, in this order."""
        ...

    def expect(self, order: Int[Tensor, " n"]) -> None:
        """From now on pictures will be taken in this order."""
        ...


def store_for(pixels: UInt8[np.ndarray, "n c h w"], device: str, room: int | None) -> Store:
    """All pixels on the device, or where they take more than `room` bytes, slices of them."""
    if room is None or pixels.nbytes <= room:
        return Held(pixels, device)
    return Streamed(pixels, device, room)


class Held:
    """All of them on the device; on a CPU they stay where they are, mapped or in memory."""

    def __init__(self, pixels: UInt8[np.ndarray, "n c h w"], device: str):
        self.pixels = torch.as_tensor(np.asarray(pixels), device=device)

    def take(self, index: Int[Tensor, " n"]) -> UInt8[Tensor, "n c h w"]:
        return self.pixels.index_select(0, index.to(self.pixels.device, non_blocking=True))

    def expect(self, order: Int[Tensor, " n"]) -> None:
        """Nothing has to be brought."""


@dataclass(frozen=True, eq=False)
class _Slice:
    """Pictures of an order from `start` on, on the device as soon as `ready`."""

    start: int
    pixels: Tensor
    ready: torch.cuda.Event | None


class Streamed:
    """At most `room` bytes of them on the device; a thread gathers what comes next and sends it while the net learns.

    What is not taken in the expected order is brought when it is asked for. The same numbers give the same pixels.
    """

    def __init__(self, pixels: UInt8[np.ndarray, "n c h w"], device: str, room: int):
        self.host = torch.as_tensor(np.asarray(pixels))
        self.device, self.on_gpu = device, device.startswith("cuda")
        self.length = max(1, room // (SLICES * pixels[0].nbytes))
        self._stream = torch.cuda.Stream(device) if self.on_gpu else None
        self._thread = ThreadPoolExecutor(1, "pictures")
        self._order, self._at, self._next = torch.zeros(0, dtype=torch.int64), 0, 0
        self._coming: deque[Future[_Slice]] = deque()

    def expect(self, order: Int[Tensor, " n"]) -> None:
        """From now on pictures will be taken in this order; what was on its way is forgotten."""
        while self._coming:
            self._coming.popleft().cancel()
        self._order, self._at, self._next = order.cpu(), 0, 0
        self._bring()

    def take(self, index: Int[Tensor, " n"]) -> UInt8[Tensor, "n c h w"]:
        stop = self._at + len(index)
        if not torch.equal(self._order[self._at : stop], index.cpu()):
            return self.host.index_select(0, index.cpu()).to(self.device)
        found = []
        while self._at < stop:
            now = self._coming[0].result()
            if now.ready is not None:
                torch.cuda.current_stream().wait_event(now.ready)
                now.pixels.record_stream(torch.cuda.current_stream())
            end = min(stop, now.start + len(now.pixels))
            found.append(now.pixels[self._at - now.start : end - now.start])
            self._at = end
            if end == now.start + len(now.pixels):
                self._coming.popleft()
                self._bring()
        return found[0] if len(found) == 1 else torch.cat(found)

    def _bring(self) -> None:
        """Have the next slices gathered, one of them beyond the one that is used."""
        while len(self._coming) < SLICES - 1 and self._next < len(self._order):
            self._coming.append(self._thread.submit(self._slice, self._next, self._order))
            self._next += self.length

    def _slice(self, start: int, order: Tensor) -> _Slice:
        index = order[start : start + self.length]
        if self._stream is None:
            return _Slice(start, self.host.index_select(0, index), None)
        pinned = torch.empty((len(index), *self.host.shape[1:]), dtype=torch.uint8, pin_memory=True)
        torch.index_select(self.host, 0, index, out=pinned)
        with torch.cuda.stream(self._stream):
            sent = pinned.to(self.device, non_blocking=True)
            ready = torch.cuda.Event()
            ready.record(self._stream)
        ready.synchronize()  # only this thread waits; the pinned memory may be given back then
        return _Slice(start, sent, ready)
