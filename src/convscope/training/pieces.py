"""The vectors of a training in pieces: each worker writes its own, and any number of workers reads them, or one process.

By torch.distributed.checkpoint, as safetensors: nothing is pickled on the disk.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter

from convscope.errors import RunError


def write(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write this worker's parts of the tensors; all workers do so together, and when it returns all are on the disk.

    Raises:
        RunError: One of them could not.
    """
    try:
        state_dict_saver.save(
            dict(tensors), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True)
        )
    except CheckpointException as error:
        raise RunError(
            f"{folder}: cannot be written ({_first(error)}); the last state that was saved is whole: make room, or the "
            f"folder writable, then go on with --resume {folder.parents[1]}"
        ) from None


def read(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Read the tensors, of each the part that is this worker's; all workers do so together, or a process that is alone.

    Raises:
        RunError: They are not there, damaged, or of another net.
    """
    alone = not dist.is_initialized()
    reader = HuggingFaceStorageReader(str(folder))
    try:
        with warnings.catch_warnings():
            if alone:
                warnings.filterwarnings("ignore", "torch.distributed is disabled")  # as is meant
            state_dict_loader.load(dict(tensors), storage_reader=reader, no_dist=alone)
    except (
        CheckpointException,
        SafetensorError,
        OSError,
        ValueError,
        KeyError,
        json.JSONDecodeError,
    ) as error:
        raise RunError(
            f"{folder}: the state to resume from is damaged, or of another net or recipe ({_first(error)}); train anew"
        ) from None


def _first(error: BaseException) -> str:
    """What went wrong first, in a line."""
    if isinstance(error, CheckpointException) and error.failures:
        error = error.failures[min(error.failures)][0]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]
