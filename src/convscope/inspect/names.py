"""The nearest names to one that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

MOST = 12


def nearest(name: str, names: Sequence[str]) -> str:
    """What to add to an error about a name: the nearest one, or what there is.

    >>> nearest("conv1", ["conv_1", "pool"]), nearest("x", ["a", "b"])
    (': did you mean conv_1?', ': there are a, b')
    """
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f": did you mean {near[0]}?"
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f": there are {', '.join(names[:MOST])}{more}"
