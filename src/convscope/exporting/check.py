"""Whether an exported model says what convscope says: the same pictures to both, by onnxruntime and by PyTorch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from convscope.errors import ExportError
from convscope.exporting.model import LOGITS, PREPARED, PROBABILITIES, hide_prepared, model_of
from convscope.exporting.preparation import INPUT, preparation_of
from convscope.nets.answers import averaged, probabilities
from convscope.nets.views import VIEWS, shown
from convscope.prediction import brought
from convscope.runs import Run

SIDES = (0.4, 0.9, 1.0, 2.6, 9.3)
"""Sizes of the pictures that are asked about, in sizes of those that the net learned from."""
LARGEST_LOGIT, LARGEST_CHANCE = 2e-3, 1e-3


@dataclass(frozen=True)
class Difference:
    """The largest differences found between the model and convscope: `logit` as a part of the largest logit (at least 1),
    `probability`, and the grey values in which `pixels` of prepared pictures differed, of `of`."""

    pictures: int
    logit: float
    probability: float
    pixels: int
    of: int

    @property
    def said(self) -> str:
        """The same in words."""
        words = (
            f"{self.pictures} pictures asked beside PyTorch: logits differ by at most {self.logit:.1g} of the largest, "
            f"probabilities by {self.probability:.1g}"
        )
        if not self.of:
            return words
        how = "all equal" if not self.pixels else f"{self.pixels:,} differ"
        return f"{words}; of {self.of:,} prepared values {how}"

    def as_dict(self) -> dict[str, Any]:
        """The same by name."""
        return asdict(self)


def session(model: bytes, threads: int = 0) -> Any:
    """onnxruntime on the CPU, silent; `threads` of 0 takes all cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def pictures_to_ask(run: Run, seed: int = 0) -> list[np.ndarray]:
    """Pairs of pictures, uint8 [2, height, width, 3], of many sizes, upright and wide: blots on noise, dark and light."""
    rng, how = np.random.default_rng(seed), preparation_of(run)
    _, height, width = how.shape
    asked = []
    for tall, wide in [(a, b) for a in SIDES for b in (1.0, 1.7)]:
        size = (
            (height, width)
            if how.fixed
            else (max(2, round(height * tall)), max(2, round(width * tall * wide)))
        )
        asked.append(np.stack([blots(rng, size, ground) for ground in (30, 225)]))
    return asked


def blots(rng: np.random.Generator, size: tuple[int, int], ground: int) -> np.ndarray:
    """A picture, uint8 [height, width, 3]: blots on noise around a ground."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    picture = ground + rng.normal(0, 9, (*size, 3))
    for _ in range(6):
        at, wide = rng.uniform(0, 1, 2) * size, rng.uniform(0.04, 0.3) * min(size) + 0.5
        near = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * wide**2))
        picture += near[..., None] * rng.uniform(-200, 200, 3)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def differences(run: Run, model: bytes) -> Difference:
    """How far a model's answers are from PyTorch's, which are given pictures that convscope itself prepared.

    `model` shows its prepared pictures, too, as `model_of` makes it.
    """
    asks, how = session(model), preparation_of(run)
    net, wanted = run.net(), VIEWS[run.recipe.get("views", "plain")]
    size = (run.stack.input.shape[1], run.stack.input.shape[2])
    logit = chance = 0.0
    pixels = of = count = 0
    for pictures in pictures_to_ask(run):
        said, found, seen = asks.run([LOGITS, PROBABILITIES, PREPARED], {INPUT: pictures})
        for n, picture in enumerate(pictures):
            if how.fixed:
                whole = seen[n].astype(np.uint8)
            else:
                whole = brought(run, np.ascontiguousarray(picture.transpose(2, 0, 1))).pixels
                pixels, of = pixels + int(np.count_nonzero(whole != seen[n])), of + whole.size
            views = np.stack([shown(seen[n].astype(np.uint8), size, view) for view in wanted.views])
            with torch.no_grad():
                answers = net(torch.from_numpy(run.normalised(views)))[:, None]
                answers = averaged(run.stack, answers, wanted.averaged)
                chances = probabilities(run.stack, answers)[0].numpy()
            own = np.log(np.maximum(chances, 1e-30))
            logit = max(logit, _apart(said[n], own))
            chance = max(chance, float(np.abs(found[n] - chances).max()))
            count += 1
    return Difference(count, logit, chance, pixels, of)


def _apart(logits: np.ndarray, own: np.ndarray) -> float:
    """The largest difference of two answers as log-probabilities, as a part of the largest logit."""
    logs = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    seen = own > np.log(1e-6)  # smaller ones are lost in float32
    return float(np.abs(logs - own)[seen].max() / max(1.0, np.abs(logits).max()))


def checked(run: Run) -> tuple[bytes, Difference]:
    """The Run as a model, and how far its answers are from PyTorch's.

    Raises:
        ExportError: A layer cannot be written, or the answers differ by more than rounding explains.
    """
    model = model_of(run)
    found = differences(run, model.SerializeToString())
    if (
        found.logit > LARGEST_LOGIT
        or found.probability > LARGEST_CHANCE
        or found.pixels > found.of // 100_000
    ):
        raise ExportError(
            f"{run.path}: the model would not say what convscope says (logits differ by {found.logit:.1g} of the largest, "
            f"probabilities by {found.probability:.1g}, {found.pixels:,} of {found.of:,} prepared values), so none was "
            "written; another version of onnxruntime may do, or --format torch"
        )
    hide_prepared(model)
    return model.SerializeToString(), found
