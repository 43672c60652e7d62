"""What a Run's JSON files say, held against what it may be before anything relies on it: a Run may come from anybody."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from convscope.errors import RunError

if TYPE_CHECKING:
    from convscope.nets.stack import Stack

LARGEST_JSON = 16_000_000
LARGEST_NUMBER = 2**63
LONGEST_TEXT = 4096

Kind = Callable[[Any], bool]


class Said(dict[str, Any]):
    """A JSON object; asked for what it does not say, it says in which file that is missing.

    >>> Said({"a": 1}, "run.json")["b"]
    Traceback (most recent call last):
        ...
    convscope.errors.RunError: run.json: damaged (it says nothing of b); restore it or train again
    """

    def __init__(self, values: Mapping[str, Any], where: str = ""):
        super().__init__(values)
        self.where = where

    def __missing__(self, key: str) -> Any:
        raise RunError(f"{self.where}: damaged (it says nothing of {key}); restore it or train again")


def said(data: bytes, where: str, otherwise: str) -> Said:
    """The JSON object that these bytes are.

    Raises:
        RunError: They are none, and the error says `otherwise`.
    """
    try:
        value = (
            json.loads(data, object_hook=lambda values: Said(values, where))
            if len(data) <= LARGEST_JSON
            else None
        )
        if b"\\u" in data:  # half of a letter, which can be written nowhere
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, Said):
        raise RunError(otherwise)
    return value


def checked(values: Said, kinds: Mapping[str, Kind]) -> Said:
    """The same, where each value that is there is of its kind.

    Raises:
        RunError: One is not.
    """
    for name, kind in kinds.items():
        if name in values and not kind(values[name]):
            raise _damaged(values.where, name)
    return values


def require_fitting(info: Said, stack: Stack) -> None:
    """What run.json says of classes and pictures is what the net has.

    Raises:
        RunError: It is not.
    """
    channels, height, width = stack.input.shape
    rule, shape = info.get("normalisation", {}), info.get("picture_shape", [channels, height, width])
    fits = {
        "classes": "classes" not in info or len(info["classes"]) == stack.ladder[-1].output[0],
        "normalisation": all(len(rule[name]) == channels for name in rule if name in ("scale", "shift")),
        "picture_shape": shape[0] == channels,
    }
    for name, right in fits.items():
        if not right:
            raise _damaged(info.where, name)


def _damaged(where: str, name: str) -> RunError:
    return RunError(f"{where}: damaged (what it says of {name}); restore it or train again")


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _number(value: Any) -> bool:
    whole = type(value) is int and abs(value) < LARGEST_NUMBER
    return whole or (type(value) is float and math.isfinite(value))


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST_NUMBER


def _or_none(kind: Kind) -> Kind:
    return lambda value: value is None or kind(value)


def _list(kind: Kind, least: int = 0, most: int = 1_000_000) -> Kind:
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(kind, value))


def _object(kinds: Mapping[str, Kind]) -> Kind:
    return lambda value: (
        isinstance(value, dict) and all(kind(value[name]) for name, kind in kinds.items() if name in value)
    )


def _sides(value: Any) -> bool:
    """Channels, height and width."""
    return _list(lambda n: type(n) is int and 0 < n < 1 << 20, 3, 3)(value)


MACHINE = {
    "processor": _text,
    "cores": _or_none(_count),
    "threads": _count,
    "system": _text,
    "python": _text,
    "torch": _text,
}
SCORES = {
    "test_pictures": _count, "test_errors": _count, "test_accuracy": _number, "test_error_percent": _number,
    "test_interval_percent": _list(_number, 2, 2), "confusion": _list(_list(_count)),
}  # fmt: skip
TEXTS = (
    "convscope", "written", "status", "net", "source", "data_fingerprint", "recipe", "loss", "device", "engine", "precision",
)  # fmt: skip
RUN: Mapping[str, Kind] = {
    **dict.fromkeys(TEXTS, _text),
    "parameters": _count, "seed": _count, "epochs": _count, "train_seconds": _number, "images_per_second": _number,
    "pictures": _object(dict.fromkeys(["train", "validation", "test"], _count)),
    "prepared": lambda value: isinstance(value, dict), "classes": _list(_text), "input": _sides, "picture_shape": _sides,
    "normalisation": _object({"scale": _list(_number, 1), "shift": _list(_number, 1)}),
    "background": _or_none(_count), "target_percent": _or_none(_number), "remarks": _list(_text),
    "from": _object({"source": _text, "taken": _list(_text), "new": _list(_text)}),
    "machine": _object(MACHINE), "scores": _or_none(_object(SCORES)),
}  # fmt: skip
"""What run.json may say."""
EPOCH: Mapping[str, Kind] = {
    "epoch": _count, "loss": _number, "train_accuracy": _number, "validation_accuracy": _number, "seconds": _number,
}  # fmt: skip
"""What a line of metrics.jsonl may say."""
STATE: Mapping[str, Kind] = {
    "epoch": lambda value: _count(value) and value > 0, "step": _count, "loss": _number, "correct": _number,
    "seconds": _number, "metrics": _list(_object(EPOCH)), "remarks": _list(_text),
}  # fmt: skip
"""What the note of a state to resume from may say."""
