"""Each kind of layer as ONNX nodes, written from the trained module: nothing is traced, nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from convscope.errors import ExportError
from convscope.exporting.graph import Graph
from convscope.nets import layers, steps
from convscope.nets.build import Net
from convscope.nets.joins import From, Place
from convscope.nets.windows import Line, Shape

Writer = Callable[[Graph, Any, str, Shape], str]
WRITERS: dict[type[nn.Module], Writer] = {}
"""Module kind -> what writes it: given the graph, the module, its input's name and the shape of that."""


def written(graph: Graph, net: Net, pictures: str) -> str:
    """Add a whole net to the graph, and give the name of what its last layer gives.

    Raises:
        ExportError: A layer is of a kind that cannot be written; the message names it and says what to do.
    """
    places = {name: list(of) for name, of in groupby(net.stack.places, key=lambda place: place.line.name)}

    def run(line: Line, given: tuple[str, ...]) -> str:
        return _line(graph, net, line, iter(places[line.name]), given)

    (*_, (_, last)) = net.stack.through(pictures, run)
    return last


def _line(graph: Graph, net: Net, line: Line, places: Iterator[Place], given: tuple[str, ...]) -> str:
    x, others = given[0], iter(given[1:])
    parts = cast("nn.Sequential", getattr(net, line.name))
    for name, part in parts.named_children():
        shape: Shape = (0, 0, 0)
        if not isinstance(part, nn.Flatten | layers.UnevenPad):
            shape = next(place.before for place in places if not isinstance(place.step, From))
        if isinstance(part, layers.Add):
            x = graph.add("Add", x, next(others))
            continue
        if type(part) not in WRITERS:
            raise ExportError(
                f"layer {line.name}: {name} ({type(part).__module__}.{type(part).__name__}) cannot be written as ONNX; "
                "take --format torch, which holds any layer, or train a net without it"
            )
        x = WRITERS[type(part)](graph, part, x, shape)
    return x


def writes(kind: type[nn.Module]) -> Callable[[Writer], Writer]:
    """Register what writes a kind of module."""

    def registered(writer: Writer) -> Writer:
        WRITERS[kind] = writer
        return writer

    return registered


def numbers(tensor: Tensor) -> np.ndarray:
    """A tensor's values as an array of their own."""
    return tensor.detach().cpu().numpy().copy()


@writes(nn.Conv2d)
def _conv(graph: Graph, module: nn.Conv2d, x: str, _: Shape) -> str:
    how = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation}
    return _convolved(graph, x, module.weight, module.bias, module.groups, how)


@writes(layers.TableConv)
def _table_conv(graph: Graph, module: layers.TableConv, x: str, _: Shape) -> str:
    return _convolved(graph, x, module.full_weight(), module.bias, 1, module.how)


def _convolved(graph: Graph, x: str, weight: Tensor, bias: Tensor | None, groups: int, how: Any) -> str:
    values = [numbers(weight), *([] if bias is None else [numbers(bias)])]
    return graph.add(
        "Conv", x, *values, kernel_shape=list(weight.shape[2:]), strides=list(how["stride"]), group=groups,
        pads=[*how["padding"], *how["padding"]], dilations=list(how["dilation"]),
    )  # fmt: skip


@writes(layers.UnevenPad)
def _uneven(graph: Graph, module: layers.UnevenPad, x: str, _: Shape) -> str:
    top, left, bottom, right = module.sides
    return graph.add("Pad", x, np.array([0, 0, top, left, 0, 0, bottom, right]))


@writes(layers.Subsample)
def _subsample(graph: Graph, module: layers.Subsample, x: str, _: Shape) -> str:
    mean = graph.add("AveragePool", x, kernel_shape=list(module.kernel), strides=list(module.stride))
    if module.sources is not None:
        mean = graph.add("Gather", mean, numbers(module.sources), axis=1)
    total = graph.add("Mul", mean, np.float32(module.kernel[0] * module.kernel[1]))
    scaled = graph.add("Mul", total, numbers(module.weight)[:, None, None])
    return graph.add("Add", scaled, numbers(module.bias)[:, None, None])


@writes(nn.MaxPool2d)
def _max(graph: Graph, module: nn.MaxPool2d, x: str, _: Shape) -> str:
    kernel, stride, padding = (_pair(v) for v in (module.kernel_size, module.stride, module.padding))
    return graph.add("MaxPool", x, kernel_shape=kernel, strides=stride, pads=[*padding, *padding])


@writes(nn.AvgPool2d)
def _average(graph: Graph, module: nn.AvgPool2d, x: str, _: Shape) -> str:
    return graph.add("AveragePool", x, kernel_shape=_pair(module.kernel_size), strides=_pair(module.stride))


@writes(nn.AdaptiveAvgPool2d)
def _adaptive(graph: Graph, module: nn.AdaptiveAvgPool2d, x: str, shape: Shape) -> str:
    areas = steps.Adaptive(cast("tuple[int, int]", tuple(_pair(module.output_size))))
    if areas.parts() == (1, 1):
        return graph.add("GlobalAveragePool", x)
    rows, columns = (_means(areas.spans(shape, axis), shape[1 + axis]) for axis in (0, 1))
    return graph.add("MatMul", rows, graph.add("MatMul", x, columns.T))


def _means(spans: tuple[tuple[int, int], ...], size: int) -> np.ndarray:
    """The matrix that takes the mean of each span of a row: [spans, size]."""
    matrix = np.zeros((len(spans), size), np.float32)
    for row, (first, after) in zip(matrix, spans, strict=True):
        row[first:after] = 1 / (after - first)
    return matrix


@writes(nn.Flatten)
def _flatten(graph: Graph, _: nn.Flatten, x: str, __: Shape) -> str:
    return graph.add("Flatten", x, axis=1)


@writes(nn.Linear)
def _linear(graph: Graph, module: nn.Linear, x: str, _: Shape) -> str:
    values = [numbers(module.weight), *([] if module.bias is None else [numbers(module.bias)])]
    return graph.add("Gemm", x, *values, transB=1)


@writes(layers.Rbf)
def _rbf(graph: Graph, module: layers.Rbf, x: str, _: Shape) -> str:
    apart = graph.add("Sub", graph.add("Unsqueeze", x, np.array([1])), numbers(module.codes)[None])
    return graph.add("ReduceSum", graph.add("Mul", apart, apart), np.array([2]), keepdims=0)


@writes(nn.BatchNorm2d)
def _norm(graph: Graph, module: nn.BatchNorm2d, x: str, _: Shape) -> str:
    assert module.running_mean is not None and module.running_var is not None
    values = (module.weight, module.bias, module.running_mean, module.running_var)
    return graph.add("BatchNormalization", x, *map(numbers, values), epsilon=module.eps)


@writes(layers.ResponseNorm)
def _response(graph: Graph, module: layers.ResponseNorm, x: str, shape: Shape) -> str:
    if module.size % 2:  # ONNX divides alpha by the size
        return graph.add(
            "LRN", x, size=module.size, alpha=module.alpha * module.size, beta=module.beta, bias=module.k
        )
    maps = np.arange(shape[0])
    away = maps[None] - maps[:, None]
    near = (-(module.size // 2) <= away) & (away < module.size - module.size // 2)
    around = graph.add("Conv", graph.add("Mul", x, x), near.astype(np.float32)[:, :, None, None])
    base = graph.add("Add", graph.add("Mul", around, np.float32(module.alpha)), np.float32(module.k))
    return graph.add("Mul", x, graph.add("Pow", base, np.float32(-module.beta)))


@writes(layers.Squash)
def _squash(graph: Graph, _: layers.Squash, x: str, __: Shape) -> str:
    inner = graph.add("Tanh", graph.add("Mul", x, np.float32(steps.Squash.slope)))
    return graph.add("Mul", inner, np.float32(steps.Squash.amplitude))


@writes(nn.Dropout)
def _dropout(_: Graph, __: nn.Dropout, x: str, ___: Shape) -> str:
    return x  # of a trained net it changes nothing


@writes(nn.Tanh)
def _tanh(graph: Graph, _: nn.Tanh, x: str, __: Shape) -> str:
    return graph.add("Tanh", x)


@writes(nn.ReLU)
def _relu(graph: Graph, _: nn.ReLU, x: str, __: Shape) -> str:
    return graph.add("Relu", x)


@writes(nn.Sigmoid)
def _sigmoid(graph: Graph, _: nn.Sigmoid, x: str, __: Shape) -> str:
    return graph.add("Sigmoid", x)


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
