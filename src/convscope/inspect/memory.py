"""What takes long about units, kept in the Run: computed once, and again only when weights or pictures change.

Three things: what the units answered to a set (`units_of`), the accuracy without each of them (`lost_without`), and the
pictures that they like best (`liked_by`). Of a Run whose folder cannot be written, and of a net that is not the end of a
Run, they are computed each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from convscope.data.images import Pictures
from convscope.inspect.layers import Layer, unit_of
from convscope.inspect.maximise import Favourite, compared, favourite
from convscope.inspect.muting import accuracies_muted
from convscope.inspect.subject import Subject
from convscope.inspect.units import Patches, Progress, Units, units

VERSION = 1


@dataclass(frozen=True, eq=False)
class Lost:
    """The accuracy (0..1) of a net over `total` pictures: `whole` as it is, `without` each unit of a layer, NaN where it was
    not measured.
    """

    whole: float
    without: Float[np.ndarray, " k"]
    total: int


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
    kept = _recalled(subject, _name("units", layer.name), fingerprint)
    try:
        return None if kept is None else _unpacked(*kept)
    except (KeyError, TypeError, ValueError):
        return None


def lost_without(
    subject: Subject,
    layer: Layer,
    pictures: Pictures,
    fingerprint: str,
    *,
    only: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Lost:
    """As `accuracies_muted`, and kept in the Run that the subject is the end of; what is known is not computed again."""
    known = recalled_lost(subject, layer, fingerprint, len(pictures))
    wanted = range(layer.units) if only is None else only
    missing = [k for k in wanted if known is None or np.isnan(known.without[k])]
    if known is not None and not missing:
        return known
    whole, without = accuracies_muted(subject, layer, pictures, only=missing, progress=progress)
    if known is not None:
        without = np.where(np.isnan(without), known.without, without)
    lost = Lost(whole, without, len(pictures))
    _write(
        subject, _name("lost", layer.name), fingerprint, {"without": without}, whole=whole, total=lost.total
    )
    return lost


def recalled_lost(subject: Subject, layer: Layer, fingerprint: str, total: int) -> Lost | None:
    """What was kept about the accuracy over `total` pictures without each of a layer's units."""
    kept = _recalled(subject, _name("lost", layer.name), fingerprint)
    try:
        lost = None if kept is None else Lost(float(kept[1]["whole"]), kept[0]["without"], kept[1]["total"])
        return lost if lost is not None and lost.total == total and len(lost.without) == layer.units else None
    except (KeyError, TypeError, ValueError):
        return None


def liked_by(
    subject: Subject, unit: str, *, best_seen: float | None = None, progress: Progress | None = None
) -> Favourite:
    """As `favourite`, and kept in the Run that the subject is the end of."""
    known = recalled_liked(subject, unit, best_seen)
    if known is not None:
        return known
    made = favourite(subject, unit, best_seen=best_seen, progress=progress)
    layer, number = unit_of(subject, unit)
    name = _name("liked", layer.name)
    arrays, _ = _recalled(subject, name, "") or ({}, {})
    for part in ("pixels", "value", "start", "steps", "place"):
        one = np.asarray(getattr(made, part))
        arrays.setdefault(part, np.zeros((layer.units, *one.shape), one.dtype))[number] = one
    arrays.setdefault("known", np.zeros(layer.units, np.uint8))[number] = 1
    _write(subject, name, "", arrays)
    return made


def recalled_liked(subject: Subject, unit: str, best_seen: float | None = None) -> Favourite | None:
    """The picture that a unit likes best, if it was kept."""
    layer, k = unit_of(subject, unit)
    kept = _recalled(subject, _name("liked", layer.name), "")
    try:
        if kept is None or not kept[0]["known"][k]:
            return None
        pixels, value, start, steps, place = (
            kept[0][n][k] for n in ("pixels", "value", "start", "steps", "place")
        )
        return compared(unit, pixels, float(value), float(start), best_seen, int(steps), int(place))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _recalled(
    subject: Subject, name: str, fingerprint: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What was kept under a name, if it was made by these weights of these pictures."""
    kept = None if subject.run is None or subject.epoch is not None else subject.run.kept(name)
    return kept if kept is not None and kept[1].get("made_by") == _made_by(subject, fingerprint) else None


def _write(subject: Subject, name: str, fingerprint: str, arrays: dict[str, np.ndarray], **note: Any) -> None:
    if subject.run is not None and subject.epoch is None:
        subject.run.keep(name, arrays, {"made_by": _made_by(subject, fingerprint), **note})


def _keep(subject: Subject, seen: Units, fingerprint: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    note: dict[str, Any] = {}
    for f in fields(Units):
        value = getattr(seen, f.name)
        if isinstance(value, Patches):
            arrays |= {f"{f.name}.{part.name}": getattr(value, part.name) for part in fields(Patches)}
        elif isinstance(value, np.ndarray):
            arrays[f.name] = value
        else:
            note[f.name] = value
    _write(subject, _name("units", seen.layer), fingerprint, arrays, **note)


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


def _name(kind: str, layer: str) -> str:
    return f"{kind}-{hashlib.sha256(layer.encode()).hexdigest()[:12]}"
