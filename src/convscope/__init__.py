"""convscope: see what a convolutional network sees.

The public names, each loaded when it is first used, so that `import convscope` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convscope.comparison.contest import compare
    from convscope.conv import kernels
    from convscope.conv.convolution import convolve
    from convscope.conv.geometry import output_size
    from convscope.conv.matching import match
    from convscope.conv.tracing import trace
    from convscope.data.images import Images, images
    from convscope.errors import ConvscopeError
    from convscope.exporting import export
    from convscope.finding.alike import find_like
    from convscope.finding.search import find
    from convscope.inspect.contributions import contributions
    from convscope.inspect.epochs import over_epochs
    from convscope.inspect.look import card, look
    from convscope.inspect.maximise import favourite
    from convscope.inspect.record import record
    from convscope.inspect.subject import subject_of
    from convscope.inspect.surgery import Surgery
    from convscope.inspect.tracing import trace_layer
    from convscope.inspect.where import where
    from convscope.nets.grammar import parse
    from convscope.nets.stack import Stack
    from convscope.nets.torchvision import load_torchvision
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
    "Surgery": "convscope.inspect.surgery",
    "card": "convscope.inspect.look",
    "compare": "convscope.comparison.contest",
    "contributions": "convscope.inspect.contributions",
    "convolve": "convscope.conv.convolution",
    "export": "convscope.exporting",
    "favourite": "convscope.inspect.maximise",
    "find": "convscope.finding.search",
    "find_like": "convscope.finding.alike",
    "images": "convscope.data.images",
    "kernels": "convscope.conv.kernels",
    "load_torchvision": "convscope.nets.torchvision",
    "look": "convscope.inspect.look",
    "match": "convscope.conv.matching",
    "output_size": "convscope.conv.geometry",
    "over_epochs": "convscope.inspect.epochs",
    "parse": "convscope.nets.grammar",
    "predict": "convscope.prediction",
    "record": "convscope.inspect.record",
    "subject_of": "convscope.inspect.subject",
    "trace": "convscope.conv.tracing",
    "trace_layer": "convscope.inspect.tracing",
    "train": "convscope.training.loop",
    "where": "convscope.inspect.where",
    "zoo": "convscope.nets.zoo",
}

MODULES = {"kernels"}

__all__ = [
    "ConvscopeError",
    "Images",
    "Recipe",
    "Run",
    "Stack",
    "Surgery",
    "__version__",
    "card",
    "compare",
    "contributions",
    "convolve",
    "export",
    "favourite",
    "find",
    "find_like",
    "images",
    "kernels",
    "load_torchvision",
    "look",
    "match",
    "output_size",
    "over_epochs",
    "parse",
    "predict",
    "record",
    "subject_of",
    "trace",
    "trace_layer",
    "train",
    "where",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"convscope has no {name!r}; it has {', '.join(__all__)}")
    module = import_module(PUBLIC[name])
    return module if name in MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return list(__all__)
