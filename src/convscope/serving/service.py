"""The prediction service: pictures in, what a Run's net says of them out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from convscope.errors import PictureError
from convscope.prediction import Prediction, Predictor, Prepared
from convscope.runs import Run
from convscope.serving.lanes import Lane

Picture = tuple[str, bytes]
"""Its name and its file."""
SMALL, SMALL_PIXELS = 32_768, 262_144
"""Bytes and pixels up to which a picture is decoded by the thread that asks the net."""


@dataclass(frozen=True)
class Limits:
    """How much is taken at once: `bytes` a request, `pixels` a picture, `pictures` a request; how many may be `waiting`
    in all, and how many bytes may be `held` for them, before others are sent away; and after how many `seconds` a request
    is given up."""

    bytes: int = 16_000_000
    pixels: int = 40_000_000
    pictures: int = 64
    waiting: int = 1024
    held: int = 512_000_000
    seconds: float = 10.0
    batch: int = 64
    decoders: int = 2


class BusyError(Exception):
    """As many pictures wait as may, or as many bytes of them are held."""


class Room:
    """Bytes of all requests together, those that are still on their way among them."""

    def __init__(self, most: int):
        self.most, self.held = most, 0

    @contextmanager
    def part(self) -> Iterator[Callable[[int], None]]:
        """Within the block what is given takes so many bytes more, all of which are given back at its end.

        Raises:
            BusyError: There is no room for them.
        """
        own = 0

        def take(count: int) -> None:
            nonlocal own
            if self.held + count > self.most:
                raise BusyError
            own += count
            self.held += count

        try:
            yield take
        finally:
            self.held -= own


class Service:
    """Asks a Run's net about many pictures at once, whoever sent them."""

    def __init__(self, run: Run, limits: Limits | None = None):
        self.run, self.limits = run, limits or Limits()
        self.predictor = Predictor(run)
        blank = np.zeros((1, *run.stack.input.shape), np.uint8)
        many = len(self.predictor.wanted.views)
        self.predictor.answers(
            [Prepared("", np.repeat(blank, many, 0), blank[0], ())]
        )  # the first takes longer
        self.waiting, self.room = 0, Room(self.limits.held)
        self.observed: Callable[[float], None] = lambda _: None
        self.decoding: Lane[Picture, Prepared] = Lane(self._decoded, self.limits.decoders, 1, "decoding")
        self.asking: Lane[Picture | Prepared, Prediction] = Lane(self._asked, 1, self.limits.batch, "asking")

    async def predictions(self, pictures: Sequence[Picture]) -> list[Prediction]:
        """What the net says of pictures, each a name and its file's bytes.

        Raises:
            BusyError: Too many wait already.
            PictureError: One of them is no readable picture, or too large.
            TimeoutError: It took too long.
        """
        if self.waiting + len(pictures) > self.limits.waiting:
            raise BusyError
        self.waiting += len(pictures)
        try:
            if len(pictures) == 1:
                return [await self._one(pictures[0])]
            return list(await asyncio.gather(*map(self._one, pictures)))
        finally:
            self.waiting -= len(pictures)

    def close(self) -> None:
        """Let the threads go."""
        self.decoding.close()
        self.asking.close()

    async def _one(self, picture: Picture) -> Prediction:
        if len(picture[1]) <= SMALL:
            try:
                return await self.asking.done(picture)
            except PictureError:  # a small file may still hold a large picture
                pass
        return await self.asking.done(await self.decoding.done(picture))

    def _decoded(self, pictures: Sequence[Picture], largest: int | None = None) -> list[Prepared | Exception]:
        made: list[Prepared | Exception] = []
        for name, data in pictures:
            try:
                made.append(self.predictor.prepared(data, name, largest=largest or self.limits.pixels))
            except PictureError as error:
                made.append(PictureError(str(error).replace("the picture", name, 1)))
        return made

    def _asked(self, pictures: Sequence[Picture | Prepared]) -> list[Prediction | Exception]:
        """Ask about pictures; small ones are decoded here, for a thread of their own would cost more than that."""
        ready = [
            one if isinstance(one, Prepared) else self._decoded([one], SMALL_PIXELS)[0] for one in pictures
        ]
        asked = [one for one in ready if isinstance(one, Prepared)]
        self.observed(len(asked))
        said = iter(self.predictor.answers(asked))
        return [one if isinstance(one, Exception) else next(said) for one in ready]


def as_json(predictions: Sequence[Prediction]) -> bytes:
    """Predictions as the verb `predict --json` gives them, each with how its picture was prepared."""
    keys = ("picture", "label", "probability", "probabilities", "steps")
    said = [{key: getattr(one, key) for key in keys} for one in predictions]
    return json.dumps({"predictions": said}, ensure_ascii=False).encode()
