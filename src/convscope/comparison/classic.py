"""The methods of 1998 that are sums, distances and products."""

from __future__ import annotations

from convscope.comparison.linear import linear, pairwise, quadratic
from convscope.comparison.method import Method, Published
from convscope.comparison.neighbours import neighbours

RIDGES = (1e-4, 1e-2, 1e-1)

METHODS = (
    Method(
        "linear",
        "Linear",
        "a weighted sum of the pixels for each class, by least squares",
        "none",
        linear,
        cost=(8, 3),
        settings={"ridge": 1e-2},
        choices={"ridge": RIDGES},
        published=Published(12.0),
    ),
    Method(
        "linear-deslanted",
        "Linear, deslanted",
        "the same of 20x20 pixels that stand upright",
        "deslanted 20x20",
        linear,
        cost=(6, 3),
        settings={"ridge": 1e-2},
        choices={"ridge": RIDGES},
        published=Published(8.4),
    ),
    Method(
        "pairwise",
        "Pairwise linear",
        "a linear unit for each pair of classes, their answers added up",
        "none",
        pairwise,
        cost=(12, 8),
        settings={"ridge": 1e-2, "squash": False},
        choices={"ridge": RIDGES, "squash": (False, True)},
        published=Published(7.6),
        most_classes=20,
    ),
    Method(
        "knn",
        "k nearest neighbours",
        "the commonest class among the k nearest training pictures, by Euclidean distance",
        "none",
        neighbours,
        cost=(20, 4),
        settings={"k": 3},
        choices={"k": (1, 3, 5)},
        published=Published(5.0),
    ),
    Method(
        "knn-deslanted",
        "k nearest neighbours, deslanted",
        "the same of digits that stand upright",
        "deslanted",
        neighbours,
        cost=(22, 5),
        settings={"k": 3},
        choices={"k": (1, 3, 5)},
        published=Published(2.4, rejection_percent=8.1),
    ),
    Method(
        "pca-quadratic",
        "40 principal components, quadratic",
        "a linear classifier of all products of two principal components",
        "none",
        quadratic,
        cost=(5, 3),
        settings={"components": 40, "ridge": 1e-4},
        choices={"ridge": (1e-6, 1e-4, 1e-2)},
        published=Published(3.3),
    ),
)
