"""What a net's answers mean: the class it names, and how sure it is."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from convscope.nets import steps
from convscope.nets.stack import Stack


def named(stack: Stack, answers: Float[Tensor, "n k"]) -> Int[Tensor, " n"]:
    """The class each row of answers names: the smallest distance, or the largest of anything else."""
    return answers.argmin(1) if isinstance(stack.last, steps.Rbf) else answers.argmax(1)


def probabilities(stack: Stack, answers: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Class probabilities, each row summing to 1, from a net's answers.

    Of logits the softmax; of distances the softmax of their negatives, halved: the likelihood of Gaussians
    of variance 1 around the codes; of squashed answers the softmax of twice the answer, as for +-1 targets.
    """
    match stack.last:
        case steps.Rbf():
            return torch.softmax(-answers / 2, 1)
        case steps.Squash() | steps.Tanh():
            return torch.softmax(2 * answers, 1)
        case _:
            return torch.softmax(answers, 1)


def familiar(stack: Stack, answers: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """How much each picture is like what the net knows, whichever class it is; only its order means something.

    Of distances minus the smallest; of all else the free energy's negative, log sum exp (Liu et al. 2020, "Energy-based
    out-of-distribution detection").
    """
    return -answers.amin(1) if isinstance(stack.last, steps.Rbf) else answers.logsumexp(1)


def averaged(
    stack: Stack, answers: Float[Tensor, "views n k"], what: Literal["answers", "probabilities"]
) -> Float[Tensor, "n k"]:
    """One answer for each picture from those to its views: their mean, or what means the mean of their probabilities."""
    if len(answers) == 1 or what == "answers":
        return answers.mean(0)
    chances = torch.stack([probabilities(stack, view) for view in answers]).mean(0)
    logits = chances.clamp_min(torch.finfo(chances.dtype).tiny).log()
    match stack.last:
        case steps.Rbf():
            return -2 * logits
        case steps.Squash() | steps.Tanh():
            return logits / 2
        case _:
            return logits
