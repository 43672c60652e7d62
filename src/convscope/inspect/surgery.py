"""Operations on units, each on a copy of the net: mute, scale, swap, edit, transplant, and what that does to its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from convscope.data.images import Pictures
from convscope.errors import PictureError, StackError
from convscope.inspect.layers import NORMS, Layer, alike, below_of, layer_of, unit_of, weights_of
from convscope.inspect.muting import AT_ONCE, accuracy_of
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject, subject_of
from convscope.nets.layers import TableConv
from convscope.runs import Run

Progress = Callable[[int, int], None]
Maps = tuple[Float[np.ndarray, "k y x"], Float[np.ndarray, "k y x"]]

NORMS_TENSORS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class Effect:
    """A net's scores of one picture by class name, before and after; larger is likelier, distances with a minus.

    `maps` has the sums of the layers that were asked for, before and after.
    """

    before: dict[str, float]
    after: dict[str, float]
    maps: dict[str, Maps]

    @property
    def named(self) -> tuple[str, str]:
        """The classes that the net names, before and after."""
        return max(self.before, key=self.before.__getitem__), max(self.after, key=self.after.__getitem__)


@dataclass(frozen=True, eq=False)
class _Kept:
    """What a part of a tensor was before an operation."""

    tensor: Tensor
    rows: Tensor
    values: Tensor

    @classmethod
    def of(cls, tensor: Tensor, rows: Tensor) -> _Kept:
        return cls(tensor, rows, tensor.detach()[rows].clone())

    def restore(self) -> None:
        """Put it back, bit for bit."""
        with torch.no_grad():
            self.tensor[self.rows] = self.values


class Surgery:
    """Operates on a copy of a net, one unit at a time; the net itself is never changed.

    Every operation returns the Surgery, so that they can be chained; one that is refused has changed nothing.
    `operations` says in words what was done, and `undo` takes back the last one. `subject` is the copy, with the
    same layers and names as the net, to be looked into like it; it belongs to no Run, so nothing is kept about it.

    Raises:
        StackError: The net cannot be copied.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> operated = Surgery(build(zoo["lenet5"])).mute("C1/3").scale("C3/5", 2)
    >>> operated.operations
    ('C1/3 muted', 'C3/5 times 2')
    >>> operated.undo().operations
    ('C1/3 muted',)
    """

    def __init__(self, model: Run | Subject | nn.Module) -> None:
        self._original = subject_of(model)
        try:
            net = deepcopy(self._original.net)
        except (RuntimeError, TypeError) as error:
            what = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StackError(f"{type(self._original.net).__name__} cannot be copied: {what}") from None
        self._subject = replace(self._original.with_net(net), run=None)
        alike(self._subject, self._original)
        self._done: list[tuple[str, list[_Kept]]] = []

    @property
    def subject(self) -> Subject:
        """The copy that is operated on, to be looked into."""
        return self._subject

    @property
    def operations(self) -> tuple[str, ...]:
        """What was done, in words, first to last."""
        return tuple(words for words, _ in self._done)

    def mute(self, unit: str) -> Surgery:
        """Make all of a unit's sums 0: those behind its norm, before its activation.

        Raises:
            StackError: There is no such unit, or its norm has no numbers of its own for each unit.
        """
        return self._scaled(unit, 0.0, f"{unit} muted")

    def scale(self, unit: str, factor: float) -> Surgery:
        """Multiply a unit's sums, those behind its norm, by a factor; a negative one turns them round.

        Raises:
            StackError: As for `mute`; the factor is not finite.
        """
        if not np.isfinite(factor):
            raise StackError(f"a unit cannot be scaled by {factor}: take a finite factor")
        return self._scaled(unit, float(factor), f"{unit} times {factor:g}")

    def swap(self, one: str, other: str) -> Surgery:
        """Let two units of a layer change places: their kernels, biases and entries of the norm.

        Where all that follows treats their maps alike but for the next layer's columns, swapping those too gives the net
        back; a norm over groups of maps does not, where the two are in different groups.

        Raises:
            StackError: There are no such units, they are of different layers, or see different maps below.
        """
        (layer, a), (second, b) = unit_of(self._subject, one), unit_of(self._subject, other)
        if layer.name != second.name:
            raise StackError(
                f"{one} and {other} are of different layers: only units of one layer change places"
            )
        below = below_of(self._subject, layer, a), below_of(self._subject, layer, b)
        if below[0] != below[1]:
            raise StackError(f"{one} and {other} see different maps below, {below[0]} and {below[1]}")
        first = _parts(self._subject, layer, a)
        pairs = [(part, _parts(self._subject, layer, b)[name]) for name, part in first.items()]

        def exchange() -> None:
            for (tensor, rows), (_, others) in pairs:
                tensor[torch.cat([rows, others])] = tensor[torch.cat([others, rows])].clone()

        touched = [part for pair in pairs for part in pair]
        return self._operate(f"{one} and {other} changed places", touched, exchange)

    def edit(self, unit: str, kernel: Float[np.ndarray, "*c h w"], bias: float | None = None) -> Surgery:
        """Give a unit another kernel, over the maps below that it sees, in their order, and another bias or its own.

        The kernel is the convolution's own: a norm that follows works on what it gives.

        Raises:
            StackError: The kernel has another shape, or holds what is no finite number; the layer has no biases.
        """
        layer, number = unit_of(self._subject, unit)
        parts = _parts(self._subject, layer, number)
        weight, rows = parts["weight"]
        wanted = _shape(self._subject, layer, number)
        new = np.asarray(kernel, np.float64)
        if new.ndim == 2 and wanted[0] == 1:
            new = new[None]
        if new.shape != wanted:
            came = "x".join(map(str, new.shape))
            raise StackError(f"{unit} has a kernel of {'x'.join(map(str, wanted))}, but one of {came} came")
        if not np.isfinite(new).all() or not np.isfinite(0.0 if bias is None else bias):
            raise StackError(f"{unit}: a kernel and its bias must be finite numbers")
        if bias is not None and "bias" not in parts:
            raise StackError(f"{layer.name} has no biases: leave the bias out")

        def write() -> None:
            weight[rows] = torch.from_numpy(new).to(weight).view(weight[rows].shape)
            if bias is not None:
                biases, at = parts["bias"]
                biases[at] = bias

        words = f"{unit} given another kernel" + ("" if bias is None else f" and the bias {bias:g}")
        return self._operate(words, [parts[n] for n in ("weight", "bias") if n in parts], write)

    def transplant(self, unit: str, from_model: Run | Subject | nn.Module, from_unit: str) -> Surgery:
        """Give a unit the kernel, bias and norm's entries of a unit of another net, or of the same net as it was.

        Where the donor's layer has no biases, the bias becomes 0.

        Raises:
            StackError: There are no such units; their kernels are of different shapes, or their norms of different kinds.
        """
        layer, number = unit_of(self._subject, unit)
        donor = subject_of(from_model)
        source, given = unit_of(donor, from_unit)
        shapes = _shape(self._subject, layer, number), _shape(donor, source, given)
        if shapes[0] != shapes[1]:
            here, there = ("x".join(map(str, s)) for s in shapes)
            raise StackError(f"{unit} has a kernel of {here}, but that of {from_unit} is of {there}")
        mine, theirs = _parts(self._subject, layer, number), _parts(donor, source, given)
        kinds = [
            _norm_kind(s, x) + _listed(n.removeprefix("norm.") for n in p if n.startswith("norm."))
            for s, x, p in ((self._subject, layer, mine), (donor, source, theirs))
        ]
        if kinds[0] != kinds[1]:
            raise StackError(
                f"{unit} is followed by {kinds[0]}, but {from_unit} by {kinds[1]}: they do not fit"
            )
        if "bias" in theirs and "bias" not in mine:
            raise StackError(f"{from_unit} has a bias, but {layer.name} has none: it has no place for it")

        def write() -> None:
            for name, (tensor, rows) in mine.items():
                if name in theirs:
                    other, others = theirs[name]
                    tensor[rows] = other.detach()[others].to(tensor)
                else:
                    tensor[rows] = 0

        return self._operate(f"{unit} replaced by {from_unit} of another net", list(mine.values()), write)

    def undo(self) -> Surgery:
        """Take back the last operation, bit for bit.

        Raises:
            StackError: Nothing was done.
        """
        if not self._done:
            raise StackError("there is nothing to undo: no operation was done")
        for kept in reversed(self._done.pop()[1]):
            kept.restore()
        return self

    def effect(self, picture: UInt8[np.ndarray, "c h w"], layers: Sequence[str] = ()) -> Effect:
        """The scores of a picture before and after all operations, and the sums of some `layers` where asked for.

        Raises:
            PictureError: The picture does not fit the net.
            StackError: There is no such layer.
        """
        if np.ndim(picture) != 3:
            raise PictureError(
                f"one picture is wanted, [channels, height, width], but {np.ndim(picture)} axes came"
            )
        wanted = [layer_of(self._subject, name) for name in layers]
        before, sums = _scores(self._original, picture, wanted)
        after, others = _scores(self._subject, picture, wanted)
        return Effect(before, after, {x.name: (sums[x.heard], others[x.heard]) for x in wanted})

    def accuracy(
        self,
        pixels: UInt8[np.ndarray, "n c h w"],
        labels: Int[np.ndarray, " n"],
        progress: Progress | None = None,
    ) -> tuple[float, float]:
        """The part of a set of pictures that is named rightly, 0..1, before and after all operations.

        Raises:
            PictureError: There are no pictures, or not a label for each.
        """
        if not len(pixels) or len(pixels) != len(labels):
            raise PictureError(f"{len(pixels)} pictures and {len(labels)} labels came: give a label for each")
        right, total = [0, 0], len(pixels)
        for start in range(0, total, AT_ONCE):
            part = Pictures(pixels[start : start + AT_ONCE], np.asarray(labels[start : start + AT_ONCE]))
            for which, subject in enumerate((self._original, self._subject)):
                right[which] += round(accuracy_of(subject, part) * len(part))
            if progress:
                progress(min(start + AT_ONCE, total), total)
        return right[0] / total, right[1] / total

    def _scaled(self, unit: str, factor: float, words: str) -> Surgery:
        layer, number = unit_of(self._subject, unit)
        parts = _scaling(self._subject, layer, unit, _parts(self._subject, layer, number))

        def multiply() -> None:
            for tensor, rows in parts:
                tensor[rows] = tensor[rows] * factor if factor else 0.0

        with untouched(self._subject.net):
            wanted = _probe(self._subject, layer, number) * factor
            self._operate(words, parts, multiply)
            came = _probe(self._subject, layer, number)
        if not torch.allclose(came, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max())):
            self.undo()
            raise StackError(
                f"{unit} cannot be scaled by its weights: what {layer.heard} gives does not follow them"
            )
        return self

    def _operate(
        self, words: str, parts: Sequence[tuple[Tensor, Tensor]], change: Callable[[], None]
    ) -> Surgery:
        kept = [_Kept.of(tensor, rows) for tensor, rows in parts]
        with torch.no_grad():
            change()
        self._done.append((words, kept))
        return self


def _parts(subject: Subject, layer: Layer, number: int) -> dict[str, tuple[Tensor, Tensor]]:
    """The tensors that hold a unit's numbers, by name, and its rows in each; those of a norm are called norm.NAME."""
    module: Any = subject.net.get_submodule(layer.module)
    if "weight" not in module._parameters:
        raise StackError(f"the weights of {layer.module} are computed from others, so they cannot be set")
    row = torch.tensor([number], device=module.weight.device)
    rows = row
    if isinstance(module, TableConv):
        rows = torch.nonzero(module.places // module.dense[1] == number).flatten()
    found: dict[str, tuple[Tensor, Tensor]] = {"weight": (module.weight, rows)}
    if module.bias is not None:
        found["bias"] = (module.bias, row)
    return found | {f"norm.{name}": (tensor, row) for name, tensor in _norm_tensors(subject, layer)}


def _norm_tensors(subject: Subject, layer: Layer) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a layer's norm that have a row for each unit."""
    norm: Any = subject.net.get_submodule(layer.heard)
    if layer.heard == layer.module or not isinstance(norm, NORMS):
        return
    axes: Any = getattr(norm, "normalized_shape", ())
    if (
        type(norm).forward is nn.LayerNorm.forward and len(axes) < 3
    ):  # its rows are rows or columns of a map, not maps
        return
    held = {**norm._parameters, **norm._buffers}
    for name in NORMS_TENSORS:
        tensor = held.get(name)
        if tensor is not None and len(tensor) == layer.units:
            yield name, tensor


def _scaling(
    subject: Subject, layer: Layer, unit: str, parts: Mapping[str, tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """What a unit's sums are proportional to, taken together."""
    if layer.heard == layer.module:
        return [parts[name] for name in ("weight", "bias") if name in parts]
    if "norm.weight" in parts:
        return [parts[name] for name in ("norm.weight", "norm.bias") if name in parts]
    if "norm.running_mean" in parts:
        return [parts[name] for name in ("weight", "bias", "norm.running_mean") if name in parts]
    norm = f"{layer.heard} ({_norm_kind(subject, layer)})"
    raise StackError(f"{unit} cannot be scaled or muted: its norm {norm} has no weight for each unit")


def _norm_kind(subject: Subject, layer: Layer) -> str:
    if layer.heard == layer.module:
        return "no norm"
    return type(subject.net.get_submodule(layer.heard)).__name__


def _listed(names: Iterable[str]) -> str:
    """Names in brackets, or nothing."""
    together = ", ".join(names)
    return f" ({together})" if together else ""


def _shape(subject: Subject, layer: Layer, number: int) -> tuple[int, int, int]:
    """A unit's kernel: the maps that it sees, rows, columns."""
    rows, columns = weights_of(subject, layer).shape[2:]
    return len(below_of(subject, layer, number)), rows, columns


def _probe(subject: Subject, layer: Layer, number: int) -> Tensor:
    """A unit's sums on noise, always the same."""
    noise = torch.randint(0, 256, (1, *subject.shape), generator=torch.Generator().manual_seed(0))
    x = subject.given(noise.byte().numpy())
    with (
        torch.no_grad(),
        listening(subject.net, {layer.heard: lambda sums: sums[:, number].clone()}) as heard,
    ):
        subject.net(x)
    return heard[layer.heard]


def _scores(
    subject: Subject, picture: UInt8[np.ndarray, "c h w"], layers: Sequence[Layer]
) -> tuple[dict[str, float], dict[str, Float[np.ndarray, "k y x"]]]:
    """A picture's scores by class name, and the sums of some layers by the module that they are heard from."""
    with (
        untouched(subject.net),
        torch.no_grad(),
        listening(
            subject.net, {x.heard: lambda sums: sums[0].float().cpu().numpy().copy() for x in layers}
        ) as heard,
    ):
        scores = subject.scores(subject.answers(subject.given(picture[None])))[0].tolist()
    return dict(zip(subject.classes, scores, strict=True)), heard
