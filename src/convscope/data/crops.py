"""A class of nothing, cut at random out of pictures of the user's own that show none of the classes.

A net that looks for things in a large picture meets, at most places and sizes, something else. So the parts that are cut
are of all sizes, too: from the size of the net's pictures to the whole picture.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from convscope.data.background import NOTHING
from convscope.data.division import TESTED_PART
from convscope.data.download import Progress
from convscope.data.findings import FEW
from convscope.data.fit import fit, resized
from convscope.data.images import Images, Pictures, Problem
from convscope.data.kept import Made, kept
from convscope.data.listing import Entry, Place, printable
from convscope.data.own import place_of
from convscope.data.pictures import glance, read_picture
from convscope.data.table import ENDINGS
from convscope.errors import PictureError, SourceError

VERSION = 1
"""Changes when other parts would be cut out of the same pictures."""


def with_background(images: Images, background: str | Path, progress: Progress | None = None) -> Images:
    """The same source with a class more, nothing: parts of the pictures in a folder, zip or tar, as many as a class has.

    Those to learn from and those to be tested on are cut out of different pictures: a fifth of them is kept for the test.
    Which, and which parts, is decided by the pictures' contents; all are used where there are no more than parts.
    `progress` is called with the place's name, the bytes that were read, and the bytes of all its files.

    Raises:
        SourceError: The source has a class of that name, or the place has fewer than two pictures that are large enough.
    """
    if NOTHING in images.classes:
        raise SourceError(
            f"{images.name}: has a class {NOTHING} already, so the pictures of {background} cannot become it: "
            "leave the background out, or that class"
        )
    with closing(_place(background)) as place:
        work = _Work(images, place, progress)
        mark = f"{images.fingerprint} background {place.path} {place.signature} {VERSION}"
        pack = kept(mark, images.shape, NOTHING, work.made)
    note, labels = pack.note, np.array(pack.note["labels"], np.int64)
    learned, path = int(note["learned"]), str(place.path)
    names = tuple(note["names"]) if images.train.names else ()
    problems = [Problem(f"{path}/{name}", reason) for name, reason in note["problems"]]
    problems += [Problem(*note["remark"])] if "remark" in note else []
    found = images.found
    counts = (*found.counts, (NOTHING, *note["cut"])) if found.counts else ()
    found = replace(
        found,
        counts=counts,
        notes=(*found.notes, note["said"]),
        warnings=(*found.warnings, *note["warnings"]),
    )
    return replace(
        images,
        classes=(*images.classes, NOTHING),
        train=Pictures(pack.pixels[:learned], labels[:learned], names[:learned]),
        test=Pictures(pack.pixels[learned:], labels[learned:], names[learned:]),
        problems=(*images.problems, *problems),
        fingerprint=note["fingerprint"],
        found=found,
        prepared={**images.prepared, "background": path},
        ground=images.background,
    )


def _place(background: str | Path) -> Place:
    path = Path(os.path.abspath(os.path.expanduser(background)))  # noqa: PTH100, PTH111 - as a source's path is taken
    if not path.exists():
        raise SourceError(
            f"background: {background}: no such folder, zip or tar of pictures without any of the classes"
        )
    if path.is_file() and path.suffix.lower() in ENDINGS:
        raise SourceError(
            f"background: {path}: a folder, zip or tar of pictures is wanted, not a list of them"
        )
    try:
        return place_of(path)
    except SourceError:
        if path.is_dir():
            raise
        raise SourceError(
            f"background: {path}: a folder, zip or tar of pictures is wanted, and this is another file"
        ) from None


@dataclass(frozen=True)
class _Picture:
    """One that is large enough, as far as its first bytes say; `content` is its SHA-256."""

    entry: Entry
    content: bytes


class _Work:
    """Cutting the pictures of a place for a source."""

    def __init__(self, images: Images, place: Place, progress: Progress | None):
        self.images, self.place, self.progress = images, place, progress
        self.problems: list[list[str]] = []
        # As a picture is brought to the net by which things are looked for in it.
        self.ground = None if images.prepared.get("fit") else images.background

    def made(self) -> Made:
        """All pictures of the source with the parts that were cut, and what is to be known of them."""
        images, path = self.images, self.place.path
        pictures = self._large_enough()
        if len(pictures) < 2:
            first = f" ({': '.join(self.problems[0])})" if self.problems else ""
            raise SourceError(
                f"background: {path}: pictures of {self._least()} pixels or more without any of the classes are wanted, "
                f"at least two that differ, and {len(pictures) or 'none'} came{first}"
            )
        aside = max(1, round(TESTED_PART * len(pictures)))
        own, parts, labels, names, cut, used = (images.train, images.test), [], [], [], [], []
        for part, some in zip(own, (pictures[aside:], pictures[:aside]), strict=True):
            n = max(1, round(len(part) / len(images.classes)))
            cuttings, called, count = self._cut(some, n)
            parts += [part.pixels, cuttings]
            labels += [part.labels, np.full(len(cuttings), len(images.classes), np.int64)]
            names += [*part.names, *called]
            cut.append(len(cuttings))
            used.append(count)
        said = f"{sum(cut):,} parts of {sum(used):,} pictures of {path}"
        few = [f"class {NOTHING}: {said}: expect little"] if sum(used) < FEW else []
        return Made(parts, {
            "place": f"{images.name} with {path}", "classes": [*images.classes, NOTHING],
            "labels": np.concatenate(labels).tolist(), "names": names, "learned": len(own[0]) + cut[0], "cut": cut,
            "problems": self.problems, "fingerprint": self._fingerprint(pictures),
            "said": f"{NOTHING}: {said}, {used[1]:,} of them kept for the test", "warnings": few,
        })  # fmt: skip

    def _large_enough(self) -> list[_Picture]:
        """Each content once, in the order of their SHA-256."""
        listing = self.place.listing()
        self.problems += [[printable(one.name), one.reason] for one in listing.skipped]
        total, came, found = sum(entry.bytes for entry in listing.entries), 0, {}
        height, width = self.images.shape[1:]
        for entry in listing.entries:
            came += entry.bytes
            try:
                data = self.place.read(entry)
                seen = glance(data)
                sides, wanted = sorted((seen.height, seen.width)), sorted((height, width))
                if sides[0] < wanted[0] or sides[1] < wanted[1]:  # how it is to be turned is not known yet
                    raise PictureError(f"{seen.width}x{seen.height} pixels, and {self._least()} are wanted")
                content = hashlib.sha256(data).digest()
                found.setdefault(content, _Picture(entry, content))
            except PictureError as error:
                self._leave_out(entry, error)
            if self.progress:
                self.progress(Path(str(self.place.path)).name, came, total)
        return [found[content] for content in sorted(found)]

    def _cut(
        self, pictures: Sequence[_Picture], n: int
    ) -> tuple[UInt8[np.ndarray, "n c h w"], list[str], int]:
        """So many parts, as many of each picture as can be; what they are called; and of how many pictures they are."""
        parts: list[np.ndarray] = []
        names: list[str] = []
        used = 0
        for number, one in enumerate(pictures):
            share = -(-(n - len(parts)) // (len(pictures) - number))
            if not share:
                break
            try:
                pixels = self._brought(one)
            except PictureError as error:
                self._leave_out(one.entry, error)  # the others are cut the more
                continue
            used += 1
            rng = np.random.default_rng([int.from_bytes(one.content[:8], "big"), VERSION])
            for _ in range(share):
                box = _box(rng, pixels.shape[1:], self.images.shape[1:])
                parts.append(resized(pixels, self.images.shape[1:], box))
                left, top, right, bottom = box
                where = f"{left:.0f},{top:.0f},{right - left:.0f},{bottom - top:.0f}"
                names.append(f"{printable(one.entry.name)} at {where}")
        if not parts:
            raise SourceError(
                f"background: {': '.join(self.problems[-1])}, and it is the only one for its part"
            )
        return np.stack(parts), names, used

    def _brought(self, one: _Picture) -> UInt8[np.ndarray, "c y x"]:
        """The whole picture in the source's channels, as `find` brings one."""
        try:
            picture = read_picture(self.place.read(one.entry))
        except PictureError as error:
            raise PictureError(str(error).removeprefix("the picture: ")) from None
        if any(have < want for have, want in zip(picture.shape[1:], self.images.shape[1:], strict=True)):
            sides = f"{picture.shape[2]}x{picture.shape[1]}"
            raise PictureError(f"{sides} pixels, and {self._least()} are wanted")
        return fit(picture, (self.images.shape[0], *picture.shape[1:]), self.ground).pixels

    def _leave_out(self, entry: Entry, error: PictureError) -> None:
        reason = str(error).removeprefix("the picture: ")
        self.problems.append([printable(entry.name), reason])

    def _least(self) -> str:
        _, height, width = self.images.shape
        return f"{width}x{height}"

    def _fingerprint(self, pictures: Sequence[_Picture]) -> str:
        sums = hashlib.sha256(f"{self.images.fingerprint} background {VERSION}".encode())
        for one in pictures:
            sums.update(one.content)
        return sums.hexdigest()


def _box(
    rng: np.random.Generator, size: tuple[int, ...], least: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """A part of a picture (left, top, right, bottom), in the proportions of `least` and at least as large.

    How many times as large is as likely between 1 and 2 as between 2 and 4.
    """
    most = min(side / small for side, small in zip(size, least, strict=True))
    times = float(np.exp(rng.uniform(0, np.log(most)))) if most > 1 else 1.0
    high, wide = (min(round(small * times), side) for side, small in zip(size, least, strict=True))
    top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(size, (high, wide), strict=True))
    return left, top, left + wide, top + high
