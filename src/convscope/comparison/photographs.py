"""The methods of the contest of 2012, for photographs in colour, and the nets that they are against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convscope.comparison.ablations import ABLATIONS
from convscope.comparison.encoded import machine
from convscope.comparison.method import Method
from convscope.comparison.teaching import CODE, taught

COSTS = (0.1, 1.0, 10.0, 100.0)
ENCODED = tuple(f"convscope.comparison.{name}" for name in ("words", "gradients", "linear"))


def _encoded(
    name: str, title: str, about: str, feature: str, way: str, photographs: float, settings: Mapping[str, Any],
    least: int = 32, needs: str = "sklearn", **more: Any,
) -> Method:  # fmt: skip
    """Rows by an encoder, told apart by a linear support vector machine."""
    return Method(
        name,
        title,
        about,
        feature,
        machine(way),
        photographs=photographs,
        settings={**settings, "cost": 10.0},
        choices={"cost": COSTS},
        needs=needs,
        code=ENCODED,
        least=least,
        **more,
    )


BY_HAND = (
    _encoded(
        "colours",
        "Colour histogram, linear SVM",
        "how often each of 512 colours occurs, and nothing of where",
        "up to 128",
        "Colours",
        60,
        {"bins": 8},
    ),
    _encoded(
        "hog",
        "HOG, linear SVM",
        "histograms of gradients in cells of 8x8 pixels (Dalal & Triggs 2005)",
        "up to 128",
        "Hog",
        200,
        {"cell": 8},
    ),
    _encoded(
        "words",
        "SIFT, bag of words, linear SVM",
        "SIFT descriptors on a grid, each counted as the nearest of 500 words, in the picture and in its quarters",
        "up to 128",
        "words",
        350,
        {"size": 500, "step": 4},
    ),
    _encoded(
        "fisher",
        "SIFT, Fisher vectors, linear SVM",
        "how 64 Gaussians would have to change to fit a picture's SIFT descriptors (Perronnin et al. 2010): the kind "
        "that came second in 2012",
        "up to 128",
        "mixture",
        400,
        {"size": 64, "components": 64, "step": 4},
        quick={"size": 32},
    ),
    _encoded(
        "sparse",
        "Sparse coding, linear SVM",
        "patches of 6x6 pixels encoded by 800 atoms and a threshold, added up in quarters (Coates & Ng 2011): akin to "
        "what won in 2010",
        "up to 64",
        "atoms",
        500,
        {"size": 800, "side": 6, "step": 2, "threshold": 0.5},
        quick={"size": 400},
    ),
)

SMALL_NETS = (
    Method(
        "cifar",
        "cifar",
        "a small convolutional net of today, of pictures of up to 64 pixels",
        "up to 64",
        taught("net"),
        photographs=1000,
        settings={"net": "cifar", "recipe": "cifar", "knobs": {}, "device": "auto"},
        quick={"knobs": {"epochs": 6}},
        convolutional=True,
        least=16,
        gpu=True,
        code=CODE,
    ),
    Method(
        "photos",
        "photos",
        "a small residual net of today, of the pictures as they are",
        "picture",
        taught("net"),
        photographs=18_000,
        settings={"net": "photos", "recipe": "photos", "knobs": {}, "device": "auto"},
        convolutional=True,
        least=96,
        gpu=True,
        code=CODE,
    ),
)


def _alexnet(name: str, title: str, about: str, net: str, photographs: float = 12_000) -> Method:
    """AlexNet or a change of it, as it learns from thousands of pictures: sixty epochs of parts of 142 of 160 pixels."""
    return Method(
        name,
        title,
        about,
        "picture",
        taught("net"),
        photographs=photographs,
        settings={"net": net, "recipe": "alexnet-today", "knobs": {}, "device": "auto"},
        convolutional=True,
        least=96,
        gpu=True,
        code=(*CODE, "convscope.comparison.ablations"),
    )


ALEXNETS = (
    _alexnet(
        "alexnet", "AlexNet", "the layers that won in 2012, with today's first weights", "alexnet-today"
    ),
    _alexnet(
        "alexnet-owt",
        "AlexNet in one column",
        "no groups, no response normalisation (Krizhevsky 2014)",
        "alexnet-owt",
    ),
    *(_alexnet(one.name, one.title, one.about, one.text) for one in ABLATIONS),
)

METHODS = (*BY_HAND, *SMALL_NETS, *ALEXNETS)
