"""What a net loses when a unit is muted: its accuracy over a set, its score of one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from convscope import native
from convscope.data.images import Pictures
from convscope.inspect.layers import Layer, layers_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import BATCH, Subject
from convscope.inspect.units import Progress
from convscope.nets.build import Net
from convscope.nets.layers import TableConv
from convscope.nets.lowered import lacking, lowered, running_of

AT_ONCE = 2000


def accuracies_muted(
    subject: Subject,
    layer: Layer,
    pictures: Pictures,
    *,
    only: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> tuple[float, Float[np.ndarray, " k"]]:
    """The accuracy over a set, as a fraction 0..1: of the net as it is, and with each unit of a layer muted in turn.

    A muted unit's sums are 0. With `only` just these units are muted; the others' accuracies are NaN. Small nets on a CPU
    are computed by the native engine, one pass over the set for each unit and one more.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layer_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> whole, muted = accuracies_muted(subject, layer_of(subject, "C1"), cs.images("mnist").test.take(np.arange(50)))
    >>> muted.shape
    (6,)
    """
    muted = np.full(layer.units, np.nan)
    whole = 0.0
    chosen = tuple(range(layer.units) if only is None else only)
    for done, (unit, answers) in enumerate(_all_answers(subject, layer, pictures, chosen)):
        said = subject.scores(answers).argmax(1).numpy()
        accuracy = float((said == pictures.labels).mean()) if len(pictures) else 0.0
        if unit is None:
            whole = accuracy
        else:
            muted[unit] = accuracy
        if progress:
            progress(done + 1, len(chosen) + 1)
    return whole, muted


def accuracy_of(subject: Subject, pictures: Pictures, *, progress: Progress | None = None) -> float:
    """The part of a set of pictures that a net names rightly, 0..1; 0 of an empty set.

    >>> import convscope as cs
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> 0 <= accuracy_of(subject, cs.images("mnist").test.take(np.arange(50))) <= 1
    True
    """
    right, total, layer = 0, len(pictures), layers_of(subject)[0]
    for start in range(0, total, AT_ONCE):
        part = pictures.take(np.arange(start, min(start + AT_ONCE, total)))
        whole, _ = accuracies_muted(subject, layer, part, only=())
        right += round(whole * len(part))
        if progress:
            progress(min(start + AT_ONCE, total), total)
    return right / total if total else 0.0


def by_engine(subject: Subject) -> bool:
    """Whether the native engine computes a net's answers to a set, which is many times as quick."""
    return isinstance(subject.net, Net) and not lacking(subject.net.stack) and subject.device.type == "cpu"


def scores_muted(
    subject: Subject, layer: Layer, picture: np.ndarray, target: int, *, only: Sequence[int] | None = None
) -> tuple[float, Float[np.ndarray, " k"]]:
    """The score of a class for one picture, uint8 [c, h, w]: of the net as it is, and with each unit muted in turn, all of
    them or those in `only`, in that order.
    """
    x = subject.given(picture[None])
    chosen = torch.tensor(range(layer.units) if only is None else only, device=x.device)
    found = []
    with untouched(subject.net), torch.no_grad():
        whole = float(subject.scores(subject.answers(x))[0, target])
        for part in chosen.split(BATCH):
            with listening(subject.net, {layer.heard: partial(_each_another, part)}, changed=True):
                answers = subject.answers(x.expand(len(part), *x.shape[1:]))
            found.append(subject.scores(answers)[:, target].float().cpu().numpy())
    return whole, np.concatenate(found)


def _each_another(units: Tensor, sums: Tensor) -> Tensor:
    """The sums of equal pictures, in each of which another of the units is silent."""
    changed = sums.clone()
    changed[torch.arange(len(sums), device=sums.device), units] = 0
    return changed


def _all_answers(
    subject: Subject, layer: Layer, pictures: Pictures, chosen: Sequence[int]
) -> Iterator[tuple[int | None, Float[Tensor, "n k"]]]:
    """The net's answers to a set: first as it is (None), then with each of the units muted."""
    net = subject.net
    if isinstance(net, Net) and by_engine(subject):
        yield from _by_engine(subject, net, layer, pictures, chosen)
        return
    with untouched(net), torch.no_grad():
        for unit in (None, *chosen):
            yield unit, torch.cat([_answers(subject, layer, unit, p) for p in _batches(pictures.pixels)])


def _answers(subject: Subject, layer: Layer, unit: int | None, pixels: np.ndarray) -> Tensor:
    def silence(sums: Tensor) -> Tensor:
        changed = sums.clone()
        if unit is not None:
            changed[:, unit] = 0
        return changed

    with listening(subject.net, {layer.heard: silence}, changed=True):
        return subject.answers(subject.given(pixels)).float().cpu()


def _by_engine(
    subject: Subject, net: Net, layer: Layer, pictures: Pictures, chosen: Sequence[int]
) -> Iterator[tuple[int | None, Float[Tensor, "n k"]]]:
    engine = native.Engine(lowered(net.stack))
    names = [name for name, _ in net.named_parameters()]
    values = {name: p.detach().numpy() for name, p in net.named_parameters()}
    silent = _kernels_of_units(subject, layer, values)
    running = torch.cat([*running_of(net), torch.zeros(0)]).numpy()
    scale, shift = np.array(subject.scale, np.float32), np.array(subject.shift, np.float32)
    batch = native.Batch.gather(np.ascontiguousarray(pictures.pixels), np.arange(len(pictures)), scale, shift)
    for unit in (None, *chosen):
        changed = {**values, **({} if unit is None else silent(unit))}
        vector = np.concatenate([changed[name].ravel() for name in names])
        yield unit, torch.from_numpy(engine.outputs(batch, vector, running))


def _kernels_of_units(
    subject: Subject, layer: Layer, values: dict[str, np.ndarray]
) -> Callable[[int], dict[str, np.ndarray]]:
    """The layer's parameters with one unit's kernel and bias, or its norm's, made zero, so that its sums are."""
    weight, bias = f"{layer.heard}.weight", f"{layer.heard}.bias"
    module = subject.net.get_submodule(layer.heard)
    owner = (
        module.places.numpy() // module.dense[1]  # a row of the weight for each connection
        if isinstance(module, TableConv)
        else np.arange(layer.units)
    )

    def silent(unit: int) -> dict[str, np.ndarray]:
        changed = {weight: values[weight].copy()}
        changed[weight][owner == unit] = 0
        if bias in values:
            changed[bias] = values[bias].copy()
            changed[bias][unit] = 0
        return changed

    return silent


def _batches(pixels: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(pixels), BATCH):
        yield pixels[start : start + BATCH]
