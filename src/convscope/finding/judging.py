"""How well things are found where it is known what there is: the measures of the field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.finding.boxes import Box, overlap

Boxes = Sequence[Box]


def edges(boxes: Boxes) -> np.ndarray:
    """Left, top, right and bottom of boxes, a row each."""
    rows = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in boxes]
    return np.array(rows, float).reshape(-1, 4)


def right(found: Boxes, there: Boxes, least: float = 0.5) -> list[bool]:
    """For each find, best first, whether it is a thing of its class that no better find has taken, overlapping by `least`.

    >>> seven = Box("7", 1.0, 0, 0, 10, 10)
    >>> right([seven, seven], [seven])
    [True, False]
    """
    left = list(range(len(there)))
    verdicts = []
    for box in sorted(found, key=lambda box: -box.score):
        own = [n for n in left if there[n].label == box.label]
        both = overlap(edges([box]), edges([there[n] for n in own]))[0] if own else np.zeros(0)
        hit = len(own) > 0 and float(both.max()) >= least
        if hit:
            left.remove(own[int(both.argmax())])
        verdicts.append(hit)
    return verdicts


def average_precision(verdicts: Sequence[tuple[float, bool]], there: int) -> float:
    """The area under precision over recall, of (score, right or not) of all finds and how many things there are.

    Precision at a recall is the best at that recall or a higher one (Everingham et al. 2010, all points).

    >>> average_precision([(0.9, True), (0.8, False), (0.7, True)], 2)
    0.8333333333333333
    """
    if not there:
        return float(not verdicts)
    hits = np.array([hit for _, hit in sorted(verdicts, key=lambda pair: -pair[0])], bool)
    if not len(hits):
        return 0.0
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[hits].sum() / there)


def mean_average_precision(pages: Sequence[tuple[Boxes, Boxes]], least: float = 0.5) -> float:
    """The mean over classes of the average precision over all pages, each given as what was found and what there is."""
    labels = sorted({box.label for _, there in pages for box in there})
    values = []
    for label in labels:
        verdicts, count = [], 0
        for found, there in pages:
            own = sorted((box for box in found if box.label == label), key=lambda box: -box.score)
            wanted = [box for box in there if box.label == label]
            count += len(wanted)
            verdicts += list(zip((box.score for box in own), right(own, wanted, least), strict=True))
        values.append(average_precision(verdicts, count))
    return float(np.mean(values)) if values else 1.0
