"""Where a net looked, as a map over its picture, and what all ways of asking share: the question, greys, registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from convscope.conv.geometry import Field
from convscope.errors import PictureError
from convscope.inspect.display import block, film_image
from convscope.inspect.record import untouched
from convscope.inspect.subject import Subject
from convscope.nets.views import shown

Progress = Callable[[int, int], None]
"""Called with how many pictures went through the net, and how many will."""

VALUES_AT_ONCE = 1 << 22
"""So many input values, at most, are given to a net at once."""


@dataclass(frozen=True, eq=False)
class Heat:
    """Where a net looked for one class: a value for each pixel, in the units of its method, never rescaled.

    `values` have the size that the net takes. Where `signed`, negative ones spoke against the class. `layer` is the one it
    was taken at, or None, and `why` says how it was taken. `empty` says why there is nothing to see, or is "". `passes` are
    the pictures that went forward through the net for it.
    """

    method: str
    target: int
    target_name: str
    layer: str | None
    why: str
    values: Float[np.ndarray, "h w"]
    signed: bool
    empty: str
    passes: int

    @property
    def peak(self) -> tuple[int, int]:
        """Row and column of the value that is largest in size; of several the one nearest to the picture's middle.

        There are several where it lies at the edge: outside of the outermost values a map goes on as it ends.

        >>> values = np.array([[0, 1], [-3, 2]], np.float32)
        >>> Heat("gradient", 0, "0", None, "", values, True, "", 1).peak
        (1, 0)
        """
        size = np.abs(self.values)
        rows, columns = np.nonzero(size == size.max())
        height, width = size.shape
        nearest = int(np.argmin((2 * rows - height + 1) ** 2 + (2 * columns - width + 1) ** 2))
        return int(rows[nearest]), int(columns[nearest])

    def _repr_html_(self) -> str:
        title = f"{self.method} for {self.target_name}"
        return block(title, [(film_image(self.values, side=200), self.empty or self.why)])


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked: which class (a number, a name, or None for what the net says) of which picture of 0..255."""

    subject: Subject
    picture: UInt8[np.ndarray, "c h w"]
    target: int | str | None = None
    seed: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.picture.dtype != np.uint8 or self.picture.ndim != 3:
            raise PictureError(
                f"a picture is uint8 [channels, height, width], not {self.picture.dtype} {list(self.picture.shape)}"
            )

    @property
    def given(self) -> Float[Tensor, "1 c h w"]:
        """The picture as the net takes it."""
        return self.subject.given(self.picture[None])

    def scored(self, x: Float[Tensor, "n c h w"], target: int) -> Float[Tensor, " n"]:
        """The scores of a class, larger where it is likelier."""
        return self.subject.scores(self.subject.answers(x))[:, target]

    def answer(self, x: Float[Tensor, "1 c h w"]) -> tuple[int, float]:
        """The class that is asked about, and its score for the picture.

        Raises:
            StackError: There is no such class.
        """
        with torch.no_grad():
            answers = self.subject.answers(x)
        target = self.subject.class_of(self.target, answers)
        return target, float(self.subject.scores(answers)[0, target])

    def says(self, done: int, total: int) -> None:
        """Report progress to whoever wants it."""
        if self.progress is not None:
            self.progress(done, total)

    def heat(
        self, method: str, target: int, values: np.ndarray, *, why: str, signed: bool, passes: int,
        layer: str | None = None, empty: str = "",
    ) -> Heat:  # fmt: skip
        """The finished map; where it holds no numbers, or zeros only, it says so."""
        if not np.isfinite(values).all():
            values, empty = np.zeros_like(values), NOT_A_NUMBER
        elif not empty and not values.any():
            empty = "every value is 0"
        name = self.subject.classes[target]
        return Heat(method, target, name, layer, why, values.astype(np.float32), signed, empty, passes)


NOT_A_NUMBER = "the net's answer, or what is sent back from it, is not a number (NaN or infinity)"


@contextmanager
def still(net: nn.Module) -> Iterator[None]:
    """Gradients can be taken within the block, but none for the net's parameters; the net is as it was afterwards.

    >>> net = nn.Linear(2, 2)
    >>> with torch.no_grad(), still(net):
    ...     net(torch.ones(1, 2, requires_grad=True)).requires_grad, net.weight.requires_grad
    (True, False)
    """
    with torch.inference_mode(False), untouched(net), torch.enable_grad():
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        yield


def gradient(score: Tensor, of: Any, like: Tensor) -> Tensor:
    """The gradient of a sum of scores; zeros where the score does not depend on it."""
    if not score.requires_grad:
        return torch.zeros_like(like)
    (found,) = torch.autograd.grad(score.sum(), of, allow_unused=True)
    return torch.zeros_like(like) if found is None else found


def at_once(x: Tensor) -> int:
    """How many pictures such as this one are given to a net at once, 1 to 256."""
    return max(1, min(256, VALUES_AT_ONCE // max(1, x[0].numel())))


def ground(
    subject: Subject, grey: int | Sequence[int] | None = None
) -> tuple[UInt8[np.ndarray, "c h w"], str]:
    """A picture without anything in it, and its name: of one `grey` (0..255, or one for each channel).

    Without `grey` it is the background of the pictures that a Run learned from, else black. A Run's net that takes
    larger pictures than it learned from gets the same black border as always.

    Raises:
        PictureError: There is no such grey, or not one for each channel.

    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> ground(subject_of(build(zoo["lenet5"])))[1], ground(subject_of(build(zoo["lenet5"])), 127)[1]
    ('black', 'grey 127')
    """
    run, shape = subject.run, subject.shape
    name = "" if grey is None else f"grey {grey}"
    if grey is None and run is not None and run.info.get("background") is not None:
        grey = int(run.info["background"])
        name = f"the background, grey {grey}"
    levels = np.atleast_1d(np.asarray(0 if grey is None else grey))
    if levels.shape not in ((1,), shape[:1]) or levels.dtype.kind not in "iu":
        raise PictureError(f"a grey is a whole number of 0..255, or {shape[0]} of them, not {grey!r}")
    if levels.min() < 0 or levels.max() > 255:
        raise PictureError(f"a grey is a whole number of 0..255, not {grey!r}")
    own = shape if run is None else tuple(run.info["picture_shape"])
    plain = np.empty(own, np.uint8)
    plain[:] = levels.astype(np.uint8)[:, None, None]
    return shown(plain, shape[1:]), "black" if not levels.any() else name


def centres(field: Field, count: int) -> Float[np.ndarray, " n"]:
    """Where the middles of the fields of a map's values lie, in pixels of the picture: start + p jump + (size - 1) / 2.

    Pixel 0's middle is at 0 (Araujo, Norris & Sim 2019, "Computing receptive fields").

    >>> centres(Field(size=14, jump=4, start=0), 3).tolist()
    [6.5, 10.5, 14.5]
    """
    return field.start + field.jump * np.arange(count) + (field.size - 1) / 2


def stretched(size: int, count: int) -> Float[np.ndarray, " n"]:
    """Where a map's values lie if it is stretched to `size` pixels, whatever they see: (p + 1/2) size / count - 1/2.

    >>> stretched(8, 2).tolist()
    [1.5, 5.5]
    """
    return (np.arange(count) + 0.5) * size / count - 0.5


def between(places: Float[np.ndarray, " n"], size: int) -> Float[np.ndarray, "size n"]:
    """How much each of `size` pixels takes of values that lie at `places`: linear between two, the nearest outside.

    >>> between(np.array([0.0, 2.0]), 4).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]
    """
    return np.stack([np.interp(np.arange(size), places, row) for row in np.eye(len(places))], axis=1)


def spread(
    values: Float[np.ndarray, "y x"],
    rows: Float[np.ndarray, " y"],
    columns: Float[np.ndarray, " x"],
    size: tuple[int, int],
) -> Float[np.ndarray, "h w"]:
    """A map as large as the picture: bilinear between values that lie at `rows` and `columns`, in pixels.

    With the middles of the receptive fields each value lies on what it saw. A plain stretch, as most tools do it, puts the
    outermost values half a cell from the picture's edges. That is the same only where the fields' middles are spread
    like that; in a net without padding the map then seems up to half a field too far out.

    >>> spread(np.array([[0.0, 4.0]]), np.array([0.0]), np.array([1.0, 3.0]), (1, 5)).tolist()
    [[0.0, 0.0, 2.0, 4.0, 4.0]]
    """
    return between(rows, size[0]) @ values.astype(np.float64) @ between(columns, size[1]).T
