"""A Run's answer to any picture: the picture is brought to what the net knows, and told how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8

from convscope import native
from convscope.data.decoders import FINER
from convscope.data.fit import Fitted, fit
from convscope.data.pictures import LARGEST, read_picture
from convscope.errors import RunError
from convscope.nets.answers import averaged, probabilities
from convscope.nets.build import Net
from convscope.nets.lowered import lacking, lowered, running_of
from convscope.nets.views import VIEWS, View, shown
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


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as the net is shown it: uint8 [views, channels, height, width], and in words what was done to it."""

    picture: str
    views: UInt8[np.ndarray, "views channels h w"]
    seen: UInt8[np.ndarray, "channels h w"]
    steps: tuple[str, ...]


class Predictor:
    """A Run's net, ready to be asked: pictures are prepared one by one, and answered many at once.

    The native engine computes where it can, else PyTorch. The engine's answers have the same bits whatever is asked with
    them; PyTorch's may differ in the last ones.

    Raises:
        RunError: The Run's weights are missing or damaged.
    """

    def __init__(self, run: Run, threads: int | None = None):
        self.run, self.size = run, _size(run)
        self.wanted = VIEWS[_views(run)]
        # A large JPEG is decoded at a reduced size, as it was where the net learned.
        self.near = (
            FINER * max(run.info["picture_shape"][1:]) if run.info.get("prepared", {}).get("fit") else None
        )
        net = run.net()
        self._outputs = _natively(run, net, threads) if not lacking(run.stack) else _by_torch(run, net)

    def prepared(self, source: str | Path | bytes, name: str = "", *, largest: int = LARGEST) -> Prepared:
        """A picture file, or its bytes, as the net is shown it. `largest` is in pixels.

        Raises:
            PictureError: It is no readable picture, or has too many pixels.
        """
        whole = brought(self.run, read_picture(source, largest=largest, near=self.near))
        views = np.stack([shown(whole.pixels, self.size, view) for view in self.wanted.views])
        seen = views[0] if self.wanted.views[0] == View() else shown(whole.pixels, self.size)
        return Prepared(name or str(source), views, seen, _told(self.run, whole))

    def answers(self, prepared: Sequence[Prepared]) -> list[Prediction]:
        """What the net says of pictures, in their order."""
        if not prepared:
            return []
        stack, classes = self.run.stack, self.run.classes
        views = np.concatenate([one.views for one in prepared])
        answers = torch.from_numpy(self._outputs(views)).unflatten(0, (len(prepared), -1)).transpose(0, 1)
        chances = probabilities(stack, averaged(stack, answers, self.wanted.averaged))
        said = []
        for one, best, row in zip(prepared, chances.argmax(1).tolist(), chances.tolist(), strict=True):
            named = dict(zip(classes, row, strict=True))
            said.append(Prediction(one.picture, classes[best], row[best], named, one.steps, one.seen))
        return said


def predict(run: Run, pictures: Iterable[str | Path]) -> Iterator[Prediction]:
    """The trained net's answers to picture files, one after the other: to all views that its recipe asks for.

    Raises:
        PictureError: A file is no readable picture.
        RunError: The Run's weights are missing or damaged.

    >>> import convscope as cs
    >>> said = list(cs.predict(cs.Run("runs/1"), ["seven.png"]))  # doctest: +SKIP
    """
    asked = Predictor(run)
    for name in pictures:
        yield from asked.answers([asked.prepared(name)])


Outputs = Callable[[UInt8[np.ndarray, "n c h w"]], Float[np.ndarray, "n k"]]


def _natively(run: Run, net: Net, threads: int | None) -> Outputs:
    engine = native.Engine(lowered(run.stack), threads)
    vector = torch.cat([p.detach().flatten() for p in net.parameters()]).numpy()
    kept = [buffer.flatten() for buffer in running_of(net)]
    running = torch.cat(kept).numpy() if kept else None
    rule = run.info["normalisation"]
    scale, shift = (np.asarray(rule[k], np.float32) for k in ("scale", "shift"))

    def outputs(pixels: np.ndarray) -> np.ndarray:
        batch = native.Batch.gather(np.ascontiguousarray(pixels), np.arange(len(pixels)), scale, shift)
        return engine.outputs(batch, vector, running)

    return outputs


def _by_torch(run: Run, net: Net) -> Outputs:
    def outputs(pixels: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return net(torch.from_numpy(run.normalised(pixels))).numpy()

    return outputs


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


def _views(run: Run) -> str:
    name = run.recipe.get("views", "plain")
    if name not in list(VIEWS):
        raise RunError(
            f"{run.path / 'recipe.json'}: damaged (what it says of views); restore it or train again"
        )
    return name


def _size(run: Run) -> tuple[int, int]:
    height, width = run.stack.input.shape[1:]
    return height, width


def _told(run: Run, whole: Fitted) -> tuple[str, ...]:
    """What was done to a picture, and which part of it the net sees."""
    (high, wide), (height, width) = whole.pixels.shape[1:], _size(run)
    if height >= high and width >= wide:
        return whole.steps
    return (*whole.steps, f"the middle {width}x{height} of {wide}x{high} is seen")
