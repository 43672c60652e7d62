"""What a unit's sum owes to each pixel, sent back with another rule at the ReLUs: guided backpropagation, deconvolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from convscope.errors import PictureError, StackError, instead
from convscope.inspect.layers import unit_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.runs import Run

AT_ONCE = 16

_RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "guided": lambda gradient, passed: gradient.clamp(min=0) * passed,
    "deconvolution": lambda gradient, _passed: gradient.clamp(min=0),
    "plain": lambda gradient, passed: gradient * passed,
}

RULES = tuple(_RULES)
"""What a ReLU lets through on the way back."""


@dataclass(frozen=True, eq=False)
class Backward:
    """For each picture the change of the unit's sum with each normalised pixel, by a rule: `values` [n, c, h, w].

    `relus` is how many ReLUs it came through on its way, the same one again where it is called again; `says` is that in
    words.
    """

    unit: str
    values: Float[np.ndarray, "n c h w"]
    rule: str
    relus: int
    says: str


def guided(
    model: Run | Subject | nn.Module,
    pictures: UInt8[np.ndarray, "n c h w"],
    unit: str,
    places: Sequence[int],
    rule: str = "guided",
) -> Backward:
    """The gradient of a unit's sums at `places`, one in each picture, with respect to the pictures, by a rule.

    Where g comes back to a ReLU that was given x, "plain" passes on g [x > 0], which is the gradient; "deconvolution"
    max(g, 0) (Zeiler & Fergus 2014); "guided" max(g, 0) [x > 0] (Springenberg et al. 2015). All else passes on what its
    gradient says. A ReLU may be a module or a function call, in place or not; ReLU6 counts as one. A place is
    row * columns + column of the unit's map. The sum itself is taken before the unit's own activation.

    Raises:
        StackError: There is no such unit, rule or place.
        PictureError: The pictures do not fit the net.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> back = guided(build(zoo["lenet5-modern"]), np.full((2, 1, 28, 28), 99, np.uint8), "conv2/3", [0, 50])
    >>> back.values.shape, back.relus
    ((2, 1, 28, 28), 1)
    """
    subject = subject_of(model)
    layer, number = unit_of(subject, unit)
    if rule not in _RULES:
        raise StackError(f"there is no rule {rule!r}: {instead(rule, RULES)}")
    pictures, chosen = np.asarray(pictures), np.asarray(places, np.int64).ravel()
    if pictures.ndim != 4 or len(pictures) != len(chosen):
        shape = "x".join(map(str, pictures.shape))
        raise PictureError(
            f"pictures of {shape} and {len(chosen)} places came: give [n, c, h, w] and n places"
        )
    most = layer.size[0] * layer.size[1]
    for place in chosen[(chosen < 0) | (chosen >= most)][:1]:
        raise StackError(f"{layer.name} has no place {place}: its map has 0 to {most - 1}")
    values, relus = np.zeros((len(pictures), *subject.shape), np.float32), 0
    for first in range(0, len(pictures), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        given = subject.given(pictures[part])
        at = torch.from_numpy(chosen[part]).to(given.device)
        values[part], relus = _sent_back(subject, given, layer.heard, number, at, rule)
    return Backward(unit, values, rule, relus, _says(unit, rule, relus))


def _sent_back(
    subject: Subject, given: Tensor, heard: str, number: int, places: Tensor, rule: str
) -> tuple[np.ndarray, int]:
    """The gradients for a batch, and the number of ReLUs that they came through."""
    net, mode = subject.net, _Rectifiers(_RULES[rule])
    with untouched(net), torch.enable_grad():
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        x = given.detach().requires_grad_()
        with listening(net, {heard: lambda sums: sums}) as said, mode:
            net(x.clone())
        wanted = said[heard][:, number].flatten(1).gather(1, places[:, None]).sum()
        (gradient,) = torch.autograd.grad(wanted, x)
    return gradient.float().cpu().numpy(), mode.came_through


def _says(unit: str, rule: str, relus: int) -> str:
    if rule == "plain":
        return f"the gradient of {unit}, as it is"
    if not relus:
        return f"no ReLU lies between the picture and {unit}, so {rule} has nothing to change: the plain gradient"
    return f"{rule} through {relus} ReLU{'s' if relus > 1 else ''} below {unit}"


class _Rectifiers(TorchFunctionMode):
    """Within it every ReLU that is called, however it is called, sends gradients back by a rule of ours."""

    def __init__(self, rule: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.rule = rule
        self.came_through = 0

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        ceiling = _ceiling(func, args, kwargs)
        if ceiling is None:
            return func(*args, **kwargs)
        x = args[0] if args else kwargs["input"]
        # Whoever calls in place may go on with what was changed instead of what is returned: so both are the same.
        result = _Rectified.apply(x, ceiling, self)
        return x.copy_(result) if _in_place(func, args, kwargs) else result

    def back(self, gradient: Tensor, passed: Tensor) -> Tensor:
        """What goes on below a ReLU, of a `gradient` that came from above; `passed` is where it let its input through."""
        self.came_through += 1
        return self.rule(gradient, passed)


class _Rectified(torch.autograd.Function):
    """min(max(x, 0), ceiling)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float, mode: _Rectifiers) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < ceiling))
        ctx.mode = mode
        return x.clamp(0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (passed,) = ctx.saved_tensors
        return ctx.mode.back(gradients[0], passed), None, None


_IN_PLACE = {"relu": 1, "relu6": 1, "hardtanh": 3, "threshold": 3}
"""Where among a function's arguments is the one that says "in place"."""


def _ceiling(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
    """Where a call is a ReLU, up to where it lets through: infinity, or 6 for ReLU6; None where it is none."""

    def given(place: int, name: str, otherwise: Any = None) -> Any:
        return args[place] if len(args) > place else kwargs.get(name, otherwise)

    low: Any = None
    high: Any = None
    match _name(func):
        case "relu":
            low = 0
        case "relu6":
            low, high = 0, 6
        case "clamp" | "clip":
            low, high = given(1, "min"), given(2, "max")
        case "clamp_min":
            low = given(1, "min")
        case "hardtanh":
            low, high = given(1, "min_val", -1), given(2, "max_val", 1)
        case "threshold":
            low = 0 if given(1, "threshold") == given(2, "value") == 0 else None
    if not isinstance(low, int | float) or low != 0:
        return None
    if high is None:
        return torch.inf
    return float(high) if isinstance(high, int | float) and high > 0 else None


def _in_place(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call of a ReLU changes what it was given."""
    if func.__name__.endswith("_"):
        return True
    flag = _IN_PLACE.get(_name(func), len(args))
    return bool(args[flag] if len(args) > flag else kwargs.get("inplace"))


def _name(func: Callable[..., Any]) -> str:
    """What a function of PyTorch's is called, whether it is a function or a method, and in place or not."""
    return getattr(func, "__name__", "").strip("_")
