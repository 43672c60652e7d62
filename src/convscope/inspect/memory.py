"""What the units answered to a set, kept in the Run: computed once, and again only when weights or pictures change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from convscope.data.images import Pictures
from convscope.inspect.layers import Layer
from convscope.inspect.subject import Subject
from convscope.inspect.units import Patches, Progress, Units, units

VERSION = 1


def units_of(
    subject: Subject,
    layers: Sequence[Layer],
    pictures: Pictures,
    fingerprint: str,
    *,
    progress: Progress | None = None,
) -> dict[str, Units]:
    """As `units`, and kept in the Run that the subject is the end of; `fingerprint` says which pictures they are."""
    found = {layer.name: recalled(subject, layer, fingerprint) for layer in layers}
    missing = [layer for layer in layers if found[layer.name] is None]
    if missing:
        seen = units(subject, missing, pictures, progress=progress)
        for layer in missing:
            _keep(subject, seen[layer.name], fingerprint)
        found |= seen
    return {name: seen for name, seen in found.items() if seen is not None}


def recalled(subject: Subject, layer: Layer, fingerprint: str) -> Units | None:
    """What was kept about a layer, if it was made by these weights of these pictures."""
    kept = None if subject.run is None or subject.epoch is not None else subject.run.kept(_name(layer.name))
    if kept is None:
        return None
    arrays, note = kept
    if note.get("made_by") != _made_by(subject, fingerprint):
        return None
    try:
        return _unpacked(arrays, note)
    except (KeyError, TypeError, ValueError):
        return None


def _keep(subject: Subject, seen: Units, fingerprint: str) -> None:
    if subject.run is None or subject.epoch is not None:
        return
    arrays: dict[str, np.ndarray] = {}
    note: dict[str, Any] = {"made_by": _made_by(subject, fingerprint)}
    for f in fields(Units):
        value = getattr(seen, f.name)
        if isinstance(value, Patches):
            arrays |= {f"{f.name}.{part.name}": getattr(value, part.name) for part in fields(Patches)}
        elif isinstance(value, np.ndarray):
            arrays[f.name] = value
        else:
            note[f.name] = value
    subject.run.keep(_name(seen.layer), arrays, note)


def _unpacked(arrays: dict[str, np.ndarray], note: dict[str, Any]) -> Units:
    made: dict[str, Any] = {}
    for f in fields(Units):
        if f.name in ("best", "least"):
            made[f.name] = Patches(**{part.name: arrays[f"{f.name}.{part.name}"] for part in fields(Patches)})
        elif f.name == "alike":
            made[f.name] = tuple((int(i), int(j), float(r)) for i, j, r in note["alike"])
        else:
            made[f.name] = arrays[f.name] if f.name in arrays else note[f.name]
    return Units(**made)


def _made_by(subject: Subject, fingerprint: str) -> str:
    """A digest of the weights and the pictures."""
    digest = hashlib.sha256(f"{VERSION}|{fingerprint}|{subject.scale}|{subject.shift}".encode())
    for name, tensor in subject.net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _name(layer: str) -> str:
    return f"units-{hashlib.sha256(layer.encode()).hexdigest()[:12]}"
