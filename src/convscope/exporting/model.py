"""A Run as one ONNX model: pictures as they are decoded in, class probabilities out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from convscope.exporting.graph import Graph
from convscope.exporting.layers import written
from convscope.exporting.preparation import INPUT, Preparation, preparation_of, prepared, viewed
from convscope.nets import steps
from convscope.nets.stack import Stack
from convscope.nets.views import VIEWS
from convscope.runs import Run

LOGITS, PROBABILITIES = "logits", "probabilities"
PREPARED = "prepared"


def model_of(run: Run) -> Any:
    """The Run's net with its preparation before and its probabilities behind it, as an ONNX model.

    In: `pictures`, uint8 [n, height, width, 3], red, green, blue, of any number and size. Out: `probabilities` and
    `logits`, float32 [n, classes]; probabilities are the softmax of the logits. Also `prepared`, the pictures as
    they are before they are laid under the net; `hide_prepared` takes that away.

    Raises:
        ExportError: A layer cannot be written.
    """
    graph, how, stack = Graph(), preparation_of(run), run.stack
    pixels = prepared(graph, how)
    size = stack.input.shape[1:]
    shown = viewed(graph, pixels, how, (size[0], size[1]))
    answers = graph.add("Flatten", written(graph, run.net(), normalised(graph, run, shown)), axis=1)
    logits = _averaged(graph, logits_of(graph, stack, answers), run, how)
    graph.add("Identity", logits, name=LOGITS)
    graph.add("Softmax", LOGITS, axis=1, name=PROBABILITIES)
    rows = ["n", *(how.shape[1:] if how.fixed else ("height", "width")), 3]
    outputs: dict[str, Any] = {name: (np.float32, ["n", stack.outputs]) for name in (PROBABILITIES, LOGITS)}
    outputs[PREPARED] = (np.float64, ["n", *how.shape])
    return graph.model({INPUT: (np.uint8, rows)}, outputs, metadata(run))


def hide_prepared(model: Any) -> None:
    """Leave the prepared pictures inside of a model."""
    shown = next(output for output in model.graph.output if output.name == PREPARED)
    model.graph.output.remove(shown)


def metadata(run: Run) -> dict[str, str]:
    """What the model says of itself: the names of its classes as JSON, the net's text, and what is inside."""
    import convscope

    how = preparation_of(run)
    return {
        "classes": json.dumps(list(run.classes), ensure_ascii=False),
        "net": str(run.stack),
        "inside": json.dumps(how.inside, ensure_ascii=False),
        "outside": json.dumps(how.outside, ensure_ascii=False),
        "convscope": convscope.__version__,
    }


def normalised(graph: Graph, run: Run, pixels: str) -> str:
    """Pictures as the net takes them: scale x + shift, float32."""
    rule = run.info["normalisation"]
    scale, shift = (np.asarray(rule[k], np.float32)[:, None, None] for k in ("scale", "shift"))
    return graph.add("Add", graph.add("Mul", graph.cast(pixels, np.float32), scale), shift)


def logits_of(graph: Graph, stack: Stack, answers: str) -> str:
    """What the softmax is taken of: see `nets.answers.probabilities`."""
    match stack.last:
        case steps.Rbf():
            return graph.add("Mul", answers, np.float32(-0.5))
        case steps.Squash() | steps.Tanh():
            return graph.add("Mul", answers, np.float32(2))
        case _:
            return answers


def _averaged(graph: Graph, logits: str, run: Run, how: Preparation) -> str:
    if len(how.views) == 1:
        return logits
    of = logits
    chances = VIEWS[run.recipe["views"]].averaged == "probabilities"
    if chances:
        of = graph.add("Softmax", logits, axis=1)
    apart = graph.add("Reshape", of, np.array([len(how.views), -1, run.stack.outputs]))
    mean = graph.add("ReduceMean", apart, axes=[0], keepdims=0)
    return graph.add("Log", graph.add("Max", mean, np.finfo(np.float32).tiny)) if chances else mean
