"""Batches made on the device of pictures that lie there as uint8: no work for a single picture."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from convscope.data.images import Pictures
from convscope.nets.views import PLAIN, VIEWS
from convscope.training.augment import augmented
from convscope.training.chance import Sharing, generator, numbers, seed_for
from convscope.training.mixing import Mixing, erased, mixing
from convscope.training.moments import Normalisation, Principal
from convscope.training.parts import viewed
from convscope.training.recipe import Recipe
from convscope.training.shown import can_show, shown
from convscope.training.store import Held, store_for


class Feeder:
    """Gives the training's batches: pictures of the net's size, changed at random as the recipe asks, normalised.

    `room` is how many bytes of pixels may be on the device at once; without it all are.
    """

    def __init__(
        self,
        pictures: Pictures,
        size: tuple[int, int],
        rule: Normalisation,
        recipe: Recipe,
        seed: int,
        device: str,
        principal: Principal | None = None,
        room: int | None = None,
    ):
        self.store = store_for(pictures.pixels, device, room)
        self.picture = pictures.pixels.shape[2:]
        self.labels = torch.as_tensor(np.asarray(pictures.labels), device=device)
        self.size, self.rule, self.recipe, self.seed = size, rule, recipe, seed
        self.principal, self.view = principal, PLAIN
        self.by_engine = can_show(self.store, recipe, size)
        self.scale, self.shift = (
            torch.tensor(v, device=device)[:, None, None] for v in (rule.scale, rule.shift)
        )

    def __len__(self) -> int:
        return len(self.labels)

    def views(self) -> Iterator[Feeder]:
        """The same pictures, once for each view that the recipe shows to a trained net."""
        for view in VIEWS[self.recipe.views].views:
            seen = copy(self)
            seen.view = view
            yield seen

    @property
    def whole(self) -> bool:
        """Whether unchanged pictures are shown whole and as they lie, with black around smaller ones."""
        return self.view == PLAIN and all(
            have <= seen for have, seen in zip(self.picture, self.size, strict=True)
        )

    def order(self, epoch: int) -> Int[Tensor, " n"]:
        """The order in which an epoch shows the pictures."""
        return torch.randperm(len(self), generator=generator(self.seed, "order", epoch))

    def batch(
        self, index: Int[Tensor, " n"], epoch: int, step: int, rows: Int[Tensor, " m"] | None = None
    ) -> Float[Tensor, "m c h w"]:
        """The pictures of one step, changed at random where the recipe asks for it; or those at some `rows` of the batch."""
        if not self.recipe.changes(epoch):
            return self.plain(index if rows is None else index[rows])
        mixed = self.mixing(len(index), epoch, step)
        if rows is None or mixed is None:
            seen = self._changed(index, epoch, step, rows)
            return seen if mixed is None else mixed.pictures(seen)
        mixed = mixed.of(rows)
        own, others = self._changed(index, epoch, step, torch.cat([rows, mixed.partner])).tensor_split(2)
        return mixed.pictures(own, others)

    def _changed(
        self, index: Int[Tensor, " n"], epoch: int, step: int, rows: Int[Tensor, " m"] | None
    ) -> Float[Tensor, "m c h w"]:
        """Pictures of a batch before they are mixed."""
        whole = len(index)

        def draw(purpose: str) -> torch.Generator:
            if rows is None:
                return generator(self.seed, purpose, epoch, step)
            return Sharing.of(seed_for(self.seed, purpose, epoch, step), whole, rows)

        index = index if rows is None else index[rows]
        if isinstance(self.store, Held) and self.by_engine:
            seen = shown(self.store, index, self.recipe, self.size, draw, self.rule, self.principal)
        else:
            pixels = self.store.take(index)
            seen = self._normalised(augmented(pixels, self.recipe, self.size, draw, self.principal))
        if self.recipe.erase or self.recipe.cutout:
            seen = erased(seen, self.recipe, draw("erase"))
        return seen

    def mixing(self, n: int, epoch: int, step: int) -> Mixing | None:
        """How the `n` pictures of a step are mixed, and their labels with them; None where they are not."""
        if not (self.recipe.mixes and self.recipe.changes(epoch)):
            return None
        return mixing(n, self.recipe, self.size, numbers(self.seed, "mix", epoch, step))

    def plain(self, index: Int[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
        """These pictures unchanged, as an evaluation takes them."""
        pixels = self.store.take(index)
        return self._normalised(viewed(pixels, self.size, self.view))

    def _normalised(self, pixels: Num[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """scale x + shift, in place where the values are floats of our own."""
        return pixels.float().mul_(self.scale).add_(self.shift)
