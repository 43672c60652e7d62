"""What each unit of a layer adds to a class's score: exactly where only sums follow, else to first order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convscope.errors import PictureError
from convscope.inspect.layers import Layer, layer_of, layers_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.runs import Run

TRIALS, TOLERANCE = 12, 1e-4


@dataclass(frozen=True, eq=False)
class Contributions:
    """The parts of a layer's units in the score of a class, for one picture: units.sum() + rest == score.

    `units` [k] are in the score's unit: a logit, or a negative distance. `exact` is whether the score is the `rest` plus one
    part for each unit, whatever the others do; if not, the parts are gradient times activation, and `rest` is what
    they leave. `how` says that in words.
    """

    layer: str
    target: str
    exact: bool
    how: str
    units: Float[np.ndarray, " k"]
    rest: float
    score: float


def contributions(
    model: Run | Subject | nn.Module,
    picture: UInt8[np.ndarray, "c h w"],
    layer: str | None = None,
    target: int | str | None = None,
) -> Contributions:
    """The part of each unit of a layer in a class's score, for a picture: sum over its map of A * d score / d A.

    A is the unit's map behind its activation. Where nothing follows but pooling, averages and weighted sums, that is what
    the unit adds to the score, exactly (as in a class activation map, Zhou et al. 2016): its maps made 0 take this away.
    Else it is the score's change to first order, gradient times activation (Shrikumar et al. 2016), and
    `exact` is False. That it is exact is read from what follows, and tried out with the maps scaled at random.

    The layer is the last one with kernels, and the class the one that the net names, unless others are asked for.

    Raises:
        StackError: There is no such layer or class.
        PictureError: The picture does not fit the net.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> parts = contributions(build(zoo["digits"]), np.full((1, 28, 28), 99, np.uint8))
    >>> parts.layer, parts.exact, len(parts.units)
    ('conv5', True, 80)
    """
    subject = subject_of(model)
    chosen = layers_of(subject)[-1] if layer is None else layer_of(subject, layer)
    if np.ndim(picture) != 3:
        raise PictureError(
            f"one picture is wanted, [channels, height, width], but {np.ndim(picture)} axes came"
        )
    with untouched(subject.net), torch.enable_grad():
        for parameter in subject.net.parameters():
            parameter.requires_grad_(False)
        x = subject.given(np.asarray(picture)[None])
        answers, follow = _answers(subject, chosen, x)
        number = subject.class_of(target, answers.detach())
        score = subject.scores(answers)[0, number]
        parts = _parts(score, follow.map)
        rest = float(score.detach()) - float(parts.sum())
        bent = _bent(score, follow.map)
        exact = not bent and _adds_up(subject, chosen, x, number, follow.steps, parts, rest)
    return Contributions(
        chosen.name, subject.classes[number], exact, _how(chosen, exact, bent),
        parts.float().cpu().numpy(), rest, float(score.detach()),
    )  # fmt: skip


def _how(layer: Layer, exact: bool, bent: str) -> str:
    if exact:
        return (
            f"exact: behind {layer.name} come only pooling and weighted sums, so each unit adds its own part"
        )
    why = f"comes {bent.lower()}" if bent else "the units do not add up"
    return f"gradient times activation, to first order: behind {layer.name} and its activation {why}"


def _answers(
    subject: Subject, layer: Layer, x: Float[Tensor, "n c h w"], *, at: int = -1, scales: Tensor | None = None
) -> tuple[Float[Tensor, "n a"], _Follow]:
    """The answers, and the layer's maps behind their activation; with `scales` [n, k] the maps of step `at` times these."""
    follow = _Follow(at, scales)
    with listening(subject.net, {layer.heard: follow.begin}, changed=True), follow:
        answers = subject.answers(x)
    return answers, follow


def _parts(score: Tensor, maps: Float[Tensor, "1 k y x"]) -> Float[Tensor, " k"]:
    """Gradient times activation, summed over each unit's map."""
    gradient = None
    if score.requires_grad:
        (gradient,) = torch.autograd.grad(score, maps, retain_graph=True, allow_unused=True)
    if gradient is None:
        return torch.zeros(maps.shape[1], dtype=torch.float64)
    return (gradient.double() * maps.detach().double()).sum((0, 2, 3)).cpu()


def _adds_up(
    subject: Subject, layer: Layer, x: Tensor, number: int, step: int, parts: Tensor, rest: float
) -> bool:
    """Whether the score is the rest plus the parts also where the maps are scaled: all, each at random, or made 0."""
    scales = 2 * torch.rand(TRIALS, len(parts), generator=torch.Generator().manual_seed(0))
    scales[0], scales[1] = 0, 0.5
    for row, unit in enumerate(parts.abs().argsort(descending=True)[: TRIALS // 3].tolist(), start=2):
        scales[row] = 1
        scales[row, unit] = 0
    with torch.no_grad():
        many, scaled = x.repeat(TRIALS, 1, 1, 1), scales.to(x)
        answers, _ = _answers(subject, layer, many, at=step, scales=scaled)
        came = subject.scores(answers)[:, number].double().cpu()
    wanted = rest + scales.double() @ parts
    return bool(((came - wanted).abs() <= TOLERANCE * (abs(rest) + parts.abs().sum())).all())


class _Follow(TorchFunctionMode):
    """Follows a layer's sums through what is applied to them value by value: the end of that are its activated maps.

    `map` is that end, and `steps` how many applications lead to it. Where the sums, or what comes of them, are used in two
    ways, it ends before. With `scales` [n, k] the net goes on with the maps of step `at` times these.
    """

    def __init__(self, at: int = -1, scales: Tensor | None = None) -> None:
        super().__init__()
        self.at, self.scales = at, scales
        self.held: list[Any] = []  # what the net has in hands at each step
        self.maps: list[Tensor] = []  # the same values, which nobody can change
        self.ended = False

    @property
    def map(self) -> Float[Tensor, "n k y x"]:
        """The activated maps."""
        return self.maps[-1]

    @property
    def steps(self) -> int:
        """How many applications lead from the sums to them."""
        return len(self.maps) - 1

    def begin(self, sums: Tensor) -> Tensor:
        """Take the layer's sums, and give what the net goes on with."""
        first = sums.detach().clone().requires_grad_(torch.is_grad_enabled())
        self.maps.append(first)
        self.held.append(self._passed_on(first))
        return self.held[0]

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        used = self._used((*args, *kwargs.values()))
        if used == (self.steps,) and not self.ended and _by_value(func, args, kwargs):
            return self._step(func, args, kwargs)
        result = func(*args, **kwargs)
        if used and any(
            isinstance(r, Tensor) for r in (result if isinstance(result, tuple | list) else (result,))
        ):
            self.held, self.maps, self.ended = self.held[: used[0] + 1], self.maps[: used[0] + 1], True
        return result

    def _used(self, values: tuple[Any, ...]) -> tuple[int, ...]:
        """Which of the steps so far are among some values, or in lists of them."""
        flat = [v for value in values for v in (value if isinstance(value, tuple | list) else (value,))]
        return tuple(
            n for n, held in enumerate(self.held) if held is not None and any(v is held for v in flat)
        )

    def _step(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        before = next(v for v in (*args, *kwargs.values()) if v is self.held[-1])
        copy = before.clone()
        result = func(
            *(copy if v is before else v for v in args),
            **{k: copy if v is before else v for k, v in kwargs.items()},
        )
        self.maps.append(result)
        now = self._passed_on(result)
        if result is copy:  # in place: the net may go on with what it gave
            self.held[-1] = None
            now = before.copy_(now)
        self.held.append(now)
        return now

    def _passed_on(self, maps: Tensor) -> Tensor:
        if self.scales is None or self.steps != self.at:
            return maps.clone()
        return maps * self.scales[:, :, None, None]


_BY_VALUE = (
    "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "sigmoid",
    "logsigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "threshold", "clamp", "clip", "clamp_min", "mul", "rmul",
    "div", "truediv", "dropout", "dropout2d", "feature_dropout",
)  # fmt: skip
"""Functions and methods of PyTorch that work value by value, where they take no second tensor."""


def _by_value(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    name = getattr(func, "__name__", "").strip("_")
    tensors = sum(isinstance(v, Tensor) for v in (*args, *kwargs.values()))
    return name in _BY_VALUE and tensors == 1


_WITHIN_MAPS = (
    "View",
    "UnsafeView",
    "ReshapeAlias",
    "Clone",
    "Copy",
    "ToCopy",
    "Alias",
    "AvgPool2D",
    "ConstantPadNd",
)
_SUMS = (
    *_WITHIN_MAPS, "Squeeze", "Unsqueeze", "Expand", "Permute", "T", "Transpose", "Select", "Slice", "Index", "IndexSelect",
    "Split", "Unbind", "Cat", "Add", "Sub", "Neg", "Sum", "Mean", "AdaptiveAvgPool2D", "MkldnnAdaptiveAvgPool2D",
)  # fmt: skip
_PRODUCTS = (
    "Mul",
    "Div",
    "Addmm",
    "Mm",
    "Mv",
    "Bmm",
    "Convolution",
    "NativeBatchNorm",
    "CudnnBatchNorm",
    "MiopenBatchNorm",
)
_MAXIMA = ("MaxPool2DWithIndices", "AdaptiveMaxPool2D")
"""Kinds of nodes of autograd's graph: sums in which maps stay apart, all sums, sums if one factor is fixed, maxima."""


@dataclass
class _Seen:
    """What is known of the nodes of a graph: whether they come from the maps, and whether maps are mixed in them."""

    depends: dict[Any, bool] = field(default_factory=dict)
    mixed: dict[Any, bool] = field(default_factory=dict)


def _bent(score: Tensor, maps: Tensor) -> str:
    """The first node between maps and a score that is no weighted sum, nor a maximum within each map; empty if none."""
    seen, waiting = _Seen(), [score.grad_fn]
    while waiting:
        node: Any = waiting[-1]
        below = [n for n, _ in node.next_functions if n is not None] if node is not None else []
        missing = [n for n in below if n not in seen.depends]
        if missing and not _begins(node, maps):
            waiting.extend(missing)
            continue
        waiting.pop()
        if node is None or node in seen.depends:
            continue
        if _begins(node, maps):
            seen.depends[node], seen.mixed[node] = True, False
            continue
        seen.depends[node] = any(seen.depends[n] for n in below)
        if seen.depends[node] and not _straight(node, seen):
            return _kind(node)
    return ""


def _begins(node: Any, maps: Tensor) -> bool:
    """Whether a node is the one that the maps come from."""
    return node is maps.grad_fn if maps.grad_fn is not None else getattr(node, "variable", None) is maps


def _straight(node: Any, seen: _Seen) -> bool:
    """Whether a node is a weighted sum of what depends on the maps, or a maximum within each; notes if it mixes them."""
    kind, inputs = _kind(node), [n for n, _ in node.next_functions]
    dependent = [n is not None and seen.depends[n] for n in inputs]
    mixed = any(seen.mixed[n] for n, d in zip(inputs, dependent, strict=True) if d)
    seen.mixed[node] = mixed or kind not in (*_WITHIN_MAPS, *_MAXIMA)
    if kind in _MAXIMA:
        return not mixed
    if kind == "Div" and dependent[1:] == [True]:
        return False
    if kind in _PRODUCTS:
        return sum(dependent[1:] if kind == "Addmm" else dependent) < 2
    return kind in _SUMS


def _kind(node: Any) -> str:
    """What a node computes, such as "Relu"."""
    return node.name().rpartition("::")[2].split("Backward")[0]
