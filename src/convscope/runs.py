"""The Run folder: the only file format, and the only place that writes it.

    run.json             what was trained on what, with which result; its format version
    stack.txt            the net
    recipe.json          every knob
    metrics.jsonl        a line an epoch
    weights.safetensors  the net as it ended
    epochs/NNN.safetensors  the net after epoch NNN; 000 is its random start
    test.safetensors     the net's answer to every test picture
    resume/state.safetensors  all that is needed to go on, in one file; or
    resume/N/            the most of it in pieces, where a net lies with several workers; the file then names N
    problems.jsonl       files that were skipped, and why
    kept/                what was computed from all this, so that it need not be again; may be deleted
    report.html          the same for people

Every file is written under a temporary name, flushed to the disk and renamed, so at any moment either
the old or the new one is there, whole. Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from convscope import __version__, claims
from convscope.claims import Said
from convscope.data.cache import cache_folder
from convscope.data.whole import make_folder, sync_folder, write_whole
from convscope.errors import RunError, StackError
from convscope.nets.grammar import parse
from convscope.nets.stack import Stack
from convscope.whereabouts import OURS as OURS
from convscope.whereabouts import find_folder, listing, ranges
from convscope.whereabouts import next_folder as next_folder

if TYPE_CHECKING:
    from convscope.nets.build import Net

FORMAT = 1
EPOCHS_BYTES = 50_000_000
FULL = (errno.ENOSPC, errno.EDQUOT)
Arrays = Mapping[str, np.ndarray]


class Run:
    """A training that happened: a folder that explains itself and can be resumed.

    Raises:
        RunError: The folder holds no Run, a damaged one, or one of a newer convscope.
    """

    def __init__(self, path: str | Path):
        self.path = find_folder(path)
        self.info: Said = self._json("run.json")
        version = self.info.get("format")
        if type(version) is not int:
            raise RunError(f"{self.path / 'run.json'}: it has no format version, so it is no Run's")
        if version > FORMAT:
            raise RunError(
                f"{self.path}: this Run has format {version}, but convscope {__version__} knows up to {FORMAT}: "
                "upgrade convscope (pip install --upgrade convscope)"
            )
        claims.checked(self.info, claims.RUN)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, net={self.info.get('net')!r}, source={self.info.get('source')!r})"

    @cached_property
    def stack(self) -> Stack:
        """The net, as a Stack."""
        try:
            stack = parse(self._bytes("stack.txt").decode("utf-8"))
        except (StackError, UnicodeDecodeError) as error:
            raise RunError(
                f"{self.path / 'stack.txt'}: damaged ({error}); restore it or train again"
            ) from None
        claims.require_fitting(self.info, stack)
        return stack

    @property
    def recipe(self) -> dict[str, Any]:
        """Every knob of the training, by name."""
        return self._json("recipe.json")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary an epoch, in order."""
        lines = enumerate(self._bytes("metrics.jsonl").splitlines(), start=1)
        where = f"{self.path / 'metrics.jsonl'}, line "
        return [
            claims.checked(
                claims.said(line, f"{where}{number}", f"{where}{number}: damaged; train again"), claims.EPOCH
            )
            for number, line in lines
        ]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of what the net tells apart, in the order of its answers."""
        return tuple(self.info["classes"])

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs whose weights were kept; 0 is the random start."""
        return tuple(
            sorted(int(p.stem) for p in (self.path / "epochs").glob("*.safetensors") if p.stem.isdigit())
        )

    def weights(self, epoch: int | None = None) -> dict[str, np.ndarray]:
        """The net's numbers by name: as it ended, or after one of the kept `epochs`.

        Raises:
            RunError: The file is missing, damaged, or of another net.
        """
        name = "weights.safetensors" if epoch is None else f"epochs/{epoch:03d}.safetensors"
        if epoch is not None and epoch not in self.epochs:
            raise RunError(f"{self.path}: epoch {epoch} was not kept; there are {ranges(self.epochs)}")
        return self.arrays(name)

    def net(self, epoch: int | None = None) -> Net:
        """The trained net as a PyTorch module in evaluation mode, on the CPU.

        Raises:
            RunError: The weights are missing, damaged, or of another net.
        """
        import torch

        from convscope.nets.build import Net

        net = Net(self.stack)
        weights = self.weights(epoch)
        wanted = {name: tuple(t.shape) for name, t in net.state_dict().items()}
        found = {name: a.shape for name, a in weights.items()}
        if wanted != found:
            name = next(n for n in [*wanted, *found] if wanted.get(n) != found.get(n))
            raise RunError(
                f"{self.path}: the weights are of another net: stack.txt says {name} is {wanted.get(name, 'absent')}, "
                f"the file has {found.get(name, 'none')}; copy both files from one Run"
            )
        net.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
        return net.eval()

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """Pictures [..., channels, height, width] of uint8 as the net takes them: scale x + shift, float32."""
        rule = self.info["normalisation"]
        scale, shift = (np.asarray(rule[k], dtype=np.float32)[:, None, None] for k in ("scale", "shift"))
        return pixels * scale + shift

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one of the Run's safetensors files.

        Raises:
            RunError: The file is missing or damaged.
        """
        return _unpack(self._bytes(name), self.path / name)[0]

    def kept(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What `keep` wrote under a name: arrays and a note; None where nothing was, or where it is damaged."""
        for folder in self._keeps:
            try:
                return _unpack((folder / f"{name}.safetensors").read_bytes(), self.path / name)
            except (OSError, RunError):
                continue
        return None

    @property
    def _keeps(self) -> tuple[Path, ...]:
        """Where `keep` writes, then where else it may lie: nothing is put into a Run of the package."""
        own = self.path / "kept"
        return (cache_folder() / "kept" / self.path.name, own) if self.path in OURS.values() else (own,)

    def keep(self, name: str, arrays: Arrays, note: Mapping[str, Any]) -> bool:
        """Keep what was computed from the Run, so that it need not be again; False where the folder cannot be written."""
        from safetensors.numpy import save

        data = save(
            {k: np.asarray(v, order="C") for k, v in arrays.items()}, metadata={"note": json.dumps(note)}
        )
        try:
            self._keeps[0].mkdir(parents=True, exist_ok=True)
            write_whole(self._keeps[0] / f"{name}.safetensors", data)
        except OSError:
            return False
        return True

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise RunError(
                f"{self.path / name}: missing, so the Run is not whole; restore it or train again"
            ) from None
        except OSError as error:
            raise RunError(f"{self.path / name}: cannot be read ({error.strerror})") from None

    def _json(self, name: str) -> Said:
        where = str(self.path / name)
        return claims.said(
            self._bytes(name), where, f"{where}: damaged (not a JSON object); restore it or train again"
        )


class Writer:
    """Writes one Run, alone: a lock keeps a second training out of the folder.

    Raises:
        RunError: The folder cannot be written, holds something else, or is being written by another.
    """

    def __init__(self, path: str | Path, *, resume: bool = False):
        self.path = Path(path)
        if not resume and self.path.exists() and any(p.name != ".lock" for p in listing(self.path)):
            what = "already holds a Run" if (self.path / "run.json").exists() else "is not empty"
            cure = (
                f"give another --out, or go on with --resume {self.path}"
                if what.startswith("al")
                else "give another"
            )
            raise RunError(f"{self.path}: the folder {what}; {cure}")
        try:
            for folder in ("epochs", "resume"):
                make_folder(self.path / folder)
            self.lock = FileLock(self.path / ".lock", timeout=0)
            self.lock.acquire()
        except Timeout:
            raise RunError(
                f"{self.path}: another training is writing into this folder; wait for it, or give another --out"
            ) from None
        except OSError as error:
            cure = "make the folder writable, or copy it elsewhere" if resume else "give another --out"
            raise RunError(
                f"{self.path}: the Run folder cannot be written ({_reason(error)}); {cure}"
            ) from None
        for left in self.path.rglob("*.part"):
            left.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder."""
        self.lock.release()
        with contextlib.suppress(
            OSError
        ):  # the folder may no longer be written; an open lock keeps nobody out
            (self.path / ".lock").unlink(missing_ok=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def text(self, name: str, text: str) -> None:
        """Write a text file of the Run, whole."""
        self._write(name, text.encode("utf-8"))

    def json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file of the Run, whole."""
        self.text(name, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a file of one JSON object a line, whole."""
        self.text(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def arrays(self, name: str, arrays: Arrays, note: Mapping[str, Any] | None = None) -> None:
        """Write arrays, and what belongs to them as JSON, into one safetensors file, whole."""
        from safetensors.numpy import save

        metadata = None if note is None else {"note": json.dumps(note)}
        self._write(name, save({k: np.asarray(v, order="C") for k, v in arrays.items()}, metadata=metadata))

    def fresh(self, name: str) -> int:
        """A number N for which there was no folder NAME/N, and now is: what is written there counts once a file names it."""
        taken = [int(p.name) for p in (self.path / name).iterdir() if p.name.isdigit()]
        number = max(taken, default=0) + 1
        try:
            make_folder(self.path / name / str(number))
        except OSError as error:
            raise self._unwritten(name, error) from None
        return number

    def settle(self, name: str, number: int) -> None:
        """Wait until the names of the files in NAME/N are on the disk."""
        sync_folder(self.path / name / str(number))

    def only(self, name: str, number: int | None) -> None:
        """Remove the folders NAME/1, NAME/2, ... but one."""
        for folder in (self.path / name).iterdir():
            if folder.name.isdigit() and folder.name != str(number):
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Remove a file of the Run, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_whole(self.path / name, data)
        except OSError as error:
            raise self._unwritten(name, error) from None

    def _unwritten(self, name: str, error: OSError) -> RunError:
        cure = "make room" if error.errno in FULL else "make the folder writable"
        begun = (self.path / "run.json").is_file()
        whole = f"the last state that was saved is whole: {cure}, then go on with --resume {self.path}"
        return RunError(
            f"{self.path / name}: cannot be written ({_reason(error)}); "
            + (whole if begun else f"nothing was learned yet: {cure}, remove this folder, and start again")
        )


def resume_state(run: Run) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the note that the training left to be resumed from.

    Raises:
        RunError: There is none, or it is damaged.
    """
    path = run.path / "resume" / "state.safetensors"
    if not path.exists():
        raise RunError(f"{run.path}: this Run has nothing to resume from; train anew")
    arrays, note = _unpack(path.read_bytes(), path)
    if not note:
        raise RunError(f"{path}: damaged; train anew")
    return arrays, claims.checked(Said(note, str(path)), claims.STATE)


def keeps_epoch(epoch: int, epochs: int, size: int) -> bool:
    """Whether an epoch's weights, `size` bytes, are kept: all of a small net, evenly spaced ones of a large.

    >>> [e for e in range(11) if keeps_epoch(e, 10, 20_000_000)]
    [0, 5, 10]
    """
    stride = max(1, -(-size * (epochs + 1) // EPOCHS_BYTES))
    return epoch in (0, epochs) or epoch % stride == 0


def now() -> str:
    """The time as a Run writes it: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno in FULL else str(error.strerror or error)


def _unpack(data: bytes, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        (length,) = struct.unpack("<Q", data[:8])
        note = json.loads(json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("note", "null")) or {}
        if not isinstance(note, dict):
            raise ValueError("a note that is no object")
        return {k: v.copy() for k, v in arrays.items()}, note
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        raise RunError(f"{path}: damaged (not whole safetensors); restore it or train again") from None
