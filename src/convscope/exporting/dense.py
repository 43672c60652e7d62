"""A net laid on every place of a page of any size at once: its head becomes convolutions (LeCun et al. 1998, section VII).

What it says at a place is what the net says of that window alone, so layers must not pad: inside of a page there are no
zeros around a window. `finding.dense` makes the net, this writes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from convscope.errors import ExportError, StackError
from convscope.exporting.graph import Graph
from convscope.exporting.layers import written
from convscope.exporting.model import LOGITS, PROBABILITIES, logits_of, metadata, normalised
from convscope.exporting.preparation import INPUT, polished, preparation_of
from convscope.finding.dense import dense
from convscope.nets.answers import probabilities
from convscope.nets.layers import digit_codes
from convscope.runs import Run

FURTHEST = 1e-3
"""How far a probability may be from that of the window alone."""


def dense_of(run: Run) -> tuple[bytes, dict[str, Any]]:
    """The Run's net for pages of any size, and what was found when it was asked beside PyTorch.

    In: `pictures`, uint8 [n, height, width, 3]. Out: `probabilities` and `logits`, float32 [n, classes, rows, columns]:
    place (r, c) is the window whose top left pixel is (r, c) times the stride.

    Raises:
        ExportError: A layer pads or looks at a map as a whole, or the answers differ from those of the windows alone.
    """
    graph, how, stack = Graph(), preparation_of(run), run.stack
    try:
        made = dense(run.net())
    except StackError as error:
        raise ExportError(
            f"it cannot be made dense: {error}; leave out --dense, or train a net without it"
        ) from None
    answers = written(graph, made.net, normalised(graph, run, polished(graph, how)))
    answers = _to_codes(graph, answers) if made.distances else answers
    graph.add("Identity", logits_of(graph, stack, answers), name=LOGITS)
    graph.add("Softmax", LOGITS, axis=1, name=PROBABILITIES)
    outputs = {
        name: (np.float32, ["n", stack.outputs, "rows", "columns"]) for name in (PROBABILITIES, LOGITS)
    }
    (height, width), jump = made.window, made.jump
    about = {**metadata(run), "window": f"{height},{width}", "stride": f"{jump[0]},{jump[1]}"}
    model = graph.model({INPUT: (np.uint8, ["n", "height", "width", 3])}, outputs, about).SerializeToString()
    apart, places = _apart(run, model, (height, width), jump)
    if not apart <= FURTHEST:
        raise ExportError(
            f"{run.path}: the dense model's probabilities differ by {apart:.1g} from those of its windows alone, so none "
            "was written"
        )
    return model, {"window": [height, width], "stride": list(jump), "places": places, "probability": apart}


def _to_codes(graph: Graph, x: str) -> str:
    """Squared distances to the digits' codes, at each place."""
    codes = np.array(digit_codes(), np.float32)[None, :, :, None, None]
    apart = graph.add("Sub", graph.add("Unsqueeze", x, np.array([1])), codes)
    return graph.add("ReduceSum", graph.add("Mul", apart, apart), np.array([2]), keepdims=0)


def _apart(run: Run, model: bytes, window: tuple[int, int], jump: tuple[int, int]) -> tuple[float, int]:
    """The largest difference of a probability on a page from that of its window alone, and how many places were asked."""
    from convscope.exporting.check import blots, session

    rng, how = np.random.default_rng(0), preparation_of(run)
    size = (window[0] + 4 * jump[0] + 1, window[1] + 6 * jump[1])
    page = blots(rng, size, 20 if how.background in (None, 0) else 235)
    asks = session(model)
    (found,) = asks.run([PROBABILITIES], {INPUT: page[None]})
    # The last windows may hang over the page, by pixels that the net does not look at.
    pixels = np.pad(polished_again(run, page), ((0, 0), (0, window[0]), (0, window[1])))
    net, worst = run.net(), 0.0
    for row in range(found.shape[2]):
        for column in range(found.shape[3]):
            top, left = row * jump[0], column * jump[1]
            seen = pixels[:, top : top + window[0], left : left + window[1]]
            with torch.no_grad():
                alone = probabilities(run.stack, net(torch.from_numpy(run.normalised(seen[None]))))
            worst = max(worst, float(np.abs(found[0, :, row, column] - alone[0].numpy()).max()))
    return worst, found.shape[2] * found.shape[3]


def polished_again(run: Run, page: np.ndarray) -> np.ndarray:
    """A page as convscope itself brings it to a net's colours and polarity, at its own size: uint8 [channels, y, x]."""
    from convscope.data.fit import fit

    how = preparation_of(run)
    picture = np.ascontiguousarray(page.transpose(2, 0, 1))
    return fit(picture, (how.shape[0], *picture.shape[1:]), how.background).pixels
