"""The cache folder: files that were unpacked or downloaded once, verified, and are then memory-mapped.

A file's SHA-256 or MD5 is checked when it is written. Hashing 47 MB at every start would cost more than reading it, so
a stamp beside the file keeps the size and time of the verified one; a file that does not match its
stamp is hashed again, and one whose hash is wrong is made anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_dir

from convscope.errors import SourceError


def folder() -> Path:
    """The cache folder: CONVSCOPE_CACHE, or the system's place for caches."""
    return Path(os.environ.get("CONVSCOPE_CACHE") or user_cache_dir("convscope"))


def verified(name: str, checksum: str, make: Callable[[], bytes]) -> Path:
    """The path of a cached file with this checksum (`sha256:...` or `md5:...`), made if it is not there.

    Safe when several processes ask at once: one makes it, the others wait.

    Raises:
        OSError: The cache folder cannot be written.
        SourceError: What `make` gives has another checksum.
    """
    path = folder() / name
    if _stamped(path, checksum):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(path.name + ".lock")):
        if _stamped(path, checksum):
            return path
        if not (path.is_file() and _digest(path.read_bytes(), checksum) == checksum):
            _write(path, checked(name, make(), checksum))
        _stamp_path(path).write_text(_stamp(path, checksum))
    return path


def checked(name: str, data: bytes, checksum: str) -> bytes:
    """The bytes themselves, if they have the checksum.

    Raises:
        SourceError: They have another.
    """
    found = _digest(data, checksum)
    if found != checksum:
        raise SourceError(
            f"{name}: damaged, its checksum is {found} and should be {checksum}; install or download it anew"
        )
    return data


def _digest(data: bytes, checksum: str) -> str:
    method = checksum.split(":", 1)[0]
    return f"{method}:{hashlib.new(method, data, usedforsecurity=False).hexdigest()}"


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _stamp(path: Path, checksum: str) -> str:
    state = path.stat()
    return f"{checksum} {state.st_size} {state.st_mtime_ns}"


def _stamped(path: Path, checksum: str) -> bool:
    try:
        return _stamp_path(path).read_text() == _stamp(path, checksum)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
