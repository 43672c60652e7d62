"""Trains small convolutional nets on a CPU, several times faster than PyTorch: C behind ctypes.

>>> from convscope import native
>>> program = native.Program((1, 28, 28), (native.Conv(6, (5, 5)), native.Relu(), native.Linear(10)))
>>> program.outputs
10
"""

from convscope.native.library import available, isa, missing
from convscope.native.meeting import Meeting, memory
from convscope.native.optimisers import adamw, sgd
from convscope.native.program import (
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    Op,
    Program,
    Rbf,
    Relu,
    Sigmoid,
    Squash,
    Subsample,
    Take,
)
from convscope.native.runner import Batch, Engine, Loss, Share

__all__ = [
    "Add",
    "AveragePool",
    "Batch",
    "BatchNorm",
    "Conv",
    "Dropout",
    "Engine",
    "Linear",
    "Loss",
    "MaxPool",
    "Meeting",
    "Op",
    "Program",
    "Rbf",
    "Relu",
    "Share",
    "Sigmoid",
    "Squash",
    "Subsample",
    "Take",
    "adamw",
    "available",
    "isa",
    "memory",
    "missing",
    "sgd",
]
