"""A net moved over a large picture for somebody who watches: what came of it so far, and in the end all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from convscope.finding.boxes import Box
from convscope.finding.search import Heat, Progress, Search, Wish
from convscope.lab.jobs import Progress as Say
from convscope.lab.lens import Lens
from convscope.nets.build import Net

PACE = 0.3
"""Seconds between two things to see of a search that goes on, or five times what one takes to make, whichever is more."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What came of a search so far: boxes are of the net's classes; `passes` of the net, where it is over."""

    heat: Heat
    boxes: Sequence[Box]
    seconds: float
    passes: int | None = None


def ready(lens: Lens, wish: Wish) -> Search:
    """A search with the lens's net, as it was operated on: with a copy, since others look at it meanwhile."""
    with lens.lock:
        net = deepcopy(lens.subject.net)
    assert isinstance(net, Net)
    return Search(lens.run, wish, net)


def watched(search: Search, picture: UInt8[np.ndarray, "c y x"], say: Say) -> Seen:
    """Look through a picture, and say now and then what came of it.

    Raises:
        PictureError: It is smaller than what is looked for.
    """
    began = time.monotonic()
    due = began + PACE

    def tell(at: Progress) -> None:
        nonlocal due
        now = time.monotonic()
        if now < due:
            say(at.windows, at.of)
            return
        heat = Heat(at.heat.values.copy(), at.heat.sizes.copy(), at.heat.pixels_a_cell, list(at.heat.windows))
        say(at.windows, at.of, Seen(heat, at.boxes(), now - began))
        spent = time.monotonic() - now
        due = now + max(PACE, 5 * spent)

    found = search.through(picture, tell)
    return Seen(found.heat, found.boxes, found.seconds, found.forward_passes)
