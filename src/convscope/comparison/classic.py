"""The methods of 1998 that are sums, distances and products."""

from __future__ import annotations

from convscope.comparison.linear import linear, pairwise, quadratic
from convscope.comparison.method import Method, Published
from convscope.comparison.neighbours import neighbours
from convscope.comparison.radial import radial
from convscope.comparison.support import support, virtual
from convscope.comparison.tangent import tangent

RIDGES = (1e-4, 1e-2, 1e-1)
SUPPORT = ("convscope.comparison.support",)

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
        cost=(12, 5),
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
    Method(
        "rbf-linear",
        "1,000 radial units, linear",
        "Gaussians around 100 means of each class, and a linear classifier of what they say",
        "none",
        radial,
        cost=(25, 5),
        settings={"centres": 1000, "rounds": 10, "width": 2.0, "ridge": 1e-6},
        choices={"width": (1.0, 2.0, 4.0), "ridge": (1e-6, 1e-4)},
        choose_on=6_000,
        published=Published(3.6),
    ),
    Method(
        "tangent",
        "Tangent distance",
        "the nearest neighbour when digits may be moved, turned, sized, bent and thickened a little",
        "16x16",
        tangent,
        cost=(80, 10),
        settings={"k": 1, "candidates": 30, "sigma": 0.7},
        full={"candidates": 200},
        choices={"k": (1, 3), "sigma": (0.5, 0.7, 1.0)},
        choose_on=6_000,
        published=Published(1.1, rejection_percent=1.9),
    ),
    Method(
        "svm-poly4",
        "SVM, polynomial of degree 4",
        "a support vector machine over products of four pixels",
        "none",
        support,
        cost=(100, 8),
        settings={"degree": 4, "gamma": 1.0, "cost": 10.0},
        choices={"gamma": (1.0, 4.0), "cost": (3.0, 10.0)},
        choose_on=6_000,
        published=Published(1.1, rejection_percent=1.8),
        needs="sklearn",
    ),
    Method(
        "svm-virtual",
        "Virtual SVM, polynomial of degree 9",
        "a second support vector machine, of the first one's vectors and of these moved by a pixel each way",
        "none",
        virtual,
        cost=(300, 12),
        settings={"degree": 9, "gamma": 1.0, "cost": 3.0},
        choices={},
        published=Published(0.8),
        distorts=True,
        needs="sklearn",
    ),
)
