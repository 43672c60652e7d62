"""The protocol: the same pictures for every method, each alone in its process, the test pictures once."""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convscope.comparison.budget import BUDGETS, Budget
from convscope.comparison.catalogue import chosen, table_of
from convscope.comparison.experiments import PLAIN, Experiment, longer, named
from convscope.comparison.method import Method
from convscope.comparison.rows import Comparison, Row, row_of, status_of
from convscope.comparison.store import Store, key_of
from convscope.data.images import Images
from convscope.errors import MethodError

LONGEST_REASON = 200
SMALL = 64
"""Grey pictures of up to so many pixels are for the methods of MNIST's table, all others for those for photographs."""


@dataclass(frozen=True)
class Job:
    """One method under one condition: how many pictures are learned from, whether pixels are permuted, which shifts."""

    method: Method
    learned: int
    seed: int
    settings: tuple[tuple[str, Any], ...]
    permuted: int = 0
    shifts: tuple[int, ...] = ()
    experiment: str = ""
    condition: str = ""

    def told(self, classes: int) -> dict[str, Any]:
        """What decides its result."""
        return {
            "method": self.method.name,
            "feature": self.method.feature,
            "learned": self.learned,
            "seed": self.seed,
            "settings": dict(self.settings),
            "choices": {k: list(v) for k, v in self.method.choices.items()},
            "permuted": self.permuted,
            "shifts": list(self.shifts),
            "classes": classes,
        }


@dataclass(frozen=True)
class Began:
    """A method begins, the `number`th of `total`; `known` says that its result is already there."""

    job: Job
    number: int
    total: int
    known: bool


@dataclass(frozen=True)
class Ended:
    """A method's rows: one, or several where it was asked under several conditions."""

    rows: tuple[Row, ...]


def compare(
    images: Images,
    *,
    only: Sequence[str] = (),
    experiments: Sequence[str] = (),
    budget: str = "default",
    seed: int = 0,
    out: str | Path | None = None,
) -> Comparison:
    """All methods that fit these pictures, taught and tested by the same protocol.

    Every choice is made on a part of the training pictures; the test pictures are shown once. Results are kept in `out`
    and not computed again. With `experiments` ("learning-curves", "permutation", "shifts", "same-parameters" or "all") only
    these are run, and of the table what is already there is in the result.

    Raises:
        MethodError: There is no such method, experiment or budget, or none fits.
        RunError: The folder cannot be written.

    >>> import tempfile
    >>> from convscope.data.images import images
    >>> small = images("mnist").first(600)
    >>> done = compare(small, only=["linear"], budget="quick", out=tempfile.mkdtemp())
    >>> done.rows[0].status, done.rows[0].error_percent < 30
    ('measured', True)
    """
    contest = Contest(
        images, only=tuple(only), experiments=tuple(experiments), budget=budget, seed=seed, out=out
    )
    for _ in contest.events():
        pass
    return contest.comparison


class Contest:
    """A contest that can be followed: `events` runs it, `comparison` is what it came to."""

    def __init__(
        self,
        images: Images,
        *,
        only: tuple[str, ...] = (),
        experiments: tuple[str, ...] = (),
        budget: str = "default",
        seed: int = 0,
        out: str | Path | None = None,
    ):
        self.images, self.budget, self.seed = images, budget_of(budget), seed
        self.experiments, self.named = named(experiments), bool(only)
        asked = {name for experiment in self.experiments for name in experiment.methods}
        self.side = max(images.shape[1:])
        self.photographs = images.shape[0] > 1 or self.side > SMALL
        usual = table_of(self.photographs)
        self.methods = chosen(only or tuple({m.name for m in usual} | asked))
        self.store = Store(out if out is not None else folder_for(images.name))
        self.rows: list[Row] = []
        if all(self.unfit(method) for method in self.methods):
            reasons = "; ".join(f"{m.name}: {self.unfit(m)}" for m in self.methods)
            raise MethodError(
                f"{images.name}: none of these methods fits ({reasons}); name others with --only"
            )

    def unfit(self, method: Method) -> str:
        """Why a method does not take part; empty where it does."""
        if method.needs and importlib.util.find_spec(method.needs) is None:
            return f"it needs {method.needs}: pip install 'convscope[compare]'"
        made_for = method.unfit(self.images.shape, len(self.images.classes), self.images.background)
        return made_for or self.budget.too_much(method, len(self.images.train), self.photographs)

    def jobs(self) -> list[Job]:
        """What is to be done, in order: the table, or the experiments and what there is of the table already."""
        learned = self.budget.learned(len(self.images.train))
        table = [self._job(method, learned) for method in self.methods if not self.unfit(method)]
        if not self.experiments:
            return table
        there = [job for job in table if self.store.result(self.stem(job))]
        return there + [job for experiment in self.experiments for job in self._asked(experiment, learned)]

    def _job(self, method: Method, learned: int, settings: dict[str, Any] | None = None, **about: Any) -> Job:
        wanted = self.budget.settings(method) if settings is None else settings
        return Job(method, learned, self.seed, tuple(wanted.items()), **about)

    def _asked(self, experiment: Experiment, most: int) -> Iterator[Job]:
        """The jobs of an experiment; conditions with more pictures than there are fall away."""
        for method in self.methods:
            if method.name not in experiment.methods or self.unfit(method):
                continue
            for condition in experiment.conditions:
                learned = condition.learned or most
                if learned <= most:
                    yield self._job(
                        method,
                        learned,
                        longer(self.budget.settings(method), learned) if condition.learned else None,
                        permuted=self.seed + 1 if condition.permuted else 0,
                        shifts=condition.shifts,
                        experiment=experiment.name,
                        condition=condition.words,
                    )

    def events(self) -> Iterator[Began | Ended]:
        """Run the contest, and say what happens."""
        self.rows = []
        with self.store.alone():
            self.store.lay_out(self.images)
            try:
                yield from self._run(self.jobs())
            finally:
                self.store.clear_away()

    def _run(self, jobs: list[Job]) -> Iterator[Began | Ended]:
        for number, job in enumerate(jobs, start=1):
            stem = self.stem(job)
            known = self.store.result(stem)
            yield Began(job, number, len(jobs), known is not None)
            rows = self.rows_of(job, stem, known or self.work(job, stem))
            self.rows += rows
            yield Ended(rows)

    def stem(self, job: Job) -> str:
        """The name of a job's files: the method's, and a key of all that decides the result."""
        modules = (job.method.teach.__module__, *job.method.code)
        told = job.told(len(self.images.classes))
        return f"{job.method.name}-{key_of(told, self.images.fingerprint, modules)}"

    def work(self, job: Job, stem: str) -> dict[str, Any]:
        """Run a job in a process of its own; what cannot be finished is a result, too, but is not kept."""
        folder = self.store.path / "work" / stem
        folder.mkdir(exist_ok=True)
        where = {"store": str(self.store.path), "stem": stem, "limit": self.budget.limit_seconds}
        told = {**job.told(len(self.images.classes)), **where}
        file = self.store.text(f"work/{stem}/job.json", json.dumps(told))
        command = [sys.executable, "-m", "convscope.comparison.worker", str(file)]
        code, last = _run(command, folder)
        done = self.store.result(stem) if code == 0 else None
        return done or {"status": status_of(code, self.budget.limit_seconds, last)}

    def rows_of(self, job: Job, stem: str, record: dict[str, Any]) -> tuple[Row, ...]:
        """The rows that a result makes."""
        about = {
            "learned": job.learned,
            "seed": job.seed,
            "experiment": job.experiment,
            "side": self.side,
        }
        if record["status"] != "measured":
            return (Row(job.method, record["status"], condition=job.condition, **about),)
        answers = self.store.answers(stem)
        truth = np.asarray(self.images.test.labels)
        return tuple(
            row_of(
                job.method,
                record,
                said,
                truth,
                condition=_shift(name) if job.shifts else job.condition,
                **about,
            )
            for name, said in sorted(answers.items())
        )

    @property
    def command(self) -> str:
        """What a person would type for it."""
        only = [method.name for method in self.methods] if self.named else []
        experiments = [experiment.name for experiment in self.experiments]
        words = words_of(
            self.images.name, _prepared(self.images), only, experiments, self.budget.name, self.seed
        )
        return f"convscope {shlex.join(words)}"

    @property
    def comparison(self) -> Comparison:
        """What the contest came to so far; methods that did not fit are rows that say why."""
        from convscope.comparison.telling import evidence

        left = [
            Row(method, f"left out: {why}", 0, self.seed, side=self.side)
            for method in self.methods
            if (why := self.unfit(method))
        ]
        rows, where = (*self.rows, *left), evidence(self.command)
        return Comparison(
            self.store.path, self.images.name, self.budget.name, self.seed, len(self.images.test), rows, where
        )


def words_of(
    source: str,
    prepared: Sequence[str],
    only: Sequence[str],
    experiments: Sequence[str],
    budget: str,
    seed: int,
) -> list[str]:
    """The words behind `convscope` that ask for a contest; what is as it would be anyway is left out.

    >>> words_of("mnist", (), ["knn"], (), "quick", 0)
    ['compare', 'mnist', '--only', 'knn', '--budget', 'quick']
    """
    words = ["compare", source, *prepared]
    words += [word for name in only for word in ("--only", name)]
    words += [word for name in experiments for word in ("--experiment", name)]
    words += ["--budget", budget] if budget != "default" else []
    return [*words, "--seed", str(seed)] if seed else words


def _prepared(images: Images) -> list[str]:
    """The options by which the same pictures come again, of a user's own that are square."""
    height, width = images.prepared.get("size", (0, 1))
    fit = images.prepared.get("fit", "pad")
    return [*(["--size", str(height)] if height == width else []), *(["--fit", fit] if fit != "pad" else [])]


def budget_of(name: str) -> Budget:
    """The budget of that name.

    Raises:
        MethodError: There is none.
    """
    if name not in BUDGETS:
        raise MethodError(f"there is no budget {name!r}: there are {', '.join(BUDGETS)}")
    return BUDGETS[name]


def folder_for(source: str) -> Path:
    """Where a contest of a source is kept when nobody says: comparisons/NAME.

    >>> str(folder_for("photos/cats.zip"))
    'comparisons/cats'
    """
    return Path("comparisons") / Path(source).stem


def _shift(name: str) -> str:
    return PLAIN.words if name == "answers" else name.replace("shift-", "shifted by ")


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit code of a process, and the last line of what it complained.

    It reads from a pipe that says nothing and ends with this program, however this program ends.
    """
    with (folder / "complaint.txt").open("w+b") as complaint:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaint
        )
        try:
            code = process.wait()
        finally:
            process.kill()
            process.communicate()
        complaint.seek(0)
        lines = complaint.read().decode("utf-8", "replace").strip().splitlines()
    return code, lines[-1][:LONGEST_REASON] if lines else ""
