"""What stands beside the shards: index.json for all of them, and a list of members for each; written by us, read from
anybody.

    index.json            classes, counts, what a sample of the pictures is like, and of each shard its bytes and SHA-256s
    train-000000.tar      000000000.jpg, 000000000.cls, ...: the files as they were, and the number of each one's class
    train-000000.json     the names that the files had, their bytes and classes
    test-000000.tar       likewise
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from convscope.data.listing import BEGINNINGS, LARGEST_FILE, MOST_ENTRIES
from convscope.data.sizing import GLANCES, Sample
from convscope.errors import SourceError

INDEX = "index.json"
FORMAT, VERSION = "convscope-shards", 1
MOST_SHARDS, MOST_CLASSES = 100_000, 1_000_000
LARGEST_SHARD = 20_000_000_000
LARGEST_INDEX, LARGEST_LIST = 100_000_000, 400_000_000
PARTS = ("train", "test")
NAME = re.compile(r"(train|test)-\d{6}")
DIGITS = re.compile("[0-9a-f]{64}")
ENDINGS = dict(zip(BEGINNINGS, ("png", "jpg", "webp", "gif", "tif", "tif", "tif", "tif", "bmp"), strict=True))


@dataclass(frozen=True)
class Shard:
    """One shard: its name without an ending, its part, and what its tar and its list of members should be."""

    name: str
    pictures: int
    bytes: int
    sha256: str
    list_bytes: int
    list_sha256: str

    @property
    def part(self) -> str:
        """`train` or `test`."""
        return self.name.split("-")[0]


@dataclass(frozen=True)
class Member:
    """A picture in a shard: the number that is its name there, the name that its file had, its bytes and class."""

    number: int
    name: str
    bytes: int
    label: int


@dataclass(frozen=True)
class Index:
    """All that index.json says.

    `plan` changes with anything that decides the shards' bytes; `counts` are the pictures of each class, part by part.
    """

    plan: str
    seed: int
    classes: tuple[str, ...]
    counts: dict[str, list[int]]
    sample: Sample
    shards: tuple[Shard, ...] = field(default=())

    @property
    def signature(self) -> str:
        """Changes when any shard or class does."""
        said = repr((VERSION, self.classes, [(s.name, s.sha256, s.list_sha256) for s in self.shards]))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def pictures(self, part: str) -> int:
        """How many a part has."""
        return sum(self.counts[part])

    def as_bytes(self) -> bytes:
        """As index.json has it: the same for the same shards."""
        told = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(told, ensure_ascii=False, indent=1).encode()


def listed(members: Sequence[Member], plan: str, sha256: str) -> bytes:
    """A shard's list of members, with the plan that it is of and the SHA-256 of its tar."""
    rows = [[m.number, m.name, m.bytes, m.label] for m in members]
    return json.dumps({"plan": plan, "sha256": sha256, "members": rows}, ensure_ascii=False).encode()


def index_of(content: bytes) -> Index:
    """What an index.json says, each value held against what it may be.

    Raises:
        SourceError: It is no index of shards, or of a newer version; the reason alone.
    """
    said = _object(content)
    if said.get("format") != FORMAT:
        raise SourceError("no index of shards that convscope shards has written")
    if said.get("version") != VERSION:
        raise SourceError(
            f"of version {said.get('version')!r:.20}, and {VERSION} is read here; update convscope"
        )
    try:
        classes = tuple(_text(name, 1000) for name in _many(said["classes"], MOST_CLASSES))
        counts = {
            part: [_number(n, MOST_ENTRIES) for n in _many(said["counts"][part], len(classes))]
            for part in PARTS
        }
        sizes = [
            (_number(w, 1 << 31), _number(h, 1 << 31)) for w, h in _many(said["sample"]["sizes"], 2 * GLANCES)
        ]
        sample = Sample(tuple(sizes), bool(said["sample"]["grey"]))
        shards = tuple(_shard(row) for row in _many(said["shards"], MOST_SHARDS))
        known = Index(_text(said["plan"], 100), int(said["seed"]), classes, counts, sample, shards)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SourceError(
            f"a damaged index ({type(error).__name__}: {str(error)[:80]}); get it again"
        ) from None
    if len(set(classes)) != len(classes) or len({shard.name for shard in shards}) != len(shards) or not sizes:
        raise SourceError("a damaged index (a name stands twice, or no picture was sampled); get it again")
    for part in PARTS:
        if sum(s.pictures for s in shards if s.part == part) != known.pictures(part):
            raise SourceError(f"a damaged index (its shards of {part} are not what it counts); get it again")
    return known


def members_of(content: bytes, shard: Shard, classes: int) -> list[Member]:
    """What a shard's list of members says.

    Raises:
        SourceError: It is damaged, or has another number of pictures than its shard should; the reason alone.
    """
    try:
        rows = _many(_object(content)["members"], shard.pictures)
        found = [
            Member(
                _number(n, 10**9 - 1),
                _text(name, 4096),
                _number(size, LARGEST_FILE),
                _number(label, classes - 1),
            )
            for n, name, size, label in rows
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"a damaged list ({type(error).__name__}: {str(error)[:80]}); get it again"
        ) from None
    if len({member.number for member in found}) != shard.pictures:
        raise SourceError(
            f"{len(found):,} pictures, and its shard should have {shard.pictures:,}; get it again"
        )
    return found


def ending(content: bytes) -> str:
    """What a picture's name ends in, by what its file begins with.

    >>> ending(b"GIF89a")
    'gif'
    """
    return next((name for start, name in ENDINGS.items() if content.startswith(start)), "img")


def counted(labels: Sequence[int], classes: int) -> list[int]:
    """How many there are of each class.

    >>> counted([0, 2, 2], 3)
    [1, 0, 2]
    """
    found = Counter(labels)
    return [found[label] for label in range(classes)]


def _shard(row: dict[str, Any]) -> Shard:
    name = _text(row["name"], 20)
    if not NAME.fullmatch(name):
        raise ValueError(f"a shard named {name!r}")
    sums = [_text(row[key], 64) for key in ("sha256", "list_sha256")]
    if not all(map(DIGITS.fullmatch, sums)):
        raise ValueError(f"no SHA-256 of {name}")
    pictures, bytes = _number(row["pictures"], MOST_ENTRIES), _number(row["bytes"], LARGEST_SHARD)
    return Shard(name, pictures, bytes, sums[0], _number(row["list_bytes"], LARGEST_LIST), sums[1])


def _object(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"no JSON ({str(error)[:80]})") from None
    if not isinstance(said, dict):
        raise SourceError("no JSON object")
    return said


def _many(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"no list of up to {most:,}")
    return value


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ValueError(f"no text of up to {most:,} letters")
    return value


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"no number from 0 to {most:,}")
    return value
