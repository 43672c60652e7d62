"""convscope: see what a convolutional network sees.

The public names, each loaded when it is first used, so that `import convscope` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convscope.conv.geometry import output_size
    from convscope.data.images import Images, images
    from convscope.errors import ConvscopeError
    from convscope.nets.grammar import parse
    from convscope.nets.stack import Stack
    from convscope.nets.zoo import zoo
    from convscope.prediction import predict
    from convscope.runs import Run
    from convscope.training.loop import train
    from convscope.training.recipe import Recipe

__version__ = "0.1.0"

PUBLIC = {
    "ConvscopeError": "convscope.errors",
    "Images": "convscope.data.images",
    "Recipe": "convscope.training.recipe",
    "Run": "convscope.runs",
    "Stack": "convscope.nets.stack",
    "images": "convscope.data.images",
    "output_size": "convscope.conv.geometry",
    "parse": "convscope.nets.grammar",
    "predict": "convscope.prediction",
    "train": "convscope.training.loop",
    "zoo": "convscope.nets.zoo",
}

__all__ = [
    "ConvscopeError",
    "Images",
    "Recipe",
    "Run",
    "Stack",
    "__version__",
    "images",
    "output_size",
    "parse",
    "predict",
    "train",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"convscope has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
