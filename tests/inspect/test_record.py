"""The Record: every layer of any module, and a module that is afterwards as it was."""

from __future__ import annotations

import gc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_zoo import small
from torch import Tensor, nn

import convscope as cs
from convscope.errors import StackError
from convscope.inspect.forward import passes
from convscope.inspect.record import Record, record
from convscope.nets.build import build


class Residual(nn.Module):
    """BatchNorm, a layer in place, a module that is called twice, and a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.drop(self.relu(self.norm(self.conv(x)))))


class Several(nn.Module):
    """Two inputs, and a dict of a tensor and a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.both = nn.Conv2d(1, 2, 3), nn.Linear(4, 2), Pair()

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Any]:
        return {"maps": self.a(x), "rest": self.both(self.b(y))}


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return x, {"twice": 2 * x}


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)
        self.last = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        raise RuntimeError("in the middle")


def state_of(net: nn.Module) -> list[Any]:
    """All that an inspection must leave alone."""
    hooks = [
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in net.modules()
    ]
    values = [t.clone().numpy().tobytes() for t in net.state_dict().values()]
    grads = [(p.requires_grad, None if p.grad is None else p.grad.sum().item()) for p in net.parameters()]
    return [
        hooks,
        [m.training for m in net.modules()],
        values,
        grads,
        torch.get_rng_state().numpy().tobytes(),
    ]


@pytest.mark.parametrize("name", list(cs.zoo))
def test_it_keeps_what_each_line_of_a_stack_gives(name: str):
    net = build(small(name), seed=1)
    picture = torch.randn(net.stack.input.shape, generator=torch.Generator().manual_seed(0))
    seen = record(net, picture)
    for done in passes(net.eval(), picture):
        assert seen[done.line.name].reshape(done.result.shape) == pytest.approx(done.result.numpy(), abs=1e-5)
    assert [s.name for s in seen.layers] == list(net.stack.shapes) == list(seen)


def test_a_layer_in_place_does_not_change_what_was_recorded_before_it():
    net = Residual()
    x = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    seen = record(net, x)
    assert list(seen) == ["conv", "norm", "relu", "drop", "relu:2"]
    net.eval()
    assert seen["norm"] == pytest.approx(net.norm(net.conv(x)).detach().numpy(), abs=1e-6)
    assert seen["norm"].min() < 0 <= seen["relu"].min()
    assert seen["relu:2"] == pytest.approx(net(x).detach().numpy(), abs=1e-6)


def test_tuples_and_dicts_are_recorded_part_by_part():
    seen = record(Several(), (torch.ones(1, 4, 4), torch.ones(1, 4)))
    assert list(seen) == ["a", "b", "both.0", "both.1.twice"]
    assert seen["both.1.twice"] == pytest.approx(2 * seen["both.0"])
    assert set(seen.answer) == {"maps", "rest"}


@pytest.mark.parametrize(
    ("net", "picture"),
    [(build(cs.zoo["digits"]), torch.ones(1, 28, 28)), (Residual(), torch.ones(3, 6, 6)), (Broken(), torch.ones(1, 5, 5))],
)  # fmt: skip
def test_the_module_is_afterwards_as_it_was_also_after_an_error(net: nn.Module, picture: Tensor):
    net.train()
    next(net.parameters()).grad = torch.ones_like(next(net.parameters()))
    list(net.parameters())[-1].requires_grad_(False)
    next(net.children()).eval()
    before = state_of(net)
    with torch.no_grad():
        if isinstance(net, Broken):
            with pytest.raises(RuntimeError, match="in the middle"):
                record(net, picture)
        else:
            record(net, picture)
    assert state_of(net) == before


def test_layers_beyond_the_limit_are_summarised():
    net = nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 1), b=nn.MaxPool2d(8)))
    seen = record(net, torch.ones(1, 64, 64), limit=1000)
    assert list(seen) == [] or list(seen) == ["b"]
    large = seen.layers[0]
    assert (large.name, large.kind, large.shape, large.kept) == ("a", "Conv2d", (1, 4, 64, 64), False)
    assert large.low <= large.mean <= large.high
    with pytest.raises(KeyError, match="a was too large to keep"):
        _ = seen["a"]


def test_only_the_layers_asked_for_are_kept():
    net = build(cs.zoo["lenet5"])
    assert list(record(net, np.zeros((1, 32, 32)), layers=["C3", "F6"])) == ["C3", "F6"]
    with pytest.raises(StackError, match="there is no layer 'C33': did you mean C3"):
        record(net, np.zeros((1, 32, 32)), layers=["C33"])


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
def test_a_compiled_module_is_recorded_by_its_own_layers():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    assert list(record(torch.compile(net), torch.ones(1, 5, 5))) == ["0", "1"]


def test_a_run_is_asked_with_a_picture_of_any_size(tmp_path: Path):
    from convscope.training.recipe import Recipe

    run = cs.train(cs.images("mnist").first(100), "lenet5-modern", Recipe(epochs=1), out=tmp_path / "run")
    seen: Record = record(run, np.full((3, 90, 50), 255, np.uint8))
    assert seen["conv1"].shape[0] == 1 and np.isfinite(seen["conv1"]).all()
    assert seen.layers[0].kind == "conv"


def test_a_hundred_records_leave_no_more_memory_behind_than_one():
    net, picture = build(cs.zoo["lenet5"]), np.zeros((1, 32, 32))

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    for _ in range(5):
        record(net, picture)
    before = objects()
    for _ in range(100):
        record(net, picture)
    assert objects() - before < 20
