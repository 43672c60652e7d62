"""How what was found shows itself in a notebook: a few lines of HTML with pictures, nothing fetched from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from convscope.drawing.colours import limit_of, signed

SIDE = 120


def film_image(values: Float[np.ndarray, "h w"], limit: float | None = None, side: int = SIDE) -> str:
    """Signed numbers as an HTML image of film, `side` pixels at its longer side: green above zero, purple below.

    >>> film_image(np.eye(2))[:32]
    '<img alt="from 0 to 1" title="fr'
    """
    values = np.asarray(values, np.float64)
    reach = limit_of(values) if limit is None else limit
    says = f"from {np.nanmin(values):.3g} to {np.nanmax(values):.3g}"
    return _image(signed(values, reach if reach > 0 else 1.0), says, side)


def picture_image(pixels: UInt8[np.ndarray, "c h w"], says: str = "", side: int = SIDE) -> str:
    """A picture as an HTML image in its own colours; of channels other than three their mean."""
    if len(pixels) == 3:
        shown = pixels.transpose(1, 2, 0)
    else:
        shown = np.repeat(pixels.mean(0).round().astype(np.uint8)[..., None], 3, 2)
    return _image(shown, says, side)


def heat_image(pixels: UInt8[np.ndarray, "c h w"], values: Float[np.ndarray, "h w"], side: int = SIDE) -> str:
    """A picture, paled, under film: where a net looked."""
    return _image(under_film(pixels, values), "film over the picture", side)


def under_film(
    pixels: UInt8[np.ndarray, "c h w"], values: Float[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """The picture, grey and paled, with film over it, the stronger the farther from zero; the peak is opaque.

    >>> under_film(np.zeros((1, 1, 2), np.uint8), np.array([[0.0, 1.0]])).tolist()
    [[[40, 40, 40], [82, 176, 99]]]
    """
    grey = np.tensordot([0.299, 0.587, 0.114], pixels, 1) if len(pixels) == 3 else pixels.mean(0)
    base = 235 - 0.45 * (255 - grey) if grey.mean() > 100 else 40 + 0.5 * grey
    peak = np.abs(values).max(initial=0)
    strength = (np.abs(values) / peak if peak > 0 else np.zeros(values.shape))[..., None] ** 0.7
    colour = np.where(values[..., None] >= 0, [90, 200, 110], [190, 90, 215])
    mixed = base[..., None] * (1 - 0.85 * strength) + colour * 0.85 * strength
    return mixed.clip(0, 255).astype(np.uint8)


def block(title: str, parts: Sequence[tuple[str, str]]) -> str:
    """A title, and figures side by side: (HTML, caption)."""
    figures = "".join(
        f'<figure style="margin:0 16px 8px 0;max-width:16em">{html}<figcaption style="font-size:12px">{escape(says)}'
        "</figcaption></figure>"
        for html, says in parts
    )
    return (
        f'<div style="font-family:system-ui,sans-serif"><p style="margin:0 0 8px"><b>{escape(title)}</b></p>'
        f'<div style="display:flex;flex-wrap:wrap;align-items:flex-end">{figures}</div></div>'
    )


def _image(rgb: UInt8[np.ndarray, "h w 3"], says: str, side: int) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode("ascii")
    height, width = rgb.shape[:2]
    wide = max(1, round(side * width / max(height, width)))
    return (
        f'<img alt="{escape(says)}" title="{escape(says)}" style="image-rendering:pixelated;width:{wide}px;display:block" '
        f'src="data:image/png;base64,{data}">'
    )
