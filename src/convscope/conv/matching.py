"""The magnet paper: where in a picture a patch is found again, and where its corners are.

A patch that was cut out of a picture is a kernel. Slid over the picture with each window's brightness and
contrast taken off, it lights up where it fits: 1 is the patch itself, -1 its negative.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from convscope.conv.kernels import gaussian, sobel_x, sobel_y
from convscope.errors import GeometryError, KernelError, PictureError

FAINT = 1e-7
"""A window whose variance is a smaller part of its mean square is computed by itself, as rounding would show."""
FAINT_IN_PICTURE = 1e-13
"""And so is one with a smaller part of the whole picture's energy."""
CELLS_AT_ONCE = 1 << 20

Picture = Float[np.ndarray, "rows columns"] | Float[np.ndarray, "channels rows columns"]
Scores = Float[np.ndarray, "down right"]
Plane = Float[np.ndarray, "rows columns"]
Planes = Float[np.ndarray, "channels rows columns"]


class Match(NamedTuple):
    """A place where a patch fits: its window's first row and column, and the score, -1 to 1."""

    top: int
    left: int
    score: float


def cut(picture: Picture, top: int, left: int, height: int, width: int) -> Picture:
    """A copy of the patch whose first pixel is at row `top` and column `left`; sizes in pixels.

    Raises:
        GeometryError: The patch is empty or leaves the picture.

    >>> cut(np.arange(16.0).reshape(4, 4), 1, 2, 2, 2).tolist()
    [[6.0, 7.0], [10.0, 11.0]]
    """
    rows, columns = _planes(picture, "picture").shape[1:]
    if min(height, width) < 1:
        raise GeometryError(f"a patch of {height} x {width} does not work: it has at least 1 x 1 pixels")
    if min(top, left) < 0 or top + height > rows or left + width > columns:
        raise GeometryError(
            f"a patch of {height} x {width} at row {top}, column {left} leaves the picture of "
            f"{rows} x {columns} pixels: move it inside, or make it smaller"
        )
    return np.asarray(picture, dtype=np.float64)[..., top : top + height, left : left + width].copy()


def match(picture: Picture, patch: Picture) -> Scores:
    """How well the patch fits at every place where it lies inside the picture, from -1 to 1.

    Normalised cross-correlation: sum (w - mean w)(p - mean p) / (|w - mean w| |p - mean p|) over the window w and
    the patch p (Lewis 1995, Fast normalized cross-correlation), so that brightness and contrast do not count. A
    colour patch is one list of numbers with one mean: its colours count. A window without variance scores 0, and
    so does everything where the patch has none.

    Raises:
        KernelError: Picture and patch differ in channels, or one has no rows and columns.
        GeometryError: The patch is larger than the picture.
        PictureError: A value is no finite number.

    >>> match(np.array([[0.0, 0, 1, 0, 0, 5, 3, 5]]), np.array([[0.0, 2, 0]])).round(2).tolist()
    [[-0.5, 1.0, -0.5, -0.5, 0.8, -1.0]]
    """
    planes, wanted = _planes(picture, "picture"), _planes(patch, "patch")
    _fits(planes, wanted)
    shape = (planes.shape[1] - wanted.shape[1] + 1, planes.shape[2] - wanted.shape[2] + 1)
    if wanted.min() == wanted.max() or planes.min() == planes.max():
        return np.zeros(shape)
    level, wanted = (_level(part, (0, 1, 2)) for part in (planes, wanted))
    wanted /= np.linalg.norm(wanted)
    size = wanted.shape[1:]
    sums, squares = (_over_windows(part.sum(axis=0), size) for part in (level, level**2))
    energy = squares - sums**2 / wanted.size
    faint = energy <= np.maximum(FAINT * squares, FAINT_IN_PICTURE * np.sum(level**2))
    scores = _correlate(level, wanted) / np.sqrt(np.where(faint, 1, energy))
    if faint.any():
        uneven = _over_windows(planes.max(axis=0), size, np.maximum) > _over_windows(
            planes.min(axis=0), size, np.minimum
        )
        scores[faint] = 0
        scores[faint & uneven] = _directly(planes, wanted, faint & uneven)
    return np.clip(scores, -1, 1)


def best_matches(scores: Scores, count: int, apart: int) -> list[Match]:
    """The `count` best places, best first, no two nearer than `apart` pixels both in rows and in columns.

    The best is taken, its neighbours are struck off, and so on (greedy non-maximum suppression). Fewer come back
    where no more places are left; of equal scores the upper, then the left one comes first.

    Raises:
        GeometryError: `count` or `apart` is less than 1.

    >>> best_matches(np.array([[0.1, 0.9, 0.8, 0.2, 0.5]]), count=2, apart=2)
    [Match(top=0, left=1, score=0.9), Match(top=0, left=4, score=0.5)]
    """
    for name, value in (("count", count), ("apart", apart)):
        if value < 1:
            raise GeometryError(f"{name} of {value} does not work: it must be at least 1")
    left_over = np.where(np.isnan(scores), -np.inf, np.asarray(scores, dtype=np.float64))
    found: list[Match] = []
    while len(found) < count and left_over.size:
        row, column = map(int, np.unravel_index(np.argmax(left_over), left_over.shape))
        if left_over[row, column] == -np.inf:
            break
        found.append(Match(row, column, float(left_over[row, column])))
        rows, columns = (slice(max(0, at - apart + 1), at + apart) for at in (row, column))
        left_over[rows, columns] = -np.inf
    return found


def harris(picture: Picture, sigma: float = 1, k: float = 0.05) -> Plane:
    """How much of a corner each pixel is: above 0 at corners, below 0 on edges, 0 where the picture is flat.

    det M - k (trace M)^2, where M is the mean of the gradient times itself under a Gaussian of `sigma` pixels
    (Harris & Stephens 1988, A combined corner and edge detector). The gradient is Sobel's, an eighth of it so
    that it is brightness per pixel; `k` is from 0 to 0.25; beyond the border the picture goes on as its edge.
    Colours add up in M.

    Raises:
        KernelError: `sigma` or `k` is out of range.
        PictureError: A value is no finite number.

    >>> square = np.zeros((20, 20))
    >>> square[5:, 5:] = 1
    >>> answer = harris(square)
    >>> bool(answer[5, 5] > 0), bool(answer[12, 5] < 0), float(answer[12, 12])
    (True, True, 0.0)
    """
    if not 0 <= k <= 0.25:
        raise KernelError(f"k (of the corner response) is a number from 0 to 0.25, not {k:g}")
    bell = gaussian(sigma).sum(axis=0)
    planes = _planes(picture, "picture")
    right, down = (np.stack([_same(plane, kernel) / 8 for plane in planes]) for kernel in (sobel_x, sobel_y))
    xx, yy, xy = (
        _same(_same(product.sum(axis=0), bell[None, :]), bell[:, None])
        for product in (right * right, down * down, right * down)
    )
    return xx * yy - xy**2 - k * (xx + yy) ** 2


def _planes(picture: Picture, what: str) -> Planes:
    """The picture as float64 with its channels first, one for grey."""
    numbers = np.asarray(picture, dtype=np.float64)
    if numbers.ndim not in (2, 3) or not numbers.size:
        raise KernelError(
            f"a {what} is [rows, columns] or [channels, rows, columns] with at least one pixel, "
            f"not an array of shape {numbers.shape}"
        )
    if not np.isfinite(numbers).all():
        raise PictureError(f"the {what} has a value that is no finite number: replace nan and inf first")
    return numbers if numbers.ndim == 3 else numbers[None]


def _fits(planes: Planes, wanted: Planes) -> None:
    channels, rows, columns = wanted.shape
    if channels != len(planes):
        raise KernelError(
            f"the patch has channels: {channels}, the picture: {len(planes)}; cut the patch out of a picture like it"
        )
    if rows > planes.shape[1] or columns > planes.shape[2]:
        raise GeometryError(
            f"a patch of {rows} x {columns} does not fit into a picture of {planes.shape[1]} x {planes.shape[2]} "
            "pixels: take a smaller patch"
        )


def _level(numbers: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The numbers with their mean over the axes taken off, scaled so that no square over- or underflows.

    The scale is a power of two, which rounds nothing; the mean is taken off twice, as one mean of large numbers is
    itself rounded.
    """
    _, exponent = np.frexp(np.abs(numbers).max(axis=axes, keepdims=True))
    near = np.ldexp(numbers, -exponent)
    near -= near.mean(axis=axes, keepdims=True)
    return near - near.mean(axis=axes, keepdims=True)


def _correlate(planes: Planes, wanted: Planes) -> Scores:
    """Every window's products with the patch, summed over the channels, by way of the Fourier transform."""
    rows, columns = (_smooth(size) for size in planes.shape[1:])
    total = np.zeros((rows, columns // 2 + 1), dtype=np.complex128)
    for plane, part in zip(planes, wanted, strict=True):
        total += np.fft.rfft2(plane, (rows, columns)) * np.fft.rfft2(part, (rows, columns)).conj()
    down, right = (size - part + 1 for size, part in zip(planes.shape[1:], wanted.shape[1:], strict=True))
    return np.fft.irfft2(total, (rows, columns))[:down, :right]


def _smooth(size: int) -> int:
    """The next size without a prime factor above 5, which is quick to transform."""
    rest = size
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    return size if rest == 1 else _smooth(size + 1)


def _over_windows(plane: Plane, size: tuple[int, ...], fold: np.ufunc = np.add) -> Scores:
    """Sums (or what `fold` says) over every window, folded shift by shift: a running sum would carry the rounding
    of a bright place along."""
    for axis, extent in enumerate(size):
        room = plane.shape[axis] - extent + 1
        folded = plane.take(range(room), axis)
        for shift in range(1, extent):
            part = plane[shift : shift + room] if axis == 0 else plane[:, shift : shift + room]
            fold(folded, part, out=folded)
        plane = folded
    return plane


def _directly(planes: Planes, wanted: Planes, where: np.ndarray) -> Float[np.ndarray, " places"]:
    """The scores of the windows that `where` marks, each with its own mean taken off."""
    windows = sliding_window_view(planes, wanted.shape)[0]
    places = np.argwhere(where)
    scores = np.zeros(len(places))
    step = max(1, CELLS_AT_ONCE // wanted.size)
    for start in range(0, len(places), step):
        rows, columns = places[start : start + step].T
        values = _level(windows[rows, columns].reshape(len(rows), -1), (1,))
        scores[start : start + step] = values @ wanted.ravel() / np.linalg.norm(values, axis=1)
    return scores


def _same(plane: Plane, kernel: Plane) -> Plane:
    """The kernel laid on every pixel; the picture goes on beyond its border as its edge."""
    rows, columns = kernel.shape
    padded = np.pad(plane, ((rows // 2, rows // 2), (columns // 2, columns // 2)), mode="edge")
    answer = np.zeros_like(plane)
    for (row, column), weight in np.ndenumerate(kernel):
        if weight:
            answer += weight * padded[row : row + plane.shape[0], column : column + plane.shape[1]]
    return answer
