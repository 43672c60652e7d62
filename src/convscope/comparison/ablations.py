"""AlexNet with one part left out or changed: texts that follow from the zoo's by a rule (Krizhevsky et al. 2012)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from convscope.nets.zoo import entry

MIDDLE = ("conv2", "conv3", "conv4", "conv5")
"""Convolutions that can be left out: without conv1 its successor would be moved over all 227 pixels."""


@dataclass(frozen=True)
class Ablation:
    """A change of AlexNet: its name and title, what the paper says of it, and how it changes the text."""

    name: str
    title: str
    about: str
    changed: Callable[[str], str]

    @property
    def text(self) -> str:
        """The changed net."""
        return self.changed(entry("alexnet-today").text)


def without(*names: str) -> Callable[[str], str]:
    """A text without some lines.

    >>> without("b")("a relu; b tanh; c relu")
    'a relu; c relu'
    """

    def changed(text: str) -> str:
        mark = "\n" if "\n" in text else ";"
        lines = [line for line in text.split(mark) if line.split()[:1] not in [[name] for name in names]]
        return mark.join(lines)

    return changed


def replaced(pattern: str, by: str) -> Callable[[str], str]:
    """A text with something else in place of all that matches a pattern.

    >>> replaced(r" [|] lrn\\b", "")("conv1 conv 96 11x11 | relu | lrn")
    'conv1 conv 96 11x11 | relu'
    """
    return lambda text: re.sub(pattern, by, text)


def _layer(name: str) -> Ablation:
    return Ablation(
        f"alexnet-no-{name}", f"AlexNet without {name}", "the paper lost about 2 points without a middle layer",
        without(name),
    )  # fmt: skip


ABLATIONS = (
    *(_layer(name) for name in MIDDLE),
    Ablation(
        "alexnet-no-conv45",
        "AlexNet without conv4 and conv5",
        "three convolutions in place of five",
        without("conv4", "conv5"),
    ),
    Ablation(
        "alexnet-no-conv345",
        "AlexNet without conv3 to conv5",
        "two convolutions in place of five",
        without("conv3", "conv4", "conv5"),
    ),
    Ablation(
        "alexnet-no-fc7", "AlexNet without fc7", "one hidden layer behind the convolutions", without("fc7")
    ),
    Ablation(
        "alexnet-no-lrn",
        "AlexNet without response normalisation",
        "the paper lost 1.4 points without it",
        replaced(r" \| lrn\b", ""),
    ),
    Ablation(
        "alexnet-apart",
        "AlexNet, pooling that does not overlap",
        "2x2 in place of 3x3, 2 apart: the paper lost 0.4 points by it",
        replaced(r"\bmax 3x3 stride=2", "max 2x2"),
    ),
    Ablation(
        "alexnet-no-dropout",
        "AlexNet without dropout",
        "the paper saw much overfitting without it",
        replaced(r" \| dropout 0\.5", ""),
    ),
    Ablation(
        "alexnet-tanh",
        "AlexNet with tanh for ReLU",
        "what nets squashed by before; the paper gave it up for its slowness",
        replaced(r"\brelu\b", "tanh"),
    ),
)
"""Every change, each registered once."""
