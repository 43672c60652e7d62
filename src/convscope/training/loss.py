"""The losses, and which one fits a net's last layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from convscope.errors import RecipeError
from convscope.nets import steps
from convscope.nets.layers import digit_codes
from convscope.nets.stack import Stack
from convscope.training.recipe import Recipe

FITTING = {
    "cross-entropy": "logits",
    "squared": "squashed answers",
    "distance": "distances to codes",
    "discriminative": "distances to codes",
}


def loss_for(stack: Stack, recipe: Recipe) -> str:
    """The loss's name, `auto` resolved.

    A net that ends in `rbf` is taught by the paper's distance (eq. 8), one that ends in `squash` or `tanh` by the
    squared error to targets of +1 and -1, every other one by cross-entropy.

    Raises:
        RecipeError: The asked loss does not fit the last layer.
    """
    match stack.last:
        case steps.Rbf():
            answers, fitting = "distances to codes", "distance"
        case steps.Squash() | steps.Tanh():
            answers, fitting = "squashed answers", "squared"
        case _:
            answers, fitting = "logits", "cross-entropy"
    if recipe.loss == "auto":
        return fitting
    if FITTING[recipe.loss] != answers:
        raise RecipeError(
            f"loss={recipe.loss} needs {FITTING[recipe.loss]}, but the net ends in {answers}: {fitting} fits"
        )
    return recipe.loss


def target_table(classes: int, device: torch.device | str = "cpu") -> Float[Tensor, "k k"]:
    """Targets of the squared error: +1 for the picture's class, -1 for the others."""
    return 2 * torch.eye(classes, device=device) - 1


def loss_sum(
    name: str, recipe: Recipe, answers: Float[Tensor, "n k"], labels: Int[Tensor, " n"] | Float[Tensor, "n k"]
) -> Float[Tensor, ""]:
    """The loss, summed over the pictures of a batch; a label is a class, or how much of each class is in the picture.

    `distance` is eq. 8 of LeCun et al. 1998, the distance to the right code; `discriminative` is eq. 9,
    which adds log(e^-j + sum_i e^-y_i) so that the wrong codes push.
    """
    soft = labels.is_floating_point()
    match name:
        case "cross-entropy":
            return F.cross_entropy(answers, labels, label_smoothing=recipe.smoothing, reduction="sum")
        case "squared":
            table = target_table(answers.shape[1], answers.device).to(answers.dtype)
            return (answers - (labels @ table if soft else table[labels])).square().sum()
        case "distance" | "discriminative":
            right = (answers * labels if soft else answers.gather(1, labels[:, None])).sum()
            if name == "distance":
                return right
            rubbish = answers.new_full((len(answers), 1), -recipe.rubbish)
            return right + torch.logsumexp(torch.cat([-answers, rubbish], 1), 1).sum()
        case _:
            raise RecipeError(f"there is no loss {name!r}")


def codes() -> Float[Tensor, "10 84"]:
    """The digits' codes as a tensor."""
    return torch.tensor(digit_codes())
