"""The nets of 1998, fully connected and convolutional, and what one would take today."""

from __future__ import annotations

from typing import Any

from convscope.comparison.method import Method, Published, Task
from convscope.comparison.support import support
from convscope.comparison.today import boosted_trees, forest

CODE = ("convscope.comparison.nets", "convscope.training", "convscope.nets", "convscope.native")


def _taught(way: str) -> Any:
    """`teach` of a net: PyTorch is imported by the process that needs it, not by the catalogue."""

    def teach(task: Task, **settings: Any) -> Any:
        from convscope.comparison import nets

        return getattr(nets, way)(task, **settings)

    return teach


def _connected(
    name: str, hidden: tuple[int, ...], plain: float, distorted: float, cost: tuple[float, float]
) -> tuple[Method, Method]:
    """A fully connected net of 1998, without and with distortions."""
    sizes = "-".join(map(str, (784, *hidden, 10)))
    layers = "one layer" if len(hidden) == 1 else "two layers"
    about = f"{layers} of {' and '.join(map(str, hidden))} units between pixels and classes"
    first = Method(
        name,
        f"Net {sizes}",
        about,
        "none",
        _taught("connected"),
        cost=cost,
        settings={"hidden": hidden, "recipe": "squashed", "knobs": {"epochs": 12}},
        quick={"knobs": {"epochs": 8}},
        published=Published(plain),
        code=CODE,
    )
    second = Method(
        f"{name}-distorted",
        f"Net {sizes}, distorted",
        "the same, shown distorted digits",
        "none",
        _taught("connected"),
        cost=(2 * cost[0], cost[1]),
        settings={"hidden": hidden, "recipe": "squashed-distorted", "knobs": {"epochs": 20}},
        quick={"knobs": {"epochs": 8}},
        published=Published(distorted),
        distorts=True,
        code=CODE,
    )
    return first, second


FULLY_CONNECTED = (
    *_connected("net-300", (300,), 4.7, 3.6, (30, 4)),
    Method(
        "net-300-deslanted",
        "Net 400-300-10, deslanted",
        "one layer of 300 units between 20x20 pixels that stand upright and classes",
        "deslanted 20x20",
        _taught("connected"),
        cost=(20, 4),
        settings={"hidden": (300,), "recipe": "squashed", "knobs": {"epochs": 12}},
        quick={"knobs": {"epochs": 8}},
        published=Published(1.6, rejection_percent=3.2),
        code=CODE,
    ),
    *_connected("net-1000", (1000,), 4.5, 3.8, (60, 8)),
    *_connected("net-300-100", (300, 100), 3.05, 2.5, (35, 4)),
    *_connected("net-500-150", (500, 150), 2.95, 2.45, (50, 6)),
)

CONVOLUTIONAL = (
    Method(
        "lenet1",
        "LeNet-1",
        "the first convolutional net that read zip codes, 2,578 parameters",
        "16x16 in 28x28",
        _taught("net"),
        cost=(25, 4),
        settings={"net": "lenet1", "recipe": "squashed", "knobs": {"decay": 0.0}},
        quick={"knobs": {"epochs": 10, "decay": 0.0}},
        published=Published(1.7, rejection_percent=3.7),
        convolutional=True,
        code=CODE,
    ),
    Method(
        "lenet4",
        "LeNet-4",
        "a convolutional net between LeNet-1 and LeNet-5, a reconstruction",
        "picture",
        _taught("net"),
        cost=(35, 5),
        settings={"net": "lenet4", "recipe": "squashed", "knobs": {}},
        quick={"knobs": {"epochs": 10}},
        published=Published(1.1, rejection_percent=1.8),
        grey=True,
        convolutional=True,
        code=CODE,
    ),
    Method(
        "lenet4-knn",
        "LeNet-4, k nearest neighbours on top",
        "LeNet-4 with its last layer replaced by the nearest neighbours among what that layer is given",
        "picture",
        _taught("neighbours_on_top"),
        cost=(50, 6),
        settings={"net_name": "lenet4", "recipe": "squashed", "k": 3, "knobs": {}},
        quick={"knobs": {"epochs": 10}},
        published=Published(1.1, rejection_percent=1.6),
        grey=True,
        convolutional=True,
        code=CODE,
    ),
    Method(
        "lenet4-boosted",
        "LeNet-4, boosted",
        "three LeNet-4, the later ones taught what the earlier do not know",
        "picture",
        _taught("boosted"),
        cost=(200, 14),
        settings={"net_name": "lenet4", "recipe": "squashed-distorted", "pool": 5, "least": 20_000,
                  "knobs": {"epochs": 20}, "later": {"epochs": 20}},
        quick={"pool": 2, "least": 4_000, "knobs": {"epochs": 10}, "later": {"epochs": 8}},
        published=Published(0.7, rejection_percent=0.5),
        grey=True,
        convolutional=True,
        distorts=True,
        code=CODE,
    ),
    Method(
        "lenet5",
        "LeNet-5",
        "the convolutional net of 1998, exactly",
        "picture",
        _taught("net"),
        cost=(35, 5),
        settings={"net": "lenet5", "recipe": "lenet5", "knobs": {}},
        quick={"knobs": {"epochs": 10}},
        published=Published(0.95),
        exact_classes=10,
        grey=True,
        convolutional=True,
        code=CODE,
    ),
    Method(
        "lenet5-distorted",
        "LeNet-5, distorted",
        "the same, shown distorted digits",
        "picture",
        _taught("net"),
        cost=(110, 10),
        settings={"net": "lenet5", "recipe": "lenet5-distorted", "knobs": {}},
        quick={"knobs": {"epochs": 15}},
        published=Published(0.8),
        exact_classes=10,
        grey=True,
        convolutional=True,
        distorts=True,
        code=CODE,
    ),
)  # fmt: skip

TODAY = (
    Method(
        "svm-rbf",
        "SVM, Gaussian kernel",
        "a support vector machine over distances between pictures",
        "none",
        support,
        cost=(190, 9),
        settings={"degree": 0, "gamma": 0.025, "cost": 10.0},
        choices={"gamma": (0.015, 0.025)},
        choose_on=6_000,
        needs="sklearn",
    ),
    Method(
        "forest",
        "Random forest",
        "300 decision trees, each of other pictures and pixels, that vote",
        "none",
        forest,
        cost=(45, 5),
        settings={"trees": 300},
        quick={"trees": 150},
        needs="sklearn",
    ),
    Method(
        "boosted-trees",
        "Gradient-boosted trees",
        "decision trees, each of which mends what those before it got wrong",
        "none",
        boosted_trees,
        cost=(160, 15),
        settings={"rounds": 60, "leaves": 31, "rate": 0.2},
        quick={"rounds": 15, "rate": 0.3},
        full={"rounds": 200, "rate": 0.1},
        needs="sklearn",
    ),
    Method(
        "mlp",
        "Fully connected net of today",
        "two layers of 800 units with ReLU and dropout",
        "none",
        _taught("modern"),
        cost=(90, 8),
        settings={"hidden": (800, 800), "dropout": 0.3, "knobs": {"rate": 0.001}},
        quick={"hidden": (400, 400), "knobs": {"epochs": 8, "rate": 0.001}},
        code=CODE,
    ),
    Method(
        "same-size",
        "Fully connected, as many parameters as LeNet-5",
        "one layer between pixels and classes, as wide as 60,000 parameters allow",
        "none",
        _taught("same_size"),
        cost=(15, 3),
        settings={"parameters": 60_000, "recipe": "squashed", "knobs": {"epochs": 12}},
        quick={"knobs": {"epochs": 8}},
        code=CODE,
    ),
    Method(
        "lenet5-modern",
        "LeNet-5's shape, today's parts",
        "convolutions with ReLU and max-pooling, without distortions",
        "picture",
        _taught("net"),
        cost=(25, 4),
        settings={"net": "lenet5-modern", "recipe": "plain", "knobs": {}},
        quick={"knobs": {"epochs": 8}},
        convolutional=True,
        code=CODE,
    ),
    Method(
        "digits",
        "digits",
        "a small convolutional net of today, with mild distortions",
        "picture",
        _taught("net"),
        cost=(300, 25),
        settings={"net": "digits", "recipe": "digits", "knobs": {}},
        quick={"knobs": {"epochs": 16}},
        convolutional=True,
        distorts=True,
        code=CODE,
    ),
)  # fmt: skip

METHODS = (*FULLY_CONNECTED, *CONVOLUTIONAL, *TODAY)
