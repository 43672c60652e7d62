"""Whether a way of asking where a net looked can be believed: does its map depend on the weights, and does the net on it?"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from convscope.errors import PictureError, StackError
from convscope.inspect.heat import Heat, Progress, Question, at_once, ground, still
from convscope.inspect.record import calls, untouched
from convscope.inspect.subject import Subject
from convscope.inspect.where import where

ALL = "all"
"""The name of a comparison with a net all of whose weights are random at once."""
LIMIT = 0.5
"""A map passes where it agrees less than this with the maps of nets with random weights."""
STEPS = 12
"""So many steps a cascade has at most; in deeper nets several layers go at once."""


@dataclass(frozen=True, eq=False)
class Sanity:
    """How a map changes when weights become random: rank correlations, 1 for the same order of pixels, 0 for any other.

    `similarities` has for each layer, from the last one down, what is left when its weights and all above are random
    (or "all", when all are random at once); the mean over `draws` random nets. `passed` says whether the last of them, with
    all weights random, is less than 0.5 in size.
    """

    method: str
    similarities: dict[str, float]
    draws: int
    passed: bool
    says: str


@dataclass(frozen=True, eq=False)
class Curves:
    """The probability of a class while pixels are put in, or taken away, the hottest first.

    `parts` are the parts of the pixels, 0..1; the `random_...` ones are means over random orders. An area is the mean
    height of a curve, 0..1: a good map has a large one for insertion and a small one for deletion.
    """

    target: int
    parts: Float[np.ndarray, " n"]
    insertion: Float[np.ndarray, " n"]
    deletion: Float[np.ndarray, " n"]
    random_insertion: Float[np.ndarray, " n"]
    random_deletion: Float[np.ndarray, " n"]

    @property
    def areas(self) -> dict[str, float]:
        """The area under each of the four curves, by name."""
        names = ("insertion", "deletion", "random_insertion", "random_deletion")
        return {name: float(np.trapezoid(getattr(self, name), self.parts)) for name in names}

    @property
    def says(self) -> str:
        """The areas in words."""
        a = self.areas
        return (
            f"insertion {a['insertion']:.3f} (in random order {a['random_insertion']:.3f}; more is better), "
            f"deletion {a['deletion']:.3f} (in random order {a['random_deletion']:.3f}; less is better)"
        )


@torch.inference_mode(False)
def sanity(
    subject: Subject,
    picture: UInt8[np.ndarray, "c h w"],
    method: str = "grad-cam",
    *,
    target: int | str | None = None,
    cascade: bool = True,
    draws: int = 3,
    absolute: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    **how: Any,
) -> Sanity:
    """Whether a method's map changes when the net forgets what it learned (Adebayo et al. 2018, "Sanity checks").

    The weights of copies of the net become random, from the last layer down (`cascade`), or all at once; the map for
    the same class is compared with the true one by Spearman's rank correlation, of the values' sizes if `absolute`. A map
    that stays shows the picture, not the net. Weights are drawn from a normal distribution with the mean square of the
    layer's own; what has one value a unit (biases, a norm's factors) is shuffled. `how` is handed on to `where`.

    Raises:
        StackError: There is no such method, option, layer or class, or the net cannot be copied.
        PictureError: The picture does not fit the net.

    >>> import convscope as cs
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> picture = cs.images("mnist").test.pixels[0]
    >>> said = sanity(subject_of(build(cs.zoo["lenet5-modern"])), picture, "gradient", draws=1)
    >>> list(said.similarities), said.passed
    (['out', 'fc1', 'conv3', 'conv2', 'conv1'], True)
    """
    if draws < 1:
        raise StackError(f"draws of {draws} do not work: it must be at least 1")
    true = where(subject, picture, target, method=method, seed=seed, **how)
    steps = _steps(subject, cascade)
    found = np.zeros((draws, len(steps)))
    silent = 0
    for draw in range(draws):
        other = subject.with_net(_copied(subject.net))
        generator = torch.Generator().manual_seed(seed * 1000 + draw)
        for number, (_, modules) in enumerate(steps):
            for module in modules:
                _forget(other.net.get_submodule(module), generator)
            heat = where(other, picture, true.target, method=method, seed=seed, **how)
            found[draw, number] = _likeness(true.values, heat.values, absolute)
            silent += number == len(steps) - 1 and not heat.values.any()
            if progress:
                progress(draw * len(steps) + number + 1, draws * len(steps))
    means = dict(zip((name for name, _ in steps), found.mean(0).tolist(), strict=True))
    passed = not true.empty and abs(found[:, -1].mean()) < LIMIT and silent < draws
    return Sanity(
        method, means, draws, passed, _verdict(true, float(found[:, -1].mean()), passed, silent, draws)
    )


def insertion_deletion(
    subject: Subject,
    picture: UInt8[np.ndarray, "c h w"],
    heat: Heat,
    *,
    steps: int = 50,
    orders: int = 4,
    fill: int | Sequence[int] | None = None,
    blur: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Curves:
    """The probability of the heat's class while its pixels are inserted or deleted, hottest first, in `steps` equal parts.

    (Petsiuk et al. 2018, "RISE", section 4.3.) Deleted pixels become `fill`, a grey of 0..255 (without it the background of
    the pictures that a Run learned from, else black). Insertion begins with a picture of that grey; the paper begins with
    a blurred picture, which `blur` gives: the standard deviation in pixels. Pixels of equal heat come in random order. The
    random curves are the means of `orders` random orders of pixels. The probability is the net's (`Subject.chances`).

    Raises:
        PictureError: The picture does not fit the net or the heat, or there is no such grey.
        StackError: There are no steps or orders, or the blur is negative.

    >>> from torch import nn
    >>> from convscope.inspect.subject import subject_of
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net[1].weight.data = torch.tensor([[9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    >>> subject, picture = subject_of(net, shape=(1, 2, 2)), np.full((1, 2, 2), 255, np.uint8)
    >>> curves = insertion_deletion(subject, picture, where(subject, picture, 0, method="gradient"), steps=4)
    >>> curves.insertion.round(2).tolist(), curves.deletion.round(2).tolist()
    ([0.5, 1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 0.5, 0.5, 0.5])
    """
    if steps < 1 or orders < 1 or not 0 <= blur < np.inf:
        raise StackError(
            f"steps of {steps}, orders of {orders} and a blur of {blur} do not work together: 1, 1 and 0 is least"
        )
    asked = Question(subject, np.asarray(picture), heat.target, seed, progress)
    if heat.values.shape != subject.shape[1:]:
        raise PictureError(
            f"the heat is {list(heat.values.shape)}, but the net takes {list(subject.shape[1:])}: ask where for this net"
        )
    random = np.random.default_rng(seed)
    pixels = heat.values.size
    mine = np.lexsort((random.random(pixels), -heat.values.ravel()))
    ranks = [_places(mine), *(_places(random.permutation(pixels)) for _ in range(orders))]
    parts = np.linspace(0, 1, steps + 1)
    with still(subject.net), torch.no_grad():
        x = asked.given
        plain = subject.given(ground(subject, fill)[0][None])
        start = _blurred(x, blur) if blur else plain
        insertion = _chances(asked, heat.target, x, start, ranks, parts, 0)
        deletion = _chances(asked, heat.target, plain, x, ranks, parts, len(ranks) * len(parts))
    return Curves(heat.target, parts, insertion[0], deletion[0], insertion[1:].mean(0), deletion[1:].mean(0))


def spearman(a: Float[np.ndarray, "*n"], b: Float[np.ndarray, "*n"]) -> float:
    """Spearman's rank correlation of two maps, -1..1: Pearson's of their ranks, equal values sharing their mean rank.

    0 where one of them is the same everywhere.

    >>> spearman(np.array([1.0, 2, 3, 3]), np.array([10.0, 20, 40, 40]))
    1.0
    """
    first, second = (_ranks(v) - (v.size + 1) / 2 for v in (np.asarray(a).ravel(), np.asarray(b).ravel()))
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size else 0.0


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def _likeness(true: np.ndarray, other: np.ndarray, absolute: bool) -> float:
    return spearman(np.abs(true), np.abs(other)) if absolute else spearman(true, other)


def _verdict(true: Heat, left: float, passed: bool, silent: int, draws: int) -> str:
    if true.empty:
        return f"{true.method} cannot be judged here: {true.empty}"
    if silent == draws:
        return f"{true.method} cannot be judged here: nets with random weights leave its map empty"
    return (
        f"{true.method} {'passes' if passed else 'fails'}: with all weights random its map agrees with the true one by "
        f"{left:+.2f} (1 would be the same map; it must be nearer to 0 than {LIMIT})"
    )


def _steps(subject: Subject, cascade: bool) -> list[tuple[str, list[str]]]:
    """What becomes random, step by step: a name, and the modules. From the last layer down, or all at once."""
    names = [
        name
        for name, module in subject.net.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    if not names:
        raise StackError(f"{type(subject.net).__name__} has no weights that could become random")
    with untouched(subject.net), torch.no_grad(), calls(subject.net) as heard:
        subject.net(torch.zeros(1, *subject.shape, device=subject.device))
    order = {name: place for place, (name, _, _) in enumerate(heard)}
    names.sort(key=lambda name: order.get(name, -1), reverse=True)
    if not cascade:
        return [(ALL, names)]
    groups = np.array_split(np.array(names, object), min(STEPS, len(names)))
    return [(_shown(subject, group[-1]), group.tolist()) for group in groups]


def _shown(subject: Subject, name: str) -> str:
    """A layer's name, which of a Stack's net is its line's."""
    run_of = getattr(subject.net, "stack", None)
    return name.partition(".")[0] if run_of is not None else name or type(subject.net).__name__


def _copied(net: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(net)
    except (RuntimeError, TypeError) as error:
        raise StackError(
            f"{type(net).__name__} cannot be copied, so no weights of it can be made random ({str(error).splitlines()[0]})"
        ) from None


def _forget(module: nn.Module, generator: torch.Generator) -> None:
    """A module's own parameters become random, as large as they were."""
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            if parameter.dim() > 1:
                drawn = (
                    torch.randn(parameter.shape, generator=generator)
                    * parameter.float().square().mean().sqrt().cpu()
                )
            else:
                drawn = parameter.flatten()[
                    torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                ]
            parameter.copy_(drawn.view_as(parameter))


def _places(order: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """When each pixel comes, of the order in which they come."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _chances(
    asked: Question,
    target: int,
    new: Tensor,
    old: Tensor,
    ranks: list[np.ndarray],
    parts: np.ndarray,
    done: int,
) -> Float[np.ndarray, "orders n"]:
    """The class's probability while the pixels of `new` replace those of `old`, for each order and part."""
    subject, size = asked.subject, asked.subject.shape[1:]
    shown = (parts[:, None] * ranks[0].size).round()
    masks: Bool[np.ndarray, "n p"] = np.concatenate([rank < shown for rank in ranks])
    found, each = np.zeros(len(masks)), at_once(new)
    for first in range(0, len(masks), each):
        mask = torch.from_numpy(masks[first : first + each].reshape(-1, 1, *size)).to(new.device)
        chances = subject.chances(subject.answers(torch.where(mask, new, old)))[:, target]
        found[first : first + each] = chances.float().cpu().numpy()
        asked.says(done + min(first + each, len(masks)), 2 * len(masks))
    return found.reshape(len(ranks), len(parts))


def _blurred(x: Float[Tensor, "1 c h w"], width: float) -> Float[Tensor, "1 c h w"]:
    """A picture under a Gaussian, its border repeated outside."""
    reach = max(1, round(3 * width))
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / width) ** 2)
    line = line / line.sum()
    flat = F.pad(x.transpose(0, 1), (reach,) * 4, mode="replicate")
    flat = F.conv2d(F.conv2d(flat, line[None, None, None]), line[None, None, :, None])
    return flat.transpose(0, 1)
