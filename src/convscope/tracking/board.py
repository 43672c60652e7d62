"""TensorBoard's event files, by the writer that PyTorch has for them (extra `track`)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.errors import TrackError
from convscope.runs import Run


class Board:
    """Writes event files into a folder, for `tensorboard --logdir FOLDER`.

    Raises:
        TrackError: tensorboard is not installed.
    """

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise TrackError(
                "--track tensorboard needs tensorboard, which is not installed: pip install 'convscope[track]'"
            ) from None
        self.folder, self.make = folder, SummaryWriter

    def begin(self, run: Run, parameters: Mapping[str, str]) -> str:
        try:
            self.writer = self.make(str(self.folder))
        except OSError as error:
            raise TrackError(f"{self.folder}: cannot be written ({error.strerror})") from None
        rows = "\n".join(f"| {name} | {value} |" for name, value in parameters.items())
        self.writer.add_text("parameters", f"| knob | value |\n| --- | --- |\n{rows}")
        self.writer.add_text("net", "\n".join(f"    {line}" for line in str(run.stack).splitlines()))
        return f"tensorboard --logdir {self.folder}"

    def numbers(self, values: Mapping[str, float], epoch: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()

    def picture(self, name: str, png: bytes, epoch: int) -> None:
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self.writer.add_image(name, pixels, epoch, dataformats="HWC")

    def file(self, path: Path) -> None:
        """TensorBoard keeps no files; it is told where they are."""
        self.writer.add_text("files", f"    {path}")

    def end(self, status: str) -> None:
        self.writer.add_text("status", status)
        self.writer.close()
