"""A class of nothing: what a net that looks for things must have seen that is none of them.

LeCun et al. 1998, section VII, taught their net that was moved over lines with digits that have others beside them, and with
what lies between digits. Here such pictures are made of a source's own: things with neighbours keep their class, what lies
between, beside or across them, too near or too far, is `nothing`; so is what wrong cuts give (`data.slices`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int, UInt8

from convscope.data.fit import resized
from convscope.data.images import WITH_NOTHING, Images, Pictures, Problem
from convscope.data.kept import Made, kept
from convscope.data.slices import Slices
from convscope.errors import SourceError

NOTHING = "nothing"
VERSION = 2
"""Changes when the same pictures would be made otherwise."""
PER_CLASS = 3
"""Pictures of nothing: so many times as many as a class has."""
CUT, CUT_WRONG = 3, 4
"""Each third thing with neighbours is cut out of a row; wrong cuts are so many times as many as a class has pictures."""
BESIDE = 0.75
"""How often a thing has a neighbour on a side."""


def with_nothing(images: Images, *, seed: int = 0, keep: bool = False) -> Images:
    """The same source with a class more, nothing; and each picture to learn from once more with neighbours around it.

    `keep` has them in the cache from then on: for a source whose fingerprint is that of its pictures' contents.

    Raises:
        SourceError: Its pictures have no common background, so that none can be laid beside another.
    """
    if images.background is None:
        raise SourceError(
            f"{images.name}: its pictures have no background that they share, so nothing can be made of them: "
            "give a folder of pictures without any of the classes"
        )
    if NOTHING in images.classes:
        return images
    source, *part = images.fingerprint.split(
        "/", 1
    )  # the part of the source that it was, if any, stays the end
    name, mark = images.name + WITH_NOTHING, "/".join([f"{source}{WITH_NOTHING}-{seed} {VERSION}", *part])

    def make() -> Made:
        return _made(images, name, seed)

    if keep:
        pack = kept(mark, images.shape, NOTHING, make)
        pixels, note = pack.pixels, pack.note
    else:
        made = make()
        pixels, note = np.concatenate(made.parts), made.note
    labels, learned = np.array(note["labels"], np.int64), note["learned"]
    problems = (*images.problems, Problem(*note["remark"])) if "remark" in note else images.problems
    return replace(
        images, name=name, classes=tuple(note["classes"]), train=Pictures(pixels[:learned], labels[:learned]),
        test=Pictures(pixels[learned:], labels[learned:]), problems=problems, fingerprint=mark, ground=images.background,
    )  # fmt: skip


def _made(images: Images, name: str, seed: int) -> Made:
    """The pictures of both parts, those to learn from first."""
    assert images.background is not None
    pixels, labels, counts = [], [], []
    for number, (part, again) in enumerate(((images.train, True), (images.test, False))):
        scene = _Scene(part, images.background, np.random.default_rng([seed, number, 0x6E6F]))
        a_class = max(1, len(part) // len(images.classes))
        own, nothing = [part.pixels], [scene.nothing(PER_CLASS * a_class)]
        if again:
            slices = Slices(part, images.background, scene.rng)
            beside, cut = scene.beside(np.arange(len(part))), np.arange(0, len(part), CUT)
            beside[cut] = slices.things(cut)
            own.append(beside)
            nothing += [scene.nothing(PER_CLASS * a_class), slices.nothing(CUT_WRONG * a_class)]
        pixels += [*own, *nothing]
        none = np.full(sum(map(len, nothing)), len(images.classes), np.int64)
        labels += [*[part.labels] * len(own), none]
        counts.append(sum(map(len, own)) + len(none))
    classes = (*images.classes, NOTHING)
    note = {
        "place": name,
        "classes": classes,
        "labels": np.concatenate(labels).tolist(),
        "learned": counts[0],
    }
    return Made(pixels, note)


class _Scene:
    """Things laid beside each other on their background."""

    def __init__(self, part: Pictures, ground: int, rng: np.random.Generator):
        self.pixels, self.ground, self.rng = np.asarray(part.pixels), ground, rng
        self.channels, self.high, self.wide = self.pixels.shape[1:]

    def beside(self, numbers: Int[np.ndarray, " n"]) -> UInt8[np.ndarray, "n c h w"]:
        """Each of these things with others beside it, as near as on a line that is written fast."""
        made = self.pixels[numbers].copy()
        for n in range(len(made)):
            for side in (-1, 1):
                if self.rng.random() < BESIDE:
                    self._lay(made[n], *self._neighbour(self._edges(made[n]), side))
            if self.rng.random() < 0.25:
                self._lay(
                    made[n], self._other(0.8, 1.2), self._far(self.high), int(self.rng.integers(-12, 13))
                )
        return made

    def nothing(self, n: int) -> UInt8[np.ndarray, "n c h w"]:
        """Windows with no thing of the right size in their middle."""
        kinds = (self._between, self._beside, self._too_near, self._too_far, self._empty)
        which = self.rng.choice(len(kinds), n, p=(0.35, 0.3, 0.15, 0.15, 0.05))
        return np.stack([kinds[kind]() for kind in which])

    def _page(self) -> np.ndarray:
        return np.full((self.channels, self.high, self.wide), self.ground, np.uint8)

    def _between(self) -> np.ndarray:
        """The gap of two things in the middle."""
        page, gap = self._page(), self.rng.uniform(-2, 7)
        for side in (-1, 1):
            thing = self._other(0.85, 1.2)
            first, after = self._edges(thing)
            middle = self.wide / 2 + self.rng.uniform(-1.5, 1.5)
            right = middle + gap / 2 - first if side > 0 else middle - gap / 2 - after
            self._lay(page, thing, int(self.rng.integers(-4, 5)), round(right))
        return page

    def _beside(self) -> np.ndarray:
        """A thing that is not in the middle, perhaps with a neighbour further out."""
        page, thing = self._page(), self._other(0.85, 1.2)
        angle, far = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.27, 0.6) * self.wide
        if self.rng.random() < 0.5:  # most lie on the line
            angle = np.pi * self.rng.integers(0, 2) + self.rng.uniform(-0.25, 0.25)
        down, right = round(far * np.sin(angle)), round(far * np.cos(angle))
        self._lay(page, thing, down, right)
        if abs(right) > 2 and self.rng.random() < 0.5:
            first, after = self._edges(thing)
            other, _, further = self._neighbour((first + right, after + right), 1 if right > 0 else -1)
            self._lay(page, other, down, further)
        return page

    def _too_near(self) -> np.ndarray:
        """A part of a thing that is much too large."""
        page, size = self._page(), self.rng.uniform(1.6, 3.0)
        self._lay(
            page, self._other(size, size), int(self.rng.integers(-9, 10)), int(self.rng.integers(-9, 10))
        )
        return page

    def _too_far(self) -> np.ndarray:
        """Several things that are much too small."""
        page = self._page()
        step = round(self.wide * self.rng.uniform(0.4, 0.62))
        shift = self.rng.integers(-step // 2, step // 2 + 1)
        for right in range(-2 * step, 2 * step + 1, step):
            size = step / self.wide
            self._lay(
                page, self._other(0.9 * size, 1.1 * size), int(self.rng.integers(-6, 7)), int(right + shift)
            )
        return page

    def _empty(self) -> np.ndarray:
        """The background, plain or uneven."""
        rough = self.rng.normal(0, self.rng.uniform(0, 25), (self.channels, self.high, self.wide))
        away = abs(rough) if self.ground < 128 else -abs(rough)
        return np.clip(self.ground + away, 0, 255).astype(np.uint8)

    def _other(self, small: float, large: float) -> np.ndarray:
        """Any thing, at another size."""
        thing = self.pixels[self.rng.integers(len(self.pixels))]
        scale = self.rng.uniform(small, large)
        return resized(thing, (max(1, round(self.high * scale)), max(1, round(self.wide * scale))))

    def _neighbour(self, edges: tuple[float, float], side: int) -> tuple[np.ndarray, int, int]:
        """A thing that stands beside the columns `edges`: itself, how far down, how far right of the middle."""
        thing = self._other(0.8, 1.2)
        first, after = self._edges(thing)
        gap = self.rng.uniform(-1.5, 7)
        right = edges[1] + gap - first if side > 0 else edges[0] - gap - after
        return thing, int(self.rng.integers(-4, 5)), round(right)

    def _edges(self, thing: np.ndarray) -> tuple[float, float]:
        """The columns between which a thing lies, in a page on which it lies in the middle."""
        away = (abs(thing.astype(np.int16) - self.ground) > 60).any((0, 1))
        columns = np.flatnonzero(away)
        start = (self.wide - thing.shape[2]) / 2
        if not len(columns):
            return self.wide / 2, self.wide / 2
        return start + columns[0], start + columns[-1] + 1

    def _far(self, side: int) -> int:
        far = int(self.rng.integers(round(0.75 * side), side))
        return far if self.rng.random() < 0.5 else -far

    def _lay(self, page: np.ndarray, thing: np.ndarray, down: int, right: int) -> None:
        """Put a thing on a page, its middle so far from the page's; what differs more from the background is seen."""
        there, here = [], []
        for have, side, by in zip(thing.shape[1:], page.shape[1:], (down, right), strict=True):
            first = (side - have) // 2 + by
            start, stop = max(first, 0), min(first + have, side)
            if start >= stop:
                return
            there.append(slice(start, stop))
            here.append(slice(start - first, stop - first))
        part, laid = page[:, there[0], there[1]], thing[:, here[0], here[1]]
        darker = self.ground > 127
        page[:, there[0], there[1]] = np.minimum(part, laid) if darker else np.maximum(part, laid)
