"""Which of the learners computes, and on how many of PyTorch's threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from convscope.errors import RecipeError
from convscope.nets.build import Net
from convscope.nets.lowered import lacking
from convscope.training.learner import Learner, TorchLearner
from convscope.training.native import NativeLearner
from convscope.training.plan import Plan
from convscope.training.together import ALONE, Group


@contextmanager
def threads_of(learner: Learner) -> Iterator[None]:
    """Within the block PyTorch keeps to one thread if the native engine learns: a second would spin in its way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if learner.kind == "native" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _stirs(plan: Plan) -> bool:
    """Whether frozen layers might have steps that differ in training."""
    kinds = {step.kind for _, step, _ in plan.stack.walk()}
    return bool(plan.recipe.freeze and kinds & {"batchnorm", "dropout"})


def learner_for(net: Net, plan: Plan, group: Group = ALONE) -> Learner:
    """What computes: the native engine where it knows every step of the net, else PyTorch.

    Raises:
        RecipeError: The native engine was asked for, and cannot.
    """
    wanted = plan.recipe.engine
    if group.sharded:
        if wanted == "native":
            raise RecipeError(
                "engine=native cannot teach a net that is divided over workers: use engine=torch"
            )
        from convscope.training.sharded import ShardedLearner

        return ShardedLearner(net, plan.recipe, plan.device, group)
    if wanted == "torch" or (wanted == "auto" and plan.device != "cpu"):
        return TorchLearner(net, plan.recipe, plan.device, group)
    lack = lacking(plan.stack) if plan.device == "cpu" else f"it computes on the CPU, not on {plan.device}"
    lack = lack or ("it mixes no labels (mixup, cutmix)" if plan.recipe.mixes else "")
    lack = lack or ("it computes in float32" if plan.recipe.precision == "bfloat16" else "")
    lack = lack or ("it keeps no norms and dropouts still (freeze)" if _stirs(plan) else "")
    if not lack:
        return NativeLearner(net, plan.recipe, plan.seed, group)
    if wanted == "native":
        raise RecipeError(f"engine=native cannot teach this net: {lack}; use engine=torch")
    return TorchLearner(net, plan.recipe, plan.device, group)
