"""Bringing any picture to what a net knows: its channels, its polarity, its size; and saying how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from convscope.data.proportions import covering, placed
from convscope.data.strokes import centred, ink, is_dark_on_light, is_like_mnist

LUMA = (
    77,
    150,
    29,
)  # of 256, ITU-R BT.601's 0.299, 0.587 and 0.114: what the eye sees of red, green and blue


@dataclass(frozen=True, eq=False)
class Fitted:
    """A picture as a net takes it, uint8 [channels, height, width], and in words what was done to it."""

    pixels: UInt8[np.ndarray, "channels h w"]
    steps: tuple[str, ...]


def fit(
    picture: UInt8[np.ndarray, "c y x"],
    shape: tuple[int, int, int],
    background: int | None = None,
    *,
    mode: Literal["pad", "crop", "stretch"] = "pad",
    centre: bool = False,
) -> Fitted:
    """Bring a picture to a net's `shape` (channels, height, width).

    `background` is the grey (0..255) around nearly all pictures the net learned from, None where there is no
    such grey; a picture that stands on the opposite is inverted. `mode` keeps the proportions and adds a
    border ("pad"), keeps them and cuts ("crop"), or does not keep them ("stretch"). `centre` prepares strokes
    as MNIST's were: lighting evened out, the drawing scaled to 20 of 28 pixels, its centre of mass in the middle.

    Raises:
        ValueError: The picture is not uint8 of 1 or 3 channels, or has no pixels, or the mode is none of the three.

    >>> paper = np.full((3, 56, 28), 255, np.uint8)
    >>> paper[:, 20:40, 10:18] = 0
    >>> for step in fit(paper, (1, 28, 28), background=0).steps:
    ...     print(step)
    grey from colour
    inverted: the net knows light on dark, this is dark on light
    scaled 28x56 -> 14x28 and padded to 28x28
    """
    if picture.ndim != 3 or picture.shape[0] not in (1, 3) or not picture.size:
        raise ValueError(f"a picture is [1 or 3 channels, height, width], not {list(picture.shape)}")
    if picture.dtype != np.uint8:
        raise ValueError(f"a picture is uint8, 0 to 255, not {picture.dtype}")
    if mode not in ("pad", "crop", "stretch"):
        raise ValueError(f"mode is pad, crop or stretch, not {mode!r}")
    pixels, steps = _with_channels(picture, shape[0])
    if background is not None and is_dark_on_light(grey(pixels), strokes=centre) != (background > 127):
        pixels = 255 - pixels
        knows, is_ = (
            ("dark on light", "light on dark") if background > 127 else ("light on dark", "dark on light")
        )
        steps.append(f"inverted: the net knows {knows}, this is {is_}")
    if centre and shape[0] == 1:
        pixels, more = _strokes(pixels, (shape[1], shape[2]))
    else:
        pixels, more = _sized(pixels, (shape[1], shape[2]), background, mode)
    return Fitted(np.ascontiguousarray(pixels), (*steps, *more))


def like_mnist(picture: UInt8[np.ndarray, "c y x"]) -> Fitted:
    """A drawn or photographed digit as MNIST would show it: light on dark, 20x20 in 28x28, centred by its mass.

    >>> page = np.full((1, 90, 60), 255, np.uint8)
    >>> page[0, 10:70, 30:36] = 0
    >>> seen = like_mnist(page).pixels
    >>> seen.shape, int(seen.max()), int(seen[0, :4].max())
    ((1, 28, 28), 255, 0)
    """
    return fit(picture, (1, 28, 28), background=0, centre=True)


def grey(pixels: UInt8[np.ndarray, "c y x"]) -> UInt8[np.ndarray, "y x"]:
    """The brightness of a picture (ITU-R BT.601).

    >>> grey(np.full((3, 1, 1), 200, np.uint8)).tolist()
    [[200]]
    """
    if len(pixels) == 1:
        return pixels[0]
    # In 16 bits, since a photograph has tens of millions of values.
    total = np.full(pixels.shape[1:], 128, np.uint16)
    for weight, channel in zip(LUMA, pixels, strict=True):
        total += channel * np.uint16(weight)
    return (total >> 8).astype(np.uint8)


def _with_channels(picture: np.ndarray, channels: int) -> tuple[np.ndarray, list[str]]:
    if len(picture) == channels:
        return picture, []
    if channels == 1:
        return grey(picture)[None], ["grey from colour"]
    return np.repeat(grey(picture)[None], channels, 0), [f"{channels} equal channels from grey"]


def _strokes(pixels: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, list[str]]:
    if pixels.shape[1:] == size and is_like_mnist(pixels[0]):
        return pixels, []
    drawn, steps = ink(pixels[0])
    done, more = centred(drawn, size)
    return done[None], steps + more


def _sized(
    pixels: np.ndarray, size: tuple[int, int], background: int | None, mode: str
) -> tuple[np.ndarray, list[str]]:
    height, width = given = pixels.shape[1], pixels.shape[2]
    if given == size:
        return pixels, []
    place = placed(given, size, mode)
    whole = covering(given, size) if mode == "crop" else place.near
    said = [f"scaled {width}x{height} -> {whole[1]}x{whole[0]}"] if whole != given else []
    if mode == "crop":
        more = [f"cut to {size[1]}x{size[0]}"] if whole != size else []
        return resized(pixels, size, place.box), _joined(said + more)
    scaled = resized(pixels, place.near)
    if place.near == size:
        return scaled, said
    colours = (
        np.full(len(pixels), background) if background is not None else np.median(border(pixels), axis=1)
    )
    page = np.broadcast_to(colours.astype(np.uint8)[:, None, None], (len(pixels), *size)).copy()
    top, left = place.top, place.left
    page[:, top : top + place.near[0], left : left + place.near[1]] = scaled
    return page, _joined([*said, f"padded to {size[1]}x{size[0]}"])


def border(pixels: UInt8[np.ndarray, "c y x"]) -> UInt8[np.ndarray, "c n"]:
    """The outermost rows and columns of a picture, channel by channel."""
    return np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], axis=1)


def resized(
    pixels: UInt8[np.ndarray, "c y x"],
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> UInt8[np.ndarray, "c h w"]:
    """A picture, or its part in `box` (left, top, right, bottom), at another size (height, width).

    Antialiased: Pillow's Lanczos filter widens as a picture shrinks.
    """
    if pixels.shape[1:] == tuple(size) and box is None:
        return pixels
    by, wanted = Image.Resampling.LANCZOS, (size[1], size[0])
    return np.stack([np.asarray(Image.fromarray(c).resize(wanted, by, box)) for c in pixels])


def _joined(said: list[str]) -> list[str]:
    return [" and ".join(said)] if said else []
