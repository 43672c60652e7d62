"""The training loop: one generator that learns, writes the Run, and yields what happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convscope.data.images import Images, Pictures
from convscope.errors import DivergedError, RunError, WorkersError
from convscope.nets.answers import averaged, named
from convscope.nets.build import build
from convscope.nets.stack import Stack
from convscope.nets.views import VIEWS
from convscope.runs import Run, Writer, keeps_epoch, next_folder
from convscope.training.account import account, accuracy, score
from convscope.training.batches import Feeder
from convscope.training.chance import seed_for
from convscope.training.device import exactly, room
from convscope.training.flat import swapped
from convscope.training.halving import memory_said
from convscope.training.learners import learner_for, threads_of
from convscope.training.moments import Normalisation, Principal
from convscope.training.plan import Plan, make_plan, split
from convscope.training.recipe import Recipe
from convscope.training.resuming import load, save
from convscope.training.schedule import rate_at
from convscope.training.together import ALONE, ASK_STEPS, Group, Onlooker

EVALUATION_BATCH, SAVE_SECONDS, WITHIN_SECONDS = 1000, 10.0, 120.0
"""A state to resume from is saved when an epoch ends and the last one is 10 s old; within an epoch when it is 120 s old."""
ASK_SECONDS = 0.05
"""A device that computes by itself is asked so seldom how far it is: the answer makes it wait."""


@dataclass(frozen=True)
class Progress:
    """Where a training is: epochs and steps count from 1, rates are per second, times in seconds."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    rate: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochDone:
    """An epoch's line of metrics.jsonl."""

    metrics: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """The training ended or was stopped; the Run is whole."""

    path: Path
    status: str


@dataclass(frozen=True)
class Remark:
    """Something to know of how the device computes, such as that its memory is too small for a whole batch."""

    text: str


Event = Progress | EpochDone | Finished | Remark


@dataclass
class _State:
    """What changes while a training goes on, besides the learner's arrays."""

    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def train(
    images: Images,
    net: str | Stack | None = None,
    recipe: str | Recipe | None = None,
    *,
    start: str | Path | Run | None = None,
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
) -> Run:
    """Teach a net (by default LeNet-5) some pictures, and return the Run: a folder with all that happened.

    `start` is a Run, or `timm:MODEL`, whose layers it begins with where they agree; without a `net` it is that net.

    Raises:
        RecipeError: A knob does not fit the net.
        RunError: The folder cannot be written.
        DivergedError: The loss became NaN or infinite.

    >>> import tempfile
    >>> from convscope.data.images import images
    >>> folder = tempfile.mkdtemp() + "/run"
    >>> run = train(images("mnist").first(2000), "lenet5-modern", Recipe(epochs=1), out=folder)
    >>> run.info["status"]
    'finished'
    """
    plan = make_plan(images, net, recipe, start=start, seed=seed, device=device)
    path = Path(out) if out is not None else next_folder()
    for _ in training(plan, path):
        pass
    return Run(path)


def training(
    plan: Plan,
    path: Path,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    group: Group = ALONE,
) -> Iterator[Event]:
    """Train by a plan into a folder, yielding a `Progress` a step, an `EpochDone` an epoch, `Remark`s, and `Finished`.

    `stop` is asked after each step; once it says yes the state is saved and the training ends. It may take its time, as it
    does where somebody pauses: that is not counted as training. Of a `group` of workers each calls this, and the first
    writes.
    """
    if plan.recipe.batch < group.size:
        raise WorkersError(
            f"{group.size} workers want batches of {group.size} pictures at least, one for each; batch is "
            f"{plan.recipe.batch}: give a larger --batch, or fewer workers"
        )
    with Writer(path, resume=resume) if group.leads else Onlooker(path) as writer, memory_said(path):
        parts = _Training(plan, writer, group)
        with threads_of(parts.learner), exactly(plan.deterministic):
            yield from parts.events(resume, stop)


class _Training:
    """One training: its parts, put together once."""

    def __init__(self, plan: Plan, writer: Writer, group: Group):
        self.plan, self.writer, self.recipe, self.group = plan, writer, plan.recipe, group
        learning, watched = split(plan.images.train, plan.recipe.validation, plan.seed)
        size = plan.stack.input.shape[1:]
        known = plan.start.normalisation if plan.start else None
        rule = known or Normalisation.of(plan.stack.input, learning)
        self.principal = principal = Principal.of(learning) if plan.recipe.lighting else None

        def feeder(pictures: Pictures) -> Feeder:
            return Feeder(
                pictures, size, rule, plan.recipe, plan.seed, plan.device, principal, room(plan.device)
            )

        self.rule, self.size = rule, size
        self.learning, self.make_feeder = feeder(learning), feeder
        self.watched = feeder(watched) if len(watched) else None
        self.net = build(plan.stack, seed_for(plan.seed, "weights"))
        if plan.start:
            plan.start.into(self.net)
        self.learner = learner_for(self.net, plan, group)
        self.average = self.learner.theta.clone() if plan.recipe.average else None
        self.steps = -(-len(self.learning) // plan.recipe.batch)
        self.state = _State()
        self.clock = time.perf_counter()
        self.saved, self.asked, self.counted = self.clock, 0.0, 0

    def events(self, resume: bool, stop: Callable[[], bool]) -> Iterator[Event]:
        if resume:
            self._load()
        else:
            self._begin()
        if not self.group.sharded:
            self.group.same(self.learner.theta)
        while self.state.epoch <= self.recipe.epochs:
            for progress in self._epoch():
                yield progress
                yield from self._remarks()
                asked = time.perf_counter()
                stopped = self.group.agreed(stop(), self.learner.prompt)
                self.clock += time.perf_counter() - asked
                if stopped:
                    self._count(progress.rate)
                    self._save()
                    self._info("stopped")
                    yield Finished(self.writer.path, "stopped")
                    return
            yield EpochDone(self._end_epoch())
            if self._target_reached():
                break
        self._finish()
        yield Finished(self.writer.path, "finished")

    def _epoch(self) -> Iterator[Progress]:
        state, recipe = self.state, self.recipe
        order = self.learning.order(state.epoch)
        coming = order[state.step * recipe.batch :].split(recipe.batch)
        shares = [(index, self.group.share(len(index)).rows) for index in coming]
        self.learning.store.expect(torch.cat([i if rows is None else i[rows] for i, rows in shares]))
        validations = [line.get("validation_accuracy", 0.0) for line in state.metrics]
        while state.step < self.steps:
            index = order[state.step * recipe.batch : (state.step + 1) * recipe.batch]
            rate = rate_at(recipe, (state.epoch - 1) * self.steps + state.step, self.steps, validations)
            self.learner.step(self.learning, index, state.epoch, state.step, rate)
            state.step += 1
            waited = time.perf_counter() - self.asked > ASK_SECONDS
            if self.group.many:
                waited = (
                    state.step % ASK_STEPS == 0
                )  # so that all see a loss that is no number at the same step
            if self.learner.prompt or waited or state.step == self.steps:
                self._count(rate)
            self._keep_average()
            self._save_within()
            yield self._progress(rate)

    def _count(self, rate: float) -> None:
        """Add what the learner tells of its last steps."""
        state = self.state
        loss, correct = self.learner.tally()
        self.asked = time.perf_counter()
        if not math.isfinite(loss):
            self._diverged(loss, rate)
        state.loss += loss
        state.correct += correct
        self.counted = min(state.step * self.recipe.batch, len(self.learning))

    def _remarks(self) -> Iterator[Remark]:
        new = self.learner.remarks()
        self.state.remarks += new
        return map(Remark, new)

    def _progress(self, rate: float) -> Progress:
        state = self.state
        seen = min(state.step * self.recipe.batch, len(self.learning))
        seconds = self._seconds()
        done = (state.epoch - 1) * len(self.learning) + seen
        left = self.recipe.epochs * len(self.learning) - done
        return Progress(
            state.epoch, self.recipe.epochs, state.step, self.steps, state.loss / self.counted,
            state.correct / self.counted, rate, done / seconds, left * seconds / done,
        )  # fmt: skip

    def _keep_average(self) -> None:
        if self.average is not None:
            taken = (self.state.epoch - 1) * self.steps + self.state.step
            keep = min(self.recipe.average, taken / (10 + taken))
            self.average.lerp_(self.learner.theta, 1 - keep)

    def _end_epoch(self) -> dict[str, Any]:
        state, n = self.state, len(self.learning)
        line: dict[str, Any] = {
            "epoch": state.epoch,
            "loss": state.loss / n,
            "train_accuracy": state.correct / n,
        }
        if self.watched is not None:
            with swapped(self.learner.theta, self._kept()):
                line["validation_accuracy"] = accuracy(
                    self.plan.stack, self._answers(self.watched), self.watched.labels
                )
        line["seconds"] = round(self._seconds(), 3)
        state.metrics.append(line)
        state.epoch, state.step, state.loss, state.correct = state.epoch + 1, 0, 0.0, 0
        self.writer.lines("metrics.jsonl", state.metrics)
        self._write_epoch(line["epoch"])
        due = time.perf_counter() - self.saved > SAVE_SECONDS
        if self.group.told(due) if self.group.sharded else due:  # pieces are written by all, or by none
            self._save()
        return line

    def _target_reached(self) -> bool:
        target = self.plan.target
        return target is not None and 100 * self.state.metrics[-1].get("validation_accuracy", 0.0) >= target

    def _begin(self) -> None:
        writer, plan = self.writer, self.plan
        writer.text("stack.txt", str(plan.stack) + "\n")
        writer.json("recipe.json", self.recipe.as_dict())
        writer.lines("problems.jsonl", [asdict(p) for p in plan.images.problems])
        writer.lines("metrics.jsonl", [])
        self._write_epoch(0)
        writer.arrays("weights.safetensors", self.learner.weights())
        self._save()
        self._info("running")

    def _finish(self) -> None:
        seconds = self._seconds()
        self.state.seconds, self.clock = seconds, time.perf_counter()
        test = self.make_feeder(self.plan.images.test)
        with swapped(self.learner.theta, self._kept()):
            answers = self._answers(test)
            self.writer.arrays("weights.safetensors", self.learner.weights())
        said = named(self.plan.stack, answers).numpy()
        truth = np.asarray(self.plan.images.test.labels)
        self.writer.arrays("test.safetensors", {"answers": answers.numpy()})
        self._save()
        self._info("finished", seconds=seconds, scores=score(truth, said, len(self.plan.images.classes)))

    def _diverged(self, loss: float, rate: float) -> None:
        state = self.state
        last = (
            f"the state after epoch {state.epoch - 1} is kept"
            if state.epoch > 1
            else "its random start is kept"
        )
        self._info("diverged")
        raise DivergedError(
            f"the loss became {loss} at epoch {state.epoch}, step {state.step} of {self.steps} (rate {rate:.3g}); "
            f"{last} in {self.writer.path}: train again with a lower --rate"
        )

    def _answers(self, feeder: Feeder) -> Tensor:
        """What the net answers, the mean over the recipe's views; each worker asks it about its part."""
        answers = torch.zeros(len(VIEWS[self.recipe.views].views), len(feeder), self.plan.stack.outputs)
        for said, view in zip(answers, feeder.views(), strict=True):
            for part in self.group.parts(len(feeder), EVALUATION_BATCH):
                said[part] = self.learner.answers(view, part.start, part.stop)
        self.group.add(answers)
        return averaged(self.plan.stack, answers, VIEWS[self.recipe.views].averaged)

    def _kept(self) -> Tensor:
        return self.learner.theta if self.average is None else self.average

    def _write_epoch(self, epoch: int) -> None:
        if keeps_epoch(epoch, self.recipe.epochs, 4 * self.plan.stack.parameters):
            with swapped(self.learner.theta, self._kept()):
                self.writer.arrays(f"epochs/{epoch:03d}.safetensors", self.learner.weights())
                self.writer.arrays("weights.safetensors", self.learner.weights())

    def _seconds(self) -> float:
        return self.state.seconds + time.perf_counter() - self.clock

    def _save(self) -> None:
        self.state.seconds, self.clock = self._seconds(), time.perf_counter()
        save(self.writer, self.learner, self.average, asdict(self.state), self.group)
        self.saved = time.perf_counter()

    def _save_within(self) -> None:
        """What a long epoch has come to, once its last step was counted."""
        state, late = self.state, time.perf_counter() - self.saved > WITHIN_SECONDS
        counted = self.counted == min(state.step * self.recipe.batch, len(self.learning))
        if late and counted and state.step < self.steps:
            self._save()

    def _load(self) -> None:
        try:
            note = load(self.writer.path, self.net, self.learner, self.average, self.group)
            self.state = _State(**note)
        except (KeyError, TypeError, RuntimeError):
            raise RunError(
                f"{self.writer.path}: the state to resume from is of another net or recipe; train anew"
            ) from None
        self.writer.lines("metrics.jsonl", self.state.metrics)
        self._info("running")

    def _info(self, status: str, seconds: float | None = None, scores: dict[str, Any] | None = None) -> None:
        plan, seconds = self.plan, self._seconds() if seconds is None else seconds
        done = (self.state.epoch - 1) * len(self.learning) + self.state.step * self.recipe.batch
        info = account(
            plan, self.rule, status=status, engine=self.learner.kind, precision=self.learner.precision,
            remarks=self.state.remarks, epochs=self.state.epoch - 1, seconds=seconds,
            learned=(len(self.learning), len(self.watched or ())), seen=done, scores=scores,
            principal=self.principal, workers=self.group.about(),
        )  # fmt: skip
        self.writer.json("run.json", info)
