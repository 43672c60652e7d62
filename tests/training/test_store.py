"""Pictures that do not fit: the same pixels in the same order, never more than the room, the same bits in the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import convscope as cs
from convscope.training import loop, store
from convscope.training.plan import make_plan, resumed_plan
from convscope.training.recipe import Recipe
from convscope.training.store import SLICES, Held, Streamed, store_for

NET = "input 1x12x12; c conv 4 3x3 | relu; out linear 3"
PIXELS = np.random.default_rng(0).integers(0, 256, (50, 2, 3, 4), np.uint8)
ONE = PIXELS[0].nbytes


def test_what_fits_is_held_and_what_does_not_is_streamed():
    assert isinstance(store_for(PIXELS, "cpu", None), Held)
    assert isinstance(store_for(PIXELS, "cpu", PIXELS.nbytes), Held)
    assert isinstance(store_for(PIXELS, "cpu", PIXELS.nbytes - 1), Streamed)


@pytest.mark.parametrize("room", [1, 3 * ONE, 10 * ONE, 40 * ONE])
@pytest.mark.parametrize("batch", [1, 7, 20, 50])
def test_batches_in_the_expected_order_are_those_of_the_whole_set(room: int, batch: int):
    streamed, held = Streamed(PIXELS, "cpu", room), Held(PIXELS, "cpu")
    for seed in (0, 1):
        order = torch.randperm(50, generator=torch.Generator().manual_seed(seed))
        streamed.expect(order)
        for start in range(0, 50, batch):
            index = order[start : start + batch]
            assert torch.equal(streamed.take(index), held.take(index))


def test_another_order_is_brought_when_it_is_asked_for_and_disturbs_nothing():
    streamed, order = Streamed(PIXELS, "cpu", 12 * ONE), torch.arange(50).flip(0)
    streamed.expect(order)
    assert torch.equal(streamed.take(order[:5]), torch.from_numpy(PIXELS)[order[:5]])
    assert torch.equal(streamed.take(torch.tensor([3, 1])), torch.from_numpy(PIXELS[[3, 1]]))
    assert torch.equal(streamed.take(order[5:30]), torch.from_numpy(PIXELS)[order[5:30]])
    streamed.expect(order[10:])
    assert torch.equal(streamed.take(order[10:20]), torch.from_numpy(PIXELS)[order[10:20]])


def test_no_more_than_the_room_is_ever_brought(monkeypatch):
    alive: list[int] = []
    most = 0
    made = store._Slice

    def counted(start, pixels, ready):
        nonlocal most
        alive.append(pixels.numel())
        most = max(most, pixels.numel())
        return made(start, pixels, ready)

    monkeypatch.setattr(store, "_Slice", counted)
    room = 12 * ONE
    streamed = Streamed(PIXELS, "cpu", room)
    order = torch.arange(50)
    streamed.expect(order)
    for start in range(0, 50, 2):
        streamed.take(order[start : start + 2])
        assert len(streamed._coming) <= SLICES - 1
    assert most * SLICES <= room
    assert sum(alive) == PIXELS.size


@pytest.mark.parametrize("engine", ["torch", "native"])
def test_a_training_in_slices_gives_the_bits_of_one_that_fits_also_when_it_is_resumed(
    bar_images, engine, monkeypatch
):
    recipe = Recipe(epochs=3, batch=64, flip=0.5, pad=1, validation=0.2, calm=1, engine=engine)
    plan = make_plan(bar_images, NET, recipe, seed=1)
    list(loop.training(plan, Path("fits")))
    monkeypatch.setattr(loop, "room", lambda _: 100 * 144)
    seen = iter(range(1, 1000))
    list(loop.training(plan, Path("slices"), stop=lambda: next(seen) == 11))
    list(loop.training(resumed_plan(cs.Run("slices"), bar_images), Path("slices"), resume=True))
    fits, slices = (cs.Run(name) for name in ("fits", "slices"))
    one, other = fits.weights(), slices.weights()
    if engine == "torch":
        assert all(np.array_equal(one[name], other[name]) for name in one)
    else:  # the engine scales pixels that it gathers itself in another order
        assert all(np.allclose(one[name], other[name], atol=1e-4) for name in one)
    assert fits.info["scores"]["test_errors"] == pytest.approx(slices.info["scores"]["test_errors"], abs=2)
