"""Which units to read first, and why: for one picture by what muting each does to the answer, for a set by what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from convscope.inspect.layers import Layer, multiply_adds
from convscope.inspect.muting import scores_muted
from convscope.inspect.record import listening, untouched
from convscope.inspect.subject import Subject
from convscope.inspect.units import Units


@dataclass(frozen=True)
class Ranked:
    """A unit's place: its number in the layer, what it is ranked by, and the reason in words."""

    unit: int
    weight: float
    why: str


EXACT, FIRST = 5e10, 8
"""Multiply-adds up to which all units of a layer are muted in turn; beyond, the first so many by an estimate are."""


def rank_for_picture(subject: Subject, layer: Layer, picture: np.ndarray, target: int) -> tuple[Ranked, ...]:
    """The units of a layer, the one first whose muting changes the score of a class most, for one picture.

    The change is exact: one forward pass for each unit. Where that is too much, only the `FIRST` by an estimate are muted,
    and come first; the others' changes are that estimate, gradient times sum, and said to be about. A positive weight says
    that the unit speaks for the class.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layer_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> subject = subject_of(build(cs.zoo["lenet5"]))
    >>> len(rank_for_picture(subject, layer_of(subject, "C1"), np.zeros((1, 32, 32), np.uint8), 3))
    6
    """
    name = subject.classes[target]
    if layer.units * multiply_adds(subject) <= EXACT:
        whole, muted = scores_muted(subject, layer, picture, target)
        return _ordered(name, dict(enumerate((whole - muted).tolist())), exact=True)
    about = _estimated(subject, layer, picture, target)
    first = np.argsort(-np.abs(about), kind="stable")[:FIRST].tolist()
    whole, muted = scores_muted(subject, layer, picture, target, only=first)
    known = {k: whole - float(muted[n]) for n, k in enumerate(first)}
    others = {k: float(about[k]) for k in range(layer.units) if k not in known}
    return (*_ordered(name, known, exact=True), *_ordered(name, others, exact=False))


def _ordered(name: str, changes: dict[int, float], *, exact: bool) -> tuple[Ranked, ...]:
    order = sorted(changes, key=lambda k: -abs(changes[k]))
    return tuple(Ranked(k, changes[k], says_of(name, changes[k], exact=exact)) for k in order)


def _estimated(subject: Subject, layer: Layer, picture: np.ndarray, target: int) -> np.ndarray:
    """What muting each unit would take from the score, to first order: gradient times sum, over its map."""
    with (
        untouched(subject.net),
        torch.enable_grad(),
        listening(subject.net, {layer.heard: lambda t: t}) as said,
    ):
        for parameter in subject.net.parameters():
            parameter.requires_grad_(False)
        x = subject.given(picture[None]).requires_grad_()
        score = subject.scores(subject.answers(x))[0, target]
        (gradient,) = torch.autograd.grad(score, said[layer.heard])
    return (gradient * said[layer.heard].detach()).sum((0, 2, 3)).float().cpu().numpy()


def rank_for_set(seen: Units, lost: np.ndarray | None = None) -> tuple[Ranked, ...]:
    """The units of a layer, the one first without which most pictures are lost (`lost`: accuracy a unit, 0..1), or, where
    that was not measured, the one first whose answers the classes explain best. Dead units come last, and a unit that says
    what one before it says comes after all that do not.
    """
    weights = seen.told if lost is None else lost
    order = [int(k) for k in np.argsort(-weights, kind="stable")]
    taken: list[int] = []
    echoes: set[int] = set()
    for k in order:
        (echoes.add if any(other in taken for other, _ in seen.twins(k)) else taken.append)(k)
    order.sort(key=lambda k: (bool(seen.dead[k]), k in echoes))
    return tuple(Ranked(k, float(weights[k]), _set_reason(seen, k, lost, k in echoes)) for k in order)


def says_of(name: str, change: float, *, exact: bool = True) -> str:
    """What muting a unit does to the score of a class, in words."""
    if change == 0:
        return f"without it the score of {name} is the same"
    about = "" if exact else "about "
    return f"without it the score of {name} {'falls' if change > 0 else 'rises'} by {about}{abs(change):.3g}"


def _set_reason(seen: Units, unit: int, lost: np.ndarray | None, echo: bool) -> str:
    if seen.dead[unit]:
        return "dead: it says the same of every picture"
    if lost is None:
        said = f"the class explains {100 * seen.told[unit]:.0f} % of its variance"
    else:
        points = 100 * float(lost[unit])
        verb = "costs" if points >= 0 else "gains"
        said = f"muting it {verb} {abs(points):.2f} points of accuracy"
    if echo:
        said += f"; says what {seen.layer}/{max(seen.twins(unit), key=lambda twin: abs(twin[1]))[0]} says"
    return said
