"""convscope: see what a convolutional network sees.

The public names, each loaded when it is first used, so that `import convscope` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

PUBLIC = {
    "ConvscopeError": "convscope.errors",
    "Images": "convscope.data.images",
    "Recipe": "convscope.train.recipe",
    "Run": "convscope.runs",
    "Stack": "convscope.nets.stack",
    "images": "convscope.data.images",
    "output_size": "convscope.conv.geometry",
    "parse": "convscope.nets.grammar",
    "predict": "convscope.predict",
    "train": "convscope.train.loop",
    "zoo": "convscope.nets.zoo",
}

__all__ = [*PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"convscope has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
