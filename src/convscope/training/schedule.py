"""The learning rate over a run, as a factor of the recipe's highest rate."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi

from convscope.errors import RecipeError
from convscope.training.recipe import Recipe

# LeCun et al. 1998, section III.B: passes 1-2, 3-5, 6-8, 9-12 and thereafter, over the first rate, 0.0005.
PASSES_1998 = ((2, 1.0), (5, 0.4), (8, 0.2), (12, 0.1))
THEREAFTER_1998 = 0.02
MOST_STALLS = 3


def rate_at(recipe: Recipe, step: int, steps_an_epoch: int, validations: Sequence[float] = ()) -> float:
    """The learning rate of step 0, 1, ... of a run; `validations` are the accuracies after the epochs before it.

    `one-cycle` climbs along a cosine and falls along one (Smith & Topin 2017); `cosine` climbs straight and falls
    along a cosine; `linear` climbs straight and falls straight; all three end near zero. `plateau` is Krizhevsky et al.'s
    (2012, section 5): a tenth of the rate when validation has not improved for some epochs, three times at most.

    >>> rate_at(Recipe(schedule="constant", rate=0.1), 5, 10)
    0.1
    """
    total = recipe.epochs * steps_an_epoch
    done = (step + 0.5) / total
    match recipe.schedule:
        case "constant":
            return recipe.rate
        case "lecun1998":
            epoch = step // steps_an_epoch + 1
            return recipe.rate * next((f for last, f in PASSES_1998 if epoch <= last), THEREAFTER_1998)
        case "plateau":
            return recipe.rate / 10 ** stalls(validations, recipe.patience)
        case "one-cycle" | "cosine" | "linear":
            climb = done / recipe.warmup if done < recipe.warmup else 1.0
            fall = (done - recipe.warmup) / (1 - recipe.warmup) if done >= recipe.warmup else 0.0
            if climb < 1:
                return recipe.rate * ((1 - cos(pi * climb)) / 2 if recipe.schedule == "one-cycle" else climb)
            return recipe.rate * (1 - fall if recipe.schedule == "linear" else (1 + cos(pi * fall)) / 2)
        case name:
            raise RecipeError(f"there is no schedule {name!r}")


def stalls(validations: Sequence[float], patience: int) -> int:
    """How often the accuracies have stalled: `patience` epochs in a row, counted anew each time, without a better one.

    >>> stalls([0.1, 0.5, 0.5, 0.4, 0.3], 2), stalls([0.1, 0.5, 0.5, 0.4, 0.3, 0.2], 2)
    (1, 2)
    """
    best, waited, count = 0.0, 0, 0
    for accuracy in validations:
        best, waited = (accuracy, 0) if accuracy > best else (best, waited + 1)
        if waited == patience:
            waited, count = 0, count + 1
    return min(count, MOST_STALLS)
