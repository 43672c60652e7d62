"""The texts of nets whose lines follow a rule: VGG's blocks."""

from __future__ import annotations

from collections.abc import Iterable


def vgg(convolutions: Iterable[int]) -> str:
    """A VGG: blocks of so many 3x3 convolutions each, the picture halved after each block (Simonyan & Zisserman 2015).

    >>> vgg([1, 1, 2, 2, 2]).splitlines()[1:3]
    ['conv1_1 conv 64 3x3 padding=1 | relu', 'pool1 max 2x2']
    """
    lines = ["input 3x224x224"]
    for block, (count, width) in enumerate(zip(convolutions, (64, 128, 256, 512, 512), strict=True), start=1):
        lines += [f"conv{block}_{n} conv {width} 3x3 padding=1 | relu" for n in range(1, count + 1)]
        lines += [f"pool{block} max 2x2"]
    lines += ["areas adaptive 7x7", *(f"fc{n} linear 4096 | relu | dropout 0.5" for n in (6, 7))]
    return "\n".join([*lines, "fc8 linear 1000"])
