"""What is looked into: a Run's net or any module, with what its pictures are and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convscope.errors import PictureError, StackError, instead
from convscope.inspect.record import untouched
from convscope.nets.answers import named, probabilities
from convscope.nets.build import Net
from convscope.nets.views import shown
from convscope.runs import Run

BATCH = 256


@dataclass(frozen=True, eq=False)
class Subject:
    """A net to look into. Make one with `subject_of`.

    `shape` is that of its pictures, (channels, height, width); pixel p of channel c is given to the net as
    scale[c] * p + shift[c]. `classes` are the names of its answers. `epoch` is the kept epoch of `run` that it is, or None.
    """

    net: nn.Module
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    run: Run | None = None
    epoch: int | None = None

    @property
    def device(self) -> torch.device:
        """Where the net computes."""
        return next(self.net.parameters(), torch.zeros(())).device

    def given(self, pixels: UInt8[np.ndarray, "n c y x"]) -> Float[Tensor, "n c h w"]:
        """Pictures of 0..255 as the net takes them: normalised, on its device; smaller ones get a black border.

        Of the larger pictures that a Run's net was shown parts of, it is the middle.

        Raises:
            PictureError: They have other channels, or are larger than any it learned from.
        """
        return torch.from_numpy(self.normalised(pixels)).to(self.device)

    def normalised(self, pixels: UInt8[np.ndarray, "n c y x"]) -> Float[np.ndarray, "n c h w"]:
        """As `given`, on the CPU."""
        wanted, came = self.shape, pixels.shape[1:]
        # Of the pictures that a Run learned from, the net may see parts: here the middle.
        whole = self.run is not None and list(came) == self.run.info["picture_shape"]
        if not whole and (came[0] != wanted[0] or came[1] > wanted[1] or came[2] > wanted[2]):
            raise PictureError(
                f"pictures of {'x'.join(map(str, came))} came, but the net takes {'x'.join(map(str, wanted))}: "
                "bring them to its size and channels first (convscope.data.fit)"
            )
        if came != wanted:
            pixels = shown(pixels, wanted[1:])
        scale, shift = (np.array(v, np.float32)[:, None, None] for v in (self.scale, self.shift))
        return pixels * scale + shift

    def answers(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """The net's answers [n, classes]: of a net that returns a tuple or a dict its first tensor."""
        return first_tensor(self.net(x)).flatten(1)

    def scores(self, answers: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Answers as numbers that are larger for the likelier class: distances change their sign."""
        return -answers if isinstance(self.net, Net) and self._distances else answers

    @cached_property
    def _distances(self) -> bool:
        probe = torch.tensor([[0.0, 1.0]])
        assert isinstance(self.net, Net)
        return bool(named(self.net.stack, probe)[0] == 0)

    def chances(self, answers: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """Class probabilities, each row summing to 1."""
        return probabilities(self.net.stack, answers) if isinstance(self.net, Net) else answers.softmax(1)

    def class_of(self, target: int | str | None, answers: Float[Tensor, "1 k"]) -> int:
        """The number of a class, given by number or name; None is the one that the net names.

        Raises:
            StackError: There is no such class.
        """
        if target is None:
            return int(self.scores(answers)[0].argmax())
        if isinstance(target, str) and target in self.classes:
            return self.classes.index(target)
        if isinstance(target, int) and 0 <= target < answers.shape[1]:
            return target
        raise StackError(f"there is no class {target!r}: {instead(str(target), self.classes)}")

    def with_net(self, net: nn.Module) -> Subject:
        """The same with another net in its place, such as a copy that was operated on."""
        return replace(self, net=net)


def subject_of(
    model: Run | Subject | nn.Module,
    *,
    shape: tuple[int, int, int] | None = None,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | float = 0.0,
    std: Sequence[float] | float = 1.0,
    epoch: int | None = None,
) -> Subject:
    """What to look into: a Run (as it ended, or after a kept `epoch`), or any module that takes pictures.

    Of a module, `shape` is what its pictures are, and pixels of 0..1 are given to it as (pixel - mean) / std, each one
    number or one a channel. Compiled modules are looked into as what they were compiled from.

    Raises:
        StackError: The shape is missing, or the module cannot take such pictures.
        RunError: The Run's weights cannot be read.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> subject_of(build(zoo["lenet5"])).shape
    (1, 32, 32)
    """
    if isinstance(model, Subject):
        return model
    if isinstance(model, Run):
        rule = model.info["normalisation"]
        net = model.net(epoch)
        return Subject(
            net,
            net.stack.input.shape,
            model.classes,
            tuple(rule["scale"]),
            tuple(rule["shift"]),
            model,
            epoch,
        )
    net = getattr(model, "_orig_mod", model)
    if isinstance(net, Net):
        shape = net.stack.input.shape
    if shape is None:
        raise StackError(f"{type(net).__name__}: say what its pictures are, shape=(channels, height, width)")
    means, deviations = (np.broadcast_to(np.asarray(v, float), shape[:1]).tolist() for v in (mean, std))
    subject = Subject(
        net, shape, (),
        tuple(1 / (255 * d) for d in deviations), tuple(-m / d for m, d in zip(means, deviations, strict=True)),
    )  # fmt: skip
    count = _outputs(subject)
    names = tuple(classes or map(str, range(count)))
    if len(names) != count:
        raise StackError(f"{type(net).__name__} gives {count} answers, but {len(names)} classes were named")
    return replace(subject, classes=names)


def _outputs(subject: Subject) -> int:
    try:
        with untouched(subject.net), torch.no_grad():
            return subject.answers(torch.zeros(1, *subject.shape, device=subject.device)).shape[1]
    except (RuntimeError, TypeError, ValueError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StackError(
            f"{type(subject.net).__name__} cannot take pictures of {'x'.join(map(str, subject.shape))}: {what}"
        ) from None


def first_tensor(result: Any) -> Tensor:
    """The first tensor of what a net returned.

    Raises:
        StackError: It holds none.
    """
    if isinstance(result, Tensor):
        return result
    values = (
        result.values() if isinstance(result, dict) else result if isinstance(result, tuple | list) else ()
    )
    for value in values:
        try:
            return first_tensor(value)
        except StackError:
            continue
    raise StackError(f"the net returned {type(result).__name__}, which holds no tensor")
