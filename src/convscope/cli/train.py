"""`convscope train`: teach a net some pictures."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.output import Progress, as_json, remark, wall_seconds
from convscope.cli.workers import (
    Gradients,
    Restarts,
    Sharded,
    Wire,
    Workers,
    gone_on,
    is_one,
    launch,
    orphaned,
    working,
)
from convscope.errors import RecipeError
from convscope.training.recipe import Recipe
from convscope.training.recipes import RECIPES, recipe_for

MOST_PROBLEMS = 5
PREPARED = {
    "size": (int, "side in pixels that a folder's pictures are brought to; by default what fits them"),
    "fit": (str, "how they are: pad (the default: nothing is lost), crop or stretch"),
    "background": (
        str,
        "a folder, zip or tar of pictures with none of the classes: parts cut out of them at random become one class more, "
        "nothing, for a net that is to find things in large pictures; goes with any source",
    ),
}
"""Flags that say which of a user's own pictures are learned from, and how: name -> kind and help."""
NAMED = {"freeze": "or the name of the last one"}
"""Knobs that count layers: on the command line a layer may be named."""

Pictures = Annotated[
    str,
    typer.Argument(
        help="A folder of class folders, a zip or tar of one, or a CSV of paths and labels; shards:URL or shards:FOLDER of "
        "what convscope shards wrote; or a name: mnist, fashion-mnist, cifar10."
    ),
]
NetText = Annotated[
    str | None,
    typer.Option(
        help="A net of the zoo, a file of stack text, or the text in quotes. "
        "[default: lenet5; of mnist+nothing finder; in colour or of more than 32 pixels cifar; with --target, or for "
        "other than ten classes lenet5-modern]"
    ),
]
Target = Annotated[
    float | None,
    typer.Option(min=1, max=100, help="Stop when this percentage of the pictures kept aside is right."),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic",
        help="The same bits on the same machine on a GPU, too, where it may be slower; on a processor they always are.",
    ),
]
Shown = Annotated[
    Progress,
    typer.Option(
        help="people: a bar on a terminal, a line an epoch elsewhere; json: for programs, an object a line on stderr."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RUN",
        help="Begin with what a Run learned, in each layer that agrees; or timm:MODEL, one of timm's models with what it "
        "was taught, by download or from a file, timm:MODEL:FILE.safetensors.",
    ),
]
Tracked = Annotated[
    str | None,
    typer.Option(
        metavar="TRACKER",
        help="Tell it to others as it goes on: tensorboard (files in RUN/tensorboard), tensorboard:FOLDER, or "
        "mlflow:ADDRESS of a server.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the program; a flag for each knob of a Recipe."""
    own = [
        p for p in inspect.signature(train, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD
    ]
    parameters = [*own, *_flags()]

    def command(**options: Any) -> None:
        train(**options)

    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = train.__doc__
    app.command("train")(command)


def _flags() -> list[inspect.Parameter]:
    flags = [
        _flag(name, kind, f"{words}.", "Pictures of your own") for name, (kind, words) in PREPARED.items()
    ]
    for knob in fields(Recipe):
        rule = knob.metadata
        words = rule["help"]
        if "names" in rule:
            words += f" ({', '.join(rule['names'])})"
        if rule["unit"]:
            words += f", in {rule['unit']}"
        if knob.name in NAMED:
            words += f", {NAMED[knob.name]}"
        kind = str if knob.name in NAMED else type(knob.default)
        flags.append(_flag(knob.name, kind, words + ".", "Recipe"))
    return flags


def _flag(name: str, kind: type, words: str, panel: str) -> inspect.Parameter:
    option = typer.Option(f"--{name}", help=words, rich_help_panel=panel, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def train(
    source: Pictures = "",
    *,
    net: NetText = None,
    recipe: Annotated[
        str | None,
        typer.Option(help=f"One of: {', '.join(r.name for r in RECIPES)}. By default the net's own."),
    ] = None,
    start: Start = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bits.")] = 0,
    deterministic: Deterministic = False,
    out: Annotated[Path | None, typer.Option(help="The Run folder; by default runs/1, runs/2, ...")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    target: Target = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a Run that was stopped.")
    ] = None,
    report: Annotated[bool, typer.Option(help="Write RUN/report.html.")] = True,
    track: Tracked = None,
    workers: Workers = None,
    restarts: Restarts = 3,
    gradients: Gradients = Wire.float32,
    shard: Sharded = False,
    progress: Shown = Progress.people,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    **knobs: Any,
) -> None:
    """Teach a net some pictures.

    Example: convscope train mnist --net lenet5
    """
    from convscope.runs import Run, next_folder

    one = is_one(workers, shard)
    if workers is not None and not one:
        return launch(workers, restarts, device)
    given = {name: value for name, value in knobs.items() if value is not None}
    heard = progress is Progress.json
    prepared = {name: given.pop(name) for name in PREPARED if name in given}
    with working(device, gradients, shard) if one else nullcontext((None, device)) as (group, device):
        begun = gone_on(group, out, resume)
        with nullcontext() if group is None else group.one_by_one():
            if begun is not None:
                asked = (source, {**prepared, **given}) if resume is not None else ("", {})
                plan = _resumed(begun, *asked, device, heard)
            else:
                opened = _opened(source, {**_sized(start, source), **prepared}, heard)
                plan = _planned(opened, net, recipe, given, start, seed, device, target)
                plan = replace(plan, deterministic=deterministic)
        path = begun or out or next_folder()
        follow(plan, path, begun is not None, heard, track, group)
        if group is None or group.leads:
            if report:
                _write_report(Run(path), plan.images)
            _print_result(Run(path), json)
    return None


def _write_report(run: Any, pictures: Any) -> None:
    from convscope.report import write_report

    remark(f"report: {write_report(run, pictures)}")


def follow(plan: Any, path: Path, resume: bool, heard: bool, track: str | None, group: Any = None) -> None:
    """Train, drawing the progress; ends the program where the training was stopped."""
    from convscope.cli.progress import shown
    from convscope.training.loop import Finished, training
    from convscope.training.started import job
    from convscope.training.together import ALONE

    group = group or ALONE
    alone = orphaned() if group.many or job() else lambda: False

    remark(
        f"{plan.net} ({plan.stack.parameters:,} parameters) learns {plan.images.name} "
        f"by recipe {plan.recipe_name}, seed {plan.seed}"
    )
    with _stopping(heard) as stop:
        events = training(plan, path, resume=resume, stop=lambda: stop() or alone(), group=group)
        events = _tracked(events, plan, path, track if group.leads else None)
        for event in shown(events, heard):
            if isinstance(event, Finished) and event.status == "stopped":
                remark(f"stopped and saved; go on with: convscope train --resume {path}")
                raise typer.Exit(1)


def _tracked(events: Any, plan: Any, path: Path, track: str | None) -> Any:
    """The events, told to a tracker where one is named."""
    if track is None:
        return events
    from convscope.tracking import tracked, tracker_of

    parameters = {"net": plan.net, "source": plan.images.name, "seed": plan.seed, **plan.recipe.as_dict()}
    return tracked(events, tracker_of(track, path), path, parameters, remark)


def _sized(start: str | None, source: str) -> dict[str, Any]:
    """The size of pictures of the user's own for a model of timm: that of those it was taught."""
    from convscope.data.sources import SOURCES
    from convscope.nets.foreign import pretrained

    if start is None or not start.startswith("timm:") or any(known.name == source for known in SOURCES):
        return {}
    return {"size": pretrained(start.split(":")[1]).side}


def _opened(source: str, prepared: dict[str, Any], heard: bool) -> Any:
    """The pictures, after saying what was found and what was left out."""
    from convscope.cli.progress import reading_shown
    from convscope.data.images import images

    if not source:
        raise typer.BadParameter("name a source of pictures, such as: convscope train mnist")
    opened = images(source, reading_shown(source, heard), **prepared)
    for note in opened.found.notes:
        remark(note)
    for warning in opened.found.warnings:
        remark(f"warning: {warning}")
    for problem in opened.problems[:MOST_PROBLEMS]:
        remark(f"left out: {problem.path}: {problem.reason}")
    if len(opened.problems) > MOST_PROBLEMS:
        remark(
            f"left out: {len(opened.problems) - MOST_PROBLEMS:,} more; the Run's problems.jsonl has all of them"
        )
    return opened


def _planned(
    opened: Any,
    net: str | None,
    recipe: str | None,
    given: dict[str, Any],
    start: str | None,
    seed: int,
    device: str,
    target: float | None,
) -> Any:
    from convscope.nets.zoo import find
    from convscope.training.plan import enough, make_plan, net_for
    from convscope.training.rates import depth_of
    from convscope.training.transfer import beginning

    begun = beginning(start, opened.shape[0]) if start is not None else None
    chosen = net is None and begun is None
    if chosen:
        net, why = net_for(opened, quick=target is not None)
        if why:
            remark(f"net: {net}, {why}; --net names another")
    if "freeze" in given:
        given["freeze"] = depth_of(begun.stack if begun and net is None else find(net or ""), given["freeze"])
    named = recipe_for(net or (begun.net if begun else ""), recipe, min(opened.shape[1:]))
    knobs = named.recipe.changed(**given)
    if chosen and recipe is None and not {"epochs", "batch", "rate"} & given.keys():
        knobs, why = enough(knobs, len(opened.train), opened.shape[1:])
        if why:
            remark(f"{why}; --epochs chooses")
    how = named.name if knobs == named.recipe else knobs
    plan = make_plan(opened, net, how, start=begun, seed=seed, device=device, target=target)
    if plan.start is not None:
        remark(str(plan.start))
    return plan


def _resumed(path: Path, source: str, given: dict[str, Any], device: str, heard: bool) -> Any:
    from convscope.cli.progress import reading_shown
    from convscope.data.images import images_again
    from convscope.runs import Run
    from convscope.training.plan import resumed_plan

    if given or source:
        what = source or "--" + next(iter(given))
        raise RecipeError(f"--resume goes on with what {path} began, so it takes no {what}")
    run = Run(path)
    return resumed_plan(run, images_again(run.info, reading_shown(run.info["source"], heard)), device)


@contextmanager
def _stopping(heard: bool) -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C (or SIGTERM) asks the training to save and stop; the second is rude.

    Ctrl-Z lets the step end first, so that the pause is in none of the times that are measured.
    """
    from convscope.cli.progress import tell

    asked, pausing = threading.Event(), threading.Event()

    def ask(number: int, frame: Any) -> None:  # noqa: ARG001
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        remark("stopping after this step; Ctrl-C again stops at once")

    def pause(number: int, frame: Any) -> None:  # noqa: ARG001
        pausing.set()

    def stop() -> bool:
        if pausing.is_set() and not asked.is_set():
            pausing.clear()
            if heard:
                tell("paused")
            os.kill(os.getpid(), signal.SIGSTOP)
            if heard:
                tell("continued")
        return asked.is_set()

    handlers = {signal.SIGINT: ask, signal.SIGTERM: ask}
    if hasattr(signal, "SIGTSTP"):
        handlers[signal.SIGTSTP] = pause
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_result(run: Any, json: bool) -> None:
    info, scores = run.info, run.info["scores"]
    if json:
        keys = (
            "net",
            "source",
            "epochs",
            "train_seconds",
            "images_per_second",
            "parameters",
            "device",
            "seed",
        )
        scored = {k: scores[k] for k in ("test_accuracy", "test_error_percent", "test_interval_percent")}
        return as_json(
            {
                "run": str(run.path),
                **{k: info[k] for k in keys},
                **scored,
                "wall_seconds": round(wall_seconds(), 3),
            }
        )
    low, high = scores["test_interval_percent"]
    speed = f"{info['images_per_second']:,.0f} pictures a second on {info['device']} ({info['engine']})"
    interval = f"of {scores['test_pictures']:,} (95 % interval {low:.2f} to {high:.2f})"
    print(f"run            {run.path}")
    print(f"test error     {scores['test_error_percent']:.2f} % {interval}")
    print(f"training       {info['train_seconds']:.1f} s, {speed}")
    return None
