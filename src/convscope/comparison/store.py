"""The folder of a contest: what each method came to, kept by what decided it, so that nothing is computed twice."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from convscope.data.images import Images, Pictures
from convscope.data.whole import write_whole
from convscope.errors import RunError

FORMAT = 1
PARTS = {"train": ("train-pixels", "train-labels"), "test": ("test-pixels", "test-labels")}
LIBRARIES = ("numpy", "torch", "scikit-learn")
EVERYWHERE = tuple(f"convscope.comparison.{name}" for name in ("features", "task", "worker"))
"""Modules on which every result depends."""


class Store:
    """A folder with a result for each method and condition, written whole or not at all.

    `results/NAME-KEY.json` says what came out, `results/NAME-KEY.safetensors` has the answers to the test pictures,
    `work/NAME-KEY/` is the method's own folder, and `pictures/` holds the pictures while methods run.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()
        if self.path.is_file():
            raise RunError(f"{self.path}: a file, where the contest's folder should be; give another --out")
        try:
            for name in ("results", "work"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}); give another --out") from None

    def result(self, stem: str) -> dict[str, Any] | None:
        """What was written under a name; None where nothing whole was."""
        try:
            found = json.loads((self.path / "results" / f"{stem}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("format") == FORMAT else None

    def answers(self, stem: str) -> dict[str, np.ndarray]:
        """The answers to the test pictures by name: `answers`, and more of them where an experiment asked.

        Raises:
            RunError: The file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self.path / "results" / f"{stem}.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(f"{path}: missing or damaged ({error}); delete {stem}.json beside it") from None

    def write(self, stem: str, result: Mapping[str, Any], answers: Mapping[str, np.ndarray]) -> None:
        """Keep a result: the answers first, so that a result that is there is whole."""
        from safetensors.numpy import save

        where = self.path / "results"
        if answers:
            write_whole(where / f"{stem}.safetensors", save(dict(answers)))
        write_whole(where / f"{stem}.json", json.dumps({"format": FORMAT, **result}, indent=1).encode())

    def text(self, name: str, text: str) -> Path:
        """Write a file of the folder, whole."""
        write_whole(self.path / name, text.encode("utf-8"))
        return self.path / name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block no other contest writes here.

        Raises:
            RunError: One does.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise RunError(
                f"{self.path}: another contest is running there; wait for it, or give another --out"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def lay_out(self, images: Images) -> None:
        """Put the pictures where the methods' processes find them."""
        where = self.path / "pictures"
        mark = where / "fingerprint"
        if mark.is_file() and mark.read_text() == images.fingerprint:
            return
        where.mkdir(exist_ok=True)
        for part, pictures in (("train", images.train), ("test", images.test)):
            for name, array in zip(PARTS[part], (pictures.pixels, pictures.labels), strict=True):
                data = io.BytesIO()
                np.save(data, np.ascontiguousarray(array), allow_pickle=False)
                write_whole(where / f"{name}.npy", data.getvalue())
        write_whole(mark, images.fingerprint.encode())

    def clear_away(self) -> None:
        """Delete the pictures that `lay_out` put there."""
        where = self.path / "pictures"
        for name in ["fingerprint", *(f"{name}.npy" for names in PARTS.values() for name in names)]:
            (where / name).unlink(missing_ok=True)
        if where.is_dir() and not any(where.iterdir()):
            where.rmdir()


def laid_out(folder: Path, part: str) -> Pictures:
    """The pictures of one part, memory-mapped."""
    pixels, labels = (
        np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in PARTS[part]
    )
    return Pictures(pixels, np.asarray(labels))


def key_of(job: Mapping[str, Any], fingerprint: str, modules: tuple[str, ...]) -> str:
    """Twelve letters that are others whenever the job, the pictures, or the code that computes it is another."""
    told = {"job": dict(job), "pictures": fingerprint, "code": code_version((*EVERYWHERE, *modules))}
    libraries = {name: _version(name) for name in LIBRARIES}
    text = json.dumps({**told, "libraries": libraries}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def code_version(modules: tuple[str, ...]) -> str:
    """A checksum of the sources of modules; of packages all their Python and C. Nothing is imported but parents."""
    files: set[Path] = set()
    for name in modules:
        spec = find_spec(name)
        assert spec is not None and spec.origin is not None, name
        origin = Path(spec.origin)
        inside = [path for kind in ("*.py", "*.c", "*.h") for path in origin.parent.rglob(kind)]
        files |= set(inside) if spec.submodule_search_locations else {origin}
    sums = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"
