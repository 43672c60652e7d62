"""Starts several workers on this machine by torchrun's own launcher, again where one is lost, and none is left behind."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from convscope.errors import WorkersError
from convscope.native.runner import available_processors

END = "CONVSCOPE_END"
"""Names the file in which a worker says how it ended, where starting it again would end in the same way."""
SAVING_SECONDS = "120"


def launched(command: Sequence[str], workers: int, restarts: int, device: str) -> int:
    """Run `convscope COMMAND` as so many workers that train together, and give back the exit code.

    A worker that dies ends the others, and all start again, at most `restarts` times; by `ended` it says if that is no use.

    Raises:
        WorkersError: Workers died more often, or there are fewer CUDA devices than workers.
    """
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", SAVING_SECONDS)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_processors() // workers)))
    import torch
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from convscope.training.started import enough

    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        enough(torch.cuda.device_count(), workers)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=workers,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        run_id=uuid.uuid4().hex,
        max_restarts=restarts,
        monitor_interval=0.1,
    )
    logging.disable(logging.CRITICAL)  # what the launcher has to say is said below, in a line
    with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
        os.environ[END] = str(Path(folder) / "end")
        try:
            elastic_launch(config, sys.executable)("-m", "convscope", *command)
        except ChildFailedError as error:
            if (code := end()) is not None:
                return code
            raise WorkersError(
                f"{_died(error, restarts)}; the last saved state is whole: go on with --resume RUN"
            ) from None
        except SignalException as error:
            return 1 if error.sigval in (signal.SIGINT, signal.SIGTERM) else 128 + error.sigval
        return end() or 0


def ended(code: int) -> None:
    """Say that starting the workers again would end them in the same way."""
    if END in os.environ and Path(os.environ[END]).parent.is_dir():
        with Path(os.environ[END]).open("a") as file:
            file.write(f"{code}\n")


def end() -> int | None:
    """With which code a worker ended for good; None where none did."""
    try:
        return int(Path(os.environ[END]).read_text().split()[0])
    except (KeyError, OSError, ValueError, IndexError):
        return None


def _died(error: Exception, restarts: int) -> str:
    first = min(vars(error)["failures"].items(), key=lambda item: item[1].timestamp)
    rank, code = first[0], first[1].exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    again = f" and the workers were started again {restarts} time{'s' * (restarts != 1)}" if restarts else ""
    return f"worker {rank} {how}{again}"
