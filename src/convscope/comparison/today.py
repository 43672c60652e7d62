"""What one would try today before a network: random forests and gradient-boosted trees, by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from convscope.comparison.features import flat
from convscope.comparison.task import Task

THREADS = -1


@dataclass(frozen=True, eq=False)
class Trees:
    """Decision trees of scikit-learn."""

    model: Any
    classes: int
    parameters: int

    def answers(self, pixels: UInt8[np.ndarray, "n c h w"]) -> Float[np.ndarray, "n k"]:
        """The classes' probabilities; 0 for classes of which nothing was learned."""
        said = np.zeros((len(pixels), self.classes), np.float32)
        said[:, self.model.classes_] = self.model.predict_proba(flat(pixels))
        return said


def forest(task: Task, trees: int) -> Trees:
    """A random forest (Breiman 2001); its numbers are the nodes' thresholds and the leaves' shares."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(trees, random_state=task.seed, n_jobs=THREADS).fit(
        flat(task.pixels), task.labels
    )
    nodes = sum(int(tree.tree_.node_count) for tree in model.estimators_)
    return Trees(model, task.classes, nodes)


def boosted_trees(task: Task, rounds: int, leaves: int, rate: float) -> Trees:
    """Gradient-boosted trees over histograms (Friedman 2001; Ke et al. 2017), a tree a class and round."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=leaves,
        learning_rate=rate,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - its stub says str
        random_state=task.seed,
    ).fit(flat(task.pixels), task.labels)
    nodes = sum(len(tree.nodes) for row in model._predictors for tree in row)
    return Trees(model, task.classes, nodes)
