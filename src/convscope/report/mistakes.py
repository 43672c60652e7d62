"""The worst mistakes: test pictures that got a wrong name, the surest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from convscope.data.images import Images
from convscope.errors import RunError
from convscope.nets.answers import named, probabilities
from convscope.report.film import picture
from convscope.report.wording import chance, short
from convscope.runs import Run

MOST = 40


@dataclass(frozen=True)
class Mistake:
    """One picture as a data URI, what it is, what the net said, how sure it was, and its number in the test set.

    `file` is its file's name, where it came from one.
    """

    picture: str
    truth: str
    said: str
    sure: str
    number: int
    small: bool
    file: str


@dataclass(frozen=True)
class Mistakes:
    """The worst `shown` of `total` mistakes; `missing` says why there are none to see."""

    shown: tuple[Mistake, ...]
    total: int
    missing: str = ""


def mistakes(run: Run, images: Images | None) -> Mistakes:
    """The surest wrong answers of a Run to its test pictures."""
    scores = run.info.get("scores")
    if not scores:
        return Mistakes((), 0, "The training has not ended, so the test pictures were not shown to it.")
    if not scores["test_errors"]:
        return Mistakes((), 0, "There are none: every test picture was named rightly.")
    if images is None:
        return Mistakes(
            (),
            scores["test_errors"],
            "The pictures are missing: their source is gone or has changed since the training. "
            "Bring it back and write the report anew with: convscope report",
        )
    try:
        answers = torch.from_numpy(run.arrays("test.safetensors")["answers"]).double()
    except (RunError, KeyError) as error:
        return Mistakes((), scores["test_errors"], f"The net's answers are missing. {error}")
    truth = np.asarray(images.test.labels)
    said = named(run.stack, answers).numpy()
    if len(said) != len(truth):
        return Mistakes(
            (), scores["test_errors"], "The answers that were kept are not those to these test pictures."
        )
    sure = probabilities(run.stack, answers).numpy()[np.arange(len(said)), said]
    wrong = np.flatnonzero(said != truth)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:MOST]
    small = max(images.shape[1:]) <= 64
    names = [short(name, 32) for name in run.classes]
    return Mistakes(
        tuple(
            Mistake(
                picture(images.test.pixels[i]),
                names[truth[i]],
                names[said[i]],
                chance(float(sure[i])),
                int(i),
                small,
                short(images.test.names[i], 60) if images.test.names else "",
            )
            for i in worst
        ),
        len(wrong),
    )
