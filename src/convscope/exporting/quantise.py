"""Convolutions and linear layers in 8 bits, by onnxruntime; what that costs is measured on the Run's test pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convscope.data.images import Images, Pictures
from convscope.errors import ExportError
from convscope.exporting.check import session
from convscope.exporting.model import PROBABILITIES
from convscope.exporting.preparation import INPUT

CALIBRATION = 512
"""Training pictures that say in which range each layer's values lie."""
BATCH = 64
KINDS = ["Conv", "Gemm"]


@dataclass(frozen=True)
class Loss:
    """What 8 bits cost: the accuracy on `pictures` test pictures before and after, `same` answers among them, and bytes."""

    pictures: int
    accuracy: float
    accuracy_int8: float
    same: float
    bytes: int
    bytes_int8: int

    @property
    def said(self) -> str:
        """The same in words."""
        return (
            f"{self.pictures:,} test pictures: {self.accuracy:.2%} right, in 8 bits {self.accuracy_int8:.2%}, the same "
            f"answer for {self.same:.2%}; {self.bytes:,} bytes became {self.bytes_int8:,}"
        )


def quantised(model: bytes, images: Images) -> tuple[bytes, Loss]:
    """A model with its convolutions and linear layers in 8 bits, each output channel with a scale of its own.

    The ranges of values are those that training pictures give, evenly taken. Weights use 7 of the 8 bits, so that
    processors without VNNI do not overflow. What it costs is counted on all test pictures, both models asked alike.

    Raises:
        ExportError: There are no test pictures to measure the loss on.
    """
    if not len(images.test):
        raise ExportError(
            f"{images.name}: no test pictures, so what 8 bits cost could not be measured; take --format onnx"
        )
    small = _static(model, images.train)
    before, after = _answers(model, images.test), _answers(small, images.test)
    right = [float((said == images.test.labels).mean()) for said in (before, after)]
    same = float((before == after).mean())
    return small, Loss(len(images.test), right[0], right[1], same, len(model), len(small))


def asked(pixels: np.ndarray) -> np.ndarray:
    """Pictures [n, 1 or 3, y, x] as the model takes them: [n, y, x, 3]."""
    colours = np.broadcast_to(pixels, (len(pixels), 3, *pixels.shape[2:]))
    return np.ascontiguousarray(colours.transpose(0, 2, 3, 1))


def _static(model: bytes, learned: Pictures) -> bytes:
    from onnx import load_from_string
    from onnxruntime import quantization as by

    class Reader(by.CalibrationDataReader):
        def __init__(self) -> None:
            index = np.unique(np.linspace(0, len(learned) - 1, CALIBRATION).astype(np.int64))
            self.left = iter(np.array_split(index, -(-len(index) // BATCH)))

        def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
            index = next(self.left, None)
            return None if index is None else {INPUT: asked(learned.pixels[index])}

    with tempfile.TemporaryDirectory(prefix="convscope-") as folder, _without_advice():
        path = Path(folder) / "int8.onnx"
        by.quantize_static(
            load_from_string(model), path, Reader(), quant_format=by.QuantFormat.QDQ, per_channel=True, reduce_range=True,
            op_types_to_quantize=KINDS, activation_type=by.QuantType.QUInt8, weight_type=by.QuantType.QInt8,
        )  # fmt: skip
        return path.read_bytes()


@contextmanager
def _without_advice() -> Iterator[None]:
    """onnxruntime advises to optimise a model first; this one was written without waste."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _answers(model: bytes, pictures: Pictures) -> np.ndarray:
    asks = session(model)
    return np.concatenate([asks.run([PROBABILITIES], batch)[0].argmax(1) for batch in _batches(pictures)])


def _batches(pictures: Pictures) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(pictures), BATCH):
        yield {INPUT: asked(pictures.pixels[start : start + BATCH])}
