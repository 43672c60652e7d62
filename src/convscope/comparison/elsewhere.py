"""Figures of contests that cannot be run here, as they were published: never among measured ones, only beside them."""

from __future__ import annotations

from dataclasses import dataclass

A12 = "Krizhevsky, Sutskever & Hinton 2012"


@dataclass(frozen=True)
class Entry:
    """A method of such a contest: its errors in percent where they were published; top-5 counts one of five answers."""

    method: str
    top1_percent: float | None
    top5_percent: float | None
    on: str = "test"
    convolutional: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """A contest of others: what was to be told apart, and what came of it."""

    name: str
    title: str
    about: str
    source: str
    entries: tuple[Entry, ...]


ELSEWHERE = {
    contest.name: contest
    for contest in (
        Elsewhere(
            "ilsvrc-2010",
            "ImageNet, the contest of 2010",
            "1,000 classes, 1.2 million photographs to learn from, 150,000 to be tested on",
            f"{A12}, table 1",
            (
                Entry("Sparse coding", 47.1, 28.2),
                Entry("SIFT and Fisher vectors", 45.7, 25.7),
                Entry("AlexNet", 37.5, 17.0, convolutional=True),
            ),
        ),
        Elsewhere(
            "ilsvrc-2012",
            "ImageNet, the contest of 2012",
            "1,000 classes, 1.2 million photographs to learn from",
            f"{A12}, table 2",
            (
                Entry("SIFT and Fisher vectors", None, 26.2),
                Entry("One AlexNet", 40.7, 18.2, "validation", True),
                Entry("Five AlexNets", 38.1, 16.4, convolutional=True),
                Entry("Seven AlexNets", 36.7, 15.3, convolutional=True),
            ),
        ),
    )
}
"""Every such contest by name."""
