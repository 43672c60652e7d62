"""Pictures that were made of others and take long to make, kept as a pack beside those that were decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
from jaxtyping import UInt8

from convscope.data.packs import Cabinet, Pack
from convscope.data.rows import Shape


@dataclass(frozen=True, eq=False)
class Made:
    """Pictures in several parts, one after the other, and what is to be known of them (what JSON can say)."""

    parts: Sequence[UInt8[np.ndarray, "_ c h w"]]
    note: Mapping[str, Any]


def kept(mark: str, shape: Shape, kind: str, make: Callable[[], Made]) -> Pack:
    """What `make` gives, made once and then found in the cache under `mark`, which says all that decides its bits.

    The versions of NumPy and Pillow decide, too: both may draw or resize otherwise in another one. Where the cache cannot be
    written all is held in memory, and the note's `remark` says why.
    """
    cabinet = Cabinet(f"{mark} numpy {np.__version__} pillow {PIL.__version__}", shape, kind)
    if pack := cabinet.pack():
        return pack
    made: Made | None = None
    try:
        with cabinet.shelf.locked():
            if pack := cabinet.pack():  # of two that started at once, the other has made it
                return pack
            made = make()
            cabinet.make_room(sum(map(len, made.parts)))
            return cabinet.keep(made.parts, made.note)
    except OSError as error:
        cabinet.give_up()
        reason = f"cannot be written ({error.strerror or error}); made in memory, as each start will have to"
    made = made or make()
    return Pack(np.concatenate(made.parts), {**made.note, "remark": [str(cabinet.home.parent), reason]})
