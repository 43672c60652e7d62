"""A unit in one sentence, computed: what its kernel looks like or listens to, when it fires, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.inspect.layers import Layer, kernels_of
from convscope.inspect.likeness import NEAR, coloured_likeness, likeness
from convscope.inspect.subject import Subject
from convscope.inspect.units import Units
from convscope.inspect.wiring import Link, hears

HARDLY = 0.05
"""Below this part of the variance explained, a unit is said not to tell the classes apart."""
OFTEN = 0.9
"""A unit that fires on more pictures than this is told by how strongly it answers, not by how often."""


def pattern(subject: Subject, layer: Layer, number: int) -> str:
    """What a unit's kernel looks like, where it lies on the picture; what it listens to, where it lies on maps.

    >>> import convscope as cs
    >>> from convscope.inspect.layers import layer_of
    >>> from convscope.inspect.subject import subject_of
    >>> from convscope.nets.build import build
    >>> net = build(cs.zoo["lenet5-modern"])
    >>> _ = net.conv1.conv.weight.data[0].copy_(net.conv1.conv.weight.new_ones(5, 5))
    >>> subject = subject_of(net)
    >>> pattern(subject, layer_of(subject, "conv1"), 0)
    'plain light, a blur (1.00 cosine)'
    """
    kernel = kernels_of(subject, layer)[number]
    links = hears(subject, layer, number)
    if not layer.below and len(kernel) == 1:
        return str(likeness(kernel[0]))
    if not layer.below and len(kernel) == 3:
        colours, found = coloured_likeness(kernel)
        return str(found) if colours == "light" else f"{colours}: {found}"
    whole = sum(link.strength**2 for link in links) or 1.0
    share = sum(link.strength**2 for link in links[:2]) / whole
    heard = {
        sign: [_slice(x) for x in links[:2] if (x.sum > 0) == (sign == "for")] for sign in ("for", "against")
    }
    said = " and ".join(f"{sign} {' and '.join(names)}" for sign, names in heard.items() if names)
    return f"listens {said} ({100 * share:.0f} % of its weight)"


def _slice(link: Link) -> str:
    """Where a slice of a kernel lies, and its pattern, where it has one."""
    found = likeness(link.weights)
    return (
        f"{link.unit} ({found.pattern})"
        if min(link.weights.shape) > 1 and found.cosine >= NEAR
        else link.unit
    )


def habits(subject: Subject, seen: Units, number: int) -> str:
    """How often a unit fires, for which classes, and whether it is dead or says what another says."""
    if seen.dead[number]:
        return f"dead: it gives {seen.highest[number]:.3g} at most, whatever the picture"
    said = f"fires on {_part(seen.rate(number))} of pictures"
    liked = seen.favourites(number)
    if not liked:
        said = "never fires: its sums stay below zero"
    elif seen.told[number] < HARDLY:
        said += ", of all classes alike"
    elif seen.rate(number) > OFTEN:
        strongest = [_name(subject, int(c)) for c in np.argsort(-seen.means[number]) if seen.counts[c]][:2]
        said += f", strongest on {_listed(strongest)}"
    else:
        said += f", most on {_listed([f'{_name(subject, c)} ({_part(rate)})' for c, rate in liked[:2]])}"
    twins = sorted(seen.twins(number), key=lambda twin: -abs(twin[1]))
    if twins:
        other, together = twins[0]
        same = "nearly the same as" if together > 0 else "nearly the opposite of"
        said += f"; says {same} {seen.layer}/{other} (correlation {together:+.2f})"
    return said


def _part(rate: float) -> str:
    """A part 0..1 in percent, never rounded to none or all.

    >>> _part(0.9999), _part(0.31), _part(0.00001)
    ('over 99 %', '31 %', 'under 1 %')
    """
    if 0 < rate < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < rate < 1 else f"{100 * rate:.0f} %"


def _name(subject: Subject, number: int) -> str:
    return subject.classes[number] if number < len(subject.classes) else f"class {number}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(words)
