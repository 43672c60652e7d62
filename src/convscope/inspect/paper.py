"""Magnet paper: a sheet laid on a picture as a net sees it, what it says there, and which other sheets it resembles.

A sheet is text: a classic (`sobel_x`, `gaussian(2)`), numbers (`1 0 -1; 2 0 -2; 1 0 -1`), a learned kernel of the first
layer (`C1/3`), or a patch of the picture itself (`patch:TOP,LEFT,ROWS,COLUMNS`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from convscope.conv.convolution import convolve
from convscope.conv.kernel_text import parse_kernel
from convscope.conv.kernels import CLASSICS
from convscope.conv.matching import Match, best_matches, cut, match
from convscope.data.fit import grey
from convscope.drawing.colours import limit_of
from convscope.errors import KernelError
from convscope.inspect.classics import Near, nearest_classics, nearest_learned
from convscope.inspect.layers import kernels_of, layers_of, unit_of
from convscope.inspect.likeness import coloured_likeness, likeness
from convscope.inspect.subject import Subject

LARGEST = 63
"""Cells along a sheet's side at most."""
HIGHEST = 1e30
"""A painted number's magnitude at most: sums of larger ones overflow."""
FOUND = 3
"""So many places are named where a sheet fits best."""
PATCH = re.compile(r"patch:(\d{1,4}),(\d{1,4}),(\d{1,4}),(\d{1,4})")
UNIT = re.compile(r"[^;|()]+/\d{1,6}")


@dataclass(frozen=True, eq=False)
class Paper:
    """A sheet on a picture of 0..1.

    `kind` is "classic", "painted", "learned" or "patch". `corner` is the row and column of the picture under the middle of
    the sheet for the map's first value; `places` are where it fits best, as the pixels under its middle. `like` are the
    sheets that it resembles, classic ones and learned ones. `limit` is the end of the map's scale of colours.
    """

    sheet: str
    kind: str
    kernel: Float[np.ndarray, "c h w"]
    map: Float[np.ndarray, "y x"]
    corner: tuple[int, int]
    limit: float
    about: str
    formula: str = ""
    source: str = ""
    places: tuple[Match, ...] = ()
    like: tuple[Near, ...] = ()


def paper_of(subject: Subject, seen: UInt8[np.ndarray, "c y x"], sheet: str) -> Paper:
    """A sheet laid on a picture as a net takes it. A kernel's map is as large as the picture, which goes on beyond its
    border as its edge: zeros around would be edges that are not there. Classic and painted kernels lie on the picture's
    brightness, learned ones on its channels. A patch's map is -1..1.

    Raises:
        KernelError, StackError, GeometryError: There is no such sheet, or it does not fit.

    >>> from convscope.nets.build import build
    >>> from convscope.nets.zoo import zoo
    >>> from convscope.inspect.subject import subject_of
    >>> step = np.zeros((1, 32, 32), np.uint8)
    >>> step[:, :, 16:] = 255
    >>> laid = paper_of(subject_of(build(zoo["lenet5"])), step, "sobel_x")
    >>> laid.kind, float(laid.map[8, 15]), laid.places[0].left, laid.like[0].kernel.startswith("C1/")
    ('classic', 4.0, 15, True)
    """
    text = sheet.strip()
    patch = PATCH.fullmatch(text)
    if patch:
        return _patch(subject, seen, text, *(int(n) for n in patch.groups()))
    if UNIT.fullmatch(text):
        return _learned(subject, seen, text)
    return _kernel(subject, seen, text)


def first_kernels(subject: Subject) -> tuple[str, Float[np.ndarray, "k c h w"]]:
    """The first layer's name and its kernels: those that lie on the picture itself."""
    layer = layers_of(subject)[0]
    return layer.name, kernels_of(subject, layer)


def in_words(kernel: Float[np.ndarray, "c h w"]) -> str:
    """What a kernel on a picture looks like: its pattern, and of one over red, green and blue its colours.

    >>> in_words(np.array([[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]))
    'a vertical edge, light on the right (Sobel) (1.00 cosine)'
    """
    if len(kernel) == 1:
        return str(likeness(kernel[0]))
    if len(kernel) == 3:
        colours, like = coloured_likeness(kernel)
        return f"{colours}: {like}"
    return f"a kernel over {len(kernel)} channels"


def _kernel(subject: Subject, seen: np.ndarray, text: str) -> Paper:
    name, kernel = parse_kernel(text, files=False)
    if max(kernel.shape[-2:]) > LARGEST or (kernel.ndim == 3 and len(kernel) > 1):
        raise KernelError(
            f"a sheet has at most {LARGEST} x {LARGEST} cells and one channel: take a smaller one"
        )
    if not (np.abs(kernel) <= HIGHEST).all():
        raise KernelError(f"a sheet's numbers are from -{HIGHEST:g} to {HIGHEST:g}: replace the others")
    flat = kernel[0] if kernel.ndim == 3 else kernel
    made = convolve(_brightness(seen), flat.astype(np.float32), padding="same", mode="replicate")[0]
    classic = CLASSICS.get(name.partition("(")[0])
    like = _like_learned(subject, flat)
    if classic is None:
        return _made(
            text, "painted", flat[None], made, "numbers of your own", like=(*like, *nearest_classics(flat, 1))
        )
    return _made(text, "classic", flat[None], made, classic.about, classic.formula, classic.source, like)  # fmt: skip


def _learned(subject: Subject, seen: np.ndarray, text: str) -> Paper:
    layer, number = unit_of(subject, text)
    first = layers_of(subject)[0]
    if layer.name != first.name:
        raise KernelError(
            f"{text[:99]} lies on maps, not on the picture: take one of {first.name}, or watch it slide"
        )
    kernel = kernels_of(subject, layer)[number]
    made = np.nan_to_num(
        convolve(seen.astype(np.float32) / 255, kernel[None], padding="same", mode="replicate")[0]
    )
    like = nearest_classics(kernel.sum(axis=0, dtype=np.float64), 3)
    return _made(text, "learned", kernel, made, in_words(kernel), like=like)


def _patch(subject: Subject, seen: np.ndarray, text: str, *where: int) -> Paper:
    top, left, rows, columns = where
    if max(rows, columns) > LARGEST or rows * columns < 4:
        raise KernelError(f"a patch has 4 pixels or more, and at most {LARGEST} x {LARGEST}: cut another")
    plain = _brightness(seen).astype(np.float64)
    patch = cut(plain, top, left, rows, columns)
    even = patch.min() == patch.max()
    about = (
        "all its pixels are alike, so it fits nowhere better than elsewhere: cut one with an edge in it" if even
        else "cut out of the picture: 1 is the patch itself, −1 its negative, whatever the brightness"
    )  # fmt: skip
    level = patch[0] - patch[0].mean()
    like = () if even else (*_like_learned(subject, level), *nearest_classics(level, 1))
    corner = ((rows - 1) // 2, (columns - 1) // 2)
    scores = match(plain, patch).astype(np.float32)
    return _made(text, "patch", patch, scores, about, like=like, corner=corner, limit=1.0)


def _made(
    sheet: str, kind: str, kernel: np.ndarray, made: np.ndarray, about: str, formula: str = "", source: str = "",
    like: tuple[Near, ...] = (), corner: tuple[int, int] = (0, 0), limit: float | None = None,
) -> Paper:  # fmt: skip
    apart = max(2, *kernel.shape[-2:])
    places = tuple(
        Match(m.top + corner[0], m.left + corner[1], m.score)
        for m in best_matches(made.astype(np.float64), FOUND, apart)
        if m.score > 0
    )
    end = limit_of(made) if limit is None else limit
    return Paper(
        sheet, kind, kernel.astype(np.float64), made, corner, end, about, formula, source, places, like
    )


def _like_learned(subject: Subject, kernel: np.ndarray) -> tuple[Near, ...]:
    """The learned kernel that a kernel resembles most; of one over several channels what it does to grey. A single cell is
    part of every kernel, and resembles none."""
    if np.count_nonzero(kernel) < 2:
        return ()
    name, learned = first_kernels(subject)
    number, near = nearest_learned(kernel, learned.sum(axis=1, dtype=np.float64))
    return (Near(f"{name}/{number}", near),)


def _brightness(seen: np.ndarray) -> Float[np.ndarray, "1 y x"]:
    return grey(seen).astype(np.float32)[None] / 255
