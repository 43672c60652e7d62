"""What a value of any module sees of the picture, read from the graph that PyTorch keeps for its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from convscope.conv.geometry import Field

Fields = tuple[Field, Field]

LIKE_THEIR_INPUT = (
    "Relu", "Threshold", "Hardtanh", "Hardswish", "Hardsigmoid", "LeakyRelu", "Elu", "Celu", "Gelu", "Silu", "Mish",
    "Sigmoid", "Tanh", "Softplus", "Prelu", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "Clone", "Copy",
    "ToCopy", "Add", "Sub", "Mul", "Div", "Neg", "Pow", "Exp", "Sqrt", "Cat", "Dropout", "Clamp", "Alias", "Index",
    "Slice", "Select", "Where", "FusedDropout", "NativeDropout", "NativeLayerNorm", "NativeGroupNorm", "Permute",
    "_Normalised",
)  # fmt: skip
"""Nodes, by how their names begin, whose value at a place depends on their inputs at that place; the last is response
normalisation, of `nets.fast_lrn` and `nets.native_lrn`."""


MIXING = ("Cat", "Index", "Slice", "Select", "Permute")
"""Those behind which map k is no longer map k."""


def fields_of(result: Tensor, given: Tensor) -> Fields | None:
    """What one value of `result` [n, k, y, x] sees of `given` [n, c, h, w], or None: all of it, or unknown.

    Follows convolutions, pools, padding and whatever works place by place; of several ways the union. What is
    averaged over the whole map and multiplied back, as a squeeze-and-excitation gate is, is left out, and so are the means
    that a norm takes over a map: they change a map's strength, not its place.
    """
    if result.grad_fn is None:
        return None
    found: dict[Any, Fields | str] = {}
    waiting = [result.grad_fn]
    while waiting:
        node = waiting[-1]
        missing = [n for n, _ in node.next_functions if n is not None and n not in found]
        if missing:
            waiting.extend(missing)
            continue
        waiting.pop()
        if node not in found:
            found[node] = _seen(node, [found[n] for n, _ in node.next_functions if n is not None], given)
    answer = found[result.grad_fn]
    return answer if isinstance(answer, tuple) else None


def feeders(result: Tensor, known: Mapping[Any, str]) -> tuple[str, ...]:
    """The convolutions, by their nodes in `known`, whose maps a convolution's `result` takes in, map by map.

    Ways on which maps are put together, picked out or mixed are not followed.
    """
    found: dict[str, None] = {}
    waiting = [result.grad_fn.next_functions[0][0]] if result.grad_fn else []
    done = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in done:
            continue
        done.add(node)
        name = node.name()
        if name.startswith("ConvolutionBackward"):
            if node in known:
                found[known[node]] = None
        elif _window(node, name) or (name.startswith(LIKE_THEIR_INPUT) and not name.startswith(MIXING)):
            waiting.extend(n for n, _ in node.next_functions)
    return tuple(found)


def _seen(node: Any, below: list[Fields | str], given: Tensor) -> Fields | str:
    """A node's fields; "nothing" where it does not come from the picture, "all" where it sees all of it."""
    name = node.name()
    if name.endswith("AccumulateGrad"):
        return (Field(), Field()) if node.variable is given else "nothing"
    heard = [b for b in below if b != "nothing"]
    if not heard:
        return "nothing"
    if name.startswith("MulBackward") and len(heard) == 2 and "all" in heard:
        return next((b for b in heard if b != "all"), "all")
    if "all" in heard:
        return "all"
    fields = _union([b for b in heard if isinstance(b, tuple)])
    if fields is None:
        return "all"
    window = _window(node, name)
    if window is not None:
        kernel, stride, padding, dilation = window
        return (
            fields[0].through(kernel[0], stride[0], dilation[0], padding[0]),
            fields[1].through(kernel[1], stride[1], dilation[1], padding[1]),
        )
    return fields if name.startswith(LIKE_THEIR_INPUT) or name.startswith("ConstantPadNd") else "all"


def _window(node: Any, name: str) -> tuple[Any, Any, Any, Any] | None:
    if name.startswith("ConvolutionBackward") and not node._saved_transposed:
        return node._saved_weight.shape[2:], node._saved_stride, node._saved_padding, node._saved_dilation
    if name.startswith("MaxPool2DWithIndices"):
        return (
            node._saved_kernel_size,
            node._saved_stride or node._saved_kernel_size,
            node._saved_padding,
            node._saved_dilation,
        )
    if name.startswith("AvgPool2D"):
        return (
            node._saved_kernel_size,
            node._saved_stride or node._saved_kernel_size,
            node._saved_padding,
            (1, 1),
        )
    if name.startswith("ConstantPadNd"):
        left, _, top, _ = (*node._saved_pad, 0, 0)[:4]
        return (1, 1), (1, 1), (top, left), (1, 1)
    return None


def _union(all_fields: list[Fields]) -> Fields | None:
    """The smallest fields that hold all of them, or None where they move at different speeds."""
    axes = []
    for axis in (0, 1):
        fields = [f[axis] for f in all_fields]
        if len({f.jump for f in fields}) > 1:
            return None
        start = min(f.start for f in fields)
        axes.append(Field(max(f.start + f.size for f in fields) - start, fields[0].jump, start))
    return axes[0], axes[1]
