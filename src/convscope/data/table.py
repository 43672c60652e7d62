"""A CSV of paths and labels (and parts, if it has such a column), as a place of pictures."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from convscope.data.folder import read_file
from convscope.data.layout import TEST, TRAIN, VALIDATION
from convscope.data.listing import MOST_ENTRIES, Entry, Listing, Skipped, printable, signature_of, stamp_of
from convscope.errors import SourceError

PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "picture")
LABELS = ("label", "class", "category", "target", "y", "label_name", "class_name", "kind", "name")
PARTS = ("split", "part", "set", "subset", "partition")
ENDINGS = (".csv", ".tsv", ".txt")
LARGEST_TABLE = 500_000_000
MARKS = ",;\t|"


class Table:
    """A CSV with a line a picture: its path, seen from the CSV's folder, its label, and maybe train or test.

    The first line names the columns, in any order and among others; without such a line the first two columns are path
    and label. Columns are parted by comma, semicolon, tab or bar.

    Raises:
        SourceError: It cannot be read as that.
    """

    labelled = True

    def __init__(self, path: Path):
        self.path = path
        self._skipped: list[Skipped] = []
        self._seen: set[str] = set()
        try:
            entries = tuple(_with_parts(list(self._entries(_text(path)))))
            self._listing = Listing(entries, tuple(self._skipped))
        except csv.Error as error:
            raise SourceError(f"{path}: not a CSV of paths and labels ({error})") from None
        left_out = "\n".join(f"{s.name}\0{s.reason}" for s in self._skipped).encode(
            "utf-8", "surrogateescape"
        )
        self.signature = signature_of(entries) + hashlib.sha256(left_out).hexdigest()

    def listing(self) -> Listing:
        return self._listing

    def read(self, entry: Entry, first: int | None = None) -> bytes:
        return read_file(self.path.parent / entry.name, first)

    def close(self) -> None:
        pass

    def _entries(self, text: str) -> Iterator[Entry]:
        first = text.partition("\n")[0]
        mark = max(MARKS, key=first.count)
        rows = csv.reader(io.StringIO(text), delimiter=mark)
        columns: tuple[int, int, int | None] | None = None
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns, headed = self._columns(row)
                if headed:
                    continue
            if len(self._seen) > MOST_ENTRIES:
                raise SourceError(f"{self.path}: more than {MOST_ENTRIES:,} lines")
            if entry := self._entry([cell.strip() for cell in row], columns, rows.line_num):
                yield entry

    def _columns(self, row: Sequence[str]) -> tuple[tuple[int, int, int | None], bool]:
        """Where path, label and part stand, and whether this line says so."""
        names = [cell.strip().lower() for cell in row]

        def place(known: Sequence[str]) -> int | None:
            return next((names.index(name) for name in known if name in names), None)

        path, label = place(PATHS), place(LABELS)
        if path is not None and label is not None:
            return (path, label, place(PARTS)), True
        if len(row) < 2 or not self._there(row[0].strip()):
            raise SourceError(
                f"{self.path}: no CSV of paths and labels: its first line names no columns such as path,label, and "
                f"{printable(row[0].strip())[:80]!r} is no file beside it"
            )
        return (0, 1, None), False

    def _there(self, name: str) -> bool:
        try:
            return (self.path.parent / name).is_file()
        except (OSError, ValueError):
            return False

    def _entry(self, row: Sequence[str], columns: tuple[int, int, int | None], line: int) -> Entry | None:
        at_path, at_label, at_part = columns
        name = row[at_path].replace("\\", "/") if len(row) > at_path else ""
        label = row[at_label] if len(row) > at_label else ""
        if not name or not label:
            self._skipped.append(
                Skipped(name or f"line {line}", f"line {line} has no {'label' if name else 'path'}")
            )
            return None
        if name in self._seen:
            self._skipped.append(Skipped(name, f"named again in line {line}: the first line counts"))
            return None
        path = self.path.parent / name
        self._seen.add(name)
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            self._skipped.append(Skipped(name, f"line {line}: {getattr(error, 'strerror', None) or error}"))
            return None
        if not stat.S_ISREG(status.st_mode):
            self._skipped.append(Skipped(name, f"line {line}: not a file, so not a picture"))
            return None
        part = _part(row[at_part]) if at_part is not None and len(row) > at_part else ""
        return Entry(
            name, status.st_size, stamp_of(status), printable(unicodedata.normalize("NFC", label)), part
        )


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise SourceError(f"{path}: a CSV of more than {LARGEST_TABLE:,} bytes; name a part of it")
        content = path.read_bytes()
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: not text in UTF-8 (byte {error.start:,}); save it again as UTF-8"
        ) from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


def _part(said: str) -> str:
    lower = said.lower()
    return "test" if lower in TEST else "val" if lower in VALIDATION else "train" if lower in TRAIN else ""


def _with_parts(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Each line's part: val is learned from where there is a test; where some lines have a part, the others are train."""
    parts = {entry.part for entry in entries}
    if not parts & {"test", "val"}:
        return (replace(entry, part="") if entry.part else entry for entry in entries)
    means = {"": "train", "val": "train" if "test" in parts else "test"}
    return (replace(entry, part=means.get(entry.part, entry.part)) for entry in entries)
