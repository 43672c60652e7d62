"""Runs a Program: gradients of a batch in one call, and outputs. Everything is checked before C sees it."""

from __future__ import annotations

import ctypes
import os
import platform
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convscope.native import lowering
from convscope.native.library import ADD, BatchSpec, LossSpec, library
from convscope.native.program import Program

LOSSES = ("cross_entropy", "squared", "distance", "distance_map")
MOST_THREADS = 16


def checked(array: np.ndarray | None, name: str, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """The array itself, if C may read it as it lies: contiguous, of this dtype and shape (None: any size).

    Raises:
        ValueError: It is something else; the message says what was wanted and what came.
    """
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        raise ValueError(
            f"{name}: an array of shape {shape} was expected, not {getattr(array, 'shape', type(array))}"
        )
    if array.dtype != np.dtype(dtype) or not array.flags.c_contiguous or not array.flags.aligned:
        raise ValueError(
            f"{name}: contiguous {dtype} was expected, not {array.dtype} with strides {array.strides}"
        )
    return array


def writable(array: np.ndarray | None, name: str, size: int) -> np.ndarray:
    """A float32 vector of `size` that C may write into; ValueError otherwise."""
    array = checked(array, name, "float32", (size,))
    if not array.flags.writeable:
        raise ValueError(f"{name}: the array is read-only")
    return array


@dataclass(frozen=True)
class Share:
    """Which pictures of a batch of `total` these are, whose others other processes compute: those from place `first` on.

    `add` puts the sums over all processes in the place of a float64 vector's values; all call it equally often.
    """

    first: int
    total: int
    add: Callable[[np.ndarray], None]


@dataclass(frozen=True)
class Batch:
    """Pictures to run. Make one with `Batch.floats` or `Batch.gather`."""

    pictures: np.ndarray
    index: np.ndarray | None = None
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    share: Share | None = None

    @classmethod
    def floats(cls, pictures: np.ndarray) -> Batch:
        """float32 [n, channels, height, width], as large as the net's input."""
        return cls(pictures)

    @classmethod
    def gather(
        cls, pixels: np.ndarray, index: np.ndarray, scale: np.ndarray | float, shift: np.ndarray | float
    ) -> Batch:
        """The pictures pixels[index] of a uint8 set [m, channels, height, width], index int64 [n].

        A pixel p becomes scale * p + shift, each one number or one a channel. Pictures smaller than the
        net's input are centred in a border of pixels that are 0 (the odd row and column at the end).
        """
        scales, shifts = (
            np.broadcast_to(np.asarray(x, np.float32), pixels.shape[1:2]).copy() for x in (scale, shift)
        )
        return cls(pixels, index, scales, shifts)

    def __len__(self) -> int:
        return len(self.pictures if self.index is None else self.index)

    def spec(self, program: Program) -> BatchSpec:
        """The batch as C reads it; ValueError where it does not fit the program."""
        channels, height, width = program.input
        first, total = (0, len(self)) if self.share is None else (self.share.first, self.share.total)
        if not 0 <= first <= total - len(self):
            raise ValueError(f"share: {len(self)} pictures from place {first} are no part of {total}")
        if self.index is None:
            checked(self.pictures, "pictures", "float32", (None, channels, height, width))
            return BatchSpec(count=len(self), floats=self.pictures.ctypes.data, first=first, total=total)
        assert self.scale is not None and self.shift is not None
        checked(self.pictures, "pixels", "uint8", (None, channels, None, None))
        checked(self.index, "index", "int64", (None,))
        rows, columns = self.pictures.shape[2:]
        if rows > height or columns > width:
            raise ValueError(f"pixels: pictures of {rows}x{columns} do not fit an input of {height}x{width}")
        _check_range(self.index, "index", len(self.pictures))
        return BatchSpec(
            count=len(self),
            pixels=self.pictures.ctypes.data,
            index=self.index.ctypes.data,
            scale=self.scale.ctypes.data,
            shift=self.shift.ctypes.data,
            rows=rows,
            columns=columns,
            first=first,
            total=total,
        )


def _check_range(numbers: np.ndarray, name: str, count: int) -> None:
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < count):
        raise ValueError(
            f"{name}: numbers from 0 to {count - 1} were expected, not {numbers.min()} to {numbers.max()}"
        )


@dataclass(frozen=True, eq=False)
class Loss:
    """What is minimised, as the mean over the batch.

    cross_entropy: of softmax(outputs), with label `smoothing`. squared: sum_j (out_j - targets[label, j])^2;
    the class named is the nearest row of `targets`, float32 [classes, outputs]. distance: the outputs are
    distances, E = y_label (LeCun et al. 1998, eq. 8). distance_map: E = y_label + log(exp(-constant) +
    sum_i exp(-y_i)) (eq. 9).
    """

    kind: str = "cross_entropy"
    smoothing: float = 0.0
    constant: float = 0.0
    targets: np.ndarray | None = None

    def spec(self, outputs: int) -> LossSpec:
        """The loss as C reads it; ValueError where it does not fit the number of outputs."""
        if self.kind not in LOSSES:
            raise ValueError(f"loss: one of {', '.join(LOSSES)} was expected, not {self.kind}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"loss: smoothing must be at least 0 and below 1, not {self.smoothing}")
        spec = LossSpec(LOSSES.index(self.kind), outputs, self.smoothing, self.constant, None)
        if self.kind == "squared":
            if self.targets is None:
                raise ValueError("loss: squared needs targets")
            checked(self.targets, "targets", "float32", (None, outputs))
            spec.classes, spec.targets = len(self.targets), self.targets.ctypes.data
        return spec


class Engine:
    """A Program made to run on `threads` threads (None: the processors this process may use, at most 16).

    The same inputs give the same bits, whatever the number of threads. Calls from several threads wait for
    one another; after a fork the child's first call starts threads of its own.

    Raises:
        RuntimeError: The library is missing, or memory ran out.
        ValueError: threads is below 1.
    """

    def __init__(self, program: Program, threads: int | None = None):
        threads = available_processors() if threads is None else threads
        if threads < 1:
            raise ValueError(f"threads: at least 1 was expected, not {threads}")
        self.program = program
        self._library = library()
        specs, keep = lowering.lower(program)
        array = (lowering.OpSpec * len(specs))(*specs)
        self._handle = self._library.engine_new(
            array, len(specs), program.parameters, min(threads, MOST_THREADS)
        )
        del keep  # C has copied what the specs point at
        if not self._handle:
            raise RuntimeError("the native engine could not be made: not enough memory")
        self.close = weakref.finalize(self, self._library.engine_free, self._handle)

    def gradients(
        self,
        batch: Batch,
        labels: np.ndarray,
        params: np.ndarray,
        grads_out: np.ndarray,
        loss: Loss | None = None,
        seed: int = 0,
        running: np.ndarray | None = None,
    ) -> tuple[float, int]:
        """Writes the gradient of the batch's mean loss into `grads_out`; gives (sum of losses, pictures right).

        Of a `Share` that is what its own pictures give to both: over all processes they add up to the batch's.

        labels: int64 [n]. params, grads_out: float32 [program.parameters]. seed: of dropout; give each step
        its own. running: float32 [program.running], wanted where there is batch normalisation; it is moved. The sum is NaN
        or infinite where the net has diverged.

        Raises:
            ValueError: An array of another shape, type or range than C may read.
        """
        loss = Loss() if loss is None else loss
        fewest = self.program.fewest
        if (len(batch) if batch.share is None else batch.share.total) < fewest or not len(batch):
            raise ValueError(
                f"batch: at least {('one picture was', 'two pictures were')[fewest - 1]} expected"
            )
        count, batch_spec, loss_spec = (
            self._checked(batch),
            batch.spec(self.program),
            loss.spec(self.program.outputs),
        )
        checked(labels, "labels", "int64", (count,))
        _check_range(labels, "labels", loss_spec.classes)
        checked(params, "params", "float32", (self.program.parameters,))
        writable(grads_out, "grads_out", self.program.parameters)
        if self.program.running:
            writable(running, "running", self.program.running)
        total, correct = ctypes.c_double(), ctypes.c_int64()
        adding = _Adding(batch.share)
        batch_spec.add = adding.call
        failed = self._library.engine_gradients(
            self._handle,
            batch_spec,
            labels.ctypes.data,
            loss_spec,
            seed % 2**64,
            params.ctypes.data,
            _address(running),
            grads_out.ctypes.data,
            total,
            correct,
        )
        if adding.error is not None:
            raise adding.error
        if failed:
            raise MemoryError("native engine: not enough memory for this batch")
        return total.value, correct.value

    def outputs(self, batch: Batch, params: np.ndarray, running: np.ndarray | None = None) -> np.ndarray:
        """What the net answers, without dropout and with the running numbers: float32 [n, outputs]."""
        count, spec = self._checked(batch), batch.spec(self.program)
        checked(params, "params", "float32", (self.program.parameters,))
        if self.program.running:
            checked(running, "running", "float32", (self.program.running,))
        out = np.empty((count, self.program.outputs), np.float32)
        at = (spec, params.ctypes.data, _address(running), out.ctypes.data)
        if count and self._library.engine_outputs(self._handle, *at):
            raise MemoryError("native engine: not enough memory for this batch")
        return out

    def _checked(self, batch: Batch) -> int:
        if not self.close.alive:
            raise ValueError("this engine is closed")
        return len(batch)


class _Adding:
    """A share's `add` as C calls it; what it raises is kept, since C would not hear of it."""

    def __init__(self, share: Share | None):
        self.share = share
        self.error: BaseException | None = None
        self.call = ADD() if share is None else ADD(self._add)

    def _add(self, values: ctypes._Pointer[ctypes.c_double], count: int) -> None:
        assert self.share is not None
        if self.error is None:
            try:
                self.share.add(np.ctypeslib.as_array(values, (count,)))
            except BaseException as error:
                self.error = error


def _address(array: np.ndarray | None) -> int | None:
    return None if array is None else array.ctypes.data


def available_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's name, as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
