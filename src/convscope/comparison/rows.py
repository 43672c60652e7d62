"""What a contest says: a row for each method and condition, and tests between neighbours."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from convscope.comparison.method import Method
from convscope.scores import interval, mcnemar, rejected_for

SIGKILL, SIGXCPU = 9, 24
"""Signals by which the system ends a process that has no memory or no time left; Windows has no names for them."""
NO_MEMORY = 3
"""What a method's process ends with when it was refused memory."""
REJECTION_ERROR = 0.005
MEASURED = "measured"


@dataclass(frozen=True, eq=False)
class Row:
    """One method under one condition. `status` is `measured`, or says in a sentence why there is no figure.

    `said` is the class that it named for each test picture, `side` the pictures' longer side in pixels. Times are in
    seconds on `machine`, errors in percent.
    """

    method: Method
    status: str
    learned: int
    seed: int
    experiment: str = ""
    condition: str = ""
    side: int = 0
    truth: Int[np.ndarray, " n"] | None = None
    said: Int[np.ndarray, " n"] | None = None
    rejection_percent: float | None = None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def preprocessing(self) -> str:
        """What the method was shown, in the table's words."""
        return self.method.preprocessing_of(self.side)

    @property
    def measured(self) -> bool:
        """Whether there is a figure."""
        return self.said is not None

    @property
    def wrong(self) -> Bool[np.ndarray, " n"]:
        """Which test pictures it named wrongly."""
        assert self.said is not None and self.truth is not None
        return self.said != self.truth

    @property
    def error_percent(self) -> float | None:
        """Its error on the test pictures."""
        return 100 * float(self.wrong.mean()) if self.measured else None

    @property
    def interval_percent(self) -> list[float] | None:
        """Wilson's 95 % interval of the error."""
        if not self.measured:
            return None
        low, high = interval(int(self.wrong.sum()), len(self.wrong))
        return [100 * low, 100 * high]

    def as_dict(self, published: bool) -> dict[str, Any]:
        """The row for `--json` and CSV; published figures only beside the pictures they were published for."""
        method, known = self.method, self.method.published if published else None
        keys = (
            "fit_seconds",
            "choose_seconds",
            "predict_seconds",
            "processor_seconds",
            "parameters",
            "memory_bytes",
        )
        return {
            "method": method.name,
            "title": method.title,
            "preprocessing": self.preprocessing,
            "convolutional": method.convolutional,
            "status": self.status,
            "experiment": self.experiment,
            "condition": self.condition,
            "learned": self.learned,
            "error_percent": self.error_percent,
            "interval_percent": self.interval_percent,
            "published_error_percent": known.error_percent if known else None,
            "published_source": known.source if known else None,
            "rejection_percent": self.rejection_percent,
            "published_rejection_percent": known.rejection_percent if known else None,
            **{key: self.record.get(key) for key in (*keys, "chosen")},
            "seed": self.seed,
        }


def row_of(
    method: Method,
    record: dict[str, Any],
    answers: Float[np.ndarray, "n k"],
    truth: Int[np.ndarray, " n"],
    **about: Any,
) -> Row:
    """The row of a measured result, from its answers."""
    said = answers.argmax(1)
    best = np.sort(np.partition(answers, -2, axis=1)[:, -2:], axis=1)
    part = rejected_for(said == truth, best[:, 1] - best[:, 0], REJECTION_ERROR)
    rejected = None if part is None else 100 * part
    return Row(method, MEASURED, truth=truth, said=said, rejection_percent=rejected, record=record, **about)


@dataclass(frozen=True)
class Between:
    """McNemar's test between two methods: the pictures that only one of them named wrongly, and the mid-p value."""

    better: str
    worse: str
    better_only: int
    worse_only: int
    p: float


def between(better: Row, worse: Row) -> Between:
    """The test between two rows over the same test pictures."""
    first, second = int((better.wrong & ~worse.wrong).sum()), int((worse.wrong & ~better.wrong).sum())
    return Between(better.method.name, worse.method.name, first, second, mcnemar(first, second))


def ranked(rows: tuple[Row, ...]) -> list[Row]:
    """The measured rows, the fewest errors first."""
    return sorted((row for row in rows if row.measured), key=lambda row: int(row.wrong.sum()))


def lone(order: list[Row]) -> list[tuple[Row, Int[np.ndarray, " k"]]]:
    """The test pictures that one row alone names wrongly, for each row that has any."""
    if len(order) < 2:
        return []
    wrong = np.stack([row.wrong for row in order])
    alone = wrong & (wrong.sum(0) == 1)
    return [(row, np.flatnonzero(own)) for row, own in zip(order, alone, strict=True) if own.any()]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a contest came to: its rows, where it was kept, and on what it was measured."""

    path: Path
    source: str
    budget: str
    seed: int
    test_pictures: int
    rows: tuple[Row, ...]
    machine: dict[str, Any]

    @property
    def table(self) -> tuple[Row, ...]:
        """The rows of the contest itself, without the experiments."""
        return tuple(row for row in self.rows if not row.experiment)

    @property
    def published(self) -> bool:
        """Whether published figures belong beside these pictures."""
        return self.source == "mnist"

    @property
    def tests(self) -> tuple[Between, ...]:
        """McNemar's test between each method and the next worse one."""
        return tuple(between(a, b) for a, b in pairwise(ranked(self.table)))

    @property
    def answer(self) -> str:
        """Whether a convolutional network is needed for these pictures, in a sentence with its evidence.

        It is the practical question: the best net with convolutions against the best method without any.
        """
        order = ranked(self.table)
        nets = [row for row in order if row.method.convolutional]
        others = [row for row in order if not row.method.convolutional]
        if not nets or not others:
            return ""
        return _verdict(nets[0], others[0])

    def as_dict(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "source": self.source,
            "budget": self.budget,
            "seed": self.seed,
            "test_pictures": self.test_pictures,
            "results": [row.as_dict(self.published) for row in self.rows],
            "neighbours": [asdict(test) for test in self.tests],
            "answer": self.answer,
            "evidence": self.machine,
        }


def _verdict(net: Row, other: Row) -> str:
    test = between(net, other)
    ours, theirs = net.error_percent, other.error_percent
    cost = f"{net.record['fit_seconds']:.0f} s of training against {other.record['fit_seconds']:.0f}"
    figures = f"{net.method.title} {ours:.2f} %, {other.method.title} {theirs:.2f} %, {cost}, McNemar p = {test.p:.2g}"
    if test.p >= 0.05:
        return f"These test pictures cannot tell the best net with convolutions from the best other method ({figures})."
    if test.better_only < test.worse_only:
        return f"A convolutional network names fewer wrongly than any other method here ({figures})."
    return f"No convolutional network is needed here: another method names fewer wrongly ({figures})."


def status_of(code: int, limit: float | None, last: str) -> str:
    """Why a method's process has no result, as a row says it."""
    if code == -SIGXCPU:
        return f"stopped after its limit of {limit:g} s of processor time"
    if code in (NO_MEMORY, -SIGKILL):
        return "out of memory"
    return f"failed: {last or f'its process ended with {code}'}"
