"""What every layer said about a picture: one forward pass of any module, recorded; the only hooks there are.

After a recording the module is as it was, also after an error: hooks, mode, gradients, random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.data.pictures import read_picture
from convscope.errors import StackError, instead
from convscope.inspect.display import block, film_image
from convscope.nets.build import Net
from convscope.prediction import as_seen
from convscope.runs import Run

SHOWN = 12
"""So many maps of a layer are shown in a notebook."""
LIMIT = 512 * 1024 * 1024
"""Bytes that a Record keeps unless it is told otherwise."""


@dataclass(frozen=True)
class Said:
    """A layer in a few numbers: its kind, the shape [n, ...] of what it said, and its range.

    `kept` is False where the memory limit was reached: then there is only this.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    low: float
    high: float
    mean: float
    kept: bool


@dataclass(frozen=True, eq=False)
class Record(Mapping[str, Float[np.ndarray, "..."]]):
    """Layer name -> what it said, float32 [n, maps, rows, columns] or [n, values], in the order of the pass.

    `layers` has a line for every layer, also for those too large to keep; `answer` is what the net returned.
    """

    layers: tuple[Said, ...]
    maps: dict[str, np.ndarray]
    answer: Any

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self.maps:
            return self.maps[name]
        said = next((s for s in self.layers if s.name == name), None)
        if said is not None:
            raise KeyError(
                f"{name} was too large to keep, {said.shape}: ask for it alone, or with a larger limit"
            )
        raise KeyError(f"there is no layer {name!r}: {instead(name, [s.name for s in self.layers])}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)

    def _repr_html_(self) -> str:
        rows = []
        for said in self.layers:
            kept = self.maps.get(said.name)
            shown = kept[0, :SHOWN] if kept is not None and kept.ndim == 4 else ()
            size = "x".join(map(str, said.shape[1:]))
            title = f"{said.name}: {said.kind}, {size}, {said.low:.3g} to {said.high:.3g}"
            limit = max(abs(said.low), abs(said.high))
            rows.append(block(title, [(film_image(m, limit, 64), f"/{k}") for k, m in enumerate(shown)]))
        return "".join(rows)


def record(
    model: Run | nn.Module,
    picture: Any,
    *,
    layers: Iterable[str] | None = None,
    limit: int = LIMIT,
) -> Record:
    """One forward pass with every layer kept, or those that `layers` names, up to `limit` bytes.

    `model` is a Run, whose `picture` is a file or uint8 [c, h, w] of any size; or any module, whose picture is
    what it takes: floats [c, h, w] or [n, c, h, w], or a tuple of inputs. Layers have the Stack's names, or the module's
    own; a module that is called again is NAME:2. What returns a tuple or a dict is recorded as NAME.0, NAME.key.

    Raises:
        StackError: There is no such layer.
        PictureError, RunError: The picture or the Run cannot be read.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> seen = record(build(zoo["lenet5"]), np.zeros((1, 32, 32)))
    >>> seen["C3"].shape, list(seen)
    ((1, 16, 10, 10), ['C1', 'S2', 'C3', 'S4', 'C5', 'F6', 'OUT'])
    """
    net, given = _ready(model, picture)
    wanted = None if layers is None else frozenset(layers)
    modules = named_layers(net)
    for name in sorted((wanted or frozenset()) - modules.keys()):
        raise StackError(f"there is no layer {name!r}: {instead(name, modules)}")
    keeper = _Keeper(limit)
    with untouched(net), ExitStack() as hooks:
        for name, module in modules.items():
            if wanted is None or name in wanted:
                handle = module.register_forward_hook(keeper.hook(name, _kind(net, name, module)))
                hooks.callback(handle.remove)
        with torch.no_grad():
            answer = net(*given)
    return Record(tuple(keeper.said), keeper.values, answer)


def named_layers(net: nn.Module) -> dict[str, nn.Module]:
    """The layers of a net by name: a Stack's lines, or a module's own leaves.

    >>> list(named_layers(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())))
    ['0', '1']
    """
    if isinstance(net, Net):
        return {line.name: getattr(net, line.name) for line in net.stack.lines}
    leaves = {name: m for name, m in net.named_modules() if name and not any(True for _ in m.children())}
    return leaves or {"net": net}


@contextmanager
def untouched(net: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block, and no inference mode, which would forbid gradients; mode, gradients and random
    numbers afterwards as before, whatever happens."""
    modes = [(module, module.training) for module in net.modules()]
    gradients = [(p, p.grad, p.requires_grad) for p in net.parameters()]
    random = torch.get_rng_state()
    if any(mode for _, mode in modes):
        net.eval()
    try:
        with torch.inference_mode(False):
            yield
    finally:
        torch.set_rng_state(random)
        for module, mode in modes:
            if module.training is not mode:
                module.training = mode
        for parameter, gradient, wanted in gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient
            if parameter.requires_grad is not wanted:
                parameter.requires_grad_(wanted)


@contextmanager
def listening(
    net: nn.Module, layers: Mapping[str, Callable[[Tensor], Any]], *, changed: bool = False
) -> Iterator[dict[str, Any]]:
    """Within the block, what each of the named modules says is given to its function, and what that returns is kept.

    With `changed` the net goes on with what the function returns. A module that is called again is heard the first time.
    What is kept is safe from layers in place that follow: the net goes on with a copy.
    """
    kept: dict[str, Any] = {}

    def hook(name: str, heed: Callable[[Tensor], Any]) -> Callable[[nn.Module, Any, Any], Any]:
        def hear(_module: nn.Module, _given: Any, result: Any) -> Any:
            if name in kept or not isinstance(result, Tensor):
                return None
            kept[name] = heed(result)
            if kept[name] is None:
                return None
            return kept[name] if changed else result.clone()

        return hear

    with ExitStack() as hooks:
        for name, heed in layers.items():
            hooks.callback(net.get_submodule(name).register_forward_hook(hook(name, heed)).remove)
        yield kept


@contextmanager
def calls(net: nn.Module, also: tuple[type[nn.Module], ...] = ()) -> Iterator[list[tuple[str, Any, Any]]]:
    """Within the block, each call of a module without children, or of kind `also`: its name, what came, what it gave."""
    heard: list[tuple[str, Any, Any]] = []

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, given, result: heard.append((name, given[0] if given else None, result))

    with ExitStack() as hooks:
        for name, module in net.named_modules():
            if name and (isinstance(module, also) or not any(True for _ in module.children())):
                hooks.callback(module.register_forward_hook(hook(name)).remove)
        yield heard


@dataclass
class _Keeper:
    """Takes copies of what modules return, since a layer in place would change them later."""

    limit: int
    said: list[Said] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    bytes: int = 0

    def hook(self, name: str, kind: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_module: nn.Module, _given: Any, result: Any) -> None:
            for part, tensor in _tensors(result):
                self._keep(name + part, kind, tensor.detach())

        return keep

    def _keep(self, name: str, kind: str, tensor: Tensor) -> None:
        names = {said.name for said in self.said}
        again = next(n for n in range(1, len(names) + 2) if (name if n == 1 else f"{name}:{n}") not in names)
        name = name if again == 1 else f"{name}:{again}"
        size = tensor.numel() * 4
        kept = self.bytes + size <= self.limit
        values = tensor.float().cpu().numpy() if kept else None
        self.said.append(
            Said(name, kind, tuple(tensor.shape), *_range(tensor if values is None else values), kept)
        )
        if values is not None:
            self.bytes += size
            self.values[name] = values.copy()


def _kind(net: nn.Module, name: str, module: nn.Module) -> str:
    if isinstance(net, Net):
        return next(line.kind for line in net.stack.lines if line.name == name)
    return type(module).__name__


def _tensors(result: Any, part: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(result, Tensor):
        yield part, result
    elif isinstance(result, Mapping):
        for key, value in result.items():
            yield from _tensors(value, f"{part}.{key}")
    elif isinstance(result, tuple | list):
        for number, value in enumerate(result):
            yield from _tensors(value, f"{part}.{number}")


def _range(values: Tensor | np.ndarray) -> tuple[float, float, float]:
    """Lowest, highest and mean; of arrays by numpy, which asks less of each small one."""
    if not math.prod(values.shape):
        return 0.0, 0.0, 0.0
    values = values.float() if isinstance(values, Tensor) else values
    return float(values.min()), float(values.max()), float(values.mean())


def _ready(model: Run | nn.Module, picture: Any) -> tuple[nn.Module, tuple[Any, ...]]:
    """The module, and its inputs on its device."""
    if isinstance(model, Run):
        pixels = read_picture(picture) if isinstance(picture, str | Path | bytes) else np.asarray(picture)
        seen, _ = as_seen(model, pixels)
        return model.net(), (torch.from_numpy(model.normalised(seen))[None],)
    net = getattr(model, "_orig_mod", model)  # a compiled module's own code has no place for hooks
    first = next(net.parameters(), torch.zeros(()))
    inputs = picture if isinstance(picture, tuple) else (picture,)
    return net, tuple(_as_input(value, first) for value in inputs)


def _as_input(value: Any, like: Tensor) -> Tensor:
    tensor = torch.as_tensor(value)
    tensor = tensor.to(like.device, like.dtype if tensor.is_floating_point() else None)
    return tensor[None] if tensor.dim() == 3 else tensor
