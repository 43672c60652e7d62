"""The layers that have kernels: where their units' sums are heard, what they see of the picture, their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from convscope.conv.geometry import Field
from convscope.errors import StackError, instead
from convscope.inspect.graph import feeders, fields_of
from convscope.inspect.record import calls, listening, untouched
from convscope.inspect.subject import Subject
from convscope.nets.build import Net
from convscope.nets.layers import TableConv
from convscope.nets.steps import Conv, Relu

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)

_known: WeakKeyDictionary[Subject, tuple[Layer, ...]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Layer:
    """A convolution of a net. Its units' sums are what module `heard` gives: behind a norm, before the activation.

    `size` is that of its maps, (rows, columns). `fields` say what one value sees of the picture along rows and columns;
    None where it sees all of it. `bends` is what is applied to the sums: "relu", or "other". `below` are the layers with
    kernels whose maps it takes in, in the order of the forward pass: where maps are added, several.
    """

    name: str
    module: str
    heard: str
    units: int
    size: tuple[int, int]
    fields: tuple[Field, Field] | None
    bends: str
    below: tuple[str, ...] = ()

    def window(self, place: int, shape: tuple[int, int, int]) -> tuple[slice, slice]:
        """What the value at `place` (row * columns + column) sees, in pixels; it may begin below 0, in padding."""
        if self.fields is None:
            return slice(0, shape[1]), slice(0, shape[2])
        row, column = divmod(place, self.size[1])
        (top, bottom), (left, right) = self.fields[0].span(row), self.fields[1].span(column)
        return slice(top, bottom), slice(left, right)


def layers_of(subject: Subject) -> tuple[Layer, ...]:
    """The convolutions of a net, in the order of the forward pass.

    Raises:
        StackError: It has none.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> [(layer.name, layer.units, layer.fields[0].size) for layer in layers_of(subject_of(build(zoo["lenet5"])))]
    [('C1', 6, 5), ('C3', 16, 14), ('C5', 120, 32)]
    """
    found = _found(subject)
    if not found:
        raise StackError(f"{type(subject.net).__name__} has no convolutions, so it has no kernels to look at")
    return found


def _found(subject: Subject) -> tuple[Layer, ...]:
    found = _known.get(subject)
    if found is None:
        found = _known[subject] = _layers(subject)
    return found


def alike(subject: Subject, known: Subject) -> None:
    """Say that a net differs from a known one by its weights alone: its layers are the same, and need not be found again."""
    _known.setdefault(subject, _found(known))


def layer_of(subject: Subject, name: str) -> Layer:
    """A layer by its name.

    Raises:
        StackError: There is no such layer; the nearest name is offered.
    """
    found = layers_of(subject)
    for layer in found:
        if layer.name == name:
            return layer
    raise StackError(f"there is no layer {name!r} with kernels: {instead(name, [x.name for x in found])}")


def unit_of(subject: Subject, unit: str) -> tuple[Layer, int]:
    """A unit's layer and number, from text such as "C3/5".

    Raises:
        StackError: There is no such layer or unit.
    """
    name, slash, number = unit.rpartition("/")
    layer = layer_of(subject, name if slash else unit)
    if not slash or not number.isdecimal() or len(number) > 9 or int(number) >= layer.units:
        raise StackError(
            f"{unit[:99]!r} is no unit of {layer.name}: it has {layer.name}/0 to {layer.name}/{layer.units - 1}"
        )
    return layer, int(number)


def weights_of(subject: Subject, layer: Layer) -> Float[np.ndarray, "k c h w"]:
    """A layer's kernels over all maps below; zero where a kernel does not see a map."""
    module: Any = subject.net.get_submodule(layer.module)
    with torch.no_grad():
        weight = module.full_weight() if isinstance(module, TableConv) else _ungrouped(module)
    return weight.detach().float().cpu().numpy().copy()


def multiply_adds(subject: Subject) -> int:
    """What the convolutions of a net multiply and add for one picture."""
    total = 0
    for layer in layers_of(subject):
        module: Any = subject.net.get_submodule(layer.module)
        total += module.weight.numel() * layer.size[0] * layer.size[1]
    return total


def kernels_of(subject: Subject, layer: Layer) -> Float[np.ndarray, "k c h w"]:
    """A layer's kernels as they work: behind a batch norm each times the norm's factor, which may turn its sign."""
    weights = weights_of(subject, layer)
    norm: Any = subject.net.get_submodule(layer.heard)
    if layer.heard == layer.module or not isinstance(norm, nn.modules.batchnorm._BatchNorm):
        return weights
    if norm.running_var is None:
        return weights
    factor = (norm.running_var + norm.eps).rsqrt()
    factor = factor if norm.weight is None else factor * norm.weight
    return weights * factor.detach().float().cpu().numpy()[:, None, None, None]


def below_of(subject: Subject, layer: Layer, number: int) -> tuple[int, ...]:
    """The maps below that a unit sees."""
    module: Any = subject.net.get_submodule(layer.module)
    if isinstance(module, TableConv):
        channels = module.dense[1]
        return tuple(int(p) % channels for p in module.places.tolist() if int(p) // channels == number)
    group = number * module.groups // module.out_channels
    each = module.in_channels // module.groups
    return tuple(range(group * each, (group + 1) * each))


def _ungrouped(module: nn.Conv2d) -> Tensor:
    if module.groups == 1:
        return module.weight
    each, share = module.in_channels // module.groups, module.out_channels // module.groups
    weight = module.weight.new_zeros(module.out_channels, module.in_channels, *module.kernel_size)
    for g in range(module.groups):
        rows = slice(g * share, (g + 1) * share)
        weight[rows, g * each : (g + 1) * each] = module.weight[rows]
    return weight


def _layers(subject: Subject) -> tuple[Layer, ...]:
    net = subject.net
    x = torch.zeros(1, *subject.shape, device=subject.device)
    with untouched(net), torch.no_grad(), calls(net, (*NORMS, nn.Conv2d)) as heard:
        net(x)
    chosen = _of_stack(net) if isinstance(net, Net) else _of_module(net, heard)
    wanted = {name for _, module, read, _ in chosen for name in (module, read)}
    with untouched(net), torch.enable_grad(), listening(net, {name: lambda t: t for name in wanted}) as said:
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        given = x.requires_grad_()
        net(given)
    layers = []
    for name, module, read, bends in chosen:
        _, units, rows, columns = said[read].shape
        fields = fields_of(said[read], given)
        if isinstance(net, Net) or fields is not None or (rows, columns) != (1, 1):  # the latter is a gate
            layers.append(Layer(name, module, read, units, (rows, columns), fields, bends))
    known = {said[layer.module].grad_fn: layer.name for layer in layers}
    order = [layer.name for layer in layers]
    fed = (sorted(feeders(said[layer.module], known), key=order.index) for layer in layers)
    return tuple(replace(layer, below=tuple(below)) for layer, below in zip(layers, fed, strict=True))


def _of_stack(net: Net) -> list[tuple[str, str, str, str]]:
    """(name, module, heard, bends) of each line with a convolution."""
    found = []
    for line in net.stack.lines:
        step = next((s for s in line.steps if isinstance(s, Conv)), None)
        if step is None:
            continue
        after = [s.kind for s in line.steps[line.steps.index(step) + 1 :]]
        part = "batchnorm" if after[:1] == ["batchnorm"] else "conv"
        bends = "relu" if Relu.kind in after else "other"
        found.append((line.name, f"{line.name}.conv", f"{line.name}.{part}", bends))
    return found


def _of_module(net: nn.Module, heard: list[tuple[str, Any, Any]]) -> list[tuple[str, str, str, str]]:
    """The same of any module: a norm belongs to a convolution where it is what takes the convolution's result."""
    found, names = [], set()
    for number, (name, _, result) in enumerate(heard):
        if name in names or not isinstance(net.get_submodule(name), nn.Conv2d):
            continue
        names.add(name)
        takers = [call for call in heard[number + 1 :] if call[1] is result]
        read, bends = name, "other"
        if takers and isinstance(net.get_submodule(takers[0][0]), NORMS):
            read, _, normed = takers[0]
            takers = [call for call in heard[number + 1 :] if call[1] is normed and call[0] != read]
        last = net.get_submodule(takers[0][0] if takers else read)
        if isinstance(last, nn.ReLU) or any(
            isinstance(m, nn.ReLU) for m in net.get_submodule(read).children()
        ):
            bends = "relu"
        found.append((name, name, read, bends))
    return found
