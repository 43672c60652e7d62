"""What a training leaves to be resumed from: one file; or pieces that it names, of a net that lies with several workers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convscope.nets.build import Net
from convscope.runs import Run, Writer, resume_state
from convscope.training.flat import by_name
from convscope.training.learner import Learner
from convscope.training.together import Group

STATE, PIECES = "resume/state.safetensors", "resume"


def save(
    writer: Writer, learner: Learner, average: Tensor | None, note: Mapping[str, Any], group: Group
) -> None:
    """Write the state, whole: pieces lie in a folder that is new, and count once the file names it.

    Raises:
        RunError: It cannot be written.
    """
    arrays, number = learner.state(), None
    if group.sharded:
        from convscope.training.sharded import ShardedLearner

        assert isinstance(learner, ShardedLearner)
        number = group.told(writer.fresh(PIECES) if group.leads else None)
        learner.write_pieces(writer.path / PIECES / str(number), average)
        writer.settle(PIECES, number)
        arrays["pieces"] = np.array(number)
    else:
        arrays["theta"] = learner.theta.cpu().numpy()
        if average is not None:
            arrays["average"] = average.cpu().numpy()
    writer.arrays(STATE, arrays, note=note)
    writer.only(PIECES, number)


def load(path: Path, net: Net, learner: Learner, average: Tensor | None, group: Group) -> dict[str, Any]:
    """Put learner and average where a Run was left, and return the note; whoever wrote it, one process or several.

    Raises:
        RunError: There is no state, or a damaged one.
        KeyError, TypeError, RuntimeError: It is of another net or recipe.
    """
    arrays, note = resume_state(Run(path))
    folder = path / PIECES / str(int(arrays["pieces"])) if "pieces" in arrays else None
    if not group.sharded:
        if folder is not None:
            arrays |= _whole(folder, net, average is not None)
        learner.theta.copy_(torch.from_numpy(arrays["theta"]))
        if average is not None:
            average.copy_(torch.from_numpy(arrays["average"]))
    else:
        from convscope.training.sharded import ShardedLearner

        assert isinstance(learner, ShardedLearner)
        if folder is not None:
            learner.read_pieces(folder, average)
        else:
            learner.theta.copy_(learner.own(torch.from_numpy(arrays["theta"])))
            if average is not None:
                average.copy_(learner.own(torch.from_numpy(arrays["average"])))
    learner.load(arrays)
    return note


def _whole(folder: Path, net: Net, averaged: bool) -> dict[str, np.ndarray]:
    """The vectors of all parameters, put together from pieces."""
    from convscope.training import pieces

    size = sum(p.numel() for p in net.parameters())
    names = ("theta", "first", "second", *(("average",) if averaged else ()))
    arrays = {name: np.zeros(size, np.float32) for name in names}
    pieces.read(
        folder,
        {
            f"{kind}/{name}": part
            for kind, array in arrays.items()
            for name, part in by_name(net, torch.from_numpy(array)).items()
        },
    )
    return arrays
