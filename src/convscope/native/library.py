"""The compiled library: where it is, why it may be missing, and its structs as ctypes sees them."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_double, c_float, c_int, c_int32, c_int64, c_uint64, c_void_p
from functools import cache
from pathlib import Path

PATH = Path(__file__).with_name("engine.so")


ADD = ctypes.CFUNCTYPE(None, POINTER(c_double), c_int64)
"""BatchSpec.add: puts sums over all processes in the place of so many values."""


class OpSpec(ctypes.Structure):
    """engine.h: OpSpec."""

    _fields_ = (
        ("kind", c_int32),
        ("act", c_int32),
        ("source", c_int32),
        ("into", c_int32),
        ("beside", c_int32),
        ("spare", c_int32),
        ("amplitude", c_float),
        ("slope", c_float),
        ("rate", c_float),
        ("momentum", c_float),
        ("epsilon", c_float),
        ("input", c_int32 * 3),
        ("output", c_int32 * 3),
        ("kernel", c_int32 * 2),
        ("stride", c_int32 * 2),
        ("sides", c_int32 * 4),
        ("weight", c_int64),
        ("bias", c_int64),
        ("running", c_int64),
        ("links", c_void_p),
        ("codes", c_void_p),
    )


class LossSpec(ctypes.Structure):
    """engine.h: LossSpec."""

    _fields_ = (
        ("kind", c_int32),
        ("classes", c_int32),
        ("smoothing", c_float),
        ("constant", c_float),
        ("targets", c_void_p),
    )


class BatchSpec(ctypes.Structure):
    """engine.h: BatchSpec."""

    _fields_ = (
        ("count", c_int64),
        ("floats", c_void_p),
        ("pixels", c_void_p),
        ("index", c_void_p),
        ("scale", c_void_p),
        ("shift", c_void_p),
        ("rows", c_int32),
        ("columns", c_int32),
        ("first", c_int64),
        ("total", c_int64),
        ("add", ADD),
    )


class ConvolveSpec(ctypes.Structure):
    """convolution.h: ConvolveSpec."""

    _fields_ = (
        *(
            (name, c_int32)
            for name in ("pixels", "groups", "inside", "outside", "kernels", "tile", "threads")
        ),
        *(
            (name, c_int32 * 2)
            for name in ("picture", "padded", "before", "map", "kernel", "stride", "dilation")
        ),
        ("constant", c_double),
        *((name, c_void_p) for name in ("values", "weights", "downs", "acrosses", "biases")),
        *((name, c_void_p) for name in ("rows_of", "columns_of", "maps")),
    )


SIGNATURES = {
    "convolve": (c_int, (POINTER(ConvolveSpec),)),
    "engine_new": (c_void_p, (POINTER(OpSpec), c_int, c_int64, c_int)),
    "engine_free": (None, (c_void_p,)),
    "engine_gradients": (
        c_int,
        (
            c_void_p,
            POINTER(BatchSpec),
            c_void_p,
            POINTER(LossSpec),
            c_uint64,
            c_void_p,
            c_void_p,
            c_void_p,
            POINTER(c_double),
            POINTER(c_int64),
        ),
    ),
    "engine_outputs": (c_int, (c_void_p, POINTER(BatchSpec), c_void_p, c_void_p, c_void_p)),
    "engine_isa": (ctypes.c_char_p, ()),
    "engine_layout": (c_int64, ()),
    "meeting_add": (c_int, (c_void_p, c_void_p, c_int64, c_int, c_int64)),
    "meeting_bytes": (c_int64, (c_int, c_int64)),
    "meeting_free": (None, (c_void_p,)),
    "meeting_has": (c_int, (c_void_p, c_int)),
    "meeting_new": (c_void_p, (c_int, c_int, c_int, c_int64)),
    "engine_tanh": (None, (c_void_p, c_int64)),
    "optimise_sgd": (
        None,
        (c_void_p, c_void_p, c_void_p, c_int64, c_float, c_void_p, c_float, c_int, c_float, c_void_p),
    ),
    "optimise_adamw": (
        None,
        (
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
            c_int64,
            c_float,
            c_void_p,
            c_double,
            c_double,
            c_float,
            c_float,
            c_void_p,
            c_int64,
        ),
    ),
}


def layout() -> int:
    """The sizes of the structs, as the library must have them, too."""
    specs = (OpSpec, LossSpec, BatchSpec, ConvolveSpec)
    return sum(ctypes.sizeof(spec) << 16 * n for n, spec in enumerate(specs))


@cache
def _open() -> tuple[ctypes.CDLL | None, str]:
    if not PATH.is_file():
        return None, f"{PATH.name} was not compiled: install a C compiler (cc), then install convscope again"
    try:
        library = ctypes.CDLL(str(PATH))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        return None, f"{PATH.name} cannot be loaded here ({error}): install convscope again"
    if library.engine_layout() != layout():
        return None, f"{PATH.name} was compiled from other sources than these: install convscope again"
    return library, ""


def library() -> ctypes.CDLL:
    """The loaded library.

    Raises:
        RuntimeError: It is missing; the message says why.
    """
    loaded, reason = _open()
    if loaded is None:
        raise RuntimeError(reason)
    return loaded


def available() -> bool:
    """Whether the native engine can be used on this machine."""
    return not missing()


def missing() -> str:
    """Why the native engine cannot be used, in one line; empty where it can."""
    return _open()[1]


def isa() -> str:
    """The instruction set in use: avx512, avx2 or base (set CONVSCOPE_ISA to ask for less)."""
    return library().engine_isa().decode()
