"""A named source, which has arrays and no files, as a place of pictures: each of them as a PNG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from convscope.data.images import Images
from convscope.data.listing import Entry, Listing


class Drawn:
    """The pictures of a source in memory, to be packed: what is in the files is what is in the arrays, value by value."""

    labelled = True

    def __init__(self, images: Images):
        self.path = Path(images.name)
        self.signature = images.fingerprint
        self._entries: dict[str, tuple[Entry, bytes]] = {}
        for part, pictures in (("train", images.train), ("test", images.test)):
            for number, label in enumerate(pictures.labels):
                name, content = f"{part}/{number:06d}.png", png(pictures.pixels[number])
                entry = Entry(name, len(content), "", images.classes[label], part)
                self._entries[name] = entry, content

    def listing(self) -> Listing:
        return Listing(tuple(entry for entry, _ in self._entries.values()))

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        return self._entries[entry.name][1][:first]

    def close(self) -> None:
        pass


def png(pixels: np.ndarray) -> bytes:
    """A picture [1 or 3, height, width] as a PNG.

    >>> png(np.zeros((1, 2, 2), np.uint8))[:4]
    b'\\x89PNG'
    """
    file = io.BytesIO()
    planes = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    Image.fromarray(planes).save(file, "PNG")
    return file.getvalue()
