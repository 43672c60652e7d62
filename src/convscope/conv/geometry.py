"""Sizes, in whole numbers: how many positions a kernel has, what it sees, what keeps the size.

One axis at a time; a picture's two axes are two calls. Everything here is integer arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from convscope.errors import GeometryError


def output_size(size: int, kernel: int, *, padding: int = 0, stride: int = 1, dilation: int = 1) -> int:
    """Number of positions a kernel has along one axis of a picture, in pixels.

    floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 (Dumoulin & Visin 2016, relations 6
    and 15).

    Raises:
        GeometryError: The kernel is larger than the padded picture, or an argument is out of range.

    >>> output_size(28, 5)
    24
    >>> output_size(28, 5, padding=2)
    28
    """
    return padded_output_size(size, kernel, before=padding, after=padding, stride=stride, dilation=dilation)


def padded_output_size(
    size: int, kernel: int, *, before: int, after: int, stride: int = 1, dilation: int = 1
) -> int:
    """As `output_size`, with a padding of its own on either side.

    >>> padded_output_size(28, 2, before=0, after=1)
    28
    """
    for name, value, least in (
        ("picture", size, 1),
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("dilation", dilation, 1),
        ("padding", min(before, after), 0),
    ):
        if value < least:
            raise GeometryError(f"a {name} of {value} does not work: it must be at least {least}")
    extent = dilation * (kernel - 1) + 1
    room = size + before + after
    if extent > room:
        raise GeometryError(
            f"a kernel of {extent} does not fit into {room} pixels: "
            f"use a kernel of at most {max(1, (room - 1) // dilation + 1)}, or add {extent - room} of padding"
        )
    return (room - extent) // stride + 1


def same_padding(size: int, kernel: int, *, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Padding (before, after) that gives ceil(size / stride) positions; the odd pixel goes after.

    The rule of ONNX's SAME_UPPER, which for stride 1 is torch's `padding="same"`.

    >>> same_padding(28, 5)
    (2, 2)
    >>> same_padding(28, 2)
    (0, 1)
    """
    positions = -(-size // stride)
    total = max(0, (positions - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return total // 2, total - total // 2


def lost_pixels(
    size: int, kernel: int, *, before: int = 0, after: int = 0, stride: int = 1, dilation: int = 1
) -> int:
    """Pixels at the end of an axis, padding among them, that no window reaches because of the stride.

    >>> lost_pixels(28, 5, stride=2), lost_pixels(29, 5, stride=2)
    (1, 0)
    """
    positions = padded_output_size(size, kernel, before=before, after=after, stride=stride, dilation=dilation)
    return size + before + after - ((positions - 1) * stride + dilation * (kernel - 1) + 1)


def sizes_without_loss(
    least: int, most: int, kernel: int, *, padding: int = 0, stride: int = 1, dilation: int = 1
) -> list[int]:
    """Sizes from `least` to `most` of which the stride loses no pixel.

    >>> sizes_without_loss(220, 230, 11, stride=4)
    [223, 227]
    """
    extent = dilation * (kernel - 1) + 1
    room = (n for n in range(max(1, least), most + 1) if n + 2 * padding >= extent)
    return [n for n in room if (n + 2 * padding - extent) % stride == 0]


def coverage(
    size: int, kernel: int, *, before: int = 0, after: int = 0, stride: int = 1, dilation: int = 1
) -> list[int]:
    """How many windows see each pixel of an axis: fewer at the border, unless padding makes up for it.

    For a picture, multiply the two axes' counts.

    >>> coverage(6, 3)
    [1, 2, 3, 3, 2, 1]
    >>> coverage(6, 3, before=1, after=1)
    [2, 3, 3, 3, 3, 2]
    """
    positions = padded_output_size(size, kernel, before=before, after=after, stride=stride, dilation=dilation)
    counts = [0] * (size + before + after)
    for position in range(positions):
        for cell in range(kernel):
            counts[position * stride + cell * dilation] += 1
    return counts[before : before + size]


def multiply_adds(
    kernel: tuple[int, int], positions: tuple[int, int], channels: int = 1, maps: int = 1, groups: int = 1
) -> int:
    """Products of a convolution: one for each cell of a kernel, channel of its group, position and map.

    >>> multiply_adds((5, 5), (28, 28), channels=1, maps=6)
    117600
    """
    return kernel[0] * kernel[1] * (channels // groups) * maps * positions[0] * positions[1]


@dataclass(frozen=True)
class Field:
    """What one value of a map sees along one axis of the picture, in pixels.

    `size` is the width of the receptive field, `jump` the distance between the fields of two
    neighbouring values, `start` where the first one's begins, below 0 in padding (Araujo, Norris & Sim 2019,
    "Computing receptive fields").
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def through(self, kernel: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Field:
        """The field behind one more layer, which has `before` pixels of padding.

        >>> Field().through(5).through(2, stride=2).through(5, before=2)
        Field(size=14, jump=2, start=-4)
        """
        return Field(
            self.size + dilation * (kernel - 1) * self.jump,
            self.jump * stride,
            self.start - before * self.jump,
        )

    def united(self, other: Field, positions: int) -> Field:
        """The smallest field that holds both, at each of so many positions of a map that two ways lead to.

        >>> Field(3, 1, -1).united(Field(1, 1, 0), 9)
        Field(size=3, jump=1, start=-1)
        """
        start, end = min(self.start, other.start), max(self.start + self.size, other.start + other.size)
        if self.jump == other.jump:
            return Field(end - start, self.jump, start)
        last = max(self.span(positions - 1)[1], other.span(positions - 1)[1])
        return Field(max(end, last) - start, 0, start)

    def span(self, position: int) -> tuple[int, int]:
        """First pixel that the value at `position` sees, and the pixel after the last; both may lie in padding.

        >>> Field(14, 2, -4).span(3)
        (2, 16)
        """
        first = self.start + position * self.jump
        return first, first + self.size
