"""Random parts of pictures, scaled, recoloured and normalised by the native engine in one go: `augmented` is its oracle.

On a processor that road is bound by memory: every step of it writes and reads the whole batch. Here each picture goes
once through the cache.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from convscope.native import showing
from convscope.training.augment import Draw
from convscope.training.colours import jitter, light, weights
from convscope.training.moments import Normalisation, Principal
from convscope.training.parts import Parts, Size, parts
from convscope.training.recipe import Recipe
from convscope.training.store import Held, Store


def can_show(store: Store, recipe: Recipe, size: Size) -> bool:
    """Whether the engine does all that a recipe asks of pictures that lie in this store."""
    if not (isinstance(store, Held) and store.pixels.device.type == "cpu" and recipe.area < 1):
        return False
    channels, *picture = store.pixels.shape[1:]
    return (
        not recipe.distorts
        and channels in showing.CHANNELS
        and all(seen <= have <= showing.LONGEST_SIDE for seen, have in zip(size, picture, strict=True))
        and showing.ready()
    )


def shown(
    store: Held,
    index: Int[Tensor, " n"],
    recipe: Recipe,
    size: Size,
    draw: Draw,
    rule: Normalisation,
    principal: Principal | None = None,
) -> Float[Tensor, "n c y x"]:
    """What `augmented` makes of these pictures, normalised: the same but for rounding."""
    n, (channels, *picture) = len(index), store.pixels.shape[1:]
    seen = parts(n, recipe, (picture[0], picture[1]), size, draw("place"), draw("side"))
    colours = added = None
    if recipe.jitters:
        matrices, kept = jitter(n, channels, recipe, draw("colour"))
        colours = showing.Colours(_single(matrices), _single(kept), _single(weights(channels)))
    if recipe.lighting and principal is not None:
        added = _single(light(n, principal, recipe.lighting, draw("light")))
    values = showing.show(
        store.pixels.numpy(),
        np.ascontiguousarray(index.numpy()),
        places(seen, (picture[0], picture[1]), size),
        (np.array(rule.scale, np.float32), np.array(rule.shift, np.float32)),
        colours=colours,
        light=added,
        threads=torch.get_num_threads(),
    )
    return torch.from_numpy(values)


def places(seen: Parts, picture: Size, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Which row and which column of its picture each of a result's shows, no further than the picture reaches.

    >>> one = torch.ones(1)
    >>> rows, columns = places(Parts(0 * one, one, 4 * one, 2 * one, one > 0), (4, 4), (2, 4))
    >>> rows.tolist(), columns.tolist()
    ([[0.5, 2.5]], [[2.25, 1.75, 1.25, 0.75]])
    """
    rows, columns = (
        (torch.arange(side) + 0.5) / side * length.double()[:, None] + start.double()[:, None] - 0.5
        for start, length, side in ((seen.top, seen.height, size[0]), (seen.left, seen.width, size[1]))
    )
    columns = torch.where(seen.mirrored[:, None], columns.flip(1), columns)
    return _single(rows.clamp(0, picture[0] - 1)), _single(columns.clamp(0, picture[1] - 1))


def _single(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.numpy(), np.float32)
