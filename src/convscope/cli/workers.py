"""What the command line does where several workers train together: one speaks, and started again they go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.output import remark
from convscope.errors import ConvscopeError, LostWorkerError, RunError, WorkersError


class Wire(StrEnum):
    """The type in which gradients travel."""

    float32 = "float32"
    bfloat16 = "bfloat16"


Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="So many processes on this machine train together; torchrun starts them on several."
    ),
]
Restarts = Annotated[int, typer.Option(min=0, help="How often --workers are started again where one dies.")]
Gradients = Annotated[
    Wire, typer.Option(help="The type in which gradients travel between workers; bfloat16 is half as much.")
]
Sharded = Annotated[
    bool,
    typer.Option(
        "--shard",
        help="Divide the net over the workers, for one that does not fit on one device: each holds a part of every layer.",
    ),
]


def launch(workers: int, restarts: int, device: str) -> None:
    """Start this very command as several workers, and end as they end.

    Raises:
        WorkersError: They died too often.
    """
    from convscope.training.launching import launched

    code = launched(sys.argv[1:], workers, restarts, device)
    if code:
        raise typer.Exit(code)


def is_one(workers: int | None, sharded: bool = False) -> bool:
    """Whether this process is one of several that train together.

    Raises:
        WorkersError: It does not know how to find the others, or they are more or fewer than asked for; or the net is to be
            divided, and there is nobody to divide it with.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    started = "TORCHELASTIC_RUN_ID" in os.environ
    if size == "1" and not started:
        if sharded and workers is None:
            raise WorkersError(
                "--shard divides a net over several workers: give --workers, too, or start them with torchrun"
            )
        return False
    if workers is not None and str(workers) != size:
        raise WorkersError(f"torchrun has started {size} workers already: leave out --workers {workers}")
    from convscope.training.started import is_worker

    return is_worker() or started


@contextmanager
def working(device: str, wire: str, sharded: bool) -> Iterator[tuple[Any, str]]:
    """Within the block this worker is one of its group, on the device that it gives back; the first alone is heard."""
    from convscope.training.launching import END, end, ended
    from convscope.training.together import joined

    if end() is not None:
        raise typer.Exit(0)
    try:
        with joined(device, wire, sharded) as (group, own):
            try:
                with _silent(not group.leads):
                    yield group, own
            except LostWorkerError:
                raise
            except ConvscopeError:
                if not group.first("said"):
                    raise typer.Exit(1) from None
                raise
    except LostWorkerError:
        if END in os.environ:  # whoever started the workers sees it, too
            raise typer.Exit(1) from None
        raise
    except (ConvscopeError, typer.Exit):
        ended(1)
        raise


@contextmanager
def _silent(silent: bool) -> Iterator[None]:
    if not silent:
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def gone_on(group: Any, out: Path | None, resume: str | None) -> Path | None:
    """The Run that is gone on with: the one asked for, or what these workers began before one of them was lost.

    Raises:
        WorkersError: They were started again, and cannot know which Run was theirs.
    """
    from convscope.runs import Run

    if resume is not None:
        return Run(resume).path
    if group is None:
        return None
    begun = group.told(_begun(out) if group.leads else None)
    if begun is not None:
        remark(f"going on with {begun}, which these workers began")
    return None if begun is None else Path(begun)


def _begun(out: Path | None) -> str | None:
    """The Run that the workers of this job began by this command."""
    from convscope.runs import Run
    from convscope.training.started import attempt, job

    if not job():
        if attempt():
            raise WorkersError(
                "the workers were started again, but cannot know which Run was theirs: give torchrun --rdzv-id, or "
                "go on with --resume RUN"
            )
        return None
    for folder in [out] if out is not None else sorted(Path("runs").glob("*")):
        try:
            info = Run(folder).info
        except RunError:
            continue
        said = info.get("workers", {})
        if (said.get("job"), said.get("command")) == (job(), sys.argv[1:]) and (
            info["status"] != "finished" or attempt()
        ):
            return str(folder)
    return None


def orphaned() -> Any:
    """A function that says whether whoever started this worker is gone."""
    parent = os.getppid()
    return lambda: os.getppid() != parent
