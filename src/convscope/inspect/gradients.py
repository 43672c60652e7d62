"""How the score of a class changes with each pixel: the gradient, integrated along a way, or averaged over noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from convscope.errors import StackError
from convscope.inspect.heat import Heat, Question, at_once, gradient, ground, still

FLAT = "the score of {} changes with no pixel at all: the net is saturated, or its ReLUs are off"


def plain_gradient(asked: Question) -> Heat:
    """The gradient dS/dx of the score of a class, added over the channels (Simonyan et al. 2014, section 3).

    x is the picture as the net takes it, normalised. Where the paper takes the largest size among the channels, this keeps
    the sign: positive where a lighter pixel speaks for the class. One forward and one backward pass.

    Raises:
        StackError: There is no such class.

    >>> from torch import nn
    >>> from convscope.inspect.subject import subject_of
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    >>> net[1].weight.data = torch.tensor([[3.0, -1.0]])
    >>> plain_gradient(Question(subject_of(net, shape=(1, 1, 2)), np.zeros((1, 1, 2), np.uint8))).values.tolist()
    [[3.0, -1.0]]
    """
    with still(asked.subject.net):
        x = asked.given.requires_grad_()
        answers = asked.subject.answers(x.clone())
        target = asked.subject.class_of(asked.target, answers.detach())
        found = gradient(asked.subject.scores(answers)[0, target], x, x)
    asked.says(1, 1)
    values = _flat(found)
    return asked.heat(
        "gradient", target, values, why="The gradient at the picture itself", signed=True, passes=1,
        empty=_empty(asked, target, values),
    )  # fmt: skip


def integrated_gradients(
    asked: Question, *, steps: int = 64, baseline: int | Sequence[int] | None = None
) -> Heat:
    """Integrated gradients: (x - b) times the mean of dS/dx on the straight way from a baseline b to the picture x.

    (Sundararajan et al. 2017, eq. 1 and 3), added over the channels; the mean is taken by Gauss-Legendre quadrature with
    `steps` points. The values add up to S(x) - S(b), up to the quadrature's error, which `why` tells. The baseline is a
    picture of one grey, 0..255 (or one for each channel): without `baseline` the background of the pictures that a Run
    learned from, else black. A pixel that is like the baseline gets 0, whatever the net makes of it.

    Raises:
        StackError: There is no such class.
        PictureError: There is no such grey.
        StackError: There are no steps.

    >>> from torch import nn
    >>> from convscope.inspect.subject import subject_of
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    >>> net[1].weight.data = torch.tensor([[3.0, -1.0]])
    >>> asked = Question(subject_of(net, shape=(1, 1, 2)), np.array([[[255, 51]]], np.uint8))
    >>> integrated_gradients(asked).values.round(3)
    array([[ 3. , -0.2]], dtype=float32)
    """
    _at_least_one(steps, "steps")
    subject, (plain, name) = asked.subject, ground(asked.subject, baseline)
    points, weights = np.polynomial.legendre.leggauss(steps)
    with still(subject.net):
        x, start = asked.given, subject.given(plain[None])
        target, score = asked.answer(x)
        with torch.no_grad():
            base = float(asked.scored(start, target)[0])
        way = torch.tensor((points + 1) / 2, dtype=x.dtype, device=x.device)
        found = _mean(
            asked, target, x, steps,
            lambda part: start + way[part, None, None, None] * (x - start),
            lambda part: torch.tensor(weights[part] / 2), passes=2,
        )  # fmt: skip
        shares = found * (x - start).cpu().double()[0]
    values = _flat(shares[None])
    why = (
        f"On the way from {name} to the picture in {steps} steps; the values add up to {values.sum():+.4g}, "
        f"the score's change to {score - base:+.4g}"
    )
    empty = "" if x.ne(start).any() else f"the picture is nothing but the baseline, {name}"
    return asked.heat(
        "integrated-gradients", target, values, why=why, signed=True, passes=steps + 2,
        empty=empty or _empty(asked, target, values),
    )  # fmt: skip


def smooth_grad(asked: Question, *, samples: int = 32, noise: float = 0.15) -> Heat:
    """SmoothGrad: the mean gradient over `samples` pictures with normal noise (Smilkov et al. 2017).

    The noise's standard deviation is `noise` times the picture's range, max(x) - min(x), normalised. It is drawn from a
    generator of its own, so that the same seed gives the same map. Signed and added over the channels, as `plain_gradient`.

    Raises:
        StackError: There is no such class.
        StackError: There are no samples, or the noise is negative.

    >>> from torch import nn
    >>> from convscope.inspect.subject import subject_of
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    >>> net[1].weight.data = torch.tensor([[3.0, -1.0]])
    >>> asked = Question(subject_of(net, shape=(1, 1, 2)), np.array([[[255, 51]]], np.uint8))
    >>> smooth_grad(asked, samples=4).values.tolist()
    [[3.0, -1.0]]
    """
    _at_least_one(samples, "samples")
    if not 0 <= noise < np.inf:
        raise StackError(f"noise of {noise} does not work: it is a part of the picture's range, 0 or more")
    with still(asked.subject.net):
        x = asked.given
        target, _ = asked.answer(x)
        width = noise * float(x.max() - x.min())
        generator = torch.Generator().manual_seed(asked.seed)
        drawn = width * torch.randn(samples, *x.shape[1:], generator=generator)
        found = _mean(
            asked, target, x, samples, lambda part: x + drawn[part].to(x.device),
            lambda part: torch.full((len(range(*part.indices(samples))),), 1 / samples), passes=1,
        )  # fmt: skip
    values = _flat(found[None])
    low, high = float(x.min()), float(x.max())
    why = f"The mean gradient of {samples} pictures with noise of {width:.3g} on values of {low:.3g} to {high:.3g}"
    return asked.heat(
        "smooth-grad", target, values, why=why, signed=True, passes=samples + 1,
        empty=_empty(asked, target, values),
    )  # fmt: skip


def _mean(
    asked: Question,
    target: int,
    like: Tensor,
    count: int,
    pictures: Callable[[slice], Tensor],
    weights: Callable[[slice], Tensor],
    *,
    passes: int,
) -> Float[Tensor, "c h w"]:
    """The weighted sum of the gradients at `count` pictures, made and sent through the net a few at a time."""
    total = torch.zeros(like.shape[1:], dtype=torch.float64)
    each = min(32, at_once(like))
    for first in range(0, count, each):
        part = slice(first, min(count, first + each))
        given = pictures(part).detach().requires_grad_()
        found = gradient(asked.scored(given.clone(), target), given, given)
        total += torch.tensordot(weights(part).double(), found.cpu().double(), 1)
        asked.says(passes + part.stop, passes + count)
    return total


def _flat(gradients: Float[Tensor, "1 c h w"]) -> Float[np.ndarray, "h w"]:
    return gradients[0].detach().cpu().double().sum(0).numpy()


def _empty(asked: Question, target: int, values: np.ndarray) -> str:
    return "" if values.any() else FLAT.format(asked.subject.classes[target])


def _at_least_one(count: int, what: str) -> None:
    if count < 1:
        raise StackError(f"{what} of {count} do not work: it must be at least 1")
