"""A Run's answer to any picture: the picture is brought to what the net knows, and told how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from convscope.data.decoders import FINER
from convscope.data.fit import Fitted, fit
from convscope.data.pictures import read_picture
from convscope.nets.answers import averaged, probabilities
from convscope.nets.views import VIEWS, shown
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
    """The trained net's answers to picture files, one after the other: to all views that its recipe asks for.

    Raises:
        PictureError: A file is no readable picture.
        RunError: The Run's weights are missing or damaged.

    >>> import convscope as cs
    >>> said = list(cs.predict(cs.Run("runs/1"), ["seven.png"]))  # doctest: +SKIP
    """
    net, size = run.net(), _size(run)
    wanted = VIEWS[run.recipe.get("views", "plain")]
    # A large JPEG is decoded at a reduced size, as it was where the net learned.
    near = FINER * max(run.info["picture_shape"][1:]) if run.info.get("prepared") else None
    for name in pictures:
        whole = brought(run, read_picture(name, near=near))
        views = np.stack([shown(whole.pixels, size, view) for view in wanted.views])
        with torch.no_grad():
            answers = averaged(
                run.stack, net(torch.from_numpy(run.normalised(views)))[:, None], wanted.averaged
            )
        chances = probabilities(run.stack, answers)[0].tolist()
        best = max(range(len(chances)), key=chances.__getitem__)
        named = dict(zip(run.classes, chances, strict=True))
        seen = shown(whole.pixels, size)
        yield Prediction(str(name), run.classes[best], chances[best], named, _told(run, whole), seen)


def brought(run: Run, picture: UInt8[np.ndarray, "c y x"]) -> Fitted:
    """A picture as those that the Run's net learned from were prepared, before the net sees it or parts of it.

    Of a user's own pictures none was inverted, whatever it stands on, so none is here.
    """
    shape = tuple(run.info["picture_shape"])
    mode = run.info.get("prepared", {}).get("fit")
    if mode is None:
        return fit(picture, shape, run.info["background"], centre=run.info["source"] == "mnist")
    sized = fit(picture, (len(picture), *shape[1:]), mode=mode)
    coloured = fit(sized.pixels, shape)
    return Fitted(coloured.pixels, (*sized.steps, *coloured.steps))


def as_seen(
    run: Run, picture: UInt8[np.ndarray, "c y x"]
) -> tuple[UInt8[np.ndarray, "channels h w"], tuple[str, ...]]:
    """A picture as the Run's net takes it, before it is normalised, and in words what was done to it."""
    whole = brought(run, picture)
    return shown(whole.pixels, _size(run)), _told(run, whole)


def _size(run: Run) -> tuple[int, int]:
    height, width = run.stack.input.shape[1:]
    return height, width


def _told(run: Run, whole: Fitted) -> tuple[str, ...]:
    """What was done to a picture, and which part of it the net sees."""
    (high, wide), (height, width) = whole.pixels.shape[1:], _size(run)
    if height >= high and width >= wide:
        return whole.steps
    return (*whole.steps, f"the middle {width}x{height} of {wide}x{high} is seen")
