"""Large pictures made of a Run's own test pictures, by number ("page/5"): to look through where nobody brought any."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from convscope.errors import PictureError

if TYPE_CHECKING:
    from convscope.data.images import Images

KEPT = 8
COUNT = 40
"""Things on a page."""


@dataclass
class Made:
    """Pages that were made, the last ones kept; the same number gives the same page of the same set."""

    _held: OrderedDict[tuple[str, int], np.ndarray] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, number: str, images: Images | None, why: str) -> UInt8[np.ndarray, "c y x"]:
        """The page of a number: things of three sizes at random places, none on another.

        Raises:
            PictureError: It is no number, or the set is not here.
        """
        if not number.isdecimal() or len(number) > 6:
            raise PictureError(f"there is no page {number[:60]!r}: name one like page/5")
        if images is None:
            raise PictureError(f"page/{number}: the pictures that it is made of are not here ({why})")
        key = images.fingerprint, int(number)
        with self._lock:
            if key not in self._held:
                self._held[key] = _page(images, int(number))
            self._held.move_to_end(key)
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
            return self._held[key]


def _page(images: Images, number: int) -> UInt8[np.ndarray, "c y x"]:
    from convscope.data.background import NOTHING
    from convscope.data.images import Pictures
    from convscope.finding.pages import page, scene

    test, labels = images.test, np.asarray(images.test.labels)
    if NOTHING in images.classes:
        things = np.flatnonzero(labels != images.classes.index(NOTHING))
        test = Pictures(test.pixels[things], labels[things])
    if images.background is not None:
        return page(test, count=COUNT, seed=number).pixels
    side = max(test.pixels.shape[2:])
    return scene(test, count=12, size=(8 * side, 12 * side), seed=number).pixels
