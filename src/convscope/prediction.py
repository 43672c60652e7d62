"""A Run's answer to any picture: the picture is brought to what the net knows, and told how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from convscope.data.fit import fit
from convscope.data.pictures import read_picture
from convscope.nets.answers import probabilities
from convscope.nets.views import VIEWS, shifted
from convscope.runs import Run


@dataclass(frozen=True)
class Prediction:
    """What a net says a picture is: class probabilities from 0 to 1, and how the picture was prepared."""

    picture: str
    label: str
    probability: float
    probabilities: dict[str, float]
    steps: tuple[str, ...]
    seen: np.ndarray


def predict(run: Run, pictures: Iterable[str | Path]) -> Iterator[Prediction]:
    """The trained net's answers to picture files, one after the other.

    Raises:
        PictureError: A file is no readable picture.
        RunError: The Run's weights are missing or damaged.

    >>> import convscope as cs
    >>> said = list(cs.predict(cs.Run("runs/1"), ["seven.png"]))  # doctest: +SKIP
    """
    net = run.net()
    for name in pictures:
        seen, steps = as_seen(run, read_picture(name))
        with torch.no_grad():
            views = [shifted(seen, *move) for move in VIEWS[run.recipe.get("views", "plain")]]
            answers = net(torch.from_numpy(run.normalised(np.stack(views)))).mean(0, keepdim=True)
        chances = probabilities(run.stack, answers)[0].tolist()
        best = max(range(len(chances)), key=chances.__getitem__)
        named = dict(zip(run.classes, chances, strict=True))
        yield Prediction(str(name), run.classes[best], chances[best], named, steps, seen)


def as_seen(
    run: Run, picture: UInt8[np.ndarray, "c y x"]
) -> tuple[UInt8[np.ndarray, "channels h w"], tuple[str, ...]]:
    """A picture as the Run's net takes it, before it is normalised, and in words what was done to it."""
    shape = tuple(run.info["picture_shape"])
    mode = run.info.get("prepared", {}).get("fit", "pad")
    fitted = fit(picture, shape, run.info["background"], mode=mode, centre=run.info["source"] == "mnist")
    return padded(fitted.pixels, run.stack.input.shape[1:]), fitted.steps


def padded(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture [channels, height, width] with black around it until it has the net's size.

    >>> padded(np.ones((1, 2, 2), np.uint8), (4, 4)).sum()
    np.uint64(4)
    """
    more = [size[axis] - pixels.shape[1 + axis] for axis in (0, 1)]
    sides = [(m // 2, m - m // 2) for m in more]
    return np.pad(pixels, [(0, 0), *sides])
