"""The classic kernels, each with its formula and its source.

A kernel is a float64 array [rows, columns] that is laid on the picture as it is printed: cross-correlation, no
flip, as every deep-learning library does it. Those without a knob are arrays that cannot be written to, the
others are functions:

>>> sobel_x.tolist()
[[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
>>> gaussian(2).shape
(13, 13)

Rows go down and columns to the right. Angles are in degrees, from the right towards the top, as one sees them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from convscope.errors import KernelError

MOST = 1023
"""Rows and columns that a kernel has at most."""
TAILS = 3
"""A bell is cut off this many standard deviations from its centre."""

Kernel = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Parameter:
    """A knob of a kernel: what it is with its unit, and its range. `odd` means odd whole numbers."""

    name: str
    about: str
    least: float = -math.inf
    whole: bool = False
    odd: bool = False

    @property
    def limits(self) -> str:
        """The range in words.

        >>> Parameter("size", "rows and columns", least=1, whole=True).limits
        'a whole number from 1 to 1023'
        """
        if self.whole:
            return f"{'an odd' if self.odd else 'a whole'} number from {self.least:g} to {MOST}"
        return "a finite number" if self.least == -math.inf else f"a number of at least {self.least:g}"

    def check(self, value: float) -> float:
        """The value, if it is in range.

        Raises:
            KernelError: It is not, or it is no finite number.
        """
        good = math.isfinite(value) and value >= self.least
        if good and self.whole:
            good = value == int(value) and value <= MOST and (not self.odd or value % 2 == 1)
        if not good:
            raise KernelError(f"{self.name} ({self.about}) is {self.limits}, not {value:g}")
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class Classic:
    """A classic kernel: how it is made, its formula, what it does to a picture, and who published it."""

    name: str
    make: Callable[..., Kernel]
    formula: str
    about: str
    source: str
    parameters: tuple[Parameter, ...] = ()

    @property
    def usage(self) -> str:
        """How it is written, with the values its knobs have when they are left out.

        >>> CLASSICS["gaussian"].usage
        'gaussian(sigma=1)'
        """
        knobs = inspect.signature(self.make).parameters.values()
        said = [f"[{k.name}=]" if k.default is None else f"{k.name}={k.default}" for k in knobs]
        return f"{self.name}({', '.join(said)})" if said else self.name


SIZE = Parameter("size", "rows and columns, in pixels", least=1, whole=True)
SIGMA = Parameter("sigma", "the bell's standard deviation, in pixels", least=0.2)
AMOUNT = Parameter("amount", "how much of the detail is added, as a factor", least=0)
RATIO = Parameter("ratio", "the wide bell's sigma over the narrow one's", least=1.01)
WAVELENGTH = Parameter("wavelength", "from one stripe to the next, in pixels", least=2)
ANGLE = Parameter("angle", "from the right towards the top, in degrees")
PHASE = Parameter("phase", "of the wave at the centre, in degrees; 0 is a bright stripe")
ASPECT = Parameter("aspect", "the bell's width across the stripes over its length along them", least=0.05)
LINE = Parameter("length", "of the line, in pixels", least=3, whole=True, odd=True)
PATH = Parameter("length", "of the movement, in pixels", least=1, whole=True, odd=True)
COUNT = Parameter("count", "kernels in the bank", least=1, whole=True)


def _fixed(rows: list[list[float]]) -> Kernel:
    kernel = np.array(rows, dtype=np.float64)
    kernel.setflags(write=False)
    return kernel


identity = _fixed([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
sharpen = _fixed([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
emboss = _fixed([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
sobel_x = _fixed([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
sobel_y = _fixed([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
prewitt_x = _fixed([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
prewitt_y = _fixed([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
scharr_x = _fixed([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]])
scharr_y = _fixed([[-3, -10, -3], [0, 0, 0], [3, 10, 3]])
roberts_x = _fixed([[-1, 0], [0, 1]])
roberts_y = _fixed([[0, -1], [1, 0]])
laplacian = _fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
laplacian8 = _fixed([[1, 1, 1], [1, -8, 1], [1, 1, 1]])


def box(size: int = 3) -> Kernel:
    """The mean of size x size pixels; sums to one.

    >>> box(2).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    cells = int(SIZE.check(size))
    return np.full((cells, cells), 1 / cells**2)


def gaussian(sigma: float = 1) -> Kernel:
    """A blur whose weights fall off as a bell; sigma in pixels, at least 0.2. Sums to one.

    One pixel from the centre the weight is exp(-1/2) of the centre's, along rows and columns alike.

    >>> bell = gaussian(1)
    >>> bell.shape, bool(np.isclose(bell[3, 4] / bell[3, 3], np.exp(-0.5)))
    ((7, 7), True)
    """
    sigma = SIGMA.check(sigma)
    return _bell(sigma, _radius(sigma))


def unsharp(sigma: float = 1, amount: float = 1) -> Kernel:
    """The picture plus `amount` times what a Gaussian blur takes away from it; sums to one.

    >>> bool(np.isclose(unsharp(1, amount=2)[3, 3], 3 - 2 * gaussian(1)[3, 3]))
    True
    """
    blur = gaussian(sigma)
    amount = AMOUNT.check(amount)
    sharp = -amount * blur
    sharp[blur.shape[0] // 2, blur.shape[1] // 2] += 1 + amount
    return sharp


def log(sigma: float = 1.4) -> Kernel:
    """The Laplacian of a Gaussian: negative in the middle, a positive ring around it; sums to zero.

    (r^2/sigma^2 - 2)/sigma^2 times the bell. The 2 is replaced by the mean of r^2/sigma^2 over the kernel's own
    cells, which is nearly 2, so that the cells sum to zero although the bell is sampled and cut off. A ring of
    radius sqrt(2) sigma is where it changes its sign:

    >>> spot = log(2)
    >>> [bool(v > 0) for v in spot[6, 6:10]]  # r = 0, 1, 2, 3; sqrt(2) sigma is 2.83
    [False, False, False, True]
    """
    sigma = SIGMA.check(sigma)
    radius = _radius(sigma)
    bell = _bell(sigma, radius)
    x, y = _grid(radius)
    square = (x**2 + y**2) / sigma**2
    return (square - np.sum(square * bell)) / sigma**2 * bell


def dog(sigma: float = 1, ratio: float = 1.6) -> Kernel:
    """A narrow Gaussian minus one `ratio` times as wide: positive in the middle; sums to zero.

    >>> dog(1).shape  # the wide bell ends 3 x 1.6 pixels from the centre
    (11, 11)
    """
    sigma, ratio = SIGMA.check(sigma), RATIO.check(ratio)
    radius = _radius(sigma * ratio, "sigma or ratio")
    return _bell(sigma, radius) - _bell(sigma * ratio, radius)


def gabor(
    wavelength: float = 6,
    angle: float = 0,
    sigma: float | None = None,
    phase: float = 0,
    aspect: float = 0.5,
) -> Kernel:
    """A wave under a bell, the shape of the first cells of seeing and of most nets' first kernels.

    `angle` is where the wave runs to, in degrees: 0 gives upright stripes. `sigma`, in pixels, is the bell's
    standard deviation across the stripes, when left out 0.4 wavelengths (about the 1.4 octaves of De Valois,
    Albrecht & Thorell 1982); along them it is sigma / aspect. The bell times a constant is taken off, so that the
    kernel sums to zero and is blind to plain brightness; the formula as published is not (departure ours).

    >>> wave = gabor(6)
    >>> [bool(wave[15, 15 + x] > 0) for x in (-6, -3, 0, 3, 6)]  # a stripe every six pixels
    [True, False, True, False, True]
    """
    wavelength, angle, phase = WAVELENGTH.check(wavelength), ANGLE.check(angle), PHASE.check(phase)
    sigma, aspect = SIGMA.check(0.4 * wavelength if sigma is None else sigma), ASPECT.check(aspect)
    radius = _radius(sigma / min(aspect, 1), "wavelength or sigma, or a larger aspect")
    along, across = _turned(radius, angle)
    bell = np.exp(-(along**2 + (aspect * across) ** 2) / (2 * sigma**2))
    wave = np.cos(2 * np.pi * along / wavelength + math.radians(phase))
    return bell * (wave - np.sum(bell * wave) / np.sum(bell))


def gabor_bank(
    count: int = 8,
    wavelength: float = 6,
    sigma: float | None = None,
    phase: float = 0,
    aspect: float = 0.5,
) -> Float[np.ndarray, "count rows columns"]:
    """Gabor kernels that share the half turn evenly: kernel i at i x 180 / count degrees.

    >>> gabor_bank(4, wavelength=3).shape  # 0, 45, 90, 135 degrees
    (4, 17, 17)
    """
    many = int(COUNT.check(count))
    return np.stack([gabor(wavelength, i * 180 / many, sigma, phase, aspect) for i in range(many)])


def line(angle: float = 0, length: int = 5) -> Kernel:
    """Answers to a bright line, one pixel wide and `length` long, in one direction; sums to zero.

    `angle` is the line's own direction, in degrees: 0 is level, 90 upright. Each cell has the part of it that
    the line covers, max(0, 1 - distance), minus the mean, times the length.

    >>> line(90, length=3).round(9).tolist()
    [[-1.0, 2.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, 2.0, -1.0]]
    """
    angle, cells = ANGLE.check(angle), int(LINE.check(length))
    _, across = _turned(cells // 2, angle)
    covered = _tent(across)
    return cells * (covered - covered.mean())


def motion(length: int = 9, angle: float = 0) -> Kernel:
    """The smear of a picture that moved `length` pixels in the direction `angle`, in degrees; sums to one.

    As many points as the length, one pixel apart; each is shared among the cells around it by distance.

    >>> motion(4 + 1).tolist()
    [[0.2, 0.2, 0.2, 0.2, 0.2]]
    >>> motion(3, angle=90).shape
    (3, 1)
    """
    count, angle = int(PATH.check(length)), ANGLE.check(angle)
    cosine, sine = _direction(angle)
    steps = np.arange(count) - count // 2
    right, down = steps * cosine, -steps * sine
    columns = _tent(_span(math.ceil(count // 2 * abs(cosine))) - right[:, None])
    rows = _tent(_span(math.ceil(count // 2 * abs(sine))) - down[:, None])
    return rows.T @ columns / count


def _span(radius: int) -> Float[np.ndarray, " cells"]:
    return np.arange(-radius, radius + 1, dtype=np.float64)


def _grid(radius: int) -> tuple[Kernel, Kernel]:
    """Columns to the right of the centre, and rows below it."""
    return _span(radius)[None, :], _span(radius)[:, None]


def _direction(angle: float) -> tuple[float, float]:
    """Cosine and sine of degrees: exactly 0 and 1 at 90 degrees, and the same at 45."""
    cosine, sine = (math.cos(math.radians(turn)) for turn in (angle % 360, angle % 360 - 90))
    return round(cosine, 15), round(sine, 15)


def _turned(radius: int, angle: float) -> tuple[Kernel, Kernel]:
    """Each cell's place along the direction of the angle, and across it."""
    cosine, sine = _direction(angle)
    x, y = _grid(radius)
    return x * cosine - y * sine, x * sine + y * cosine


def _tent(distance: Kernel) -> Kernel:
    return np.maximum(0, 1 - np.abs(distance))


def _bell(sigma: float, radius: int) -> Kernel:
    bell = np.exp(-((_span(radius) / sigma) ** 2) / 2)
    bell /= bell.sum()
    return np.outer(bell, bell)


def _radius(sigma: float, smaller: str = "sigma") -> int:
    radius = max(1, math.ceil(min(TAILS * sigma, 1e15)))
    if 2 * radius + 1 > MOST:
        cells = f"{2 * radius + 1:g}"
        raise KernelError(
            f"a kernel has at most {MOST} x {MOST} cells, not {cells} x {cells}: take a smaller {smaller}"
        )
    return radius


_GONZALEZ = "Gonzalez & Woods 2018, Digital image processing"
_KOVASZNAY = "Kovasznay & Joseph 1955, Image processing"
_SOBEL = "Sobel & Feldman 1968, A 3x3 isotropic gradient operator for image processing"
_PREWITT = "Prewitt 1970, Object enhancement and extraction"
_SCHARR = "Scharr 2000, Optimale Operatoren in der Digitalen Bildverarbeitung"
_ROBERTS = "Roberts 1963, Machine perception of three-dimensional solids"
_MARR = "Marr & Hildreth 1980, Theory of edge detection"
_RIGHT = "positive where the picture gets brighter to the right"
_DOWN = "positive where the picture gets brighter downwards"


def _constant(name: str, kernel: Kernel, formula: str, about: str, source: str) -> Classic:
    return Classic(name, lambda: kernel, formula, about, source)


# fmt: off
CLASSICS: dict[str, Classic] = {classic.name: classic for classic in (
    _constant("identity", identity, "1 at the centre, 0 elsewhere", "leaves the picture as it is",
              f"{_GONZALEZ}, the unit impulse of section 3.4"),
    Classic("box", box, "1 / size^2 everywhere", "blurs: the mean of a square",
            "McDonnell 1981, Box-filtering techniques", (SIZE,)),
    Classic("gaussian", gaussian, "exp(-(x^2 + y^2) / (2 sigma^2)), divided by its sum", "blurs without edges of its own",
            f"Gauss 1809, Theoria motus, for the bell; {_MARR}, for pictures", (SIGMA,)),
    _constant("sharpen", sharpen, "identity - laplacian", "makes edges steeper", _KOVASZNAY),
    Classic("unsharp", unsharp, "identity + amount (identity - gaussian(sigma))", "sharpens details smaller than sigma",
            "Yule 1944, Unsharp masks, and a new method of increasing definition in prints", (SIGMA, AMOUNT)),
    _constant("emboss", emboss, "identity + the brightening towards the lower right",
              "a relief: bright where the picture gets brighter towards the lower right",
              "Schlag 1994, Fast embossing effects on raster image data, for the idea; the weights are the paint programs'"),
    _constant("sobel_x", sobel_x, "(1, 2, 1) down times (-1, 0, 1) across", _RIGHT, _SOBEL),
    _constant("sobel_y", sobel_y, "(-1, 0, 1) down times (1, 2, 1) across", _DOWN, _SOBEL),
    _constant("prewitt_x", prewitt_x, "(1, 1, 1) down times (-1, 0, 1) across", _RIGHT, _PREWITT),
    _constant("prewitt_y", prewitt_y, "(-1, 0, 1) down times (1, 1, 1) across", _DOWN, _PREWITT),
    _constant("scharr_x", scharr_x, "(3, 10, 3) down times (-1, 0, 1) across", _RIGHT, _SCHARR),
    _constant("scharr_y", scharr_y, "(-1, 0, 1) down times (3, 10, 3) across", _DOWN, _SCHARR),
    _constant("roberts_x", roberts_x, "lower right - upper left",
              "positive where the picture gets brighter to the lower right", _ROBERTS),
    _constant("roberts_y", roberts_y, "lower left - upper right",
              "positive where the picture gets brighter to the lower left", _ROBERTS),
    _constant("laplacian", laplacian, "the four neighbours - 4 times the centre",
              "positive on the dark side of an edge", _KOVASZNAY),
    _constant("laplacian8", laplacian8, "the eight neighbours - 8 times the centre",
              "as laplacian, with the diagonals", f"{_GONZALEZ}, section 3.6"),
    Classic("log", log, "(r^2 / sigma^2 - 2) / sigma^2 times gaussian(sigma)",
            "edges and blobs of one size: negative in a bright blob", _MARR, (SIGMA,)),
    Classic("dog", dog, "gaussian(sigma) - gaussian(ratio sigma)",
            "nearly -log, as the eye does it: positive in a bright blob",
            f"{_MARR}, which gives the ratio of 1.6", (SIGMA, RATIO)),
    Classic("gabor", gabor, "exp(-(u^2 + aspect^2 v^2) / (2 sigma^2)) (cos(2 pi u / wavelength + phase) - mean)",
            "stripes of one width and direction", "Gabor 1946, Theory of communication; Daugman 1985, in two dimensions",
            (WAVELENGTH, ANGLE, SIGMA, PHASE, ASPECT)),
    Classic("line", line, "length (c - mean of c), c = max(0, 1 - distance from the line)", "bright lines in one direction",
            f"{_GONZALEZ}, section 10.2", (ANGLE, LINE)),
    Classic("motion", motion, "the mean of length points along the angle, one pixel apart", "smears as a camera that moved",
            "Sondhi 1972, Image restoration: the removal of spatially invariant degradations", (PATH, ANGLE)),
)}
# fmt: on
