"""Class activation maps: the maps of a layer, weighted by how much the score of a class changes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode

from convscope.inspect.heat import Heat, Question, centres, gradient, spread, still, stretched
from convscope.inspect.layers import Layer, layer_of, layers_of
from convscope.inspect.record import listening
from convscope.inspect.subject import Subject

Maps = Float[np.ndarray, "k y x"]
Rule = Callable[[Maps, Maps], Float[np.ndarray, "y x"]]

PASSING = frozenset(
    ("add", "radd", "iadd", "sub", "isub", "mul", "rmul", "imul", "div", "truediv", "itruediv", "clone", "contiguous",
     "dropout", "dropout2d", "batch_norm", "group_norm", "instance_norm")
)  # fmt: skip
"""What may lie between a layer's sums and its activation: whatever works place by place, and norms."""
BENDING = frozenset(
    ("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "mish", "tanh", "sigmoid",
     "hardtanh", "hardswish", "hardsigmoid", "softplus", "softsign", "threshold", "clamp", "clamp_min")
)  # fmt: skip
"""Activations."""
AUTOMATIC = "the last layer with kernels whose maps are larger than one value"


def grad_cam(asked: Question, *, layer: str | None = None, relu: bool = True, stretch: bool = False) -> Heat:
    """Grad-CAM: max(0, sum_k w_k A_k), where w_k is the mean of dS/dA_k over the map (Selvaraju et al. 2017, eq. 1 and 2).

    S is the score of the class. A are the activated maps of the last layer whose maps are larger than one value, or of
    `layer`: its sums followed through what is added to them (as in a residual net) and through their activation, as long as
    nothing else in the net uses them on the way. Where that is not so, A are the sums; `why` says which. Without `relu`
    negative values stay, and speak against the class.

    Each value of A is laid where the middle of its receptive field is, and between them the heat is bilinear. With
    `stretch`, and where the receptive field is unknown, the map is stretched over the picture whatever it saw, as other
    tools do; see `convscope.inspect.heat.spread` for the difference. One forward pass; backwards only from the score to A.

    Raises:
        StackError: There is no such layer or class, or the net has no kernels.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> heat = grad_cam(Question(subject_of(build(zoo["lenet5-modern"])), np.full((1, 28, 28), 99, np.uint8), target=3))
    >>> heat.layer, heat.values.shape, heat.passes
    ('conv2', (28, 28), 1)
    """
    return _taken(asked, "grad-cam", _by_means, layer, relu, stretch)


def grad_cam_plus_plus(
    asked: Question, *, layer: str | None = None, relu: bool = True, stretch: bool = False
) -> Heat:
    """Grad-CAM++: as Grad-CAM, with w_k = sum_ij a_ij max(0, g_ij), which several things of one kind share less unequally.

    a_ij = g_ij^2 / (2 g_ij^2 + sum(A_k) g_ij^3), g = dS/dA_k (Chattopadhay et al. 2018, eq. 19, where the answer is exp(S),
    whose common factor exp(S) is left out). The derivation takes A to be 0 or more: where other maps make the denominator
    0 or less, a_ij is 0.

    Raises:
        StackError: There is no such layer or class, or the net has no kernels.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> given = Question(subject_of(build(zoo["lenet5-modern"])), np.full((1, 28, 28), 99, np.uint8))
    >>> grad_cam_plus_plus(given, layer="conv1").layer
    'conv1'
    """
    return _taken(asked, "grad-cam++", _by_curvature, layer, relu, stretch)


def layer_cam(asked: Question, *, layer: str | None = None, relu: bool = True, stretch: bool = False) -> Heat:
    """LayerCAM: max(0, sum_k max(0, dS/dA_k) A_k), each place weighted by its own gradient (Jiang et al. 2021, eq. 5 to 7).

    It is sharp in early layers too, where Grad-CAM's one weight for a whole map is not.

    Raises:
        StackError: There is no such layer or class, or the net has no kernels.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> given = Question(subject_of(build(zoo["lenet5-modern"])), np.full((1, 28, 28), 99, np.uint8))
    >>> bool(layer_cam(given, layer="conv1").values.min() >= 0)
    True
    """
    return _taken(asked, "layer-cam", _by_places, layer, relu, stretch)


def chosen(subject: Subject, layer: str | None) -> tuple[Layer, str]:
    """The layer that class activation maps are taken at, and the reason: the one that is named, or the automatic choice.

    Raises:
        StackError: There is no such layer; the nearest name is offered.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> found, why = chosen(subject_of(build(zoo["lenet5"])), None)
    >>> found.name, why
    ('C3', 'the last layer with kernels whose maps are larger than one value')
    """
    if layer is not None:
        return layer_of(subject, layer), "the layer that was asked for"
    found = layers_of(subject)
    large = [x for x in found if x.size != (1, 1)]
    return (large[-1], AUTOMATIC) if large else (found[-1], "the last layer with kernels")


def _by_means(maps: Maps, gradients: Maps) -> Float[np.ndarray, "y x"]:
    return np.tensordot(gradients.mean((1, 2)), maps, 1)


def _by_curvature(maps: Maps, gradients: Maps) -> Float[np.ndarray, "y x"]:
    positive = np.maximum(gradients, 0)
    below = (
        2 + maps.sum((1, 2), keepdims=True) * positive
    )  # the denominator over g^2; where g < 0, a_ij counts nothing
    shares = np.where((positive > 0) & (below > 0), 1 / np.where(below > 0, below, 1), 0)
    return np.tensordot((shares * positive).sum((1, 2)), maps, 1)


def _by_places(maps: Maps, gradients: Maps) -> Float[np.ndarray, "y x"]:
    return (np.maximum(gradients, 0) * maps).sum(0)


def _taken(asked: Question, method: str, rule: Rule, layer: str | None, relu: bool, stretch: bool) -> Heat:
    subject = asked.subject
    with still(subject.net):
        at, why = chosen(subject, layer)
        target, maps, gradients, behind = _said(asked, at)
    asked.says(1, 1)
    raw = rule(maps, gradients)
    kept = np.maximum(raw, 0) if relu else raw
    size = subject.shape[1:]
    if stretch or at.fields is None:
        rows, columns = (stretched(whole, count) for whole, count in zip(size, kept.shape, strict=True))
    else:
        rows, columns = (centres(field, count) for field, count in zip(at.fields, kept.shape, strict=True))
    return asked.heat(
        method, target, spread(kept, rows, columns, size), layer=at.name, why=f"{why}; {behind}",
        signed=not relu, empty=_empty(at, subject.classes[target], gradients, raw, kept), passes=1,
    )  # fmt: skip


def _empty(layer: Layer, name: str, gradients: Maps, raw: np.ndarray, kept: np.ndarray) -> str:
    if layer.size == (1, 1):
        return f"the maps of {layer.name} are one value each, so they do not say where"
    if not gradients.any():
        return (
            f"the score of {name} does not change with the maps of {layer.name}: "
            "what follows them is saturated, off or cut off"
        )
    if kept.any():
        return ""
    if raw.any():
        return f"no place of {layer.name} speaks for {name}: all weighted sums are negative, so the ReLU leaves nothing"
    return f"none of the maps of {layer.name} that are on speaks for or against {name}"


def _said(asked: Question, layer: Layer) -> tuple[int, Maps, Maps, str]:
    """The class, the layer's maps, the gradient of its score with respect to them, and which maps these are, in words."""
    subject, following = asked.subject, _Following()
    with listening(subject.net, {layer.heard: following.begin}, changed=True), following:
        answers = subject.answers(asked.given)
    target = subject.class_of(asked.target, answers.detach())
    link, behind = following.end()
    found = gradient(subject.scores(answers)[0, target], link.edge, link.values)
    maps, gradients = (t[0].detach().float().cpu().numpy().astype(np.float64) for t in (link.values, found))
    return target, maps, gradients, behind


@dataclass
class _Link:
    """Maps on their way from the sums to the activation: their values, and where their gradient arrives."""

    tensor: Tensor
    edge: Any
    values: Tensor
    by: str
    uses: int = 0


class _Following(TorchFunctionMode):
    """Within it a layer's sums are followed up to their activation, whether that is a module or a function call."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[_Link] = []

    def begin(self, sums: Tensor) -> Tensor:
        """The sums, from here on with a gradient: nothing below them is ever sent back to."""
        with torch.enable_grad():
            begun = sums.detach().requires_grad_().clone()
        self._add(begun, "sums")
        return begun

    def end(self) -> tuple[_Link, str]:
        """The maps that are as far up as nothing but them was used, and what they are in words."""
        place = 0
        while place + 1 < len(self.links) and self.links[place].uses == 1:
            place += 1
        way = [link.by for link in self.links[1 : place + 1]]
        added = ", with what is added to them" if any("add" in by for by in way) else ""
        if way and way[-1] in BENDING:
            return self.links[place], f"its maps{added}, behind their {way[-1]}"
        return self.links[place], f"its sums{added}, since no activation takes them alone"

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        taken = self._taken([*args, *kwargs.values()]) if self.links else []
        result = func(*args, **kwargs)
        if taken and any(True for _ in _tensors([result])):
            for link in taken:
                link.uses += 1
            if len(taken) == 1 and isinstance(result, Tensor):
                self._follow(taken[0], result, getattr(func, "__name__", "").strip("_"))
        return result

    def _follow(self, taken: _Link, result: Tensor, name: str) -> None:
        last = taken is self.links[-1] and taken.by not in BENDING
        alike = result.requires_grad and result.shape == taken.values.shape
        if last and alike and name in PASSING | BENDING:
            self._add(result, name)

    def _add(self, tensor: Tensor, by: str) -> None:
        self.links.append(_Link(tensor, get_gradient_edge(tensor), tensor.detach().clone(), by))

    def _taken(self, given: list[Any]) -> list[_Link]:
        """The links that a function is given; of several for one tensor, which works in place leave, the last."""
        latest = {id(link.tensor): link for link in self.links}
        return list({id(t): latest[id(t)] for t in _tensors(given) if id(t) in latest}.values())


def _tensors(given: list[Any]) -> Iterator[Tensor]:
    for value in given:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(list(value))
