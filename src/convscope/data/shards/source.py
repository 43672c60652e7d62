"""From the name of a source, as every verb takes it, to shards."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from convscope.data.download import Progress
from convscope.data.images import address_of, images
from convscope.data.own import place_of
from convscope.data.shards.drawn import Drawn
from convscope.data.shards.writing import Written, write
from convscope.data.sources import SOURCES


def pack(
    source: str, folder: Path, *, size_mb: float = 100, seed: int = 0, progress: Progress | None = None
) -> Written:
    """Pack any source into a folder of shards: see `write`. A named one's pictures become PNGs.

    Raises:
        SourceError: There is no such source, or `write` cannot pack it.
    """
    named = any(known.name == source for known in SOURCES)
    with closing(Drawn(images(source, progress)) if named else place_of(address_of(source))) as place:
        return write(place, folder, size_mb=size_mb, seed=seed, progress=progress)
