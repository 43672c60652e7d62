"""Where shards lie: a folder, a web server, or a store that fsspec knows; read file by file, each one checked.

What fails is asked for again after pauses that double, for a quarter of a minute; then it is said what the other side did.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from convscope.data.cache import Sums, blocks
from convscope.data.download import Download, content, fetch
from convscope.errors import SourceError

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try."""
BLOCK = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Of this machine's disk, not of what lies elsewhere."""
EXTRA = 'pip install "convscope[shards]" brings what reads it'


class Remote(Protocol):
    """A folder of files, somewhere."""

    def content(self, name: str, most: int) -> bytes:
        """A file's bytes, up to so many.

        Raises:
            SourceError: It is not to be had, or longer.
        """
        ...

    def fetch(self, name: str, bytes: int, sha256: str, folder: Path) -> Path:
        """A file with this length and SHA-256: where it lies on this machine's disk, in `folder` if it had to be brought.

        Raises:
            SourceError: It is not to be had, or is another.
            OSError: The folder cannot be written.
        """
        ...


def remote(address: str) -> Remote:
    """What an address names: a folder's path, file://, http://, https://, or another scheme that fsspec knows.

    Raises:
        SourceError: It is none, or what is needed to read it is not installed.
    """
    scheme = address.split("://")[0].lower() if "://" in address else "file"
    if scheme == "file":
        path = address.removeprefix("file://")
        return Local(Path(path).expanduser())
    if "@" in address.split("://")[1].split("/")[0]:
        raise SourceError(
            f"{scheme}://...: an address with a password in it would be written into the Run; leave it out"
        )
    if scheme in ("http", "https"):
        return Web(address.rstrip("/"))
    return Store(address.rstrip("/"))


class Local:
    """A folder of this machine: nothing is copied."""

    def __init__(self, folder: Path):
        self.folder = folder

    def content(self, name: str, most: int) -> bytes:
        path = self.folder / name
        try:
            if path.stat().st_size > most:
                raise SourceError(f"{path}: more than the {most:,} bytes that are read of it")
            return path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error.strerror}); {_cure(name)}") from None

    def fetch(self, name: str, bytes: int, sha256: str, folder: Path) -> Path:  # noqa: ARG002
        path = self.folder / name
        try:
            sums = Sums(f"sha256:{sha256}").after(blocks(path))
        except OSError as error:
            raise SourceError(f"{path}: cannot be read ({error.strerror}); {_cure(name)}") from None
        if sums.bytes != bytes or not sums.right:
            raise SourceError(
                f"{path}: damaged: {sums.bytes:,} bytes that are not the ones of its index; pack it again"
            )
        return path


class Web:
    """A folder of a web server. What has come of a file that broke off is not asked for again."""

    def __init__(self, address: str):
        self.address = address

    def content(self, name: str, most: int) -> bytes:
        try:
            return content(f"{self.address}/{name}", most, PAUSES)
        except SourceError as error:
            raise SourceError(f"{self.address}/{name}: {error}; {_cure(name)}") from None

    def fetch(self, name: str, bytes: int, sha256: str, folder: Path) -> Path:
        wanted = Download(name, bytes, f"sha256:{sha256}", (f"{self.address}/{name}",))
        try:
            return fetch(wanted, folder, pauses=PAUSES)
        except SourceError as error:
            (folder / f"{name}.part").unlink(missing_ok=True)
            raise SourceError(f"{self.address}/{name}: {error}; {_cure(name)}") from None


class Store:
    """A folder of what fsspec reads: s3://bucket/folder, gs://, ... Keys and the endpoint are its own settings."""

    def __init__(self, address: str):
        self.address = address
        try:
            from fsspec.core import url_to_fs

            self._files, self._root = url_to_fs(address)
        except ImportError:
            raise SourceError(f"{address}: {EXTRA}") from None
        except ValueError as error:
            raise SourceError(f"{address}: no folder, http, https or s3 ({_line(error)})") from None

    def content(self, name: str, most: int) -> bytes:
        def tried() -> bytes:
            with self._files.open(f"{self._root}/{name}", "rb") as file:
                said = file.read(most + 1)
            if len(said) > most:
                raise SourceError(f"{self.address}/{name}: more than the {most:,} bytes that are read of it")
            return said

        return self._again(name, tried)

    def fetch(self, name: str, bytes: int, sha256: str, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path, part = folder / name, folder / f"{name}.part"

        def tried() -> Path:
            sums = Sums(f"sha256:{sha256}")
            far = self._files.open(f"{self._root}/{name}", "rb", cache_type="readahead")
            with far, part.open("wb") as out:
                while sums.bytes <= bytes and (block := far.read(BLOCK)):
                    sums.add(block)
                    out.write(block)
            if sums.bytes != bytes or not sums.right:
                raise ValueError(f"gives {sums.bytes:,} bytes that are not the {bytes:,} of its index")
            return part.replace(path)

        try:
            return self._again(name, tried)
        finally:
            part.unlink(missing_ok=True)

    def _again(self, name: str, tried: Callable[[], Any]) -> Any:
        """What is tried, tried again where it fails in a way that may pass.

        Raises:
            SourceError: It fails to the end, or in a way that will not pass.
        """
        for pause in (*PAUSES, None):
            try:
                return tried()
            except SourceError:
                raise
            except (FileNotFoundError, PermissionError) as error:
                raise SourceError(f"{self.address}/{name}: {_line(error)}; {_cure(name)}") from None
            except Exception as error:  # each store has errors of its own
                if isinstance(error, OSError) and error.errno in FULL:
                    raise
                if pause is None:
                    raise SourceError(f"{self.address}/{name}: {_line(error)}; {_cure(name)}") from None
                time.sleep(pause)
        raise AssertionError


def _cure(name: str) -> str:
    if name == "index.json":
        return "check the address: it is that of a folder that convscope shards has written"
    return "check the address and the server, then start again"


def _line(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error) or type(error).__name__)[:200]
