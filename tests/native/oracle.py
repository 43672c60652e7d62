"""The same nets and losses written with torch in float64: what the engine is compared with."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from convscope import native


def outputs(
    program: native.Program, params: Tensor, x: Tensor, running: Tensor | None = None, training: bool = False
) -> Tensor:
    """What the program answers for pictures [n, c, h, w]: [n, outputs]; dropout is left away.

    In training batch normalisations take the batch's moments, and move those in `running`.
    """
    values = [x]
    for op, shape, offset, first in zip(
        program.ops, program.shapes, program.offsets, program.running_offsets, strict=False
    ):
        own = params[offset : offset + op.parameters(shape)]
        if isinstance(op, native.BatchNorm):
            assert running is not None
            moments = running[first : first + op.running(shape)].view(2, -1)
            x = F.batch_norm(x, *moments, *own.view(2, -1), training, op.momentum, op.epsilon)
        elif isinstance(op, native.Add):
            x = x + values[op.value]
        elif isinstance(op, native.Take):
            x = values[op.value]
        else:
            x = _apply(op, own, x)
        values.append(x)
    return x.flatten(1)


def _apply(op: native.Op, own: Tensor, x: Tensor) -> Tensor:
    match op:
        case native.Conv():
            return _conv(op, own, x)
        case native.Linear():
            x = x.flatten(1)
            weights = own[: op.units * x.shape[1]].view(op.units, -1)
            return F.linear(x, weights, own[weights.numel() :] if op.bias else None)[..., None, None]
        case native.Subsample():
            sums = F.avg_pool2d(x, op.kernel, op.stride, divisor_override=1)
            sums = sums if op.sources is None else sums[:, list(op.sources)]
            factors, biases = own.view(2, -1, 1, 1)
            return sums * factors + biases
        case native.MaxPool():
            top, left, bottom, right = op.padding
            return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=-torch.inf), op.kernel, op.stride)
        case native.AveragePool():
            return F.avg_pool2d(x, op.kernel, op.stride)
        case native.Squash():
            return op.amplitude * torch.tanh(op.slope * x)
        case native.Relu():
            return x.relu()
        case native.Sigmoid():
            return x.sigmoid()
        case native.Rbf():
            codes = torch.tensor(op.codes, dtype=x.dtype)
            return (x.flatten(1)[:, None] - codes).square().sum(2)[..., None, None]
        case _:
            return x


def _conv(op: native.Conv, own: Tensor, x: Tensor) -> Tensor:
    area = prod(op.kernel)
    links = op.links(tuple(x.shape[1:]))
    rows, columns = np.nonzero(links >= 0)
    kernels = own[: len(rows) * area].view(-1, *op.kernel)
    weights = own.new_zeros(op.maps, x.shape[1], *op.kernel)
    weights = weights.index_put((torch.tensor(rows), torch.tensor(columns)), kernels[links[rows, columns]])
    top, left, bottom, right = op.padding
    bias = own[len(rows) * area :] if op.bias else None
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weights, bias, stride=op.stride)


def loss_sum(loss: native.Loss, out: Tensor, labels: Tensor) -> Tensor:
    """The sum over the batch of what `loss` says about the outputs."""
    match loss.kind:
        case "cross_entropy":
            return F.cross_entropy(out, labels, label_smoothing=loss.smoothing, reduction="sum")
        case "squared":
            return (out - torch.tensor(loss.targets, dtype=out.dtype)[labels]).square().sum()
        case "distance":
            return out.gather(1, labels[:, None]).sum()
        case _:
            constant = out.new_full((len(out), 1), -loss.constant)
            rivals = torch.logsumexp(torch.cat([constant, -out], 1), 1)
            return (out.gather(1, labels[:, None])[:, 0] + rivals).sum()


def gradients(
    program: native.Program, loss: native.Loss, params: np.ndarray, pictures: np.ndarray, labels: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss sum, the gradient of the batch's mean loss, and the outputs, all in float64."""
    vector = torch.tensor(params, dtype=torch.float64, requires_grad=True)
    out = outputs(program, vector, torch.tensor(pictures, dtype=torch.float64))
    total = loss_sum(loss, out, torch.tensor(labels))
    (total / len(labels)).backward()
    gradient = torch.zeros_like(vector) if vector.grad is None else vector.grad
    return total.item(), gradient.numpy(), out.detach().numpy()
